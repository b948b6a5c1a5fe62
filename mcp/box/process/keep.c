/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper's loop. It depends on nobody: it has no descriptor of the server's, takes no signal
 * but SIGCHLD, and writes to nothing that could block but the log's file system. An end is
 * recorded after what the command wrote before it has been logged, and before anyone is told.
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

#include "lib/proc.h"
#include "mcp/box/process/keep-own.h"
#include "mcp/box/process/launch.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/process/usage.h"

#define CHUNK		65536

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
	k->r.alone = !cnt_tree_has_children();
	(void)cnt_process_write(k->dir, &k->r);
}

static void
reap(struct keeper *s)
{
	bool before = s->ended;
	int status = 0;
	pid_t pid = 0;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->k->shell && !s->ended) {
			s->ended = true;
			s->k->r.status = status;
			s->k->r.ended = cnt_now_us();
			cnt_keeper_close_input(s->k);
		}
	if (s->ended && !before)
		record_end(s->k);
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
	if (poll(p, 4 + n, cnt_keeper_milliseconds(s)) == -1)
		return;
	while (p[0].revents != 0 && read(s->k->signals, &info, sizeof(info)) > 0)
		continue;
	for (size_t i = 0; i < 2; i++)
		if (p[1 + i].revents != 0)
			log_some(s->k, &s->k->out[i], SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		if (p[4 + i].revents != 0)
			cnt_keeper_hear(s, &s->clients[i]);
	if (p[3].revents != 0)
		cnt_keeper_admit(s);
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
			cnt_keeper_look_at(&s, &s.clients[i], over);
		cnt_keeper_let_go(&s);
		if (!over)
			wait_for_something(&s);
	}
	(void)unlinkat(k->dir, "control", 0);
	_exit(0);
}
