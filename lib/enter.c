/* SPDX-License-Identifier: Apache-2.0
 *
 * A session in a box as the host sees it: one process that never leaves the host owns the session's
 * cgroup leaf, starts the entrant, passes signals on, relays where a terminal is involved, and ends
 * what is left. Nothing that comes from inside is believed but the entrant's word before its exec.
 */
#include "lib/enter.h"

#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/entrant.h"
#include "lib/filter.h"
#include "lib/proc.h"

#define SETUP_US	10000000	/* a box can stall its own files, and stop what enters */
#define GRACE_MS	2000		/* from TERM to KILL */
#define KEEP_US		5000000		/* from end of input to agent-box's exit; then TERM */
#define TOLD_US		1000000		/* from that, which ends its wait for a reader too */
#define DRAIN_US	2000000		/* output left in a relay after the end */

struct session {
	const struct cnt_entry	*en;
	struct cnt_leaf		 leaf;
	struct cnt_terminal	 like;
	pid_t			 helper, pid;
	int			 report, pidfd, signals, master;
	sigset_t		 mask;		/* of the caller */
	struct cnt_pump		 pumps[3];
	size_t			 pumps_n;
	int64_t			 timeout_at, kill_at;	/* ticks; 0: none */
	bool			 gone;		/* the client, or its time */
	bool			 told;		/* agent-box, that its time is over */
};

static int
check_descriptor(int fd, const char *name, struct cnt_err *e)
{
	struct stat st = { 0 };

	if (fstat(fd, &st) == -1)
		return cnt_fail_sys(e, "%s", name);
	if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
		return cnt_fail(e, CNT_INVALID, "%s: a %s cannot be given to a box", name,
		    S_ISDIR(st.st_mode) ? "directory" : "disk");
	return 0;
}

static int
check(const struct cnt_entry *en, struct cnt_err *e)
{
	if (check_descriptor(en->in, "standard input", e) == -1 ||
	    check_descriptor(en->out, "standard output", e) == -1 ||
	    check_descriptor(en->err, "standard error", e) == -1)
		return -1;
	if (en->cwd == NULL || en->cwd[0] == '/')
		return 0;
	cnt_fail(e, CNT_INVALID, "%s: not an absolute path", en->cwd);
	return cnt_hint(e, "a directory in the box, such as /tmp");
}

static int
begin(struct session *s, struct cnt_err *e)
{
	static const int passed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < nitems(passed); i++)	/* blocked, an ignored one would wait too */
		if (sigaction(passed[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, passed[i]);
	sigprocmask(SIG_BLOCK, &set, &s->mask);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals == -1 ? cnt_fail_sys(e, "signalfd") : 0;
}

static void
finish(struct session *s)
{
	struct signalfd_siginfo i;

	cnt_terminal_restore(&s->like);
	while (s->signals != -1 && read(s->signals, &i, sizeof(i)) == sizeof(i))
		;			/* too late for the session, and not to end its record */
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	for (size_t k = 0; k < s->pumps_n; k++)
		cnt_pump_end(&s->pumps[k]);
	cnt_cleanup_close(&s->master);
	cnt_cleanup_close(&s->signals);
	cnt_cleanup_close(&s->pidfd);
	cnt_cleanup_close(&s->report);
}

static void
add_pump(struct session *s, int from, int to, unsigned ours)
{
	int own = cnt_terminal_reopen(to);

	s->pumps[s->pumps_n++] = (struct cnt_pump){ .from = from, .to = own != -1 ? own : to,
	    .ours = own != -1 ? ours | CNT_PUMP_TO : ours, .input = from == s->en->in };
}

/* A pipe instead of the caller's terminal. `theirs` is the end for the box. */
static int
add_pipe(struct session *s, int fd, bool input, int *theirs, struct cnt_err *e)
{
	int p[2];

	*theirs = fd;
	if (!isatty(fd))
		return 0;
	if (pipe2(p, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	*theirs = p[input ? 0 : 1];
	if (input)
		add_pump(s, fd, p[1], CNT_PUMP_TO);
	else
		add_pump(s, p[0], fd, CNT_PUMP_FROM);
	return 0;
}

static void
close_theirs(const struct session *s, const struct cnt_entrant *x)
{
	if (x->in != -1 && x->in != s->en->in)
		close(x->in);
	if (x->out != -1 && x->out != s->en->out)
		close(x->out);
	if (x->err != -1 && x->err != s->en->err)
		close(x->err);
}

static int
start(struct session *s, struct cnt_entrant *x, struct cnt_err *e)
{
	int pair[2];

	if (s->en->terminal)
		cnt_terminal_look(s->en->in, &s->like);
	else if (add_pipe(s, s->en->in, true, &x->in, e) == -1 ||
	    add_pipe(s, s->en->out, false, &x->out, e) == -1 ||
	    add_pipe(s, s->en->err, false, &x->err, e) == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return cnt_fail_sys(e, "socketpair");
	s->report = pair[0];
	x->report = pair[1];
	s->helper = cnt_entrant_start(x, e);
	close(x->report);
	return s->helper == -1 ? -1 : 0;
}

/* 1, or 0 at the end of all that could report, or -1. */
static int
receive(struct session *s, int64_t deadline, struct cnt_report *r, struct cnt_err *e)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec bytes = { .iov_base = r, .iov_len = sizeof(*r) };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control,
	    .msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = s->report, .events = POLLIN };
	int64_t left = deadline - cnt_ticks_us();
	struct cmsghdr *c;
	ssize_t n;

	if (left <= 0 || poll(&p, 1, (int)(left / 1000) + 1) == 0)
		return cnt_fail(e, CNT_BUSY, "%s: does not let anyone in", s->en->box);
	n = recvmsg(s->report, &m, MSG_CMSG_CLOEXEC);
	if (n != sizeof(*r))
		return n == 0 || (n == -1 && errno == ECONNRESET) ? 0 :
		    cnt_fail_sys(e, "%s: entering", s->en->box);
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS && s->master == -1)
		memcpy(&s->master, CMSG_DATA(c), sizeof(s->master));
	return 1;
}

/* Until the entrant is about to exec. After a failure, on to the end: its pid may still come. */
static int
await(struct session *s, struct cnt_err *e)
{
	int64_t deadline = cnt_ticks_us() + SETUP_US;
	struct cnt_report r = { 0 };
	bool ready = false, failed = false;
	int got = 1;

	while (!(ready && s->pid != -1) && (got = receive(s, deadline, &r, e)) == 1) {
		ready = ready || r.kind == CNT_ENTRANT_READY;
		if (r.kind == CNT_ENTRANT_PID)
			s->pid = r.pid;
		if (r.kind == CNT_ENTRANT_FAILED && !failed) {
			*e = r.err;
			failed = true;
		}
	}
	if (got == 0 && !failed)
		return cnt_fail(e, CNT_BUSY, "%s: entering was ended from inside, or for lack of "
		    "memory", s->en->box);
	return got == 1 ? 0 : -1;
}

static int
reap(struct session *s)
{
	int status = cnt_proc_reap(s->pid);

	s->pid = -1;
	return status;
}

/* What is meant for the session goes to its first process group, as a terminal would send it;
 * agent-box ends its own commands. */
static void
pass_signal(struct session *s)
{
	struct signalfd_siginfo i = { 0 };

	if (read(s->signals, &i, sizeof(i)) != sizeof(i))
		return;
	if (i.ssi_signo == SIGWINCH) {
		cnt_terminal_resize(&s->like, s->master);
		return;
	}
	kill(s->en->keep ? s->pid : -s->pid, (int)i.ssi_signo);
	if (s->en->keep && s->kill_at == 0)
		s->kill_at = cnt_ticks_us() + KEEP_US;
}

static int
time_left(const struct session *s)
{
	int64_t at = s->timeout_at;
	int64_t left;

	if (s->kill_at != 0 && (at == 0 || s->kill_at < at))
		at = s->kill_at;
	if (at == 0)
		return -1;
	left = at - cnt_ticks_us();
	return left <= 0 ? 0 : (int)(left / 1000 > 3600000 ? 3600000 : left / 1000 + 1);
}

static void
client_left(struct session *s)
{
	if (!s->en->keep)
		s->gone = true;
	else if (s->kill_at == 0)
		s->kill_at = cnt_ticks_us() + KEEP_US;
}

static void
time_over(struct session *s)
{
	s->gone = s->told;
	s->told = true;
	s->kill_at += TOLD_US;
	kill(s->pid, SIGTERM);
}

enum { W_SIGNALS, W_CHILD, W_OUT, W_IN, W_PUMPS };

/* One turn; false when the session is over. A descriptor whose end was seen is not asked again. */
static bool
turn(struct session *s, struct pollfd w[W_PUMPS + 3], struct cnt_ended *ended)
{
	bool lost = false;

	for (size_t k = 0; k < s->pumps_n; k++)
		w[W_PUMPS + k] = cnt_pump_wait(&s->pumps[k]);
	if (poll(w, W_PUMPS + s->pumps_n, time_left(s)) == -1)
		return true;
	if (w[W_SIGNALS].revents != 0)
		pass_signal(s);
	for (size_t k = 0; k < s->pumps_n; k++) {
		cnt_pump_move(&s->pumps[k], w[W_PUMPS + k].revents);
		lost = lost || (s->pumps[k].lost && !s->pumps[k].input);
	}
	if (lost || (w[W_OUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
		w[W_OUT].fd = -1;
		client_left(s);
	}
	if (w[W_IN].revents != 0) {
		w[W_IN].fd = -1;
		client_left(s);
	}
	if (s->timeout_at != 0 && cnt_ticks_us() >= s->timeout_at)
		ended->timed_out = s->gone = true;
	if (s->kill_at != 0 && cnt_ticks_us() >= s->kill_at)
		time_over(s);
	return !s->gone && w[W_CHILD].revents == 0;
}

/* What was written before the end is still in the relay. */
static void
drain(struct session *s)
{
	int64_t deadline = cnt_ticks_us() + DRAIN_US;

	for (size_t k = 0; k < s->pumps_n; k++) {
		struct cnt_pump *p = &s->pumps[k];
		struct pollfd w = cnt_pump_wait(p);

		if (p->input)
			continue;
		while (w.fd != -1 && cnt_ticks_us() < deadline &&
		    poll(&w, 1, p->n > 0 ? DRAIN_US / 1000 : 0) == 1) {
			cnt_pump_move(p, w.revents);
			w = cnt_pump_wait(p);
		}
	}
}

static int
run(struct session *s, struct cnt_ended *ended, struct cnt_err *e)
{
	const struct cnt_entry *en = s->en;
	struct pollfd w[W_PUMPS + 3] = {
		[W_SIGNALS] = { .fd = s->signals, .events = POLLIN },
		[W_OUT] = { .fd = en->out },
		[W_IN] = { .fd = en->server ? en->in : -1, .events = POLLRDHUP },
	};
	int status = -1;

	s->pidfd = pidfd_open(s->pid, 0);
	if (s->pidfd == -1)
		return cnt_fail_sys(e, "pidfd");
	w[W_CHILD] = (struct pollfd){ .fd = s->pidfd, .events = POLLIN };
	if (en->terminal) {
		add_pump(s, en->in, s->master, 0);
		s->pumps[0].typed = true;
		add_pump(s, s->master, en->out, 0);
		if (cnt_terminal_raw(&s->like, e) == -1)
			return -1;
	}
	if (en->timeout > 0)
		s->timeout_at = cnt_ticks_us() + (int64_t)(en->timeout * 1e6);
	while (turn(s, w, ended))
		;
	if (!s->gone)
		status = reap(s);
	if (en->keep && !s->gone && WIFEXITED(status))
		cnt_leaf_keep(&s->leaf);
	else if (cnt_leaf_end(&s->leaf, en->keep ? 0 : GRACE_MS, e) == -1)
		return -1;
	if (s->gone)
		status = reap(s);
	drain(s);
	ended->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static int
enter(struct session *s, struct cnt_entrant *x, struct cnt_ended *ended, struct cnt_err *e)
{
	struct cnt_err ignored;
	bool over;
	int r;

	cnt_leaf_sweep(s->en->tag, s->en->box);
	if (cnt_leaf_make(s->en->tag, s->en->box, &s->leaf, e) == -1)
		return -1;
	x->leaf = &s->leaf;
	r = begin(s, e);
	if (r == 0)
		r = start(s, x, e);
	close_theirs(s, x);
	if (r == 0)
		r = await(s, e);
	if (r == 0)
		r = run(s, ended, e);
	/* A leaf that is closed after a failure did not end, and what the box holds may never. */
	over = r == 0 || (s->leaf.v2_fd != -1 && cnt_leaf_end(&s->leaf, 0, &ignored) == 0);
	if (over) {
		cnt_proc_reap(s->helper);
		cnt_proc_reap(s->pid);
	}
	finish(s);
	return r;
}

static int
not_running(const char *box, struct cnt_err *e)
{
	cnt_fail(e, CNT_NO, "%s: not running", box);
	return cnt_hint(e, "cnt start %s", box);
}

int
cnt_enter(const struct cnt_entry *en, struct cnt_ended *ended, struct cnt_err *e)
{
	struct session s = { .en = en, .leaf = { .v2_fd = -1 }, .like = { .fd = -1 },
	    .helper = -1, .pid = -1, .report = -1, .pidfd = -1, .signals = -1, .master = -1 };
	CNT_BUF struct cnt_buf filter = { 0 };
	CNT_CLOSE int pidfd = -1;
	struct cnt_entrant x = { .en = en, .filter = &filter, .like = &s.like, .in = -1,
	    .out = -1, .err = -1 };
	struct pollfd init = { .events = POLLIN };
	int running;

	memset(ended, 0, sizeof(*ended));
	if (check(en, e) == -1)
		return -1;
	running = cnt_box_open(en->tag, en->box, &x.init, &x.monitor, &pidfd, e);
	if (running == -1)
		return -1;
	if (running == 0)
		return not_running(en->box, e);
	if (cnt_filter_read(en->box, &filter, e) == -1)
		return -1;
	x.pidfd = init.fd = pidfd;
	ended->init = x.init;
	if (enter(&s, &x, ended, e) == 0)
		return 0;
	/* A box that ends takes from under an entry whatever that needs next. */
	return e->code == CNT_SYSTEM && poll(&init, 1, 0) == 1 ? not_running(en->box, e) : -1;
}
