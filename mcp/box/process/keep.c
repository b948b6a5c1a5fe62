/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper's loop. It depends on nobody: it has no descriptor of the server's, takes no signal
 * but SIGCHLD, and writes to nothing that could block but the log's file system. Who connects is
 * the user: the socket's directory is nobody else's. An end is recorded after what the command
 * wrote before it has been logged, and before anyone is told.
 */
#include "mcp/box/process/keep.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/box/process/launch.h"
#include "mcp/box/process/tree.h"

#define CLIENTS_MAX	64
#define CHUNK		65536
#define DELIVER_US	100000		/* a signal that need not end it: until it is answered */
#define GIVE_UP_US	5000000		/* after KILL: what is left sits in the kernel */
#define KILL_AGAIN_MS	10

struct client {
	int		fd;
	struct cnt_ask	ask;		/* op 0: nothing is wanted */
	int64_t		until;
	bool		killing, escalated;
};

struct keeper {
	struct cnt_keep	*k;
	int		 listener;
	bool		 ended;
	size_t		 n;
	struct client	 clients[CLIENTS_MAX];
};

static void
count_left(struct cnt_told *t)
{
	struct cnt_pids all = { 0 };
	struct cnt_proc p = { 0 };
	struct cnt_usage u = { 0 };
	long hertz = sysconf(_SC_CLK_TCK);

	cnt_usage_end(-1, &u);
	t->cpu_us = u.cpu_us;
	if (cnt_tree_has_children())
		cnt_tree_find(&all);
	for (size_t i = 0; i < all.n; i++) {
		if (cnt_proc_read(all.p[i], &p) == 0) {
			t->cpu_us += (int64_t)p.ticks * 1000000 / (hertz > 0 ? hertz : 100);
			if (p.state == 'Z')
				continue;
		}
		if (t->left < (int)nitems(t->pids))
			t->pids[t->left] = all.p[i];
		t->left++;
	}
	free(all.p);
}

/* Never waits: a client that does not read is let go. fd: sent along, or -1. */
static void
tell(const struct keeper *s, struct client *c, int fd)
{
	struct cnt_told t = { .bytes = s->k->log.total, .ended = s->ended,
	    .escalated = c->escalated, .input = s->k->in != -1 };
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &t, sizeof(t) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (c->ask.op == CNT_ASK_NOW || c->ask.op == CNT_ASK_KILL)
		count_left(&t);
	if (fd != -1) {
		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	c->ask.op = 0;
	if (sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		close(c->fd);
		c->fd = -1;
	}
}

static void
close_input(struct cnt_keep *k)
{
	if (k->in != -1)
		close(k->in);
	k->in = -1;
}

/* Without /proc the tree is found by asking for every pid there could be, which takes seconds: that
 * is left to KILL, and the command's own group is what hears the rest. */
static void
signal_tree(const struct keeper *s, int sig)
{
	struct cnt_proc p = { 0 };

	if (s->ended || cnt_proc_read(getpid(), &p) == 0)
		cnt_tree_signal(sig);
	else
		kill(-s->k->shell, sig);
}

static void
begin_kill(const struct keeper *s, struct client *c)
{
	signal_tree(s, c->ask.signal);
	if (c->ask.escalates && c->ask.signal != SIGKILL)
		signal_tree(s, SIGCONT);	/* stopped, it would not hear */
	c->killing = c->ask.signal == SIGKILL;
	c->until = cnt_ticks_us() + (c->killing ? GIVE_UP_US :
	    c->ask.escalates ? c->ask.grace_us : DELIVER_US);
}

static void
look_at_client(struct keeper *s, struct client *c, bool over)
{
	int64_t now = cnt_ticks_us();

	if (c->ask.op == CNT_ASK_OUTPUT && (s->ended || s->k->log.total > c->ask.bytes))
		tell(s, c, -1);
	if (c->ask.op != CNT_ASK_KILL)
		return;
	if (over || (now >= c->until && (c->killing || !c->ask.escalates))) {
		tell(s, c, -1);
	} else if (now >= c->until) {
		c->killing = c->escalated = true;
		c->until = now + GIVE_UP_US;
	}
	if (c->ask.op == CNT_ASK_KILL && c->killing)
		cnt_tree_kill_children();
}

static void
hear(struct keeper *s, struct client *c)
{
	struct cnt_ask ask = { 0 };
	ssize_t n = recv(c->fd, &ask, sizeof(ask), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(ask)) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->ask = ask;
	c->escalated = c->killing = false;
	if (ask.op == CNT_ASK_EOF)
		close_input(s->k);
	if (ask.op == CNT_ASK_KILL)
		begin_kill(s, c);
	else if (ask.op != CNT_ASK_OUTPUT)
		tell(s, c, ask.op == CNT_ASK_INPUT ? s->k->in : -1);
}

static void
admit(struct keeper *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd != -1)
		s->clients[s->n++] = (struct client){ .fd = fd };
}

static void
let_go(struct keeper *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->clients[i].fd != -1)
			s->clients[n++] = s->clients[i];
	s->n = n;
}

/* False when nothing more will come. */
static bool
log_some(struct cnt_keep *k, int *fd, size_t most)
{
	static char chunk[CHUNK];
	ssize_t n = read(*fd, chunk, most < CHUNK ? most : CHUNK);

	if (n > 0) {
		bool stopped = k->log.stopped != -1;

		cnt_log_add(&k->log, chunk, (size_t)n);
		if (stopped != (k->log.stopped != -1)) {
			k->r.log_stopped = k->log.stopped;
			(void)cnt_process_write(k->dir, &k->r);
		}
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
	return false;
}

/* What is in the pipes now, and no more: another process may fill them for ever. */
static void
drain(struct cnt_keep *k)
{
	for (size_t i = 0; i < nitems(k->out); i++) {
		int left = 0;

		if (k->out[i] == -1 || ioctl(k->out[i], FIONREAD, &left) == -1)
			continue;
		for (int64_t before = k->log.total; left > 0 && log_some(k, &k->out[i],
		    (size_t)left); before = k->log.total)
			left -= (int)(k->log.total - before);
	}
}

static void
record_end(struct cnt_keep *k)
{
	struct cnt_usage u = { 0 };

	drain(k);
	cnt_usage_end(-1, &u);
	k->r.cpu_us = u.cpu_us;
	k->r.peak_bytes = u.peak;
	k->r.log_bytes = k->log.total;
	k->r.log_stopped = k->log.stopped;
	(void)cnt_process_write(k->dir, &k->r);
}

static void
reap(struct keeper *s)
{
	int status = 0;
	pid_t pid = 0;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->k->shell && !s->ended) {
			s->ended = true;
			s->k->r.status = status;
			s->k->r.ended = cnt_now_us();
			close_input(s->k);
			record_end(s->k);
		}
}

static int
milliseconds(const struct keeper *s)
{
	int64_t now = cnt_ticks_us(), wait = -1;

	for (size_t i = 0; i < s->n; i++) {
		const struct client *c = &s->clients[i];
		int64_t left = (c->until - now) / 1000 + 1;

		if (c->ask.op != CNT_ASK_KILL)
			continue;
		if (c->killing)
			left = KILL_AGAIN_MS;
		if (wait == -1 || left < wait)
			wait = left > 0 ? left : 0;
	}
	return (int)wait;
}

static void
wait_for_something(struct keeper *s)
{
	struct pollfd p[4 + CLIENTS_MAX] = {
		{ .fd = s->k->signals, .events = POLLIN }, { .fd = s->k->out[0], .events = POLLIN },
		{ .fd = s->k->out[1], .events = POLLIN },
		{ .fd = s->n < CLIENTS_MAX ? s->listener : -1, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	size_t n = s->n;

	for (size_t i = 0; i < n; i++)
		p[4 + i] = (struct pollfd){ .fd = s->clients[i].fd, .events = POLLIN };
	if (poll(p, 4 + n, milliseconds(s)) == -1)
		return;
	while (p[0].revents != 0 && read(s->k->signals, &info, sizeof(info)) > 0)
		continue;
	for (size_t i = 0; i < 2; i++)
		if (p[1 + i].revents != 0)
			log_some(s->k, &s->k->out[i], SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		if (p[4 + i].revents != 0)
			hear(s, &s->clients[i]);
	if (p[3].revents != 0)
		admit(s);
}

/* Relative to the keeper's directory: a socket's name has 107 bytes. */
static int
listen_here(int dir)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "control" };
	int fd CNT_CLOSE = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlinkat(dir, "control", 0);
	if (fd == -1 || fchdir(dir) == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(fd, CLIENTS_MAX) == -1)
		return -1;
	return take_fd(&fd);
}

static void
describe(struct cnt_keep *k)
{
	struct cnt_proc p = { 0 };
	char name[16];

	cnt_record_here(&k->r);
	k->r.pid = k->shell;
	k->r.keeper = getpid();
	if (cnt_proc_read(k->shell, &p) == 0)
		k->r.pid_start = p.start;
	if (cnt_proc_read(getpid(), &p) == 0)
		k->r.keeper_start = p.start;
	k->r.log_stopped = k->log.stopped;
	k->r.cpu_us = k->r.peak_bytes = -1;
	snprintf(name, sizeof(name), "keeper %s", k->r.id);
	prctl(PR_SET_NAME, name);
}

static void
report(struct cnt_keep *k, int error)
{
	struct cnt_kept told = { .error = error, .pid = k->shell };

	(void)send(k->report, &told, sizeof(told), MSG_NOSIGNAL);
	close(k->report);
	k->report = -1;
}

void
cnt_keep(struct cnt_keep *k)
{
	struct keeper s = { .k = k };
	bool over = false;

	s.listener = listen_here(k->dir);
	describe(k);
	if (s.listener == -1 || cnt_process_write(k->dir, &k->r) == -1) {
		int error = errno;

		cnt_end_descendants();
		cnt_process_remove(k->dir, k->r.id);
		report(k, error);
		_exit(1);
	}
	report(k, 0);
	while (!over) {
		reap(&s);
		over = s.ended && !cnt_tree_has_children();
		if (over)
			record_end(k);
		for (size_t i = 0; i < s.n; i++)
			look_at_client(&s, &s.clients[i], over);
		let_go(&s);
		if (!over)
			wait_for_something(&s);
	}
	(void)unlinkat(k->dir, "control", 0);
	_exit(0);
}
