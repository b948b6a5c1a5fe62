/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of a box's tools: numbered, written to its agent-box, told to its relay.
 */
#include "mcp/rpc.h"
#include "mcp/session-own.h"

#define DEADLINE_US	((int64_t)3600 * 1000000)
#define QUEUE_MAX	((size_t)64 << 20)	/* for a box that does not read */

void
cnt_session_call_free(struct box_call *c)
{
	struct box_call **at = &c->session->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
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

static void
on_deadline(void *arg)
{
	struct box_call *c = arg;
	struct session *s = c->session;
	struct cnt_request *r = c->r;
	struct cnt_err e = { 0 };

	forget(s, c->number);
	cnt_session_call_free(c);
	cnt_fail(&e, CNT_TIMEOUT, "%s: no answer for an hour", s->box);
	cnt_request_error(r, &e);
}

void
cnt_session_call(struct cnt_sessions *bs, struct cnt_request *r, const char *box,
    const char *tool, const cJSON *arguments)
{
	struct cnt_loop *l = cnt_request_loop(r);
	struct cnt_err e = { 0 };
	struct session *s = cnt_session_of(bs, l, box, &e);
	struct box_call *c;

	if (s != NULL && s->in != NULL && cnt_writer_queued(s->in) > QUEUE_MAX) {
		cnt_fail(&e, CNT_BUSY, "%s: its agent-box does not read", box);
		s = NULL;
	}
	if (s == NULL) {
		cnt_request_error(r, &e);
		return;
	}
	c = cnt_alloc(sizeof(*c));
	*c = (struct box_call){ .next = s->calls, .session = s, .r = r, .number = ++s->last };
	s->calls = c;
	c->deadline = cnt_loop_timer(l, DEADLINE_US, on_deadline, c);
	tell_relay(s, '+', c->number);
	put(s->in, cnt_rpc_call(c->number, cnt_request_wants_progress(r), tool, arguments));
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
