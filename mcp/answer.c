/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers. A result is spliced into its envelope member by member as bytes; what a revision does
 * not know is left out, what it demands is added. The bytes may come from another program: an
 * answer is sent only when they are one JSON object.
 */
#include "mcp/serving.h"

#define SERVER_INFO	CNT_META "serverInfo"
#define BATCH_BYTES	((size_t)64 << 20)	/* of answers to batches; they wait here */

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
	s->batched -= batch->out.n;
	cnt_buf_adds(&batch->out, batch->out.n == 0 ? "[" : ",");
	cnt_buf_add(&batch->out, b->p, b->n);
	s->batched += batch->out.n;
	cnt_buf_free(b);
}

void
cnt_batch_done(struct cnt_batch *batch)
{
	if (batch == NULL || --batch->open > 0)
		return;
	batch->server->batched -= batch->out.n;
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

/* May this member of a result go out? What says which kind of result it is, is ours to say. */
static bool
is_known(const struct cnt_raw *it, enum cnt_revision revision)
{
	if (cnt_raw_is(it->name, "structuredContent"))
		return revision == CNT_R_2026_07_28 ||
		    (revision >= CNT_R_2025_06_18 && *it->value.p == '{');
	return !cnt_raw_is(it->name, "resultType");
}

static int
add_result(struct cnt_buf *b, const struct cnt_server *s, enum cnt_revision revision,
    struct cnt_span result, int keep_ms)
{
	struct cnt_span meta = { 0 };
	struct cnt_raw it;
	int more;

	if (!cnt_raw_walk(&it, result) || it.close != '}')
		return -1;
	cnt_buf_add(b, "{", 1);
	if (revision == CNT_R_2026_07_28)
		cnt_buf_adds(b, keep_ms == CNT_KEEP_ASKS ? "\"resultType\":\"input_required\"," :
		    "\"resultType\":\"complete\",");
	while ((more = cnt_raw_next(&it)) == 1) {
		if (cnt_raw_is(it.name, "_meta"))
			meta = it.value;
		else if (is_known(&it, revision) && (revision >= CNT_R_2025_06_18 ||
		    !cnt_older_content(b, &it, revision)))
			add_member(b, &it);
	}
	if (more == -1)
		return -1;
	if (keep_ms >= 0 && revision == CNT_R_2026_07_28)
		cnt_buf_addf(b, "\"ttlMs\":%d,\"cacheScope\":\"private\",", keep_ms);
	if (add_meta(b, s, revision, meta) == -1)
		return -1;
	close_object(b);
	return 0;
}

static void
send_result(struct cnt_server *s, struct cnt_batch *batch, struct cnt_span id,
    enum cnt_revision revision, struct cnt_span result, int keep_ms)
{
	struct cnt_buf b = { 0 };

	if (batch != NULL && s->batched + result.n > BATCH_BYTES) {
		cnt_server_error(s, batch, id, CNT_RPC_INTERNAL,
		    "The answers to batches that wait are more than 64 MiB", NULL);
		return;
	}
	cnt_buf_room(&b, result.n + id.n + 384);
	cnt_rpc_result(&b, id);
	if (add_result(&b, s, revision, result, keep_ms) == -1) {
		static const char broken[] = "{\"content\":[{\"type\":\"text\",\"text\":"
		    "\"{\\\"error\\\":{\\\"code\\\":\\\"bug\\\","
		    "\\\"message\\\":\\\"result: not a JSON object\\\"}}\"}],\"isError\":true}";

		b.n = 0;
		cnt_rpc_result(&b, id);
		add_result(&b, s, revision, (struct cnt_span){ broken, sizeof(broken) - 1 },
		    CNT_KEEP_NONE);
	}
	cnt_buf_add(&b, "}", 1);
	cnt_server_send(s, batch, &b);
}

void
cnt_incoming_refuse(const struct cnt_incoming *a, int code, const char *text, const char *data)
{
	cnt_server_error(a->s, a->batch, a->m->id, code, text, data);
}

void
cnt_incoming_result(const struct cnt_incoming *a, const struct cnt_buf *result, int keep_ms)
{
	send_result(a->s, a->batch, a->m->id, a->revision,
	    (struct cnt_span){ result->p, result->n }, keep_ms);
}

void
cnt_incoming_done(const struct cnt_incoming *a)
{
	cnt_incoming_result(a, &(struct cnt_buf){ .p = (char *)(uintptr_t)"{}", .n = 2 },
	    CNT_KEEP_NONE);
}

void
cnt_request_refuse(struct cnt_request *r, int code, const char *text, const char *data)
{
	if (!r->dropped)
		cnt_server_error(r->server, r->batch, r->id, code, text, data);
	cnt_request_free(r);
}

static void
answer(struct cnt_request *r, struct cnt_span result, int keep_ms)
{
	if (!r->dropped)
		send_result(r->server, r->batch, r->id, r->revision, result, keep_ms);
	cnt_request_free(r);
}

void
cnt_request_result(struct cnt_request *r, const struct cnt_buf *result, int keep_ms)
{
	answer(r, (struct cnt_span){ result->p, result->n }, keep_ms);
}

void
cnt_request_answer_raw(struct cnt_request *r, const char *result, size_t n)
{
	answer(r, (struct cnt_span){ result, n }, CNT_KEEP_NONE);
}

void
cnt_request_error(struct cnt_request *r, const struct cnt_err *err)
{
	cJSON *j CNT_JSON = cnt_err_json(err);
	char *text CNT_FREE = cnt_json_print(j);
	char *inner CNT_FREE = cnt_format("{\"error\":%s}", text);
	struct cnt_buf b CNT_BUF = { 0 };

	if (strcmp(r->method, "tools/call") != 0) {
		cnt_request_refuse(r, CNT_RPC_INTERNAL, err->text, text);
		return;
	}
	cnt_buf_adds(&b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(&b, inner, strlen(inner));
	cnt_buf_adds(&b, "}],\"isError\":true}");
	cnt_request_answer_raw(r, b.p, b.n);
}
