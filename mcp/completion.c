/* SPDX-License-Identifier: Apache-2.0
 *
 * completion/complete: what an argument of a prompt or of a template may become. The first 100 go
 * out; how many there are is told.
 */
#include "mcp/serving.h"

#define VALUES	100

/* NULL: it is as it should be. */
static const char *
wrong(const cJSON *ref, const cJSON *argument, const cJSON *context)
{
	const char *type = cnt_json_str(ref, "type");

	if (type == NULL ||
	    !((strcmp(type, "ref/prompt") == 0 && cnt_json_str(ref, "name") != NULL) ||
	    (strcmp(type, "ref/resource") == 0 && cnt_json_str(ref, "uri") != NULL)))
		return "Invalid params: ref must be {type:\"ref/prompt\",name} or "
		    "{type:\"ref/resource\",uri}";
	if (cnt_json_str(argument, "name") == NULL || cnt_json_str(argument, "value") == NULL)
		return "Invalid params: argument must be {name,value}, two strings";
	if (context != NULL && !cJSON_IsObject(context))
		return "Invalid params: context must be an object";
	return NULL;
}

static void
complete(struct cnt_incoming *a)
{
	const struct cnt_offered *o = a->s->offer->offered;
	const cJSON *ref = cnt_json_get(a->m->params, "ref");
	const cJSON *argument = cnt_json_get(a->m->params, "argument");
	const cJSON *context = cnt_json_get(a->m->params, "context");
	const char *bad = wrong(ref, argument, context);
	cJSON *values CNT_JSON = cJSON_CreateArray();
	char *text CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	int total;

	if (bad != NULL) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, bad, NULL);
		return;
	}
	if (o->complete(ref, cnt_json_str(argument, "name"), cnt_json_str(argument, "value"),
	    a->revision < CNT_R_2025_06_18 ? NULL : cnt_json_get(context, "arguments"), values,
	    &e) == -1) {
		cnt_incoming_refuse(a, e.code == CNT_NOTFOUND || e.code == CNT_INVALID ?
		    CNT_RPC_PARAMS : CNT_RPC_INTERNAL, e.text, NULL);
		return;
	}
	total = cJSON_GetArraySize(values);
	while (cJSON_GetArraySize(values) > VALUES)
		cJSON_DeleteItemFromArray(values, VALUES);
	text = cnt_json_print(values);
	cnt_buf_addf(&b, "{\"completion\":{\"values\":%s,\"total\":%d,\"hasMore\":%s}}", text,
	    total, total > VALUES ? "true" : "false");
	cnt_incoming_result(a, &b, CNT_KEEP_NONE);
}

static const struct cnt_method methods[] = {
	{ "completion/complete", complete, complete },
	{ 0 }
};

const struct cnt_subject cnt_completion = {
	.methods = methods, .capability = ",\"completions\":{}", .since = CNT_R_2025_03_26,
};
