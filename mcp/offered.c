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
	bool list = (o->changes & CNT_RESOURCES) != 0, updates = (o->changes & CNT_UPDATES) != 0;

	if (o->offered != NULL && o->offered->resources != NULL)
		cnt_buf_addf(b, ",\"resources\":{%s%s%s}", updates ? "\"subscribe\":true" : "",
		    updates && list ? "," : "", list ? "\"listChanged\":true" : "");
	if (o->offered != NULL && o->offered->prompts != NULL)
		cnt_buf_addf(b, ",\"prompts\":{%s}", (o->changes & CNT_PROMPTS) != 0 ?
		    "\"listChanged\":true" : "");
}

static void
list(struct cnt_incoming *a, const char *member, cJSON *(*all)(void), enum cnt_topic change)
{
	cJSON *array CNT_JSON = NULL, *it = NULL;
	char *text CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };

	if (all == NULL) {
		cnt_incoming_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
		return;
	}
	if (cnt_incoming_wants_page(a))
		return;
	array = all();
	cJSON_ArrayForEach(it, array)
		if (a->revision < CNT_R_2025_06_18)
			cJSON_DeleteItemFromObjectCaseSensitive(it, "title");
	text = cnt_json_print(array);
	cnt_buf_addf(&b, "{\"%s\":%s}", member, text);
	cnt_incoming_result(a, &b, (a->s->offer->changes & change) != 0 ? CNT_KEEP_NOT :
	    CNT_KEEP_LIST);
}

static cJSON *
none(void)
{
	return cJSON_CreateArray();
}

static const struct cnt_offered *
offered(const struct cnt_server *s)
{
	static const struct cnt_offered nothing;

	return s->offer->offered != NULL ? s->offer->offered : &nothing;
}

void
cnt_offered_resources(struct cnt_incoming *a)
{
	list(a, "resources", offered(a->s)->resources, CNT_RESOURCES);
}

void
cnt_offered_templates(struct cnt_incoming *a)
{
	const struct cnt_offered *o = offered(a->s);

	list(a, "resourceTemplates", o->templates == NULL && o->resources != NULL ? none :
	    o->templates, CNT_RESOURCES);
}

void
cnt_offered_prompts(struct cnt_incoming *a)
{
	list(a, "prompts", offered(a->s)->prompts, CNT_PROMPTS);
}

static int
code_of(const struct cnt_request *r, const struct cnt_err *e, bool resource)
{
	if (e->code == CNT_NOTFOUND && resource && r->revision < CNT_R_2026_07_28)
		return CNT_RPC_RESOURCE;
	switch (e->code) {
	case CNT_NOTFOUND: case CNT_INVALID: case CNT_NO: case CNT_DENIED:
		return CNT_RPC_PARAMS;	/* another uri or argument would do */
	default:
		return CNT_RPC_INTERNAL;
	}
}

static void
answer(struct cnt_request *r, int done, const struct cnt_buf *b, const char *uri,
    const struct cnt_err *e)
{
	cJSON *data CNT_JSON = NULL, *message CNT_JSON = NULL;
	char *text CNT_FREE = NULL;

	if (done == CNT_ASKED)
		return;
	if (done == 0) {
		cnt_request_result(r, b, uri != NULL ? CNT_KEEP_NOT : CNT_KEEP_NONE);
		return;
	}
	data = cnt_err_json(e);
	message = cJSON_DetachItemFromObjectCaseSensitive(data, "message");
	if (uri != NULL)
		cnt_json_set_str(data, "uri", uri);
	text = cnt_json_print(data);
	cnt_request_refuse(r, code_of(r, e, uri != NULL), message->valuestring, text);
}

static void
begin_read(struct cnt_request *r, const cJSON *params)
{
	const char *uri = cnt_json_str(params, "uri");
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };

	if (uri == NULL)
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: uri must be a string", NULL);
	else
		answer(r, offered(r->server)->read(r, uri, &b, &e), &b, uri, &e);
}

/* Is it one of prompts/list, with each argument that it requires, all strings? */
static int
check_prompt(const struct cnt_server *s, const char *name, const cJSON *arguments,
    struct cnt_err *e)
{
	cJSON *all CNT_JSON = offered(s)->prompts();
	const cJSON *p = NULL, *it = NULL;

	cJSON_ArrayForEach(p, all)
		if (strcmp(cnt_json_str(p, "name"), name) == 0)
			break;
	if (p == NULL) {
		cnt_fail(e, CNT_NOTFOUND, "%s: no such prompt", name);
		return cnt_hint(e, "prompts/list has them");
	}
	if (arguments != NULL && !cJSON_IsObject(arguments))
		return cnt_fail(e, CNT_INVALID, "arguments: expected an object of strings");
	cJSON_ArrayForEach(it, arguments)
		if (!cJSON_IsString(it))
			return cnt_fail(e, CNT_INVALID, "%s: expected a string", it->string);
	cJSON_ArrayForEach(it, cnt_json_get(p, "arguments"))
		if (cnt_json_bool(it, "required") &&
		    cnt_json_get(arguments, cnt_json_str(it, "name")) == NULL)
			return cnt_fail(e, CNT_INVALID, "%s: missing", cnt_json_str(it, "name"));
	return 0;
}

static void
begin_prompt(struct cnt_request *r, const cJSON *params)
{
	const char *name = cnt_json_str(params, "name");
	const cJSON *given = cnt_json_get(params, "arguments");
	const cJSON *arguments = cJSON_IsNull(given) ? NULL : given;
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	int done;

	if (name == NULL) {
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: name must be a string",
		    NULL);
		return;
	}
	done = check_prompt(r->server, name, arguments, &e);
	if (done == 0)
		done = offered(r->server)->prompt(r, name, arguments, &b, &e);
	answer(r, done, &b, NULL, &e);
}

static void
begin(struct cnt_incoming *a, bool known, void (*fn)(struct cnt_request *r, const cJSON *params))
{
	if (known)
		cnt_incoming_begin(a, fn);
	else
		cnt_incoming_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
}

void
cnt_offered_read(struct cnt_incoming *a)
{
	begin(a, offered(a->s)->read != NULL, begin_read);
}

void
cnt_offered_prompt(struct cnt_incoming *a)
{
	begin(a, offered(a->s)->prompt != NULL, begin_prompt);
}
