/* SPDX-License-Identifier: Apache-2.0
 *
 * Each question is a program on a pipe; one loop listens to a few of them until all have ended, by
 * themselves or at their time. A grandchild that holds the pipe open is not waited for.
 */
#include "mcp/ask.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "lib/cancel.h"
#include "mcp/program.h"
#include "mcp/starved.h"

#define SAID_MAX	((size_t)1 << 20)
#define AT_ONCE		4		/* more would wait for each other's processors */
#define KILL_US		1000000		/* after TERM */
#define STARVED		5		/* times its time, for one that the machine has none for */

struct asking;

struct asked {
	struct cnt_question	*q;
	struct asking		*all;
	struct cnt_program	 program;
	struct cnt_watch	*watch;
	struct cnt_timer	*timer;
	int			 fd, late;	/* late: how often it had not ended in time */
};

struct asking {
	struct cnt_loop		*loop;
	struct asked		*of;
	size_t			 n, next, open;	/* open: have begun and not ended */
	struct cnt_watch	*signals;
	bool			 cut;
};

static void start_more(struct asking *all);

void
cnt_question_free(struct cnt_question *q)
{
	for (size_t i = 0; i < nitems(q->argv); i++)
		free(q->argv[i]);
	free(q->why);
	cnt_buf_free(&q->said);
}

static void
fail(struct asked *a, char *why)
{
	if (a->q->why == NULL)
		a->q->why = take(&why);
	free(why);
	cnt_buf_free(&a->q->said);
}

static void
stop(struct asked *a, char *why)
{
	fail(a, why);
	cnt_program_stop(&a->program, 0, a->q->heard ? KILL_US : 0);
}

/* False when nothing more will come, or is wanted. */
static bool
drain(struct asked *a)
{
	char chunk[16384];
	ssize_t n;

	while ((n = read(a->fd, chunk, sizeof(chunk))) > 0) {
		cnt_buf_add(&a->q->said, chunk, (size_t)n);
		if (a->q->said.n > SAID_MAX) {
			stop(a, cnt_format("said more than %zu KiB", SAID_MAX >> 10));
			return false;
		}
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static void
on_output(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct asked *a = arg;

	if (!drain(a))
		cnt_loop_unwatch(take(&a->watch));
}

static void
on_ended(void *arg)
{
	struct asked *a = arg;
	int status = cnt_program_status(&a->program);

	if (a->watch != NULL) {
		drain(a);
		cnt_loop_unwatch(take(&a->watch));
	}
	cnt_loop_untimer(a->timer);
	if (status != 0)
		fail(a, cnt_program_how(&a->program));
	a->q->unasked = a->all->cut || status == CNT_PROGRAM_NO_EXEC ||
	    status == cnt_code_exit(CNT_SYSTEM);
	cnt_program_free(&a->program);
	close(a->fd);
	a->all->open--;
	start_more(a->all);
}

static void
on_time(void *arg)
{
	struct asked *a = arg;
	double waited = (double)a->q->within_us * ++a->late / 1e6;

	if (a->late == STARVED || !cnt_starved(&a->program.pid, 1))
		stop(a, cnt_format("no answer in %.15g s", waited));
	a->timer = cnt_loop_timer(a->all->loop, a->q->within_us, on_time, a);
}

static int
start(struct asked *a, struct cnt_err *e)
{
	int null CNT_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC), from CNT_CLOSE = -1, p[2];

	if (null == -1 || pipe2(p, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	from = p[1];
	a->fd = p[0];
	fcntl(a->fd, F_SETFL, O_NONBLOCK);
	a->program = (struct cnt_program){ .ended = on_ended, .arg = a, .env = a->q->env };
	if (cnt_program_start(&a->program, a->all->loop, a->q->argv[0], a->q->argv,
	    (int[]){ null, from, a->q->heard ? STDERR_FILENO : null },
	    a->q->heard ? SIGTERM : SIGKILL, e) == -1) {
		close(a->fd);
		return -1;
	}
	a->watch = cnt_loop_watch(a->all->loop, a->fd, POLLIN, on_output, a);
	a->timer = cnt_loop_timer(a->all->loop, a->q->within_us, on_time, a);
	return 0;
}

static void
start_more(struct asking *all)
{
	while (!all->cut && all->next < all->n && all->open < AT_ONCE) {
		struct asked *a = &all->of[all->next++];
		struct cnt_err e = { 0 };

		if (start(a, &e) == 0)
			all->open++;
		else
			fail(a, cnt_strdup(e.text));
	}
	if (all->open == 0)
		cnt_loop_stop(all->loop);
}

static void
on_signal(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct asking *all = arg;

	cnt_loop_unwatch(take(&all->signals));	/* it stays readable */
	all->cut = true;
	for (size_t i = 0; i < all->n; i++)
		if (i >= all->next || all->of[i].program.pid != 0)
			stop(&all->of[i], cnt_strdup("interrupted"));
}

void
cnt_ask(struct cnt_question *q, size_t n)
{
	struct asked *of CNT_FREE = cnt_alloc(n * sizeof(*of));
	struct asking all = { .loop = cnt_loop_new(), .of = of, .n = n };
	int signals CNT_CLOSE = -1;
	sigset_t set, before;

	cnt_cancel_signals(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	sigprocmask(SIG_BLOCK, signals != -1 ? &set : NULL, &before);
	if (signals != -1)
		all.signals = cnt_loop_watch(all.loop, signals, POLLIN, on_signal, &all);
	for (size_t i = 0; i < n; i++) {
		of[i] = (struct asked){ .q = &q[i], .all = &all };
		q[i].unasked = true;
	}
	start_more(&all);
	if (all.open > 0)
		cnt_loop_run(all.loop);
	cnt_loop_free(all.loop);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
