/* SPDX-License-Identifier: Apache-2.0
 *
 * Who wants to know what changed. subscriptions/listen stays in flight until it is cancelled or the
 * server ends, and what it brings carries its id, byte for byte; before 2026-07-28 the lists that
 * change are told to the connection, and resources/subscribe adds resources to that. Nobody is told
 * of what was not asked for, nor before the acknowledgement.
 */
#include "mcp/serving.h"

#define LISTENERS	16
#define SUBSCRIBED	1024		/* uris of a stream or connection */
#define URI_MAX		4096

struct cnt_listener {
	struct cnt_listener	*next;
	struct cnt_request	*r;
	unsigned		 changes;	/* enum cnt_topic */
	cJSON			*uris;
};

static const struct kind {
	enum cnt_topic	 change;
	const char	*filter, *notification;
} kinds[] = {
	{ CNT_TOOLS, "toolsListChanged", "tools/list_changed" },
	{ CNT_PROMPTS, "promptsListChanged", "prompts/list_changed" },
	{ CNT_RESOURCES, "resourcesListChanged", "resources/list_changed" },
	{ CNT_UPDATES, "resourceSubscriptions", "resources/updated" },
};

static bool
is_uri(const cJSON *v)
{
	return cJSON_IsString(v) && strlen(v->valuestring) <= URI_MAX;
}

static bool
has(const cJSON *uris, const char *uri)
{
	const cJSON *it = NULL;

	cJSON_ArrayForEach(it, uris)
		if (strcmp(it->valuestring, uri) == 0)
			return true;
	return false;
}

/* One notification. l NULL: to the connection, as in older revisions. more: `,"uri":...` or "". */
static void
tell(struct cnt_server *s, const struct cnt_listener *l, const char *method, const char *more)
{
	struct cnt_buf b = { 0 };

	cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"", method);
	if (l != NULL) {
		cnt_buf_adds(&b, ",\"params\":{\"_meta\":{\"" CNT_META "subscriptionId\":");
		cnt_buf_add(&b, l->r->id.p, l->r->id.n);
		cnt_buf_addf(&b, "}%s}", more);
	} else if (*more != '\0') {
		cnt_buf_addf(&b, ",\"params\":{%s}", more + 1);
	}
	cnt_buf_adds(&b, "}");
	cnt_server_send(s, NULL, &b);
}

void
cnt_server_changed(struct cnt_server *s, enum cnt_topic list)
{
	for (size_t i = 0; i < nitems(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (k->change != list)
			continue;
		if (s->ready && (s->offer->changes & list) != 0)
			tell(s, NULL, k->notification, "");
		for (const struct cnt_listener *l = s->listeners; l != NULL; l = l->next)
			if ((l->changes & list) != 0)
				tell(s, l, k->notification, "");
	}
}

void
cnt_server_updated(struct cnt_server *s, const char *uri)
{
	struct cnt_buf more CNT_BUF = { 0 };

	cnt_buf_adds(&more, ",\"uri\":");
	cnt_json_quote(&more, uri, strlen(uri));
	if (has(s->subscribed, uri))
		tell(s, NULL, "resources/updated", more.p);
	for (const struct cnt_listener *l = s->listeners; l != NULL; l = l->next)
		if (has(l->uris, uri))
			tell(s, l, "resources/updated", more.p);
}

/* Takes it out of the list and frees it; its request is the caller's again. */
static struct cnt_request *
forget(struct cnt_server *s, struct cnt_listener *l)
{
	struct cnt_listener **at = &s->listeners;
	struct cnt_request *r = l->r;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	cJSON_Delete(l->uris);
	free(l);
	return r;
}

static void
cancelled(struct cnt_request *r)
{
	cnt_request_drop(forget(r->server, cnt_request_get(r)));
}

/* What of the filter is offered, as text; NULL when it is malformed. The caller frees. */
static char *
honoured(const cJSON *filter, unsigned offered, struct cnt_listener *l)
{
	cJSON *out CNT_JSON = cJSON_CreateObject();
	const cJSON *uris = cnt_json_get(filter, "resourceSubscriptions"), *it = NULL;

	if (!cJSON_IsObject(filter) || (uris != NULL && !cJSON_IsArray(uris)) ||
	    cJSON_GetArraySize(uris) > SUBSCRIBED)
		return NULL;
	cJSON_ArrayForEach(it, uris)
		if (!is_uri(it))
			return NULL;
	for (size_t i = 0; i < nitems(kinds); i++) {
		if ((offered & kinds[i].change) == 0 || !cnt_json_bool(filter, kinds[i].filter))
			continue;
		l->changes |= kinds[i].change;
		cnt_json_set_bool(out, kinds[i].filter, true);
	}
	if ((offered & CNT_UPDATES) != 0 && uris != NULL) {
		l->uris = cJSON_Duplicate(uris, true);
		cnt_json_set(out, "resourceSubscriptions", cJSON_Duplicate(uris, true));
	}
	return cnt_json_print(out);
}

static bool
is_full(const struct cnt_server *s)
{
	size_t n = 0;

	for (const struct cnt_listener *l = s->listeners; l != NULL; l = l->next)
		n++;
	return n >= LISTENERS;
}

static void
listen(struct cnt_incoming *a)
{
	struct cnt_server *s = a->s;
	struct cnt_listener *l = NULL;
	char *filter CNT_FREE = NULL, *more CNT_FREE = NULL;

	if (s->offer->changes == 0) {
		cnt_incoming_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
		return;
	}
	if (is_full(s)) {
		cnt_incoming_refuse(a, CNT_RPC_INTERNAL, "Too many subscriptions are open", NULL);
		return;
	}
	l = cnt_alloc(sizeof(*l));
	filter = honoured(cnt_json_get(a->m->params, "notifications"), s->offer->changes, l);
	if (filter == NULL) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: notifications must be an "
		    "object, resourceSubscriptions in it an array of at most 1024 uris", NULL);
		free(l);
		return;
	}
	l->r = cnt_request_new(a);
	l->r->cancel = cancelled;
	cnt_request_set(l->r, l);
	l->next = s->listeners;
	s->listeners = l;
	more = cnt_format(",\"notifications\":%s", filter);
	tell(s, l, "subscriptions/acknowledged", more);
}

/* NULL: it has been refused. */
static const char *
wanted_uri(const struct cnt_incoming *a)
{
	const cJSON *uri = cnt_json_get(a->m->params, "uri");

	if ((a->s->offer->changes & CNT_UPDATES) == 0) {
		cnt_incoming_refuse(a, CNT_RPC_METHOD, "Method not found", NULL);
		return NULL;
	}
	if (is_uri(uri))
		return uri->valuestring;
	cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: uri must be a string of at most "
	    "4096 bytes", NULL);
	return NULL;
}

static void
subscribe(struct cnt_incoming *a)
{
	const char *uri = wanted_uri(a);
	bool known = uri != NULL && has(a->s->subscribed, uri);

	if (uri == NULL)
		return;
	if (a->s->subscribed == NULL)
		a->s->subscribed = cJSON_CreateArray();
	if (!known && cJSON_GetArraySize(a->s->subscribed) >= SUBSCRIBED) {
		cnt_incoming_refuse(a, CNT_RPC_INTERNAL, "Too many subscriptions are open", NULL);
		return;
	}
	if (!known)
		cJSON_AddItemToArray(a->s->subscribed, cJSON_CreateString(uri));
	cnt_incoming_done(a);
}

static void
unsubscribe(struct cnt_incoming *a)
{
	const char *uri = wanted_uri(a);
	cJSON *it = NULL;

	if (uri == NULL)
		return;
	cJSON_ArrayForEach(it, a->s->subscribed)
		if (strcmp(it->valuestring, uri) == 0)
			break;
	if (it != NULL)
		cJSON_Delete(cJSON_DetachItemViaPointer(a->s->subscribed, it));
	cnt_incoming_done(a);
}

/* The connection begins anew. */
static void
met(struct cnt_server *s, const cJSON *params CNT_UNUSED)
{
	cJSON_Delete(s->subscribed);
	s->subscribed = NULL;
}

/* Each stream ends with the result of the request that began it. */
static void
end(struct cnt_server *s)
{
	while (s->listeners != NULL) {
		struct cnt_request *r = forget(s, s->listeners);
		struct cnt_buf b CNT_BUF = { 0 };

		cnt_buf_adds(&b, "{\"_meta\":{\"" CNT_META "subscriptionId\":");
		cnt_buf_add(&b, r->id.p, r->id.n);
		cnt_buf_adds(&b, "}}");
		cnt_request_result(r, &b, CNT_KEEP_NONE);
	}
	met(s, NULL);
}

static const struct cnt_method methods[] = {
	{ "subscriptions/listen", NULL, listen },
	{ "resources/subscribe", subscribe, NULL },
	{ "resources/unsubscribe", unsubscribe, NULL },
	{ 0 }
};

const struct cnt_subject cnt_listening = { .methods = methods, .met = met, .end = end };
