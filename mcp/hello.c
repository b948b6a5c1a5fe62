/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are: initialize, which also chooses the revision for all that do not name one, and
 * server/discover; and ping. Only what is offered is advertised.
 */
#include "mcp/serving.h"

const char cnt_hello_supported[] = "{\"supported\":[\"" CNT_MODERN "\",\"2025-11-25\","
    "\"2025-06-18\",\"2025-03-26\",\"2024-11-05\"]}";

static const char *const revisions[] = {
	[CNT_R_2024_11_05] = "2024-11-05", [CNT_R_2025_03_26] = "2025-03-26",
	[CNT_R_2025_06_18] = "2025-06-18", [CNT_R_2025_11_25] = "2025-11-25",
};

static void
add_string(struct cnt_buf *b, const char *before, const char *text)
{
	cnt_buf_adds(b, before);
	cnt_json_quote(b, text, strlen(text));
}

static void
add_capabilities(const struct cnt_incoming *a, struct cnt_buf *b)
{
	const struct cnt_offer *o = a->s->offer;

	cnt_buf_adds(b, "\"capabilities\":{\"tools\":{");
	cnt_buf_adds(b, (o->changes & CNT_TOOLS) != 0 ? "\"listChanged\":true}" : "}");
	cnt_offered_capabilities(o, b);
	for (const struct cnt_subject *const *t = cnt_subjects(o); *t != NULL; t++)
		if ((*t)->capability != NULL && a->revision >= (*t)->since)
			cnt_buf_adds(b, (*t)->capability);
	cnt_buf_adds(b, "}");
}

static void
add_instructions(const struct cnt_incoming *a, struct cnt_buf *b)
{
	if (a->s->offer->instructions != NULL)
		add_string(b, ",\"instructions\":", a->s->offer->instructions);
	cnt_buf_adds(b, "}");
}

/* The one that was asked for, or the latest of its era. */
static enum cnt_revision
negotiated(const char *wanted)
{
	for (enum cnt_revision i = CNT_R_2024_11_05; i <= CNT_R_2025_11_25; i++)
		if (strcmp(wanted, revisions[i]) == 0)
			return i;
	return CNT_R_2025_11_25;
}

void
cnt_hello_initialize(struct cnt_incoming *a)
{
	const struct cnt_offer *o = a->s->offer;
	const char *wanted = cnt_json_str(a->m->params, "protocolVersion");
	const cJSON *capabilities = cnt_json_get(a->m->params, "capabilities");
	const cJSON *client = cnt_json_get(a->m->params, "clientInfo");
	struct cnt_buf b CNT_BUF = { 0 };

	if (a->batch != NULL) {
		cnt_incoming_refuse(a, CNT_RPC_INVALID, "Invalid request: initialize in a batch",
		    NULL);
		return;
	}
	if (wanted == NULL || (capabilities != NULL && !cJSON_IsObject(capabilities)) ||
	    (client != NULL && !cJSON_IsObject(client))) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: initialize needs "
		    "protocolVersion (string), capabilities (object) and clientInfo (object)",
		    NULL);
		return;
	}
	a->s->revision = a->revision = negotiated(wanted);
	a->s->ready = false;
	for (const struct cnt_subject *const *t = cnt_subjects(o); *t != NULL; t++)
		if ((*t)->met != NULL)
			(*t)->met(a->s, a->m->params);
	cnt_buf_addf(&b, "{\"protocolVersion\":\"%s\",", revisions[a->revision]);
	add_capabilities(a, &b);
	add_string(&b, ",\"serverInfo\":{\"name\":", o->name);
	if (o->title != NULL && a->revision >= CNT_R_2025_06_18)
		add_string(&b, ",\"title\":", o->title);
	add_string(&b, ",\"version\":", o->version);
	cnt_buf_adds(&b, "}");
	add_instructions(a, &b);
	cnt_incoming_result(a, &b, CNT_KEEP_NONE);
}

void
cnt_hello_discover(struct cnt_incoming *a)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"supportedVersions\":[\"" CNT_MODERN "\"],");
	add_capabilities(a, &b);
	add_instructions(a, &b);
	cnt_incoming_result(a, &b, CNT_KEEP_LIST);
}

void
cnt_hello_ping(struct cnt_incoming *a)
{
	cnt_incoming_done(a);
}
