/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree whose keeper was killed. It is looked for from the command, when its pid and start time
 * are those of the record, and in its session, whose number nobody else can have while the command
 * lives. What is not certain to be of the tree is named, not signalled.
 */
#include "mcp/box/process/keep.h"

#include <sys/syscall.h>

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "lib/proc.h"
#include "mcp/box/process/tree.h"

#define STALL_US	3000000		/* after KILL: what is left sits in the kernel */
#define LOOK_NS		20000000

struct orphans {			/* held by pidfd; pids.n is n too */
	struct cnt_pids	pids;
	int		fd[256];
	size_t		n;
};

static bool
is_of_session(const struct cnt_record *r, pid_t pid)
{
	struct cnt_proc p = { 0 };

	return cnt_proc_read(pid, &p) == 0 && p.session == r->pid && p.start >= r->pid_start;
}

static int
by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* What is left of a tree without a keeper. True: the command itself lives, so its session and its
 * descendants are its own; else the session's number may have been given again. */
static bool
find_orphans(const struct cnt_record *r, struct cnt_pids *all)
{
	struct cnt_proc p = { 0 };
	bool lives = r->pid_start != 0 && cnt_proc_read(r->pid, &p) == 0 &&
	    p.start == r->pid_start;
	DIR *d CNT_DIR = opendir("/proc");
	struct dirent *entry = NULL;

	if (lives && p.state != 'Z')
		cnt_pids_add(all, r->pid);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != r->pid && is_of_session(r, pid))
			cnt_pids_add(all, pid);
	}
	cnt_pids_descend(all);
	if (all->n > 0)
		qsort(all->p, all->n, sizeof(*all->p), by_pid);
	for (size_t i = 0, n = all->n; i < n; i++) {
		if (i == 0)
			all->n = 0;
		if (all->n == 0 || all->p[all->n - 1] != all->p[i])
			all->p[all->n++] = all->p[i];
	}
	return lives;
}

/* Takes hold of those that are of the tree now; what has gone meanwhile, or has come under the
 * number of one that has, is left out. */
static void
hold(struct orphans *o, const struct cnt_record *r, const struct cnt_pids *found)
{
	struct cnt_proc p = { 0 };

	for (size_t i = 0; i < found->n && o->n < nitems(o->fd); i++) {
		int fd CNT_CLOSE = cnt_pids_have(&o->pids, found->p[i]) ? -1 :
		    (int)syscall(SYS_pidfd_open, found->p[i], 0);

		if (fd == -1 || cnt_proc_read(found->p[i], &p) == -1 || p.state == 'Z' ||
		    (p.session != r->pid && !cnt_pids_have(found, p.parent)))
			continue;
		cnt_pids_add(&o->pids, found->p[i]);
		o->fd[o->n++] = take_fd(&fd);
	}
}

static size_t
let_go_of_ended(struct orphans *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		struct pollfd p = { .fd = o->fd[i], .events = POLLIN };

		if (poll(&p, 1, 0) == 1) {
			close(o->fd[i]);
			continue;
		}
		o->fd[n] = o->fd[i];
		o->pids.p[n++] = o->pids.p[i];
	}
	o->n = o->pids.n = n;
	return n;
}

static void
send_all(const struct orphans *o, int sig)
{
	for (size_t i = 0; i < o->n; i++)
		syscall(SYS_pidfd_send_signal, o->fd[i], sig, NULL, 0);
}

static void
end_orphans(struct orphans *o, const struct cnt_record *r, const struct cnt_ask *ask,
    struct cnt_told *t)
{
	int64_t until = cnt_ticks_us() + (ask->escalates ? ask->grace_us : LOOK_NS / 1000);
	int64_t last = until + STALL_US;
	bool killing = ask->signal == SIGKILL;

	send_all(o, ask->signal);
	while (let_go_of_ended(o) > 0 && cnt_ticks_us() < last) {
		struct cnt_pids now = { 0 };

		if (cnt_ticks_us() >= until && !killing) {
			if (!ask->escalates)
				break;
			killing = t->escalated = true;
		}
		for (size_t i = 0; i < o->n; i++)
			cnt_pids_add(&now, o->pids.p[i]);
		cnt_pids_descend(&now);
		hold(o, r, &now);
		free(now.p);
		if (killing)
			send_all(o, SIGKILL);
		nanosleep(&(struct timespec){ 0, LOOK_NS }, NULL);
	}
}

void
cnt_orphans_kill(const struct cnt_record *r, const struct cnt_ask *ask, struct cnt_told *t)
{
	struct cnt_pids found = { 0 };
	struct orphans o = { .n = 0 };
	const struct cnt_pids *left = &found;

	if (find_orphans(r, &found)) {
		hold(&o, r, &found);
		end_orphans(&o, r, ask, t);
		left = &o.pids;
	}
	for (; left->p != NULL && t->left < (int)left->n && t->left < (int)nitems(t->pids);
	    t->left++)
		t->pids[t->left] = left->p[t->left];
	for (size_t i = 0; i < o.n; i++)
		close(o.fd[i]);
	free(o.pids.p);
	free(found.p);
}
