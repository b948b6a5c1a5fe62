/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a call: it waits for its place, its program is started, told, listened to, and ended,
 * whatever that program does.
 */
#include "mcp/peer-own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/rpc.h"

#define TERM_US		200000		/* after cancelling; it ends by itself before */
#define KILL_US		2000000
#define SILENT_US	1000000		/* from the end of its output to its own */

static void start_waiting(struct cnt_peers *ps);

struct cnt_peers *
cnt_peers_new(unsigned at_once, int64_t deadline_us)
{
	struct cnt_peers *ps = cnt_alloc(sizeof(*ps));

	*ps = (struct cnt_peers){ .at_once = at_once, .deadline_us = deadline_us };
	return ps;
}

static void
free_words(struct peer *p)
{
	for (size_t i = 0; i < nitems(p->argv); i++)
		free(p->argv[i]);
	cnt_buf_free(&p->line);
	cnt_reader_free(&p->reader);
}

static void
close_input(struct peer *p)
{
	if (p->in != NULL)
		cnt_writer_free(take(&p->in));
	if (p->in_fd != -1)
		close(take_fd(&p->in_fd));
}

static void
peer_free(struct peer *p)
{
	struct cnt_peers *ps = p->all;

	*(p->prev != NULL ? &p->prev->next : &ps->first) = p->next;
	*(p->next != NULL ? &p->next->prev : &ps->last) = p->prev;
	if (p->process.pid != 0)
		ps->running--;
	close_input(p);
	if (p->out_watch != NULL)
		cnt_loop_unwatch(p->out_watch);
	if (p->deadline != NULL)
		cnt_loop_untimer(p->deadline);
	if (p->out_fd != -1)
		close(p->out_fd);
	cnt_program_free(&p->process);
	free_words(p);
	free(p);
}

/* What was dropped in goes by its own name, not by that of the program that runs it. */
static const char *
name_of(const struct peer *p)
{
	const char *slash = strrchr(p->argv[0], '/');

	return p->argv[2] != NULL ? p->argv[1] : slash != NULL ? slash + 1 : p->argv[0];
}

void
cnt_peer_fail(struct peer *p, enum cnt_code code, const char *hint, const char *fmt, ...)
{
	char *what CNT_FREE = NULL;
	struct cnt_err e = { 0 };
	va_list ap;

	close_input(p);
	cnt_program_stop(&p->process, 0, KILL_US);
	if (p->r == NULL)
		return;
	va_start(ap, fmt);
	what = cnt_vformat(fmt, ap);
	va_end(ap);
	cnt_fail(&e, code, "%s: %s", name_of(p), what);
	cnt_hint(&e, "%s", hint);
	cnt_request_error(take(&p->r), &e);
}

void
cnt_peer_answered(struct peer *p)
{
	close_input(p);
	cnt_program_stop(&p->process, KILL_US, 2L * KILL_US);
}

#define LOOK	"part of its work may be done: look at the result before calling it again"

static void
on_deadline(void *arg)
{
	struct peer *p = arg;

	p->deadline = NULL;
	cnt_peer_fail(p, CNT_TIMEOUT, "mcp-deadline in cnt.conf(5) is the limit; " LOOK,
	    "no answer in %.15g s, so it was ended", (double)p->all->deadline_us / 1e6);
}

static void
on_silent(void *arg)
{
	struct peer *p = arg;

	p->deadline = NULL;
	cnt_peer_fail(p, CNT_BUG, LOOK, "closed its output without an answer, so it was ended");
}

/* One read, so that a flood leaves room for others. It may babble on when nobody listens. */
static void
on_output(int fd, short revents CNT_UNUSED, void *arg)
{
	struct peer *p = arg;
	ssize_t n = cnt_reader_fill(&p->reader, fd);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		cnt_peer_heard(p, (size_t)n);
	if (n > 0 && p->r != NULL)
		return;
	cnt_loop_unwatch(take(&p->out_watch));
	if (p->r == NULL)
		return;
	cnt_loop_untimer(p->deadline);
	p->deadline = cnt_loop_timer(cnt_request_loop(p->r), SILENT_US, on_silent, p);
}

static void
on_ended(void *arg)
{
	struct peer *p = arg;
	struct cnt_peers *ps = p->all;
	char *how CNT_FREE = cnt_program_how(&p->process);
	ssize_t n;

	while (p->out_watch != NULL && p->r != NULL &&
	    (n = cnt_reader_fill(&p->reader, p->out_fd)) > 0)
		cnt_peer_heard(p, (size_t)n);
	if (p->r != NULL && cnt_program_status(&p->process) == CNT_PROGRAM_NO_EXEC)
		cnt_peer_fail(p, CNT_UNAVAILABLE, "list the tools again", "could not be executed");
	if (p->r != NULL)
		cnt_peer_fail(p, CNT_BUG, LOOK, "ended without an answer (%s)", how);
	peer_free(p);
	start_waiting(ps);
}

static void
on_input_broken(void *arg CNT_UNUSED)
{
	/* Its end is seen by the pidfd. */
}

static int
start(struct peer *p, struct cnt_err *e)
{
	struct cnt_loop *l = cnt_request_loop(p->r);
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	if (pipe2(in, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	if (pipe2(out, O_CLOEXEC) == -1) {
		cnt_fail_sys(e, "pipe");
		close(in[0]);
		close(in[1]);
		return -1;
	}
	p->in_fd = in[1];
	p->out_fd = out[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	p->process.ended = on_ended;
	p->process.arg = p;
	r = cnt_program_start(&p->process, l, p->argv[0], p->argv,
	    (int[]){ in[0], out[1], STDERR_FILENO }, SIGTERM, e);
	close(in[0]);
	close(out[1]);
	if (r == -1)
		return -1;
	p->all->running++;
	p->out_watch = cnt_loop_watch(l, p->out_fd, POLLIN, on_output, p);
	p->deadline = cnt_loop_timer(l, p->all->deadline_us, on_deadline, p);
	p->in = cnt_writer_new(l, p->in_fd, on_input_broken, p);
	cnt_writer_add(p->in, &p->line);
	cnt_writer_flush(p->in);
	return 0;
}

static void
resume(void *arg)
{
	struct cnt_peers *ps = arg;

	ps->pause = NULL;
	start_waiting(ps);
}

static void
start_waiting(struct cnt_peers *ps)
{
	struct peer *next;

	for (struct peer *p = ps->first; p != NULL && ps->pause == NULL &&
	    ps->running < ps->at_once; p = next) {
		struct cnt_err e = { 0 };

		next = p->next;
		if (p->process.pid != 0)
			continue;
		if (cnt_request_unread(p->r) > CNT_UNREAD_MAX) {
			ps->pause = cnt_loop_timer(cnt_request_loop(p->r), CNT_UNREAD_US, resume,
			    ps);
		} else if (start(p, &e) == -1) {
			cnt_request_error(take(&p->r), &e);
			peer_free(p);
		}
	}
}

void
cnt_peer_call(struct cnt_peers *ps, struct cnt_request *r, const char *program, const char *first,
    const char *tool, const cJSON *arguments)
{
	struct peer *p = cnt_alloc(sizeof(*p));
	size_t n = 0;

	*p = (struct peer){ .all = ps, .r = r, .prev = ps->last,
	    .line = cnt_rpc_call(1, cnt_request_wants_progress(r), tool, arguments),
	    .in_fd = -1, .out_fd = -1, .reader.max = CNT_PEER_LINE };
	p->argv[n++] = cnt_strdup(program);
	if (first != NULL)
		p->argv[n++] = cnt_strdup(first);
	p->argv[n] = cnt_strdup("--mcp");
	*(ps->last != NULL ? &ps->last->next : &ps->first) = p;
	ps->last = p;
	start_waiting(ps);
}

bool
cnt_peer_cancel(struct cnt_peers *ps, struct cnt_request *r)
{
	struct peer *p = ps->first;
	struct cnt_buf b = { 0 };

	while (p != NULL && p->r != r)
		p = p->next;
	if (p == NULL)
		return false;
	p->r = NULL;
	cnt_request_drop(r);
	if (p->process.pid == 0) {
		peer_free(p);
		return true;
	}
	if (p->in != NULL) {
		b = cnt_rpc_cancel(1);
		cnt_writer_add(p->in, &b);
		cnt_writer_flush(p->in);
	}
	close_input(p);
	cnt_program_stop(&p->process, TERM_US, KILL_US);
	return true;
}

bool
cnt_peers_ending(const struct cnt_peers *ps)
{
	for (const struct peer *p = ps->first; p != NULL; p = p->next)
		if (p->process.pid != 0 && !p->process.exited)
			return true;
	return false;
}

pid_t *
cnt_peers_free(struct cnt_peers *ps, size_t *n)
{
	pid_t *groups;
	struct peer *next;

	*n = 0;
	groups = cnt_alloc((ps->running + 1) * sizeof(*groups));
	for (struct peer *p = ps->first; p != NULL; p = next) {
		next = p->next;
		if (p->process.pid != 0)
			groups[(*n)++] = p->process.pid;
		free_words(p);
		free(p);
	}
	free(ps);
	return groups;
}
