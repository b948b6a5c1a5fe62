/* SPDX-License-Identifier: Apache-2.0
 *
 * Descendants of this process, found and signalled. What is killed loses its children to the
 * subreaper above, so killing its own children until it has none ends any tree. The pid of an own
 * child cannot be another process's before it is reaped; that of a grandchild can, so that one is
 * held by a pidfd and looked at again before it is signalled.
 */
#include "mcp/box/process/tree.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>

#include "lib/proc.h"

#define LOOKS		4
#define PID_LIMIT	4194304		/* the kernel's own bound on pids */

void
cnt_pids_add(struct cnt_pids *s, pid_t pid)
{
	if (s->n == s->cap) {
		s->cap = s->cap * 2 + 64;
		s->p = cnt_realloc(s->p, s->cap * sizeof(*s->p));
	}
	s->p[s->n++] = pid;
}

bool
cnt_pids_have(const struct cnt_pids *s, pid_t pid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i] == pid)
			return true;
	return false;
}

/* Children of one thread, as the kernel lists them (CONFIG_PROC_CHILDREN); -1 when it does not. */
static int
add_children_of(struct cnt_pids *s, pid_t pid, const char *thread)
{
	char *path CNT_FREE = cnt_format("/proc/%d/task/%s/children", (int)pid, thread);
	FILE *f CNT_FILE = fopen(path, "re");
	int child = 0;

	if (f == NULL)
		return -1;
	while (fscanf(f, "%d", &child) == 1)
		cnt_pids_add(s, child);
	return 0;
}

/* Without /proc: which of all pids is a child of ours? Asking takes seconds: who is to be
 * signalled is, when found. */
static void
add_children_by_asking(struct cnt_pids *s, int sig)
{
	siginfo_t info;

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return;
	for (pid_t pid = 1; pid < PID_LIMIT; pid++)
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
			cnt_pids_add(s, pid);
			if (sig != 0)
				kill(pid, sig);
		}
}

/* Without the kernel's lists a look takes seconds. */
static bool
has_lists(void)
{
	char *path CNT_FREE = cnt_format("/proc/self/task/%d/children", (int)getpid());

	return access(path, R_OK) == 0;
}

/* sig: sent to each of them, 0: to none. */
static void
add_own_children(struct cnt_pids *s, int sig)
{
	char thread[16];

	snprintf(thread, sizeof(thread), "%d", (int)getpid());
	if (add_children_of(s, getpid(), thread) == -1)
		add_children_by_asking(s, sig);
	else
		for (size_t i = 0; sig != 0 && i < s->n; i++)
			kill(s->p[i], sig);
}

void
cnt_pids_descend(struct cnt_pids *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char *path CNT_FREE = cnt_format("/proc/%d/task", (int)s->p[i]);
		DIR *d CNT_DIR = opendir(path);
		struct dirent *entry = NULL;

		while (d != NULL && (entry = readdir(d)) != NULL)
			if (entry->d_name[0] != '.')
				add_children_of(s, s->p[i], entry->d_name);
	}
}

void
cnt_tree_find(struct cnt_pids *s)
{
	add_own_children(s, 0);
	cnt_pids_descend(s);
}

/* Returns how many there were that are not among those who have been told. */
static size_t
signal_new(int sig, struct cnt_pids *told)
{
	struct cnt_pids s = { 0 };
	struct cnt_proc p = { 0 };
	size_t own = 0, before = told->n;

	add_own_children(&s, 0);
	own = s.n;
	cnt_pids_descend(&s);
	/* Parents first: a shell that outlived its child would still say that it was killed. */
	for (size_t i = 0; i < s.n; i++) {
		pid_t pid = s.p[i];
		int fd CNT_CLOSE = -1;

		if (cnt_pids_have(told, pid))
			continue;
		/* A later look is for who lost the parent that was told. What a parent that
		 * lives has started since is how it cleans up. */
		if (before > 0 && i >= own && sig != SIGKILL)
			continue;
		cnt_pids_add(told, pid);
		if (i < own) {
			kill(pid, sig);
			continue;
		}
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd != -1 && cnt_proc_read(pid, &p) == 0 &&
		    (p.parent == getpid() || cnt_pids_have(&s, p.parent)))
			syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
	}
	free(s.p);
	return told->n - before;
}

void
cnt_tree_signal(int sig)
{
	struct cnt_pids told = { 0 };

	/* One that was born meanwhile is found by the next look. */
	for (int i = 0; i < LOOKS && signal_new(sig, &told) > 0 && has_lists(); i++)
		continue;
	free(told.p);
}

void
cnt_tree_kill_children(void)
{
	struct cnt_pids s = { 0 };

	add_own_children(&s, SIGKILL);
	free(s.p);
}

void
cnt_end_descendants(void)
{
	do
		cnt_tree_kill_children();
	while (waitpid(-1, NULL, 0) != -1 || errno == EINTR);
}

bool
cnt_tree_has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}
