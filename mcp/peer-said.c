/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb's program says. Result bytes are passed on as they came, after a walk over the line
 * that checks its grammar; only progress is read into a tree. What is no answer to this call is a
 * failed call.
 */
#include "mcp/peer-own.h"
#include "mcp/rpc.h"

#define OUTPUT_MAX	((size_t)64 << 20)	/* an hour of progress */

#define CHANGED	"it may have changed: list the tools again"
#define WIRE	"a fault of that program: with --mcp it must write one answer and nothing but MCP"

static void
progress(const struct peer *p, struct cnt_span line)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(line.p, line.n, &e);
	const cJSON *params = cnt_json_get(j, "params");

	if (j != NULL)
		cnt_request_progress(p->r, cnt_json_num(params, "progress", 0),
		    cnt_json_num(params, "total", 0), cnt_json_str(params, "message"));
}

struct said {
	struct cnt_span	result, error, method, id;
};

/* The members of one message; false when it is none. */
static bool
read_line(struct cnt_span line, struct said *m)
{
	struct cnt_raw it;
	int more = -1;

	*m = (struct said){ 0 };
	if (cnt_utf8_valid(line.p, line.n) != line.n || !cnt_raw_walk(&it, line) ||
	    it.close != '}')
		return false;
	while ((more = cnt_raw_next(&it)) == 1) {
		if (cnt_raw_is(it.name, "result"))
			m->result = it.value;
		else if (cnt_raw_is(it.name, "error"))
			m->error = it.value;
		else if (cnt_raw_is(it.name, "method"))
			m->method = it.value;
		else if (cnt_raw_is(it.name, "id"))
			m->id = it.value;
	}
	return more == 0;
}

static void
refused(struct peer *p, struct cnt_span error)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(error.p, error.n, &e);
	const char *message = cnt_json_str(j, "message");
	bool changed = cnt_json_int(j, "code", 0) == CNT_RPC_PARAMS;	/* it had this tool */

	cnt_peer_fail(p, changed ? CNT_NOTFOUND : CNT_BUG, changed ? CHANGED : WIRE,
	    "refused the call%s%.200s", message != NULL ? ": " : "",
	    message != NULL ? message : "");
}

static void
on_line(struct peer *p, struct cnt_span line)
{
	struct said m;

	if (!read_line(line, &m)) {
		cnt_peer_fail(p, CNT_BUG, WIRE, "wrote what is not MCP: \"%.*s\"",
		    (int)(line.n < 80 ? line.n : 80), line.p);
	} else if (m.method.p != NULL) {
		if (cnt_raw_is(m.method, "notifications/progress"))
			progress(p, line);
	} else if (m.id.n != 1 || *m.id.p != '1') {
		cnt_peer_fail(p, CNT_BUG, WIRE, "answered a call that it was not given");
	} else if (m.result.p != NULL && *m.result.p == '{') {
		cnt_request_answer_raw(take(&p->r), m.result.p, m.result.n);
		cnt_peer_answered(p);
	} else if (m.error.p != NULL) {
		refused(p, m.error);
	} else {
		cnt_peer_fail(p, CNT_BUG, WIRE, "answered without a result");
	}
}

void
cnt_peer_heard(struct peer *p, size_t n)
{
	struct cnt_span line;
	enum cnt_got got;

	p->seen += n;
	while (p->r != NULL &&
	    (got = cnt_reader_next(&p->reader, false, &line)) != CNT_LINE_MORE) {
		if (got == CNT_LINE_LONG)
			cnt_peer_fail(p, CNT_BUG, WIRE, "wrote a line of more than %zu MiB",
			    CNT_PEER_LINE >> 20);
		else
			on_line(p, line);
	}
	if (p->seen > OUTPUT_MAX)
		cnt_peer_fail(p, CNT_BUG, WIRE, "wrote more than %zu MiB", OUTPUT_MAX >> 20);
}
