/* SPDX-License-Identifier: Apache-2.0
 *
 * The CI run a box was kept for, cnt-ci-context(5): read for the resource, and written by a tool of
 * the command line alone. The file is read anew each time, through the wall, and never waited
 * for. It is not trusted: it must be one JSON object of bounded size, else the answer says why it
 * is not shown.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <time.h>

#include "mcp/box/resources.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define CONTEXT		"/workspace/.cnt/ci-context.json"
#define CONTEXT_MAX	262144
#define LOG_MAX		((size_t)1 << 20)	/* of its end is looked at */
#define TAIL_MAX	20000			/* of what is kept of it */

static void
add_unavailable(struct cnt_buf *b, const char *reason)
{
	cJSON *j CNT_JSON = cJSON_CreateObject();
	char *text CNT_FREE = NULL;

	cnt_json_set_str(j, "schema_version", "1.0");
	cnt_json_set_bool(j, "available", false);
	if (reason != NULL)
		cnt_json_set_str(j, "reason", reason);
	text = cnt_json_print(j);
	cnt_buf_adds(b, text);
}

/* -1: it is not there, or cannot be used. */
static int
read_context(const char *path, struct cnt_buf *b, struct cnt_err *e)
{
	struct stat st = { 0 };
	int fd CNT_CLOSE = cnt_wall_regular(path, &st, e);
	cJSON *j CNT_JSON = NULL;
	char chunk[16384];
	ssize_t n = 0;

	if (fd == -1)
		return -1;
	while (b->n <= CONTEXT_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
		cnt_buf_add(b, chunk, (size_t)n);
	if (n == -1)
		return cnt_fail_sys(e, "%s", path);
	if (b->n > CONTEXT_MAX)
		return cnt_fail(e, CNT_NO, "%s: longer than %d bytes", path, CONTEXT_MAX);
	j = cnt_json_parse(b->p != NULL ? b->p : "", b->n, e);
	if (j == NULL || !cJSON_IsObject(j))
		return cnt_fail(e, CNT_NO, "%s: not a JSON object%s%s", path,
		    j == NULL ? ": " : "", j == NULL ? e->text : "");
	return 0;
}

static const char *
context_path(void)
{
	const char *own = getenv("CNT_CI_CONTEXT_PATH");

	return own != NULL && own[0] != '\0' ? own : CONTEXT;
}

void
cnt_ci_context(struct cnt_buf *b)
{
	struct cnt_buf text CNT_BUF = { 0 };
	struct cnt_err e = { 0 };

	if (read_context(context_path(), &text, &e) == 0)
		cnt_buf_add(b, text.p, text.n);
	else
		add_unavailable(b, e.code == CNT_NOTFOUND ? NULL : e.text);
}

static const struct cnt_field write_params[] = {
	{ .name = "platform", .type = CNT_STRING, .flags = CNT_REQUIRED,
	    .help = "github-actions, gitlab-ci, git or unknown" },
	{ .name = "repo", .type = CNT_STRING, .help = "owner/name, or URL" },
	{ .name = "pr_number", .type = CNT_INTEGER, .min = 1, .max = 9e15 },
	{ .name = "commit_sha", .type = CNT_STRING },
	{ .name = "branch", .type = CNT_STRING },
	{ .name = "run_id", .type = CNT_STRING },
	{ .name = "run_url", .type = CNT_STRING },
	{ .name = "workspace_path", .type = CNT_STRING, .value = "DIR",
	    .help = "where failing_command ran" },
	{ .name = "failing_command", .type = CNT_STRING, .max = 65536 },
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_REQUIRED, .min = 0, .max = 255 },
	{ .name = "failing_test", .type = CNT_STRING, .max = 4096 },
	{ 0 },
};

static const struct cnt_field write_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "bytes", .type = CNT_INTEGER },
	{ 0 },
};

/* The end of what standard input has, from the start of a line, as text. */
static int
read_log(struct cnt_buf *tail, struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 }, text CNT_BUF = { 0 };
	char chunk[16384];
	const char *from = NULL, *line = NULL;
	ssize_t n = 0;

	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n == -1 && errno != EINTR)
			return cnt_fail_sys(e, "standard input");
		if (n > 0)
			cnt_buf_add(&b, chunk, (size_t)n);
		if (b.n > 2 * LOG_MAX) {
			memmove(b.p, b.p + b.n - LOG_MAX, LOG_MAX);
			b.n = LOG_MAX;
		}
	}
	cnt_text_add(&text, b.p != NULL ? b.p : "", b.n, false);
	if (text.n > TAIL_MAX) {
		from = text.p + text.n - TAIL_MAX;
		line = memchr(from, '\n', TAIL_MAX - 1);
		while (line == NULL && cnt_utf8_continues(*from))
			from++;
		cnt_buf_adds(tail, line != NULL ? line + 1 : from);
	} else if (text.n > 0) {
		cnt_buf_add(tail, text.p, text.n);
	}
	return 0;
}

static char *
context_of(const cJSON *in, const struct cnt_buf *log)
{
	cJSON *j CNT_JSON = cJSON_CreateObject();
	struct timespec now = { 0 };
	char when[32];

	cnt_json_set_str(j, "schema_version", "1.0");
	cnt_json_set_bool(j, "available", true);
	for (const struct cnt_field *f = write_params; f->name != NULL; f++) {
		const cJSON *v = cnt_json_get(in, f->name);

		cnt_json_set(j, f->name, v != NULL ? cJSON_Duplicate(v, true) : cJSON_CreateNull());
	}
	cnt_json_set_str(j, "failure_log_tail", log->p != NULL ? log->p : "");
	clock_gettime(CLOCK_REALTIME, &now);
	cnt_text_time(now, when);
	cnt_json_set_str(j, "written_at", when);
	return cnt_json_print(j);
}

/* As write_file writes: whole or not at all. */
static int
write_context(struct cnt_call *c)
{
	struct cnt_buf log CNT_BUF = { 0 };
	cJSON *args CNT_JSON = cJSON_CreateObject(), *in CNT_JSON = NULL;
	cJSON *out CNT_JSON = cJSON_CreateObject();
	struct cnt_call w = { .verb = &cnt_box_write_file, .out = out, .err = c->err };
	char *text CNT_FREE = NULL;

	if (read_log(&log, c->err) == -1)
		return -1;
	text = context_of(c->in, &log);
	cnt_json_set_str(args, "path", context_path());
	cnt_json_set_str(args, "content", text);
	w.in = in = cnt_check_args(w.verb, args, c->err);
	if (in == NULL || w.verb->run(&w) == -1)
		return -1;
	cnt_json_set_str(c->out, "path", context_path());
	cnt_json_set_int(c->out, "bytes", (int64_t)strlen(text));
	return 0;
}

const struct cnt_verb cnt_box_write_ci_context = {
	.name = "write_ci_context", .title = "Write the CI context",
	.group = "Not over MCP",
	.summary = "write what a failed CI run leaves to be debugged",
	.about = "Write cnt-ci-context(5) from the options, with the end of what standard input "
	    "has as the log.",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = write_params, .results = write_results, .run = write_context,
};
