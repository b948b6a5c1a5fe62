/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources and prompts: lists, and reading one. They are read by the server itself, at once. An
 * error has no result to stand in here: it is one of the protocol's, with the uri, what went wrong
 * and what to do about it in its data.
 */
#include "mcp/serving.h"

void
cnt_offered_capabilities(const struct cnt_offer *o, struct cnt_buf *b)
{
	if (o->offered != NULL && o->offered->resources != NULL)
		cnt_buf_adds(b, ",\"resources\":{}");
	if (o->offered != NULL && o->offered->prompts != NULL)
		cnt_buf_adds(b, ",\"prompts\":{}");
}

static void
list(struct cnt_asked *a, const char *member, cJSON *(*all)(void))
{
	cJSON *array CNT_JSON = NULL, *it = NULL;
	char *text CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };

	if (all == NULL) {
		cnt_asked_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
		return;
	}
	if (cnt_asked_for_page(a))
		return;
	array = all();
	cJSON_ArrayForEach(it, array)
		if (a->revision < CNT_R_2025_06_18)
			cJSON_DeleteItemFromObjectCaseSensitive(it, "title");
	text = cnt_json_print(array);
	cnt_buf_addf(&b, "{\"%s\":%s}", member, text);
	cnt_asked_result(a, &b, CNT_KEEP_LIST);
}

static const struct cnt_offered *
offered(const struct cnt_asked *a)
{
	static const struct cnt_offered nothing;

	return a->s->offer->offered != NULL ? a->s->offer->offered : &nothing;
}

void
cnt_offered_resources(struct cnt_asked *a)
{
	list(a, "resources", offered(a)->resources);
}

void
cnt_offered_templates(struct cnt_asked *a)
{
	list(a, "resourceTemplates", offered(a)->templates);
}

void
cnt_offered_prompts(struct cnt_asked *a)
{
	list(a, "prompts", offered(a)->prompts);
}

/* The string parameter that every reading needs; NULL: it has been refused. */
static const char *
wanted(const struct cnt_asked *a, const char *name, bool known)
{
	const char *value = cnt_json_str(a->m->params, name);
	char *text CNT_FREE = NULL;

	if (!known) {
		cnt_asked_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
		return NULL;
	}
	if (value == NULL) {
		text = cnt_format("Invalid params: %s must be a string", name);
		cnt_asked_refuse(a, CNT_RPC_PARAMS, text, NULL);
	}
	return value;
}

static int
code_of(const struct cnt_asked *a, const struct cnt_err *e, bool resource)
{
	if (e->code == CNT_NOTFOUND && resource && a->revision < CNT_R_2026_07_28)
		return CNT_RPC_RESOURCE;
	return e->code == CNT_NOTFOUND || e->code == CNT_INVALID ? CNT_RPC_PARAMS :
	    CNT_RPC_INTERNAL;
}

static void
answer(const struct cnt_asked *a, int r, const struct cnt_buf *b, const char *uri,
    const struct cnt_err *e)
{
	cJSON *data CNT_JSON = NULL, *message CNT_JSON = NULL;
	char *text CNT_FREE = NULL;

	if (r == 0) {
		cnt_asked_result(a, b, uri != NULL ? CNT_KEEP_NOT : CNT_KEEP_NONE);
		return;
	}
	data = cnt_err_json(e);
	message = cJSON_DetachItemFromObjectCaseSensitive(data, "message");
	if (uri != NULL)
		cnt_json_set_str(data, "uri", uri);
	text = cnt_json_print(data);
	cnt_asked_refuse(a, code_of(a, e, uri != NULL), message->valuestring, text);
}

void
cnt_offered_read(struct cnt_asked *a)
{
	const char *uri = wanted(a, "uri", offered(a)->read != NULL);
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };

	if (uri != NULL)
		answer(a, offered(a)->read(uri, &b, &e), &b, uri, &e);
}

void
cnt_offered_prompt(struct cnt_asked *a)
{
	const char *name = wanted(a, "name", offered(a)->prompt != NULL);
	const cJSON *arguments = cnt_json_get(a->m->params, "arguments");
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };

	if (name != NULL)
		answer(a, offered(a)->prompt(name, arguments, &b, &e), &b, NULL, &e);
}
