/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources: the CI context and its playbook, and by template any file and the log of any process.
 * They are read by the functions of read_file and process_read, so behind the same wall and by the
 * same rules. A file that is longer than one answer carries is refused, not cut: a resource has
 * no pages. Of a log the end is given.
 */
#include "mcp/box/resources.h"

#include <ctype.h>

#include "lib/base64.h"
#include "mcp/box/box.h"
#include "mcp/box/file/mime.h"
#include "mcp/box/process/process.h"
#include "mcp/box/syslog.h"
#include "mcp/box/text.h"

#define FILE_URI	"file:///"
#define FILE_MAX	1048576
#define LOG_MAX		20000		/* as process_read, when it is not asked for more */
#define TEXT_MAX	(INT64_C(3) * LOG_MAX)	/* of so many bytes, were each a U+FFFD */

static const struct {
	const char	*name, *title, *about, *mime;
} known[] = {
	{ "ci-context", "CI context", "The failed CI run this box was kept for: command, test, "
	    "exit code, end of the log, repository, commit.", "application/json" },
	{ "ci-prompt", "CI playbook", "How to debug a failed CI run in this box.",
	    "text/markdown" },
};

static cJSON *
first(size_t n)
{
	cJSON *all = cJSON_CreateArray();

	for (size_t i = 0; i < n; i++) {
		cJSON *j = cnt_json_add_object(all);
		char *uri CNT_FREE = cnt_format("cnt://%s", known[i].name);

		cnt_json_set_str(j, "uri", uri);
		cnt_json_set_str(j, "name", known[i].name);
		cnt_json_set_str(j, "title", known[i].title);
		cnt_json_set_str(j, "description", known[i].about);
		cnt_json_set_str(j, "mimeType", known[i].mime);
	}
	return all;
}

static cJSON *
resources(void)
{
	return first(nitems(known));
}

static cJSON *
context_alone(void)
{
	return first(1);
}

static void
add_template(cJSON *all, const char *uri, const char *name, const char *title, const char *about)
{
	cJSON *j = cnt_json_add_object(all);

	cnt_json_set_str(j, "uriTemplate", uri);
	cnt_json_set_str(j, "name", name);
	cnt_json_set_str(j, "title", title);
	cnt_json_set_str(j, "description", about);
}

static cJSON *
templates(void)
{
	cJSON *all = cJSON_CreateArray();

	add_template(all, FILE_URI "{+path}", "file", "File",
	    "A file of this box by its absolute path, at most 1 MiB.");
	add_template(all, "cnt://process/{id}/log", "process-log", "Log of a process",
	    "The last 20000 bytes that a background process wrote; process_read has the rest.");
	return all;
}

static void
add_content(struct cnt_buf *b, const char *uri, const char *mime, bool blob,
    const struct cnt_buf *bytes)
{
	cnt_buf_adds(b, "{\"contents\":[{\"uri\":");
	cnt_json_quote(b, uri, strlen(uri));
	cnt_buf_addf(b, ",\"mimeType\":\"%s\",\"%s\":", mime, blob ? "blob" : "text");
	cnt_json_quote(b, bytes->p != NULL ? bytes->p : "", bytes->n);
	cnt_buf_adds(b, "}]}");
}

static int
hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* %41 is A, as RFC 3986 has it. */
static char *
path_of(const char *uri, struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 };

	for (const char *p = uri + sizeof(FILE_URI) - 2; *p != '\0'; p++) {
		int high = *p == '%' ? hex_digit(p[1]) : 0;
		int low = *p == '%' && high != -1 ? hex_digit(p[2]) : 0;
		char c = *p;

		if (high == -1 || low == -1 || (*p == '%' && high == 0 && low == 0)) {
			cnt_fail(e, CNT_INVALID, "%s: a %% must begin a byte as two hex digits",
			    uri);
			return NULL;
		}
		if (*p == '%') {
			c = (char)(high << 4 | low);
			p += 2;
		}
		cnt_buf_add(&b, &c, 1);
	}
	return take(&b.p);
}

/* Runs a tool that answers with text; its payload is c->body, the caller's to free. */
static int
run(struct cnt_call *c, const cJSON *args)
{
	cJSON *in CNT_JSON = cnt_check_args(c->verb, args, c->err);
	int r = -1;

	c->in = in;
	if (in != NULL)
		r = c->verb->run(c);
	c->in = NULL;
	cnt_buf_free(&c->head);
	cnt_buf_free(&c->foot);
	return r;
}

static const char *
mime_of(const char *path, const struct cnt_buf *body, bool blob)
{
	struct cnt_buf start CNT_BUF = { 0 }, bytes CNT_BUF = { 0 };

	if (!blob)
		return cnt_mime(path, body->p, body->n);
	cnt_buf_add(&start, body->p, body->n < CNT_MIME_BYTES ? body->n : CNT_MIME_BYTES);
	cnt_base64_decode(&bytes, start.p);	/* as many as 4096 digits make */
	return cnt_mime(path, bytes.p, bytes.n);
}

static int
read_file(const char *uri, struct cnt_buf *result, struct cnt_err *e)
{
	char *path CNT_FREE = path_of(uri, e);
	cJSON *args CNT_JSON = cJSON_CreateObject(), *out CNT_JSON = cJSON_CreateObject();
	struct cnt_call c = { .verb = &cnt_box_read_file, .out = out, .err = e };
	struct cnt_buf body CNT_BUF = { 0 };
	bool blob = false;
	int r = -1;

	if (path == NULL)
		return -1;
	/* Not by cnt_json_set_str: a path may be any bytes. */
	cJSON_AddStringToObject(args, "path", path);
	cnt_json_set_int(args, "limit", FILE_MAX);
	r = run(&c, args);
	body = c.body;
	if (r == 0 && !cJSON_IsNull(cnt_json_get(out, "next_offset"))) {
		cnt_fail(e, CNT_NO, "%s: more than a resource may carry", path);
		return cnt_hint(e, "the tool read_file reads it in parts");
	}
	if (r == -1)
		return -1;
	blob = strcmp(cnt_json_str(out, "encoding"), "base64") == 0;
	add_content(result, uri, mime_of(path, &body, blob), blob, &body);
	return 0;
}

/* From the start of a line on, where that is not the log's first. */
static int
read_log(const char *uri, const char *id, struct cnt_buf *result, struct cnt_err *e)
{
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	cJSON *args CNT_JSON = cJSON_CreateObject(), *out CNT_JSON = cJSON_CreateObject();
	struct cnt_call c = { .verb = &cnt_box_process_read, .out = out, .err = e };
	struct cnt_buf body CNT_BUF = { 0 };
	int64_t end = 0;
	size_t from = 0;
	const char *line = NULL;
	int r = -1;

	if (cnt_process_find(id, &p, e) == -1)
		return -1;
	end = cnt_log_end(p.dir);
	cnt_json_set_str(args, "id", id);
	cnt_json_set_int(args, "since", end > LOG_MAX ? end - LOG_MAX : 0);
	cnt_json_set_int(args, "limit", TEXT_MAX);
	r = run(&c, args);
	body = c.body;
	if (r == -1)
		return -1;
	if (body.n > LOG_MAX)
		from = body.n - cnt_text_some(body.p, body.n, LOG_MAX, true, true);
	line = (end > LOG_MAX || from > 0) && body.n > from ?
	    memchr(body.p + from, '\n', body.n - from - 1) : NULL;
	if (line != NULL)
		from = (size_t)(line + 1 - body.p);
	if (from > 0) {
		body.n -= from;
		memmove(body.p, body.p + from, body.n + 1);
	}
	add_content(result, uri, "text/plain", false, &body);
	return 0;
}

/* The older scheme means the same. */
static const char *
own_name(const char *uri)
{
	static const char *const schemes[] = { "cnt://", "containarium://" };

	for (size_t i = 0; i < nitems(schemes); i++)
		if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
			return uri + strlen(schemes[i]);
	return "";
}

static int
find_and_read(const char *uri, struct cnt_buf *result, struct cnt_err *e)
{
	const char *name = own_name(uri);
	struct cnt_buf text CNT_BUF = { 0 };
	char id[16] = "";
	int at = 0;

	if (sscanf(name, "process/%15[a-z0-9]/log%n", id, &at) == 1 && at > 0 && name[at] == '\0')
		return read_log(uri, id, result, e);
	if (strncmp(uri, FILE_URI, sizeof(FILE_URI) - 1) == 0)
		return read_file(uri, result, e);
	if (strcmp(name, "ci-context") == 0) {
		cnt_ci_context(&text);
		add_content(result, uri, known[0].mime, false, &text);
		return 0;
	}
	if (strcmp(name, "ci-prompt") == 0) {
		cnt_buf_adds(&text, cnt_ci_playbook);
		add_content(result, uri, known[1].mime, false, &text);
		return 0;
	}
	cnt_fail(e, CNT_NOTFOUND, "%s: no such resource", uri);
	return cnt_hint(e, "cnt://ci-context, cnt://ci-prompt, " FILE_URI "PATH");
}

static int
read_resource(struct cnt_request *q CNT_UNUSED, const char *uri, struct cnt_buf *result,
    struct cnt_err *e)
{
	cJSON *args CNT_JSON = cJSON_CreateObject();
	void *note = NULL;
	int r = -1;

	cnt_json_set_str(args, "uri", uri);
	note = cnt_syslog_began("resources/read", args);
	r = find_and_read(uri, result, e);
	cnt_syslog_ended(note, cnt_code_name(r == -1 ? e->code : CNT_OK));
	return r;
}

const struct cnt_offered cnt_box_offered = {
	.resources = resources, .templates = templates, .read = read_resource,
	.prompts = cnt_ci_prompts, .prompt = cnt_ci_prompt,
};

const struct cnt_offered cnt_box_offered_reading = {
	.resources = context_alone, .templates = templates, .read = read_resource,
};
