/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in flight: found by the bytes of their id, cancelled, and what they say as they go. A
 * cancelled one leaves the flight at once, so that its id is free, and stays valid for whoever
 * works on it.
 */
#include "mcp/serving.h"

#include <math.h>

#define PROGRESS_US	100000			/* at most ten a second */
#define PROGRESS_QUEUE	((size_t)1 << 20)	/* unread answers; above, progress is left out */

/* The token's bytes, when it is one. */
static struct cnt_span
token_of(const struct cnt_rpc *m)
{
	const cJSON *meta = cnt_json_get(m->params, "_meta");
	struct cnt_span raw = { 0 };

	if (!cnt_rpc_is_id(cnt_json_get(meta, "progressToken")))
		return raw;
	raw = cnt_rpc_raw(m->params, cnt_rpc_raw(m->msg, m->raw, "params"), "_meta");
	return cnt_rpc_raw(meta, raw, "progressToken");
}

struct cnt_request *
cnt_request_new(struct cnt_server *s, struct cnt_batch *batch, const struct cnt_rpc *m,
    enum cnt_revision revision)
{
	struct cnt_span token = token_of(m);
	struct cnt_request *r = cnt_alloc(sizeof(*r) + m->id.n + token.n);
	char *bytes = (char *)(r + 1);

	memcpy(bytes, m->id.p, m->id.n);
	r->id = (struct cnt_span){ bytes, m->id.n };
	if (token.p != NULL) {
		memcpy(bytes + m->id.n, token.p, token.n);
		r->token = (struct cnt_span){ bytes + m->id.n, token.n };
	}
	r->server = s;
	r->revision = revision;
	r->progress = -INFINITY;
	r->batch = batch;
	if (batch != NULL)
		batch->open++;
	r->next = s->requests;
	if (r->next != NULL)
		r->next->prev = r;
	s->requests = r;
	s->in_flight++;
	return r;
}

struct cnt_request *
cnt_request_find(struct cnt_server *s, struct cnt_span id)
{
	for (struct cnt_request *r = s->requests; r != NULL && id.p != NULL; r = r->next)
		if (r->id.n == id.n && memcmp(r->id.p, id.p, id.n) == 0)
			return r;
	return NULL;
}

/* Out of flight: its id is free again, and its batch waits for one less. */
static void
request_leave(struct cnt_request *r)
{
	struct cnt_server *s = r->server;

	*(r->prev != NULL ? &r->prev->next : &s->requests) = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	r->prev = r->next = NULL;
	s->in_flight--;
	cnt_batch_done(take(&r->batch));
}

void
cnt_request_free(struct cnt_request *r)
{
	if (!r->dropped)
		request_leave(r);
	free(r);
}

void
cnt_request_cancel(struct cnt_request *r)
{
	const struct cnt_offer *o = r->server->offer;

	request_leave(r);
	r->dropped = true;
	o->cancel(r, o->arg);
}

void
cnt_request_drop(struct cnt_request *r)
{
	cnt_request_free(r);
}

bool
cnt_request_wants_progress(const struct cnt_request *r)
{
	return r->token.p != NULL && !r->dropped;
}

void
cnt_request_progress(struct cnt_request *r, double done, double total, const char *text)
{
	struct cnt_buf b = { 0 };
	int64_t now;

	if (!cnt_request_wants_progress(r) || !isfinite(done) || done <= r->progress ||
	    cnt_writer_queued(r->server->out) > PROGRESS_QUEUE)
		return;
	now = cnt_ticks_us();
	if (r->told != 0 && now - r->told < PROGRESS_US)
		return;
	r->told = now;
	r->progress = done;
	cnt_buf_adds(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
	    "{\"progressToken\":");
	cnt_buf_add(&b, r->token.p, r->token.n);
	cnt_buf_addf(&b, ",\"progress\":%.15g", done);
	if (isfinite(total) && total > 0)
		cnt_buf_addf(&b, ",\"total\":%.15g", total);
	if (text != NULL && r->revision >= CNT_R_2025_03_26) {
		cnt_buf_adds(&b, ",\"message\":");
		if (cnt_utf8_valid(text, strlen(text)) == strlen(text))
			cnt_json_quote(&b, text, strlen(text));
		else
			cnt_buf_adds(&b, "\"\"");
	}
	cnt_buf_adds(&b, "}}");
	cnt_server_send(r->server, NULL, &b);
}

void
cnt_request_set(struct cnt_request *r, void *data)
{
	r->data = data;
}

void *
cnt_request_get(const struct cnt_request *r)
{
	return r->data;
}

struct cnt_loop *
cnt_request_loop(struct cnt_request *r)
{
	return r->server->loop;
}
