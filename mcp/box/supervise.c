/* SPDX-License-Identifier: Apache-2.0
 *
 * A command and all that descends from it. Between the call's process and the command stands a
 * supervisor: a session of its own and a child subreaper, so that a descendant whose parents
 * are gone, double-forked or not, becomes its child and is found. It depends on nobody's
 * signals: it sees the end of the call on its control socket and the end of the server on a
 * pidfd, however they end (SIGKILL too). The call's process is a subreaper as well, so that a
 * killed supervisor's children fall to it.
 *
 * What is killed loses its children to the supervisor, so killing the supervisor's own children
 * until it has none ends any tree; a pid of its own child cannot be another process's before it
 * is reaped.
 */
#include "mcp/box/box.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#define GRACE_US	2000000		/* between TERM and KILL */
#define PID_LIMIT	4194304		/* the kernel's own bound on pids */

static pid_t server;		/* 0: there is none, the connection is this process */

struct pids {
	pid_t	*p;
	size_t	 n, cap;
	int	 sig;			/* 0: none */
	size_t	 told;			/* so many have been sent it */
};

struct super {
	pid_t	shell;			/* 0: reaped */
	int	control, life, signals;	/* life: readable when the server is gone; -1: none */
	int	drain[2];
	bool	answered;		/* the call is over: what is left may run on */
	bool	reported;
	bool	killing;
	int64_t	kill_at;		/* when TERM becomes KILL; 0: no end was asked for */
	struct cnt_ended ended;
};

void
cnt_supervise_for_server(void)
{
	server = getpid();
}

static void
add_pid(struct pids *s, pid_t pid)
{
	if (s->n == s->cap) {
		s->cap = s->cap * 2 + 64;
		s->p = cnt_realloc(s->p, s->cap * sizeof(*s->p));
	}
	s->p[s->n++] = pid;
}

/* Children of one thread, as the kernel lists them (CONFIG_PROC_CHILDREN); -1 when it does not. */
static int
add_children_of(struct pids *s, pid_t pid, const char *thread)
{
	char *path CNT_FREE = cnt_format("/proc/%d/task/%s/children", (int)pid, thread);
	FILE *f CNT_FILE = fopen(path, "re");
	int child = 0;

	if (f == NULL)
		return -1;
	while (fscanf(f, "%d", &child) == 1)
		add_pid(s, child);
	return 0;
}

/* Without /proc: which of all pids is a child of ours? Asking takes seconds: who is to be
 * signalled is, when found. */
static void
add_children_by_asking(struct pids *s)
{
	siginfo_t info;

	for (pid_t pid = 1; pid < PID_LIMIT; pid++)
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
			add_pid(s, pid);
			if (s->sig != 0)
				kill(pid, s->sig);
		}
	s->told = s->n;
}

static void
add_own_children(struct pids *s)
{
	char thread[16];

	snprintf(thread, sizeof(thread), "%d", (int)getpid());
	if (add_children_of(s, getpid(), thread) == -1)
		add_children_by_asking(s);
}

/* Every descendant, as far as /proc shows them; else the children. */
static void
find_descendants(struct pids *s)
{
	add_own_children(s);
	for (size_t i = 0; i < s->n; i++) {
		char *path CNT_FREE = cnt_format("/proc/%d/task", (int)s->p[i]);
		DIR *d CNT_DIR = opendir(path);
		struct dirent *entry = NULL;

		while (d != NULL && (entry = readdir(d)) != NULL)
			if (entry->d_name[0] != '.')
				add_children_of(s, s->p[i], entry->d_name);
	}
}

static void
signal_rest(struct pids *s)
{
	for (size_t i = s->told; i < s->n; i++)
		kill(s->p[i], s->sig);
	free(s->p);
}

static void
signal_descendants(int sig)
{
	struct pids s = { .sig = sig };

	find_descendants(&s);
	signal_rest(&s);
}

static void
kill_children(void)
{
	struct pids s = { .sig = SIGKILL };

	add_own_children(&s);
	signal_rest(&s);
}

void
cnt_end_descendants(void)
{
	do
		kill_children();
	while (waitpid(-1, NULL, 0) != -1 || errno == EINTR);
}

static bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
report(struct super *s)
{
	struct pids left = { 0 };

	s->reported = true;
	if (has_children())
		find_descendants(&left);
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
	signal_descendants(SIGTERM);
}

static void
end_now(struct super *s)
{
	if (!s->killing)
		signal_descendants(SIGKILL);
	s->killing = true;
}

static void
read_control(struct super *s)
{
	char c = '\0';
	ssize_t n = recv(s->control, &c, 1, MSG_DONTWAIT);

	if (n == 1 && c == 'K')
		end_now(s);
	else if (n == 1 && c == 'D')
		s->answered = true;
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
			kill_children();
		if (s->shell == 0 && !s->reported && (!s->killing || !has_children()))
			report(s);
		if (s->reported && !has_children())
			_exit(0);
		wait_for_something(s);
	}
}

/* In the child of vfork, with every signal blocked: system calls only. */
static CNT_NORETURN void
become(const struct cnt_command *c, char *const argv[], volatile int *error)
{
	const int f[] = { c->in, c->out, c->err };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	if (setsid() != -1 && dup2(f[0], 0) != -1 && dup2(f[1], 1) != -1 && dup2(f[2], 2) != -1 &&
	    fchdir(c->cwd) != -1 && sigprocmask(SIG_SETMASK, &none, NULL) != -1)
		execve("/bin/sh", argv, c->env);
	*error = errno;
	_exit(127);
}

static int
start(const struct cnt_command *c, pid_t *shell)
{
	char name[] = "sh", flag[] = "-c", end[] = "--", *text CNT_FREE = cnt_strdup(c->text);
	char *const argv[] = { name, flag, end, text, NULL };
	volatile int error = 0;

	*shell = vfork();
	if (*shell == 0)
		become(c, argv, &error);
	return *shell == -1 ? errno : error;
}

/* The supervisor keeps its own descriptors and nothing of the server's: not the real standard
 * output, whose end the client waits for, and not what the answer goes through. */
static void
keep_only(struct super *s)
{
	int *mine[] = { &s->control, &s->life, &s->signals, &s->drain[0], &s->drain[1] };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), at = 3;

	for (size_t i = 0; i < nitems(mine); i++)
		if (*mine[i] != -1) {
			int high = fcntl(*mine[i], F_DUPFD_CLOEXEC, at + (int)nitems(mine));

			*mine[i] = high;
		}
	for (int fd = 0; fd < 3; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			close(fd);
	for (size_t i = 0; i < nitems(mine); i++)
		if (*mine[i] != -1)
			*mine[i] = dup3(*mine[i], at++, O_CLOEXEC);
	if (close_range((unsigned)at, ~0U, 0) == -1)
		for (int fd = at; fd < 4096; fd++)
			close(fd);
}

static void CNT_NORETURN
supervisor(const struct cnt_command *c, int control, int life)
{
	struct super s = { .control = control, .life = life,
	    .drain = { c->drain[0], c->drain[1] } };
	sigset_t all;

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
	s.ended.error = start(c, &s.shell);
	if (s.ended.error != 0)
		s.shell = 0;
	keep_only(&s);
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
