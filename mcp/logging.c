/* SPDX-License-Identifier: Apache-2.0
 *
 * notifications/message: what goes on inside a request, for whoever asked to know: by the request's
 * own logLevel, or before 2026-07-28 by logging/setLevel. A client that does not read its answers
 * is spared.
 */
#include "mcp/serving.h"

#define QUEUE_MAX	((size_t)1 << 20)	/* unread answers; above, nothing is logged */

static void
set_level(struct cnt_incoming *a)
{
	int level = cnt_level_of(cnt_json_get(a->m->params, "level"));

	if (level == -1) {
		cnt_incoming_refuse(a, CNT_RPC_PARAMS, "Invalid params: unknown log level", NULL);
		return;
	}
	a->s->level = level;
	cnt_incoming_done(a);
}

void
cnt_request_log(struct cnt_request *r, enum cnt_level level, const char *logger, const char *data)
{
	int least = r->revision == CNT_R_2026_07_28 ? r->level : r->server->level;
	struct cnt_buf b = { 0 };

	if (r->dropped || least == -1 || (int)level < least ||
	    cnt_writer_queued(r->server->out) > QUEUE_MAX)
		return;
	cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{"
	    "\"level\":\"%s\"", cnt_levels[level]);
	if (logger != NULL) {
		cnt_buf_adds(&b, ",\"logger\":");
		cnt_json_quote(&b, logger, strlen(logger));
	}
	cnt_buf_addf(&b, ",\"data\":%s}}", data);
	cnt_server_send(r->server, NULL, &b);
}

static void
met(struct cnt_server *s, const cJSON *params CNT_UNUSED)
{
	s->level = CNT_LOG_INFO;
}

static const struct cnt_method methods[] = {
	{ "logging/setLevel", set_level, NULL },
	{ 0 }
};

const struct cnt_subject cnt_logging = {
	.methods = methods, .capability = ",\"logging\":{}", .since = CNT_R_2024_11_05, .met = met,
};
