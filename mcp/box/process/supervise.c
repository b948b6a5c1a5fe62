/* SPDX-License-Identifier: Apache-2.0
 *
 * A command and all that descends from it. Between the call's process and the command stands a
 * supervisor: a session of its own and a child subreaper, so that a descendant whose parents
 * are gone, double-forked or not, becomes its child and is found. It depends on nobody's
 * signals: it sees the end of the call on its control socket and the end of the server on a
 * pidfd, however they end (SIGKILL too). The call's process is a subreaper as well, so that a
 * killed supervisor's children fall to it. The tree below is found and ended by tree.c.
 */
#include "mcp/box/process/supervise.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/box/process/background.h"
#include "mcp/box/process/launch.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/process/usage.h"

#define GRACE_US	2000000		/* between TERM and KILL */

static pid_t server;		/* 0: there is none, the connection is this process */

struct super {
	pid_t	shell;			/* 0: reaped */
	int	control, life, signals;	/* life: readable when the server is gone; -1: none */
	int	drain[2];
	int	group;			/* see cnt_usage_begin */
	bool	answered;		/* the call is over: what is left may run on */
	bool	reported;
	bool	killing;
	int64_t	kill_at;		/* when TERM becomes KILL; 0: no end was asked for */
	struct cnt_supervised ended;
	struct cnt_keep keep;		/* dir -1: none may be made of it */
};

void
cnt_supervise_for_server(void)
{
	server = getpid();
	cnt_usage_init();
}

static void
report(struct super *s)
{
	struct cnt_pids left = { 0 };

	s->reported = true;
	cnt_usage_end(s->group, &s->ended.usage);
	if (cnt_tree_has_children())
		cnt_tree_find(&left);
	s->ended.left = (int)left.n;
	for (size_t i = 0; i < left.n && i < nitems(s->ended.pids); i++)
		s->ended.pids[i] = left.p[i];
	free(left.p);
	/* One write of less than a socket buffer; when nobody reads it any more the control
	 * says so. */
	if (send(s->control, &s->ended, sizeof(s->ended), MSG_NOSIGNAL) == -1)
		s->answered = false;
}

static void
reap(struct super *s)
{
	int status = 0;
	pid_t pid = 0;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->shell) {
			s->shell = 0;
			s->ended.status = status;
		}
}

static void
end_gently(struct super *s)
{
	if (s->kill_at != 0 || s->killing)
		return;
	s->kill_at = cnt_ticks_us() + GRACE_US;
	cnt_tree_signal(SIGTERM);
}

static void
end_now(struct super *s)
{
	if (!s->killing)
		cnt_tree_signal(SIGKILL);
	s->killing = true;
}

/* Does not return, unless the command has ended, which has been reported. */
static void
become_keeper(struct super *s, const struct cnt_handover *h)
{
	if (s->shell == 0 || s->keep.dir == -1)
		return;
	if (s->life != -1)
		close(s->life);
	if (s->group != -1)
		close(s->group);
	s->keep.out[0] = s->drain[0];
	s->keep.out[1] = s->drain[1];
	s->keep.signals = s->signals;
	s->keep.report = s->control;
	s->keep.shell = s->shell;
	cnt_background_take_over(&s->keep, h);
}

static void
read_control(struct super *s)
{
	struct cnt_handover h = { 0 };
	ssize_t n = recv(s->control, &h, sizeof(h), MSG_DONTWAIT);

	if (n > 0 && h.op == 'K')
		end_now(s);
	else if (n > 0 && h.op == 'D')
		s->answered = true;
	else if (n == (ssize_t)sizeof(h) && h.op == 'B')
		become_keeper(s, &h);
	else if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		close(s->control);
		s->control = -1;
		if (!s->answered || s->life == -1)
			end_gently(s);
	}
}

/* What processes that run on write is thrown away: they must not block or die of a closed pipe. */
static void
discard(struct super *s, int i)
{
	static char chunk[65536];
	ssize_t n = read(s->drain[i], chunk, sizeof(chunk));

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		close(s->drain[i]);
		s->drain[i] = -1;
	}
}

static int
milliseconds(const struct super *s)
{
	int64_t left = s->kill_at - cnt_ticks_us();

	if (s->killing)
		return 10;
	return s->kill_at == 0 ? -1 : left > 0 ? (int)(left / 1000) + 1 : 0;
}

static void
wait_for_something(struct super *s)
{
	struct pollfd p[] = {
		{ .fd = s->signals, .events = POLLIN }, { .fd = s->control, .events = POLLIN },
		{ .fd = s->kill_at == 0 && !s->killing ? s->life : -1, .events = POLLIN },
		{ .fd = s->answered ? s->drain[0] : -1, .events = POLLIN },
		{ .fd = s->answered ? s->drain[1] : -1, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	if (poll(p, nitems(p), milliseconds(s)) == -1)
		return;
	if (p[0].revents != 0 && read(s->signals, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo != SIGCHLD)
		end_gently(s);
	if (p[1].revents != 0)
		read_control(s);
	if (p[2].revents != 0)
		end_gently(s);
	for (int i = 0; i < 2; i++)
		if (p[3 + i].revents != 0)
			discard(s, i);
}

static void CNT_NORETURN
supervise(struct super *s)
{
	for (;;) {
		reap(s);
		if (s->kill_at != 0 && cnt_ticks_us() >= s->kill_at)
			end_now(s);
		if (s->killing)
			cnt_tree_kill_children();
		if (s->shell == 0 && !s->reported && (!s->killing || !cnt_tree_has_children()))
			report(s);
		if (s->reported && !cnt_tree_has_children())
			_exit(0);
		wait_for_something(s);
	}
}

static void CNT_NORETURN
supervisor(const struct cnt_command *c, int control, int life)
{
	struct super s = { .control = control, .life = life,
	    .drain = { c->drain[0], c->drain[1] }, .keep.dir = -1 };
	int *const mine[] = { &s.control, &s.life, &s.signals, &s.drain[0], &s.drain[1],
	    &s.group, &s.keep.dir };
	sigset_t all;

	if (c->keep != NULL)
		s.keep = *c->keep;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGCONT);	/* stopped by a command, it would not see the end */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGTERM);
	s.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	s.group = cnt_usage_begin();
	s.ended.error = cnt_launch(c, &s.shell);
	if (s.ended.error != 0)
		s.shell = 0;
	cnt_launch_keep_only(mine, nitems(mine));
	supervise(&s);
}

/* The server is the parent of the call's process; if it is not any more, its number means
 * nothing. */
static int
open_life(struct cnt_err *e)
{
	int fd = server != 0 ? (int)syscall(SYS_pidfd_open, server, 0) : -1;

	if (server != 0 && (fd == -1 || getppid() != server))
		return cnt_fail(e, CNT_SYSTEM, "the server is gone");
	return fd;
}

pid_t
cnt_supervise(const struct cnt_command *c, int *control, struct cnt_err *e)
{
	int pair[2] = { -1, -1 }, life CNT_CLOSE = open_life(e);
	pid_t pid = -1;

	if (life == -1 && server != 0)
		return -1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return cnt_fail_sys(e, "socketpair");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		supervisor(c, pair[1], life);
	}
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return cnt_fail_sys(e, "fork");
	}
	*control = pair[0];
	return pid;
}
