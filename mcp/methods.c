/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message asks for, in two eras at once: a request that names 2026-07-28 in its _meta is
 * served without state; initialize chooses one of the older revisions for all that do not. A method
 * that is not offered is unknown.
 */
#include "mcp/serving.h"

static const struct cnt_method methods[] = {
	{ "tools/call", cnt_tools_call, cnt_tools_call },
	{ "tools/list", cnt_tools_list, cnt_tools_list },
	{ "resources/list", cnt_offered_resources, cnt_offered_resources },
	{ "resources/templates/list", cnt_offered_templates, cnt_offered_templates },
	{ "resources/read", cnt_offered_read, cnt_offered_read },
	{ "prompts/list", cnt_offered_prompts, cnt_offered_prompts },
	{ "prompts/get", cnt_offered_prompt, cnt_offered_prompt },
	{ "ping", cnt_hello_ping, NULL },
	{ "initialize", cnt_hello_initialize, NULL },
	{ "server/discover", NULL, cnt_hello_discover },
	{ 0 }
};

static const struct cnt_method *
find(const struct cnt_offer *o, const char *name)
{
	for (const struct cnt_method *m = methods; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	for (const struct cnt_subject *const *t = cnt_subjects(o); *t != NULL; t++)
		for (const struct cnt_method *m = (*t)->methods; m != NULL && m->name != NULL; m++)
			if (strcmp(m->name, name) == 0)
				return m;
	return NULL;
}

const char *const cnt_levels[] = { "debug", "info", "notice", "warning", "error", "critical",
    "alert", "emergency" };

int
cnt_level_of(const cJSON *v)
{
	for (size_t i = 0; i < nitems(cnt_levels); i++)
		if (cJSON_IsString(v) && strcmp(v->valuestring, cnt_levels[i]) == 0)
			return (int)i;
	return -1;
}

/* 0: it may be served; -1: it has been answered. */
static int
check_modern(struct cnt_incoming *a, const cJSON *meta)
{
	const char *version = cnt_json_str(meta, CNT_META "protocolVersion");
	const cJSON *level = cnt_json_get(meta, CNT_META "logLevel");
	struct cnt_buf data CNT_BUF = { 0 };

	if (version != NULL && strcmp(version, CNT_MODERN) != 0) {
		cnt_buf_adds(&data, "{\"supported\":[\"" CNT_MODERN "\"],\"requested\":");
		cnt_json_quote(&data, version, strlen(version));
		cnt_buf_adds(&data, "}");
		cnt_incoming_refuse(a, CNT_RPC_VERSION, "Unsupported protocol version", data.p);
		return -1;
	}
	if (version == NULL ||
	    !cJSON_IsObject(cnt_json_get(meta, CNT_META "clientCapabilities"))) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: _meta must carry " CNT_META
		    "protocolVersion (string) and " CNT_META "clientCapabilities (object)", NULL);
		return -1;
	}
	if (a->batch != NULL) {
		cnt_incoming_refuse(a, CNT_RPC_INVALID, "Invalid request: no batches in "
		    CNT_MODERN, NULL);
		return -1;
	}
	a->level = level != NULL ? cnt_level_of(level) : -1;
	if (level != NULL && a->level == -1) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: unknown log level", NULL);
		return -1;
	}
	return 0;
}

static void
request(struct cnt_incoming *a)
{
	const char *method = a->m->method;
	const cJSON *meta = cnt_json_get(a->m->params, "_meta");
	const struct cnt_method *found = NULL;
	void (*serve)(struct cnt_incoming *) = NULL;

	if (cnt_request_find(a->s, a->m->id) != NULL) {
		cnt_incoming_refuse(a, CNT_RPC_INVALID, "Invalid request: id already in use", NULL);
		return;
	}
	found = find(a->s->offer, method);
	a->method = found != NULL ? found->name : NULL;
	if (cnt_json_get(meta, CNT_META "protocolVersion") != NULL ||
	    strcmp(method, "server/discover") == 0 || strcmp(method, "subscriptions/listen") == 0) {
		if (check_modern(a, meta) == -1)
			return;
		a->revision = CNT_R_2026_07_28;
		serve = found != NULL ? found->modern : NULL;
	} else {
		a->revision = a->s->revision;
		serve = found != NULL ? found->legacy : NULL;
		if (a->revision == CNT_R_NONE && serve != cnt_hello_initialize &&
		    serve != cnt_hello_ping) {
			cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: send initialize "
			    "first, or a " CNT_MODERN " request with _meta", cnt_hello_supported);
			return;
		}
	}
	if (serve == NULL)
		cnt_incoming_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
	else
		serve(a);
}

static void
notification(struct cnt_server *s, const struct cnt_rpc *m)
{
	struct cnt_request *r;

	if (strcmp(m->method, "notifications/initialized") == 0) {
		s->ready = s->revision != CNT_R_NONE;
	} else if (strcmp(m->method, "notifications/cancelled") == 0) {
		r = cnt_request_find(s, cnt_rpc_raw(m->params,
		    cnt_rpc_raw(m->msg, m->raw, "params"), "requestId"));
		if (r != NULL)
			cnt_request_cancel(r);
	}
}

void
cnt_server_message(struct cnt_server *s, struct cnt_batch *batch, const struct cnt_rpc *m)
{
	if (m->kind == CNT_RPC_REQUEST)
		request(&(struct cnt_incoming){ .s = s, .batch = batch, .m = m, .level = -1 });
	else if (m->kind == CNT_RPC_NOTIFICATION)
		notification(s, m);
	else
		for (const struct cnt_subject *const *t = cnt_subjects(s->offer); *t != NULL; t++)
			if ((*t)->response != NULL)
				(*t)->response(s, m);
}
