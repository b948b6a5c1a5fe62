/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in flight: found by the bytes of their id, and cancelled. A cancelled one leaves the
 * flight at once, so that its id is free, and stays valid for whoever works on it.
 */
#include "mcp/serving.h"

#define IN_FLIGHT	512		/* requests; more are told to come again */
#define BYTES_IN_FLIGHT	((size_t)128 << 20)	/* of their lines; the same */

/* The token's bytes, when it is one. */
static struct cnt_span
token_of(const struct cnt_rpc *m)
{
	const cJSON *meta = cnt_json_get(m->params, "_meta");
	struct cnt_span raw = { 0 };

	if (!cnt_rpc_is_id(cnt_json_get(meta, "progressToken")))
		return raw;
	raw = cnt_rpc_raw(m->params, cnt_rpc_raw(m->msg, m->raw, "params"), "_meta");
	raw = cnt_rpc_raw(meta, raw, "progressToken");
	return raw.n <= CNT_ID_MAX ? raw : (struct cnt_span){ 0 };
}

struct cnt_request *
cnt_request_new(const struct cnt_incoming *a)
{
	const struct cnt_rpc *m = a->m;
	struct cnt_server *s = a->s;
	struct cnt_span token = token_of(m);
	struct cnt_request *r = cnt_realloc(NULL, sizeof(*r) + m->id.n + token.n);
	char *bytes = (char *)(r + 1);

	*r = (struct cnt_request){ .server = s, .batch = a->batch, .revision = a->revision,
	    .method = a->method, .level = a->level, .id = { bytes, m->id.n }, .next = s->requests,
	    .size = m->raw.n };
	memcpy(bytes, m->id.p, m->id.n);
	if (token.p != NULL) {
		memcpy(bytes + m->id.n, token.p, token.n);
		r->token = (struct cnt_span){ bytes + m->id.n, token.n };
	}
	if (a->batch != NULL)
		a->batch->open++;
	if (r->next != NULL)
		r->next->prev = r;
	s->requests = r;
	s->in_flight++;
	s->bytes_in_flight += r->size;
	return r;
}

void
cnt_request_begin(struct cnt_request *r, const cJSON *params)
{
	struct cnt_server *s = r->server;

	s->params = params;
	r->begin(r, params);
	s->params = NULL;
}

static void
put_off(struct cnt_request *r)
{
	struct cnt_err e = { 0 };

	cnt_fail(&e, CNT_BUSY, "%zu requests are running already", r->server->in_flight - 1);
	cnt_hint(&e, "wait for some of them to end");
	cnt_request_error(r, &e);
}

void
cnt_incoming_begin(const struct cnt_incoming *a, void (*begin)(struct cnt_request *, const cJSON *))
{
	struct cnt_request *r = cnt_request_new(a);

	if (a->s->in_flight > IN_FLIGHT || a->s->bytes_in_flight > BYTES_IN_FLIGHT) {
		put_off(r);
		return;
	}
	r->begin = begin;
	if (r->token.p != NULL)
		cnt_progress_begin(r, cnt_json_str(a->m->params, "name"));
	for (const struct cnt_subject *const *t = cnt_subjects(a->s->offer); *t != NULL; t++)
		if ((*t)->check != NULL && (*t)->check(r, a->m->params) == -1)
			return;
	cnt_request_begin(r, a->m->params);
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
	s->bytes_in_flight -= r->size;
	cnt_batch_done(take(&r->batch));
}

void
cnt_request_free(struct cnt_request *r)
{
	if (!r->dropped)
		request_leave(r);
	if (r->release != NULL)
		r->release(r);
	free(r->said);
	free(r);
}

void
cnt_request_cancel(struct cnt_request *r)
{
	const struct cnt_offer *o = r->server->offer;

	request_leave(r);
	r->dropped = true;
	if (r->cancel != NULL)
		r->cancel(r);
	else
		o->cancel(r, o->arg);
}

void
cnt_request_drop(struct cnt_request *r)
{
	cnt_request_free(r);
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

size_t
cnt_request_unread(const struct cnt_request *r)
{
	return cnt_writer_queued(r->server->out);
}
