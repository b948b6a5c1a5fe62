/* SPDX-License-Identifier: Apache-2.0
 *
 * tools/list and tools/call. A list comes in one page; a call's arguments are checked by whoever
 * offers the tool.
 */
#include "mcp/serving.h"

bool
cnt_incoming_wants_page(const struct cnt_incoming *a)
{
	const cJSON *cursor = cnt_json_get(a->m->params, "cursor");

	if (cursor == NULL || (cJSON_IsString(cursor) && cursor->valuestring[0] == '\0'))
		return false;
	cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: unknown cursor", NULL);
	return true;
}

void
cnt_tools_list(struct cnt_incoming *a)
{
	const struct cnt_offer *o = a->s->offer;
	cJSON *tools CNT_JSON = NULL;
	char *text CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };

	if (cnt_incoming_wants_page(a))
		return;
	tools = o->tools(o->arg);
	cnt_older_tools(tools, a->revision);
	text = cnt_json_print(tools);
	cnt_buf_addf(&b, "{\"tools\":%s}", text);
	cnt_incoming_result(a, &b, (o->changes & CNT_TOOLS) != 0 ? CNT_KEEP_NOT :
	    o->tools_ms != 0 ? o->tools_ms : CNT_KEEP_LIST);
}

static void
begin(struct cnt_request *r, const cJSON *params)
{
	const struct cnt_offer *o = r->server->offer;
	const char *name = cnt_json_str(params, "name");
	const cJSON *arguments = cnt_json_get(params, "arguments");
	cJSON *none CNT_JSON = NULL;
	struct cnt_err e = { 0 };

	if (arguments == NULL || cJSON_IsNull(arguments)) {
		none = cJSON_CreateObject();
		arguments = none;
	}
	if (name == NULL) {
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: name must be a string",
		    NULL);
	} else if (!cJSON_IsObject(arguments)) {
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: arguments must be an object",
		    NULL);
	} else if (o->call(r, name, arguments, o->arg) == -1) {
		cnt_fail(&e, CNT_NOTFOUND, "Unknown tool: %.128s", name);
		cnt_request_refuse(r, CNT_RPC_PARAMS, e.text, NULL);
	}
}

void
cnt_tools_call(struct cnt_incoming *a)
{
	cnt_incoming_begin(a, begin);
}
