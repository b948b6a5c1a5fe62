/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a connection: standard input and output made private, lines read and judged, the
 * end. Nothing a client sends ends the server but the end of its input; a line that is too long,
 * broken or hostile is answered and forgotten. A client that does not read its answers stops only
 * itself.
 */
#include "mcp/server.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/serving.h"

#define PIPE_SIZE	(1 << 20)	/* what anyone may ask for */
#define BATCH_MAX	1000
#define QUEUE_MAX	((size_t)64 << 20)	/* unread answers; above, nothing more is read */
#define PAUSE_US	5000
#define TURN_US		10000		/* of lines that are there already, before anything else */
#define TICK_US		1000
#define FINISH_US	30000		/* after end of input, for work that is all but done */
#define STARVED_US	250000		/* the same, for work that the machine has no time for */
#define LEAVE_US	25000		/* after cancelling, for answers to go out */
#define READER_US	10000000	/* after end of input, for a reader that takes nothing */

static int signalled = -1;		/* the handler's way to the loop */

static void end(struct cnt_server *s, int64_t finish_us);
static void on_input(int fd, short revents, void *arg);
static void resume(void *arg);

static void
on_signal(int signo CNT_UNUSED)
{
	int saved = errno;
	uint64_t one = 1;

	if (signalled != -1 && write(signalled, &one, sizeof(one)) == -1)
		_exit(0);
	errno = saved;
}

static void
one_message(struct cnt_server *s, struct cnt_batch *batch, const cJSON *msg, struct cnt_span raw)
{
	struct cnt_rpc m;

	cnt_rpc_gate(msg, raw, &m);
	if (m.kind == CNT_RPC_BAD)
		cnt_server_error(s, batch, m.id, m.code, m.text, NULL);
	else if (m.kind != CNT_RPC_IGNORED)
		cnt_server_message(s, batch, &m);
}

/* From here to its end, lines wait. */
static void
begin_batch(struct cnt_server *s, cJSON *array, struct cnt_span raw)
{
	int n = cJSON_GetArraySize(array);

	if (s->revision != CNT_R_2025_03_26 || n == 0 || n > BATCH_MAX ||
	    !cnt_raw_walk(&s->items, raw)) {
		cnt_server_error(s, NULL, (struct cnt_span){ 0 }, CNT_RPC_INVALID,
		    n == 0 ? "Invalid request: empty batch" : n > BATCH_MAX ?
		    "Invalid request: batch too large" : "Invalid request: no batches here", NULL);
		cJSON_Delete(array);
		return;
	}
	s->array = array;
	s->batch = cnt_alloc(sizeof(*s->batch));
	s->batch->server = s;
	s->batch->open = 1;
}

static void
end_batch(struct cnt_server *s)
{
	cJSON_Delete(take(&s->array));
	cnt_batch_done(take(&s->batch));
}

static void
one_of_batch(struct cnt_server *s)
{
	cJSON *msg CNT_JSON = cJSON_DetachItemFromArray(s->array, 0);

	if (msg != NULL && cnt_raw_next(&s->items) == 1)
		one_message(s, s->batch, msg, s->items.value);
	else
		end_batch(s);
}

static void
not_taken(struct cnt_server *s, const struct cnt_rpc *m)
{
	struct cnt_request *r = cnt_request_find(s, m->cancels);

	if (r != NULL)
		cnt_request_cancel(r);
	if (m->kind == CNT_RPC_BAD)
		cnt_server_error(s, NULL, m->id, m->code, m->text, NULL);
}

static void
one_line(struct cnt_server *s, struct cnt_span line)
{
	struct cnt_rpc m;
	cJSON *j CNT_JSON = cnt_rpc_parse(line, &m);

	if (j == NULL)
		not_taken(s, &m);
	else if (cJSON_IsArray(j))
		begin_batch(s, take(&j), line);
	else
		one_message(s, NULL, j, line);
}

/* false: too many answers are unread, or it has been a long turn; what is left waits. */
static bool
lines(struct cnt_server *s, bool last)
{
	int64_t until = cnt_ticks_us() + TURN_US;
	struct cnt_span line;
	enum cnt_got got = CNT_LINE_READY;
	bool full = false;

	s->corked = true;
	while (!(full = !last && (cnt_writer_queued(s->out) > QUEUE_MAX ||
	    cnt_ticks_us() > until)) && (s->batch != NULL ||
	    (got = cnt_reader_next(&s->reader, last, &line)) != CNT_LINE_MORE)) {
		if (s->batch != NULL)
			one_of_batch(s);
		else if (got == CNT_LINE_READY)
			one_line(s, line);
		else
			cnt_server_error(s, NULL, (struct cnt_span){ 0 }, CNT_RPC_INVALID,
			    "Invalid request: message too large", NULL);
	}
	if (!full)
		cnt_reader_rest(&s->reader);
	s->corked = false;
	cnt_writer_flush(s->out);
	return !full;
}

static void
resume_later(struct cnt_server *s)
{
	cnt_loop_timer(s->loop, cnt_writer_queued(s->out) > QUEUE_MAX ? PAUSE_US : 0, resume, s);
}

/* May somebody still read what is answered? Not once a signal has said that time is short. */
static bool
may_be_read(struct cnt_server *s, int64_t now)
{
	size_t unread = cnt_writer_queued(s->out);

	if (unread < s->unread && s->reader_until != 0)
		s->reader_until = now + READER_US;
	s->unread = unread;
	return unread > 0 && now < s->reader_until;
}

/* Nobody writes any more, and nobody reads, so that the end of input is not come to? */
static bool
is_left(struct cnt_server *s)
{
	struct pollfd p = { .fd = s->in_fd, .events = POLLRDHUP };
	int64_t now = cnt_ticks_us();

	if (cnt_writer_queued(s->out) <= QUEUE_MAX || poll(&p, 1, 0) != 1) {
		s->reader_until = 0;
		return false;
	}
	if (s->reader_until == 0)
		s->reader_until = now + READER_US;
	return !may_be_read(s, now);
}

static void
resume(void *arg)
{
	struct cnt_server *s = arg;

	if (s->ending)
		return;
	if (is_left(s))
		end(s, 0);
	else if (!lines(s, false))
		resume_later(s);
	else if (!s->ending)
		s->in_watch = cnt_loop_watch(s->loop, s->in_fd, POLLIN, on_input, s);
}

static void
on_input(int fd, short revents CNT_UNUSED, void *arg)
{
	struct cnt_server *s = arg;
	ssize_t n = cnt_reader_fill(&s->reader, fd);
	bool all = false;

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	all = lines(s, n <= 0);
	if (n <= 0) {
		end(s, FINISH_US);
	} else if (!all && s->in_watch != NULL) {
		cnt_loop_unwatch(take(&s->in_watch));
		resume_later(s);
	}
}

/* Its subjects have nothing more to say, and keep nothing. */
static void
end_subjects(struct cnt_server *s)
{
	for (const struct cnt_subject *const *t = cnt_subjects(s->offer); *t != NULL; t++)
		if ((*t)->end != NULL)
			(*t)->end(s);
}

static void
cancel_all(struct cnt_server *s)
{
	s->cancelled = true;
	s->leave_at = cnt_ticks_us() + LEAVE_US;
	while (s->requests != NULL)
		cnt_request_cancel(s->requests);
}

/* Until everything is answered and written, or its time is over. */
static void
tick(void *arg)
{
	struct cnt_server *s = arg;
	const struct cnt_offer *o = s->offer;
	int64_t now = cnt_ticks_us();
	bool busy, late = now >= s->cancel_at &&
	    (now >= s->starved_until || o->starved == NULL || !o->starved(o->arg));

	if (!s->cancelled && (s->requests == NULL || late))
		cancel_all(s);
	busy = !s->cancelled || (o->ending != NULL && o->ending(o->arg)) ||
	    cnt_writer_queued(s->out) > 0;
	late = s->cancelled && now >= s->leave_at;
	if (!busy || (late && !may_be_read(s, now)))
		cnt_loop_stop(s->loop);
	else
		cnt_loop_timer(s->loop, late ? PAUSE_US : TICK_US, tick, s);
}

static void
end(struct cnt_server *s, int64_t finish_us)
{
	int64_t at = cnt_ticks_us() + finish_us;

	if (s->ending) {
		s->cancel_at = at < s->cancel_at ? at : s->cancel_at;
		s->starved_until = finish_us > 0 ? s->starved_until : at;
		s->reader_until = finish_us > 0 ? s->reader_until : 0;
		return;
	}
	s->ending = true;
	s->cancel_at = at;
	s->starved_until = finish_us > 0 ? at + STARVED_US : at;
	s->reader_until = finish_us > 0 ? at + READER_US : 0;
	if (s->in_watch != NULL)
		cnt_loop_unwatch(take(&s->in_watch));
	end_batch(s);
	end_subjects(s);
	tick(s);
}

static void
on_signal_told(int fd, short revents CNT_UNUSED, void *arg)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) > 0)
		end(arg, 0);
}

static void
on_broken(void *arg)
{
	end(arg, 0);
}

static void
nothing(int signo CNT_UNUSED)
{
}

/* Handlers stay after the end: a second signal must not change the exit status. SIGPIPE has one
 * because being ignored would be inherited by every program that is run. */
static void
catch_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };

	for (size_t i = 0; i < nitems(signals); i++) {
		struct sigaction sa = { .sa_flags = SA_RESTART };

		sa.sa_handler = signals[i] == SIGPIPE ? nothing : on_signal;
		sigaction(signals[i], &sa, NULL);
	}
}

static int
make_private(int *in, int *out, struct cnt_err *e)
{
	int null CNT_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)			/* a root without /dev */
		null = memfd_create("null", MFD_CLOEXEC);
	*in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (*in == -1 || null == -1)
		return cnt_fail_sys(e, "standard input");
	*out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (*out == -1)
		return cnt_fail_sys(e, "standard output");
	(void)fcntl(*out, F_SETPIPE_SZ, PIPE_SIZE);	/* a long answer in few turns */
	if (dup2(null, STDIN_FILENO) == -1 || dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		return cnt_fail_sys(e, "standard error");
	return 0;
}

int
cnt_serve(const struct cnt_offer *o, struct cnt_err *e)
{
	struct cnt_server s = { .offer = o, .reader.max = CNT_LINE_MAX };
	int in CNT_CLOSE = -1, out CNT_CLOSE = -1, event CNT_CLOSE = -1;

	if (make_private(&in, &out, e) == -1)
		return -1;
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event == -1)
		return cnt_fail_sys(e, "eventfd");
	signalled = event;
	catch_signals();
	s.in_fd = in;
	s.loop = cnt_loop_new();
	s.out = cnt_writer_new(s.loop, out, on_broken, &s);
	s.in_watch = cnt_loop_watch(s.loop, in, POLLIN, on_input, &s);
	cnt_loop_watch(s.loop, event, POLLIN, on_signal_told, &s);
	if (o->started != NULL)
		o->started(&s, o->arg);
	cnt_loop_run(s.loop);
	end_subjects(&s);
	signalled = -1;
	cnt_writer_free(s.out);
	cnt_reader_free(&s.reader);
	cnt_loop_free(s.loop);
	return 0;
}
