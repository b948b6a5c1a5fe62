/* SPDX-License-Identifier: Apache-2.0
 *
 * notifications/progress for requests whose client gave a token: what those who work on it say, and
 * where they are silent, what they said last, at least once a second. A figure that does not grow
 * is helped along: by the time that has passed, or by a part of the way to the total.
 */
#include <math.h>

#include "mcp/serving.h"

#define REPORT_US	100000			/* at most ten a second */
#define BEAT_US		600000			/* of silence; and then the timer may be late */
#define QUEUE_MAX	((size_t)1 << 20)	/* unread answers; above, progress is left out */
#define FIGURE_MAX	1e300			/* readers take more for infinite */

static void
put_message(const struct cnt_request *r, int64_t now, struct cnt_buf *b)
{
	struct cnt_buf text CNT_BUF = { 0 };
	int64_t s = (now - r->said_at) / 1000000;

	if (r->revision < CNT_R_2025_03_26)
		return;
	if (cnt_utf8_valid(r->said, strlen(r->said)) == strlen(r->said))
		cnt_buf_adds(&text, r->said);
	if (s > 0)
		cnt_buf_addf(&text, " (%lld s)", (long long)s);
	cnt_buf_adds(b, ",\"message\":");
	cnt_json_quote(b, text.p != NULL ? text.p : "", text.n);
}

static void
tell(struct cnt_request *r, int64_t now)
{
	struct cnt_buf b = { 0 };

	if (cnt_writer_queued(r->server->out) > QUEUE_MAX)
		return;
	r->told = now;
	cnt_buf_adds(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
	    "{\"progressToken\":");
	cnt_buf_add(&b, r->token.p, r->token.n);
	cnt_buf_addf(&b, ",\"progress\":%.15g", r->progress);
	if (r->total >= r->progress)
		cnt_buf_addf(&b, ",\"total\":%.15g", r->total);
	put_message(r, now, &b);
	cnt_buf_adds(&b, "}}");
	cnt_server_send(r->server, NULL, &b);
}

/* More than was sent last, by more than its 15 digits hide. */
static double
least(const struct cnt_request *r)
{
	return r->progress + fabs(r->progress) * 1e-12 + 1e-6;
}

static double
beyond(const struct cnt_request *r, int64_t now)
{
	double next = r->total > r->progress ? r->progress + (r->total - r->progress) / 64 :
	    (double)(now - r->began) / 1e6;

	return fmax(next, least(r));
}

static void
beat(void *arg)
{
	struct cnt_server *s = arg;
	int64_t now = cnt_ticks_us();

	s->beat = NULL;
	for (struct cnt_request *r = s->requests; r != NULL; r = r->next) {
		if (r->said == NULL)	/* no token, or one of a subscription */
			continue;
		if (now - r->told >= BEAT_US) {
			r->progress = beyond(r, now);
			tell(r, now);
		}
		if (s->beat == NULL)
			s->beat = cnt_loop_timer(s->loop, BEAT_US / 4, beat, s);
	}
}

void
cnt_progress_begin(struct cnt_request *r, const char *what)
{
	struct cnt_server *s = r->server;

	if (r->token.p == NULL)
		return;
	r->began = r->told = r->said_at = cnt_ticks_us();
	r->said = cnt_strdup(what != NULL ? what : "");
	r->done = r->total = -INFINITY;
	r->progress = -1;
	if (s->beat == NULL)
		s->beat = cnt_loop_timer(s->loop, BEAT_US / 4, beat, s);
}

bool
cnt_request_wants_progress(const struct cnt_request *r)
{
	return r->said != NULL && !r->dropped;
}

/* The first is told at once, whatever the time. */
void
cnt_request_progress(struct cnt_request *r, double done, double total, const char *text)
{
	int64_t now = cnt_ticks_us();
	bool news = text != NULL && cnt_request_wants_progress(r) && strcmp(text, r->said) != 0;

	if (!cnt_request_wants_progress(r) || !(fabs(done) <= FIGURE_MAX) ||
	    (!news && done <= r->done))
		return;
	if (news) {
		free(r->said);
		r->said = cnt_strdup(text);
		r->said_at = now;
	}
	r->done = done;
	r->total = total > 0 && total <= FIGURE_MAX ? total : r->total;
	if (r->told != r->began && now - r->told < REPORT_US)
		return;
	r->progress = done >= least(r) ? done : beyond(r, now);
	tell(r, now);
}
