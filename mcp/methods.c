/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message asks for, in two eras at once: a request that names 2026-07-28 in its _meta is
 * served without state; initialize chooses one of the older revisions for all that do not. A method
 * that is not offered is unknown.
 */
#include "mcp/serving.h"

#define META		"io.modelcontextprotocol/"
#define IN_FLIGHT	512		/* requests; more are told to come again */
#define MODERN		"2026-07-28"
#define SUPPORTED	"{\"supported\":[\"2026-07-28\"],\"requested\":"
#define LEGACY_LIST	"{\"supported\":[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\"," \
			"\"2025-03-26\",\"2024-11-05\"]}"

static const char *const revisions[] = {
	[CNT_R_2024_11_05] = "2024-11-05", [CNT_R_2025_03_26] = "2025-03-26",
	[CNT_R_2025_06_18] = "2025-06-18", [CNT_R_2025_11_25] = "2025-11-25",
};

static void
refuse(const struct cnt_asked *a, int code, const char *text)
{
	cnt_asked_refuse(a, code, text, NULL);
}

static void
add_instructions(const struct cnt_asked *a, struct cnt_buf *b)
{
	const char *text = a->s->offer->instructions;

	if (text == NULL)
		return;
	cnt_buf_adds(b, ",\"instructions\":");
	cnt_json_quote(b, text, strlen(text));
}

static void
add_string(struct cnt_buf *b, const char *before, const char *text)
{
	cnt_buf_adds(b, before);
	cnt_json_quote(b, text, strlen(text));
}

static void
initialize(struct cnt_asked *a)
{
	const struct cnt_offer *o = a->s->offer;
	const char *wanted = cnt_json_str(a->m->params, "protocolVersion");
	const cJSON *capabilities = cnt_json_get(a->m->params, "capabilities");
	const cJSON *client = cnt_json_get(a->m->params, "clientInfo");
	enum cnt_revision r = CNT_R_2025_11_25;
	struct cnt_buf b CNT_BUF = { 0 };

	if (a->batch != NULL) {
		refuse(a, CNT_RPC_INVALID, "Invalid request: initialize in a batch");
		return;
	}
	if (wanted == NULL || (capabilities != NULL && !cJSON_IsObject(capabilities)) ||
	    (client != NULL && !cJSON_IsObject(client))) {
		refuse(a, CNT_RPC_PARAMS, "Invalid params: initialize needs protocolVersion "
		    "(string), capabilities (object) and clientInfo (object)");
		return;
	}
	for (enum cnt_revision i = CNT_R_2024_11_05; i <= CNT_R_2025_11_25; i++)
		if (strcmp(wanted, revisions[i]) == 0)
			r = i;
	a->s->revision = a->revision = r;
	cnt_buf_addf(&b, "{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}",
	    revisions[r]);
	cnt_offered_capabilities(o, &b);
	add_string(&b, "},\"serverInfo\":{\"name\":", o->name);
	if (o->title != NULL && r >= CNT_R_2025_06_18)
		add_string(&b, ",\"title\":", o->title);
	add_string(&b, ",\"version\":", o->version);
	cnt_buf_adds(&b, "}");
	add_instructions(a, &b);
	cnt_buf_adds(&b, "}");
	cnt_asked_result(a, &b, CNT_KEEP_NONE);
}

static void
ping(struct cnt_asked *a)
{
	cnt_asked_result(a, &(struct cnt_buf){ .p = (char *)(uintptr_t)"{}", .n = 2 },
	    CNT_KEEP_NONE);
}

static void
discover(struct cnt_asked *a)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"supportedVersions\":[\"" MODERN "\"],\"capabilities\":{\"tools\":{}");
	cnt_offered_capabilities(a->s->offer, &b);
	cnt_buf_adds(&b, "}");
	add_instructions(a, &b);
	cnt_buf_adds(&b, "}");
	cnt_asked_result(a, &b, CNT_KEEP_LIST);
}

/* What older revisions do not know, which clients of that time may refuse; and the title once. */
static void
filter_tools(cJSON *tools, enum cnt_revision revision)
{
	cJSON *t = NULL;

	cJSON_ArrayForEach(t, tools) {
		if (revision < CNT_R_2025_03_26)
			cJSON_DeleteItemFromObjectCaseSensitive(t, "annotations");
		if (revision < CNT_R_2025_06_18) {
			cJSON_DeleteItemFromObjectCaseSensitive(t, "title");
			cJSON_DeleteItemFromObjectCaseSensitive(t, "outputSchema");
		} else {
			cJSON_DeleteItemFromObjectCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(t, "annotations"), "title");
		}
	}
}

bool
cnt_asked_for_page(const struct cnt_asked *a)
{
	const cJSON *cursor = cnt_json_get(a->m->params, "cursor");

	if (cursor == NULL || (cJSON_IsString(cursor) && cursor->valuestring[0] == '\0'))
		return false;
	refuse(a, CNT_RPC_PARAMS, "Invalid params: unknown cursor");
	return true;
}

static void
tools_list(struct cnt_asked *a)
{
	cJSON *tools CNT_JSON = NULL;
	char *text CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };

	if (cnt_asked_for_page(a))
		return;
	tools = a->s->offer->tools(a->s->offer->arg);
	filter_tools(tools, a->revision);
	text = cnt_json_print(tools);
	cnt_buf_addf(&b, "{\"tools\":%s}", text);
	cnt_asked_result(a, &b, CNT_KEEP_LIST);
}

static void
tools_call(struct cnt_asked *a)
{
	const struct cnt_offer *o = a->s->offer;
	const char *name = cnt_json_str(a->m->params, "name");
	const cJSON *arguments = cnt_json_get(a->m->params, "arguments");
	cJSON *none CNT_JSON = NULL;
	struct cnt_request *r;

	if (name == NULL) {
		refuse(a, CNT_RPC_PARAMS, "Invalid params: name must be a string");
		return;
	}
	if (arguments != NULL && !cJSON_IsObject(arguments) && !cJSON_IsNull(arguments)) {
		refuse(a, CNT_RPC_PARAMS, "Invalid params: arguments must be an object");
		return;
	}
	if (!cJSON_IsObject(arguments)) {
		none = cJSON_CreateObject();
		arguments = none;
	}
	r = cnt_request_new(a->s, a->batch, a->m, a->revision);
	if (a->s->in_flight > IN_FLIGHT) {
		struct cnt_err e = { 0 };

		cnt_fail(&e, CNT_BUSY, "%d calls are running already", IN_FLIGHT);
		cnt_hint(&e, "wait for some of them to end");
		cnt_request_error(r, &e);
	} else if (o->call(r, name, arguments, o->arg) == -1) {
		char *text CNT_FREE = cnt_format("Unknown tool: %.128s", name);

		refuse(a, CNT_RPC_PARAMS, text);
		cnt_request_free(r);
	}
}

static const struct method {
	const char	*name;
	void		(*legacy)(struct cnt_asked *a), (*modern)(struct cnt_asked *a);
} methods[] = {
	{ "tools/call", tools_call, tools_call },
	{ "tools/list", tools_list, tools_list },
	{ "resources/list", cnt_offered_resources, cnt_offered_resources },
	{ "resources/templates/list", cnt_offered_templates, cnt_offered_templates },
	{ "resources/read", cnt_offered_read, cnt_offered_read },
	{ "prompts/list", cnt_offered_prompts, cnt_offered_prompts },
	{ "prompts/get", cnt_offered_prompt, cnt_offered_prompt },
	{ "ping", ping, NULL },
	{ "initialize", initialize, NULL },
	{ "server/discover", NULL, discover },
};

static bool
is_level(const cJSON *v)
{
	static const char *const levels[] = { "debug", "info", "notice", "warning", "error",
	    "critical", "alert", "emergency" };

	for (size_t i = 0; i < nitems(levels); i++)
		if (cJSON_IsString(v) && strcmp(v->valuestring, levels[i]) == 0)
			return true;
	return false;
}

/* 0: it may be served; -1: it has been answered. */
static int
check_modern(const struct cnt_asked *a, const cJSON *meta)
{
	const cJSON *version = cnt_json_get(meta, META "protocolVersion");
	const cJSON *level = cnt_json_get(meta, META "logLevel");
	struct cnt_buf data CNT_BUF = { 0 };

	if (!cJSON_IsString(version) ||
	    !cJSON_IsObject(cnt_json_get(meta, META "clientCapabilities"))) {
		refuse(a, CNT_RPC_PARAMS, "Invalid params: _meta must carry " META
		    "protocolVersion (string) and " META "clientCapabilities (object)");
		return -1;
	}
	if (strcmp(version->valuestring, MODERN) != 0) {
		cnt_buf_adds(&data, SUPPORTED);
		cnt_json_quote(&data, version->valuestring, strlen(version->valuestring));
		cnt_buf_adds(&data, "}");
		cnt_server_error(a->s, a->batch, a->m->id, CNT_RPC_VERSION,
		    "Unsupported protocol version", data.p);
		return -1;
	}
	if (level != NULL && !is_level(level)) {
		refuse(a, CNT_RPC_PARAMS, "Invalid params: unknown log level");
		return -1;
	}
	return 0;
}

static void
request(struct cnt_asked *a)
{
	const char *method = a->m->method;
	const cJSON *meta = cnt_json_get(a->m->params, "_meta");
	const struct method *found = NULL;
	void (*serve)(struct cnt_asked *) = NULL;

	if (cnt_request_find(a->s, a->m->id) != NULL) {
		refuse(a, CNT_RPC_INVALID, "Invalid request: id already in use");
		return;
	}
	for (size_t i = 0; i < nitems(methods) && found == NULL; i++)
		if (strcmp(methods[i].name, method) == 0)
			found = &methods[i];
	if (cnt_json_get(meta, META "protocolVersion") != NULL ||
	    strcmp(method, "server/discover") == 0 || strcmp(method, "subscriptions/listen") == 0) {
		if (check_modern(a, meta) == -1)
			return;
		a->revision = CNT_R_2026_07_28;
		serve = found != NULL ? found->modern : NULL;
	} else {
		a->revision = a->s->revision;
		serve = found != NULL ? found->legacy : NULL;
		if (a->revision == CNT_R_NONE && serve != initialize && serve != ping) {
			cnt_server_error(a->s, a->batch, a->m->id, CNT_RPC_PARAMS,
			    "Invalid params: send initialize first, or a " MODERN
			    " request with _meta",
			    LEGACY_LIST);
			return;
		}
	}
	if (serve == NULL)
		refuse(a, CNT_RPC_METHOD, "Method not found");
	else
		serve(a);
}

void
cnt_server_message(struct cnt_server *s, struct cnt_batch *batch, const struct cnt_rpc *m)
{
	struct cnt_request *r;

	if (m->kind == CNT_RPC_REQUEST) {
		request(&(struct cnt_asked){ s, batch, m, CNT_R_NONE });
	} else if (strcmp(m->method, "notifications/cancelled") == 0) {
		r = cnt_request_find(s, cnt_rpc_raw(m->params,
		    cnt_rpc_raw(m->msg, m->raw, "params"), "requestId"));
		if (r != NULL)
			cnt_request_cancel(r);
	}
}
