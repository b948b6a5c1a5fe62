/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in flight and their answers. A result is spliced into its envelope member by member as
 * bytes; what a revision does not know is left out, what it demands is added. The bytes may come from
 * another program: an answer is sent only when they are one JSON object.
 */
#include "mcp/serving.h"

#include <math.h>

#define PROGRESS_US	100000		/* at most ten a second */
#define SERVER_INFO	"io.modelcontextprotocol/serverInfo"

void
cnt_server_send(struct cnt_server *s, struct cnt_batch *batch, struct cnt_buf *b)
{
	if (batch == NULL) {
		cnt_buf_add(b, "\n", 1);
		cnt_writer_add(s->out, b);
		if (!s->corked)
			cnt_writer_flush(s->out);
		return;
	}
	cnt_buf_adds(&batch->out, batch->out.n == 0 ? "[" : ",");
	cnt_buf_add(&batch->out, b->p, b->n);
	cnt_buf_free(b);
}

void
cnt_batch_done(struct cnt_batch *batch)
{
	if (batch == NULL || --batch->open > 0)
		return;
	if (batch->out.n > 0) {
		cnt_buf_add(&batch->out, "]", 1);
		cnt_server_send(batch->server, NULL, &batch->out);
	}
	free(batch);
}

void
cnt_server_error(struct cnt_server *s, struct cnt_batch *batch, struct cnt_span id, int code,
    const char *text, const char *data)
{
	struct cnt_buf b = { 0 };

	cnt_rpc_error(&b, id, code, text, data);
	cnt_server_send(s, batch, &b);
}

static void
add_span(struct cnt_buf *b, struct cnt_span s)
{
	cnt_buf_add(b, s.p, s.n);
}

static void
add_member(struct cnt_buf *b, const struct cnt_raw *it)
{
	add_span(b, it->name);
	cnt_buf_add(b, ":", 1);
	add_span(b, it->value);
	cnt_buf_add(b, ",", 1);
}

/* An object's last comma becomes its end. */
static void
close_object(struct cnt_buf *b)
{
	if (b->p[b->n - 1] == ',')
		b->n--;
	cnt_buf_add(b, "}", 1);
}

/* _meta as the tool made it, with our name in it where the revision has that. */
static int
add_meta(struct cnt_buf *b, const struct cnt_server *s, enum cnt_revision revision,
    struct cnt_span meta)
{
	struct cnt_raw it;
	size_t from = b->n;
	int more = 0;

	cnt_buf_adds(b, "\"_meta\":{");
	if (revision == CNT_R_2026_07_28) {
		cnt_buf_adds(b, "\"" SERVER_INFO "\":{\"name\":");
		cnt_json_quote(b, s->offer->name, strlen(s->offer->name));
		cnt_buf_adds(b, ",\"version\":");
		cnt_json_quote(b, s->offer->version, strlen(s->offer->version));
		cnt_buf_adds(b, "},");
	}
	if (meta.p != NULL && *meta.p == '{' && cnt_raw_walk(&it, meta))
		while ((more = cnt_raw_next(&it)) == 1)
			if (!cnt_raw_is(it.name, SERVER_INFO))
				add_member(b, &it);
	if (b->p[b->n - 1] == '{') {
		b->n = from;
		return more;
	}
	close_object(b);
	cnt_buf_add(b, ",", 1);
	return more;
}

static int
add_result(struct cnt_buf *b, const struct cnt_server *s, enum cnt_revision revision,
    struct cnt_span result, bool cache)
{
	struct cnt_span meta = { 0 };
	struct cnt_raw it;
	int more;

	if (!cnt_raw_walk(&it, result) || it.close != '}')
		return -1;
	cnt_buf_add(b, "{", 1);
	if (revision == CNT_R_2026_07_28)
		cnt_buf_adds(b, "\"resultType\":\"complete\",");
	while ((more = cnt_raw_next(&it)) == 1) {
		if (cnt_raw_is(it.name, "_meta"))
			meta = it.value;
		else if (!cnt_raw_is(it.name, "resultType") &&
		    (revision >= CNT_R_2025_06_18 || !cnt_raw_is(it.name, "structuredContent")))
			add_member(b, &it);
	}
	if (more == -1)
		return -1;
	if (cache && revision == CNT_R_2026_07_28)
		cnt_buf_adds(b, "\"ttlMs\":3600000,\"cacheScope\":\"private\",");
	if (add_meta(b, s, revision, meta) == -1)
		return -1;
	close_object(b);
	return 0;
}

void
cnt_server_result(struct cnt_server *s, struct cnt_batch *batch, struct cnt_span id,
    enum cnt_revision revision, struct cnt_span result, bool cache)
{
	struct cnt_buf b = { 0 };

	b.cap = result.n + id.n + 384;
	b.p = cnt_realloc(NULL, b.cap);
	cnt_rpc_result(&b, id);
	if (add_result(&b, s, revision, result, cache) == -1) {
		static const char broken[] = "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"error\\\":"
		    "{\\\"code\\\":\\\"bug\\\",\\\"message\\\":\\\"result: not a JSON object\\\"}}\"}],"
		    "\"isError\":true}";

		b.n = 0;
		cnt_rpc_result(&b, id);
		add_result(&b, s, revision, (struct cnt_span){ broken, sizeof(broken) - 1 }, false);
	}
	cnt_buf_add(&b, "}", 1);
	cnt_server_send(s, batch, &b);
}

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

void
cnt_request_answer_raw(struct cnt_request *r, const char *result, size_t n)
{
	if (!r->dropped)
		cnt_server_result(r->server, r->batch, r->id, r->revision,
		    (struct cnt_span){ result, n }, false);
	cnt_request_free(r);
}

void
cnt_request_answer(struct cnt_request *r, cJSON *result)
{
	cJSON *owned CNT_JSON = result;
	char *text CNT_FREE = cnt_json_print(owned);

	cnt_request_answer_raw(r, text, strlen(text));
}

void
cnt_request_error(struct cnt_request *r, const struct cnt_err *err)
{
	cJSON *j CNT_JSON = cnt_err_json(err);
	char *text CNT_FREE = cnt_json_print(j);
	char *inner CNT_FREE = cnt_format("{\"error\":%s}", text);
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(&b, inner, strlen(inner));
	cnt_buf_adds(&b, "}],\"isError\":true}");
	cnt_request_answer_raw(r, b.p, b.n);
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

	if (!cnt_request_wants_progress(r) || !isfinite(done) || done <= r->progress)
		return;
	now = cnt_ticks_us();
	if (r->told != 0 && now - r->told < PROGRESS_US)
		return;
	r->told = now;
	r->progress = done;
	cnt_buf_adds(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
	    "{\"progressToken\":");
	add_span(&b, r->token);
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
