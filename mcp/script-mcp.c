/* SPDX-License-Identifier: Apache-2.0
 *
 * A script that speaks MCP, and its one call: a line to it, lines from it, an answer. It may be
 * wrong in any way; what is no answer to this call is a failed call.
 */
#include "mcp/rpc.h"
#include "mcp/script-own.h"

#define TERM_US	200000		/* after its answer; it ends by itself before */

static void
on_broken(void *arg CNT_UNUSED)
{
	/* Its end is seen by pidfd. */
}

void
cnt_script_ask(struct script *s, int in_fd)
{
	struct cnt_buf line = cnt_rpc_call(1, s->c->progress != NULL, s->c->verb->tool, s->c->in);

	s->in_fd = in_fd;
	s->in = cnt_writer_new(s->loop, in_fd, on_broken, s);
	cnt_writer_add(s->in, &line);
	cnt_writer_flush(s->in);
}

void
cnt_script_hang_up(struct script *s)
{
	struct cnt_buf line = { 0 };

	if (s->in == NULL)
		return;
	if (s->end == CNT_SCRIPT_RUNS) {
		line = cnt_rpc_cancel(1);
		cnt_writer_add(s->in, &line);
		cnt_writer_flush(s->in);
	}
	cnt_writer_free(take(&s->in));
	close(take_fd(&s->in_fd));
}

static int
wrong(struct script *s, const char *what)
{
	cnt_fail(s->c->err, CNT_BUG, "%s: %s", s->c->verb->name, what);
	return cnt_hint(s->c->err, "with --mcp it must write one answer and nothing but MCP");
}

/* {"error":{"code","message","hint"}} as cnt's own verbs have it, or any text. */
static int
failed(struct script *s, const char *text)
{
	struct cnt_err inner = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(text, strlen(text), &inner);
	const cJSON *error = cnt_json_get(j, "error");
	const char *message = cnt_json_str(error, "message"), *hint = cnt_json_str(error, "hint");

	cnt_fail(s->c->err, cnt_code_named(cnt_json_str(error, "code")), "%s",
	    message != NULL ? message : text);
	return hint != NULL ? cnt_hint(s->c->err, "%s", hint) : -1;
}

static int
answered(struct script *s, const cJSON *msg)
{
	const cJSON *result = cnt_json_get(msg, "result"), *m = NULL;
	const cJSON *content = cnt_json_get(result, "content");
	const cJSON *facts = cnt_json_get(result, "structuredContent");
	const char *name = s->c->verb->name;
	const char *said = cnt_json_str(cnt_json_get(msg, "error"), "message");
	struct cnt_buf text CNT_BUF = { 0 };

	if (said != NULL)
		return cnt_fail(s->c->err, CNT_BUG, "%s: refused the call: %s", name, said);
	if (!cJSON_IsArray(content))
		return wrong(s, "answered without a result");
	cnt_buf_adds(&text, "");
	cJSON_ArrayForEach(m, content)
		if (cnt_json_str(m, "text") != NULL)
			cnt_buf_adds(&text, cnt_json_str(m, "text"));
	if (cnt_json_bool(result, "isError"))
		return *text.p != '\0' ? failed(s, text.p) :
		    wrong(s, "failed, and did not say why");
	if (s->c->verb->bulk) {
		cnt_buf_adds(&s->c->body, text.p);
		return 0;
	}
	if (!cJSON_IsObject(facts))
		return wrong(s, "answered without the structuredContent that it promised");
	cJSON_ArrayForEach(m, facts)
		cJSON_AddItemToObject(s->c->out, m->string, cJSON_Duplicate(m, true));
	return 0;
}

static void
finish(struct script *s, int r)
{
	s->r = r;
	s->end = CNT_SCRIPT_ANSWERED;
	cnt_script_hang_up(s);
	cnt_script_stop(s, CNT_SCRIPT_ANSWERED, TERM_US);
}

static void
on_line(struct script *s, struct cnt_span line)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(line.p, line.n, &e);
	const cJSON *params = cnt_json_get(j, "params");
	const char *method = cnt_json_str(j, "method"), *text = cnt_json_str(params, "message");

	if (!cJSON_IsObject(j))
		finish(s, wrong(s, "wrote what is not MCP"));
	else if (method != NULL && strcmp(method, "notifications/progress") == 0)
		cnt_progress(s->c, cnt_json_num(params, "progress", 0),
		    cnt_json_num(params, "total", 0), text != NULL ? text : "");
	else if (method == NULL && cnt_json_int(j, "id", 0) == 1)
		finish(s, answered(s, j));
	else if (method == NULL)
		finish(s, wrong(s, "answered a call that it was not given"));
}

void
cnt_script_hear(struct script *s)
{
	struct cnt_span line;
	enum cnt_got got;

	while (s->end == CNT_SCRIPT_RUNS &&
	    (got = cnt_reader_next(&s->lines, false, &line)) != CNT_LINE_MORE) {
		if (got == CNT_LINE_READY)
			on_line(s, line);
		else
			cnt_script_stop(s, CNT_SCRIPT_BABBLED, 0);
	}
}
