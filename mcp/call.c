/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of a box's tools: numbered, written to its agent-box, told to its relay, and not waited for
 * longer than agent-box itself may take. A box that says nothing at all in that time gets a new
 * agent-box with the next call.
 */
#include "mcp/rpc.h"
#include "mcp/session-own.h"

#define UNTIMED		600			/* seconds, for what names no time */
#define QUEUE_MAX	((size_t)16 << 20)	/* for a box that does not read; and one call */
#define HEAR_US		10000000		/* what waited for the client may hold the answer */

void
cnt_session_call_free(struct box_call *c)
{
	struct box_call **at = &c->session->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->session->n--;
	cnt_loop_untimer(c->deadline);
	free(c);
}

static void
put(struct cnt_writer *w, struct cnt_buf line)
{
	if (w == NULL) {
		cnt_buf_free(&line);
		return;
	}
	cnt_writer_add(w, &line);
	cnt_writer_flush(w);
}

static void
tell_relay(struct session *s, char sign, long long number)
{
	struct cnt_buf b = { 0 };

	cnt_buf_addf(&b, "%c%lld\n", sign, number);
	put(s->told, b);
}

static void
forget(struct session *s, long long number)
{
	put(s->in, cnt_rpc_cancel(number));
	tell_relay(s, '-', number);
}

/* One that has said nothing to anybody since then is not alive. */
static void
on_deadline(void *arg)
{
	struct box_call *c = arg;
	struct session *s = c->session;
	struct cnt_request *r = c->r;
	int64_t began = c->began;
	struct cnt_err e = { 0 };

	if (cnt_ticks_us() - s->unheard < HEAR_US) {
		c->deadline = cnt_loop_timer(s->loop, HEAR_US, on_deadline, c);
		return;
	}
	forget(s, c->number);
	cnt_session_call_free(c);
	cnt_fail(&e, CNT_TIMEOUT, "%s: its agent-box has not answered in %lld s", s->box,
	    (long long)(cnt_ticks_us() - began) / 1000000);
	cnt_hint(&e, s->heard < began ? "the next call starts a new one" :
	    "it has been told to stop; other calls in this box go on");
	cnt_request_error(r, &e);
	if (s->heard >= began)
		return;
	if (s->how == NULL)
		s->how = cnt_strdup("it did not answer any more");
	cnt_session_end(s, (struct cnt_span){ 0 }, true);
}

/* What this call may take: the longest time among its arguments or their defaults. */
static double
time_of(const cJSON *tool, const cJSON *arguments)
{
	const cJSON *properties = cnt_json_get(cnt_json_get(tool, "inputSchema"), "properties");
	const cJSON *p = NULL;
	double longest = -1;

	cJSON_ArrayForEach(p, properties) {
		size_t n = strlen(p->string), end = strlen("_seconds");
		const char *text = cnt_json_str(arguments, p->string);
		double most = cnt_json_num(p, "maximum", UNTIMED), t;

		if (n < end || strcmp(p->string + n - end, "_seconds") != 0)
			continue;
		t = text != NULL ? strtod(text, NULL) :
		    cnt_json_num(arguments, p->string, cnt_json_num(p, "default", most));
		t = t < most ? t : most;
		longest = t > longest ? t : longest;
	}
	return longest < 0 ? UNTIMED : longest;
}

/* The session with room for one more call. */
static struct session *
session_for(struct cnt_sessions *bs, struct cnt_request *r, const char *box, const cJSON *tool,
    struct cnt_err *e)
{
	bool reads = cnt_json_bool(cnt_json_get(tool, "annotations"), "readOnlyHint");
	struct session *s = cnt_session_of(bs, cnt_request_loop(r), box, reads, e);

	if (s == NULL)
		return NULL;
	if (s->n < CNT_RELAY_CALLS && (s->in == NULL || (cnt_writer_queued(s->in) <= QUEUE_MAX &&
	    cnt_writer_queued(s->told) == 0)))
		return s;
	if (s->n >= CNT_RELAY_CALLS)
		cnt_fail(e, CNT_BUSY, "%s: %d calls are under way in it", box, CNT_RELAY_CALLS);
	else
		cnt_fail(e, CNT_BUSY, "%s: its agent-box does not read", box);
	cnt_hint(e, "wait for calls in it to end, or cancel them");
	return NULL;
}

void
cnt_session_call(struct cnt_sessions *bs, struct cnt_request *r, const char *box,
    const cJSON *tool, const cJSON *arguments)
{
	struct cnt_err e = { 0 };
	struct session *s = session_for(bs, r, box, tool, &e);
	struct box_call *c;

	if (s == NULL) {
		cnt_request_error(r, &e);
		return;
	}
	c = cnt_alloc(sizeof(*c));
	*c = (struct box_call){ .next = s->calls, .session = s, .r = r, .number = ++s->last,
	    .began = cnt_ticks_us() };
	s->calls = c;
	s->n++;
	s->used = c->began;
	c->deadline = cnt_loop_timer(s->loop,
	    (int64_t)((time_of(tool, arguments) + bs->ways.patience) * 1e6), on_deadline, c);
	tell_relay(s, '+', c->number);
	put(s->in, cnt_rpc_call(c->number, cnt_request_wants_progress(r),
	    cnt_json_str(tool, "name"), arguments));
}

bool
cnt_session_cancel(struct cnt_sessions *bs, struct cnt_request *r)
{
	struct box_call *c = NULL;

	for (struct session *s = bs->sessions; s != NULL && c == NULL; s = s->next)
		for (c = s->calls; c != NULL && c->r != r; )
			c = c->next;
	if (c == NULL)
		return false;
	forget(c->session, c->number);
	cnt_session_call_free(c);
	cnt_request_drop(r);
	return true;
}
