/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the client, before 2026-07-28, for a request of its own that waits for the answers.
 * Our ids count from 1; a response to anything else, or one that comes late, is nobody's.
 */
#include "mcp/serving.h"

struct cnt_sent {
	struct cnt_sent		*next;
	long long		 id;
	char			*key, *method;
	struct cnt_request	*r;
};

void
cnt_sent_add(struct cnt_request *r, const struct cnt_input *in)
{
	struct cnt_server *s = r->server;
	struct cnt_sent *q = cnt_alloc(sizeof(*q));
	struct cnt_buf b = { 0 };

	*q = (struct cnt_sent){ .next = s->sent, .id = ++s->last_sent, .r = r,
	    .key = cnt_strdup(in->key), .method = cnt_strdup(in->method) };
	s->sent = q;
	cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":%s}", q->id,
	    in->method, in->params);
	cnt_server_send(s, NULL, &b);
}

static void
forget(struct cnt_sent **at)
{
	struct cnt_sent *q = *at;

	*at = q->next;
	free(q->key);
	free(q->method);
	free(q);
}

bool
cnt_sent_waits(const struct cnt_request *r)
{
	for (const struct cnt_sent *q = r->server->sent; q != NULL; q = q->next)
		if (q->r == r)
			return true;
	return false;
}

void
cnt_sent_withdraw(struct cnt_request *r)
{
	for (struct cnt_sent **at = &r->server->sent; *at != NULL; ) {
		struct cnt_buf b = { 0 };

		if ((*at)->r != r) {
			at = &(*at)->next;
			continue;
		}
		cnt_buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
		    "\"params\":{\"requestId\":%lld}}", (*at)->id);
		cnt_server_send(r->server, NULL, &b);
		forget(at);
	}
}

void
cnt_sent_response(struct cnt_server *s, const struct cnt_rpc *m)
{
	struct cnt_sent **at = &s->sent;
	char *key CNT_FREE = NULL, *method CNT_FREE = NULL;
	struct cnt_request *r;

	for (; *at != NULL; at = &(*at)->next) {
		char *id CNT_FREE = cnt_format("%lld", (*at)->id);

		if (m->id.n == strlen(id) && memcmp(m->id.p, id, m->id.n) == 0)
			break;
	}
	if (*at == NULL)
		return;
	r = (*at)->r;
	key = take(&(*at)->key);
	method = take(&(*at)->method);
	forget(at);
	cnt_input_came(r, key, method, m->msg);
}

void
cnt_sent_free(struct cnt_server *s)
{
	while (s->sent != NULL)
		forget(&s->sent);
}
