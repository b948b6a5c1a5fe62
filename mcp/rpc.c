/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate that every line passes: text, envelope, id, method, params, in this order. The bytes are
 * anybody's. A member's bytes are found by its place among its siblings, which is the same in the
 * text as in the tree, so names written with escapes need no second reader.
 */
#include "mcp/rpc.h"

#include <math.h>

bool
cnt_rpc_is_id(const cJSON *v)
{
	return cJSON_IsString(v) || (cJSON_IsNumber(v) && floor(v->valuedouble) == v->valuedouble);
}

struct cnt_span
cnt_rpc_raw(const cJSON *object, struct cnt_span raw, const char *name)
{
	const cJSON *m = NULL;
	int i = 0;

	cJSON_ArrayForEach(m, object) {
		if (strcmp(m->string, name) == 0)
			return cnt_raw_nth(raw, i);
		i++;
	}
	return (struct cnt_span){ 0 };
}

static void
bad(struct cnt_rpc *m, int code, const char *text)
{
	m->kind = CNT_RPC_BAD;
	m->code = code;
	m->text = text;
}

/* A string or an integer, as the gate takes them? */
static bool
may_echo(struct cnt_span id)
{
	if (id.n > CNT_ID_MAX)
		return false;
	if (*id.p == '"')
		return memmem(id.p, id.n, "\\u0000", 6) == NULL &&
		    memmem(id.p, id.n, "\\ud", 3) == NULL &&
		    memmem(id.p, id.n, "\\uD", 3) == NULL;
	return memchr("-0123456789", *id.p, 11) != NULL && strcspn(id.p, ".eE,}") >= id.n;
}

/* What is JSON, but what the strict door did not take: a request's id, or what a notification
 * cancels. A client may have cut its reason in the middle of a character. */
static void
refused(struct cnt_rpc *m)
{
	struct cnt_raw it;
	struct cnt_span id = { 0 }, method = { 0 };
	bool once = false;

	bad(m, CNT_RPC_INVALID, "Refused: a name twice in one object, \\u0000, half a surrogate "
	    "pair, a number out of range, too many values, or nested too deeply");
	if (!cnt_raw_walk(&it, m->raw) || it.close != '}')
		return;
	while (cnt_raw_next(&it) == 1) {
		if (cnt_raw_is(it.name, "id")) {
			once = id.p == NULL;
			id = it.value;
		} else if (cnt_raw_is(it.name, "method")) {
			method = it.value;
		}
	}
	if (method.p != NULL && id.p == NULL) {
		m->kind = CNT_RPC_IGNORED;
		if (cnt_raw_is(method, "notifications/cancelled"))
			m->cancels = cnt_raw_member(cnt_raw_member(m->raw, "params"), "requestId");
	} else if (method.p != NULL && once && may_echo(id)) {
		m->id = id;
		m->code = CNT_RPC_PARAMS;
	}
}

cJSON *
cnt_rpc_parse(struct cnt_span line, struct cnt_rpc *m)
{
	struct cnt_err e = { 0 };
	cJSON *j = cnt_json_parse(line.p, line.n, &e);

	*m = (struct cnt_rpc){ .raw = line };
	if (j != NULL)
		return j;
	bad(m, CNT_RPC_PARSE, "Parse error");
	if (cnt_utf8_valid(line.p, line.n) == line.n && cnt_raw_check(line))
		refused(m);
	return NULL;
}

void
cnt_rpc_gate(const cJSON *msg, struct cnt_span raw, struct cnt_rpc *m)
{
	const cJSON *id = cnt_json_get(msg, "id"), *method = cnt_json_get(msg, "method");
	const cJSON *params = cnt_json_get(msg, "params");
	const char *version = cnt_json_str(msg, "jsonrpc");

	*m = (struct cnt_rpc){ .msg = msg, .raw = raw };
	if (!cJSON_IsObject(msg)) {
		bad(m, CNT_RPC_INVALID, "Invalid request: not an object");
		return;
	}
	if (cnt_rpc_is_id(id))
		m->id = cnt_rpc_raw(msg, raw, "id");
	if (m->id.n > CNT_ID_MAX)
		m->id = (struct cnt_span){ 0 };
	if (version == NULL || strcmp(version, "2.0") != 0) {
		bad(m, CNT_RPC_INVALID, "Invalid request: jsonrpc must be \"2.0\"");
	} else if (method == NULL) {
		m->kind = CNT_RPC_RESPONSE;
		if (cnt_json_get(msg, "result") == NULL && cnt_json_get(msg, "error") == NULL)
			bad(m, CNT_RPC_INVALID, "Invalid request: no method");
	} else if (id == NULL) {
		m->kind = CNT_RPC_IGNORED;
		if (cJSON_IsString(method) && (params == NULL || cJSON_IsObject(params) ||
		    cJSON_IsNull(params)))
			m->kind = CNT_RPC_NOTIFICATION;
	} else if (m->id.p == NULL) {
		bad(m, CNT_RPC_INVALID, "Invalid request: id must be a string or an integer, of at "
		    "most 4096 bytes");
	} else if (!cJSON_IsString(method)) {
		bad(m, CNT_RPC_INVALID, "Invalid request: method must be a string");
	} else if (params != NULL && !cJSON_IsObject(params) && !cJSON_IsNull(params)) {
		bad(m, CNT_RPC_PARAMS, "Invalid params: not an object");
	} else {
		m->kind = CNT_RPC_REQUEST;
	}
	m->method = cJSON_GetStringValue(method);
	m->params = cJSON_IsObject(params) ? params : NULL;
}

static void
open_envelope(struct cnt_buf *b, struct cnt_span id)
{
	cnt_buf_adds(b, "{\"jsonrpc\":\"2.0\",");
	if (id.p == NULL)
		return;
	cnt_buf_adds(b, "\"id\":");
	cnt_buf_add(b, id.p, id.n);
	cnt_buf_adds(b, ",");
}

void
cnt_rpc_error(struct cnt_buf *b, struct cnt_span id, int code, const char *text, const char *data)
{
	open_envelope(b, id);
	cnt_buf_addf(b, "\"error\":{\"code\":%d,\"message\":", code);
	cnt_json_quote(b, text, strlen(text));
	if (data != NULL)
		cnt_buf_addf(b, ",\"data\":%s", data);
	cnt_buf_adds(b, "}}");
}

void
cnt_rpc_result(struct cnt_buf *b, struct cnt_span id)
{
	open_envelope(b, id);
	cnt_buf_adds(b, "\"result\":");
}

struct cnt_buf
cnt_rpc_call(long long number, bool progress, const char *tool, const cJSON *arguments)
{
	char *args CNT_FREE = cnt_json_print(arguments);
	struct cnt_buf b = { 0 };

	cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"tools/call\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	    "\"io.modelcontextprotocol/clientCapabilities\":{}", number);
	if (progress)
		cnt_buf_addf(&b, ",\"progressToken\":%lld", number);
	cnt_buf_adds(&b, "},\"name\":");
	cnt_json_quote(&b, tool, strlen(tool));
	cnt_buf_addf(&b, ",\"arguments\":%s}}\n", args);
	return b;
}

struct cnt_buf
cnt_rpc_cancel(long long number)
{
	struct cnt_buf b = { 0 };

	cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
	    "\"params\":{\"requestId\":%lld}}\n", number);
	return b;
}
