/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes into a box is two processes. This is the first, the helper: it joins the session's
 * control groups, takes the limits of the box's init, changes its namespaces and is never seen in
 * the box. Its child is (entrant-inside.c). What it reads in the box is the box's word.
 */
#include "lib/entrant-own.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "lib/apparmor.h"
#include "lib/file.h"
#include "lib/proc.h"

#define DYING_MS 100		/* from what is missing in /proc to the end that the pidfd shows */

static int report;

void
cnt_entrant_tell(const struct cnt_report *r, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec bytes = { .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r) };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (fd != -1) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	if (sendmsg(report, &m, MSG_NOSIGNAL) == -1)
		_exit(1);	/* nobody waits for this entry any more */
}

void
cnt_entrant_give_up(const struct cnt_err *e)
{
	struct cnt_report r = { .kind = CNT_ENTRANT_FAILED, .err = *e };

	cnt_entrant_tell(&r, -1);
	_exit(1);
}

/* A fork without its handlers: into a cgroup, or of a child for our parent. */
static pid_t
fork_with(uint64_t flags, int cgroup, int exit_signal)
{
	struct clone_args a = { .flags = flags, .exit_signal = (uint64_t)exit_signal };

	if (cgroup != -1)
		a.cgroup = (uint64_t)cgroup;
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* Closed for good, not only on exec: a name such as /proc/self/fd/7 that the box chose for a home
 * directory must lead nowhere. */
static int
arrange_descriptors(const struct cnt_entrant *x, struct cnt_err *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds[FD_END] = {
		x->in != -1 ? x->in : null, x->out != -1 ? x->out : null,
		x->err != -1 ? x->err : null,
		[FD_REPORT] = x->report, [FD_MEMFD] = x->en->memfd, [FD_PIDFD] = x->pidfd,
		[FD_PROC] = proc,
	};

	for (int i = 0; i < FD_END; i++)
		if (fds[i] != -1 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_END)) == -1)
			return cnt_fail_sys(e, "descriptor %d", i);
	for (int i = 0; i < FD_END; i++)
		if (fds[i] == -1)
			close(i);
		else if ((i < 3 ? dup2(fds[i], i) : dup3(fds[i], i, O_CLOEXEC)) == -1)
			return cnt_fail_sys(e, "descriptor %d", i);
	report = FD_REPORT;
	if (close_range(FD_END, ~0U, 0) == -1)
		return cnt_fail_sys(e, "close_range");
	return 0;
}

/* Both are read from init, and set here since only the host may raise them. */
static int
take_limits(pid_t init, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_format("/proc/%d/oom_score_adj", (int)init);
	CNT_BUF struct cnt_buf b = { 0 };

	if (cnt_proc_limits(init) == -1)
		return cnt_fail_sys(e, "resource limits");
	if (cnt_file_read(path, 64, &b, e) == -1)
		return -1;
	if (b.p == NULL || cnt_file_put("/proc/self/oom_score_adj", b.p) == -1)
		return cnt_fail_sys(e, "oom_score_adj");
	return 0;
}

/* Where a process is: its root and its mount namespace, through the host's /proc. */
struct site {
	struct statx	root;
	struct stat	ns;
};

static int
look(const char *ns, struct site *s, struct cnt_err *e)
{
	if (statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &s->root) == -1)
		return cnt_fail_sys(e, "root directory");
	if (fstatat(FD_PROC, ns, &s->ns, 0) == -1)
		return cnt_fail_sys(e, "%s", ns);
	return 0;
}

/* A shared root, mount or namespace; what could not be told counts as shared. */
static bool
is_shared(const struct site *a, const struct site *b)
{
	return (a->root.stx_mask & b->root.stx_mask & STATX_MNT_ID) == 0 ||
	    a->root.stx_mnt_id == b->root.stx_mnt_id ||
	    (a->root.stx_ino == b->root.stx_ino &&
	    a->root.stx_dev_major == b->root.stx_dev_major &&
	    a->root.stx_dev_minor == b->root.stx_dev_minor) ||
	    (a->ns.st_ino == b->ns.st_ino && a->ns.st_dev == b->ns.st_dev);
}

static int
check_alive(const struct cnt_entrant *x, int ms, struct cnt_err *e)
{
	struct pollfd p = { .fd = FD_PIDFD, .events = POLLIN };

	return poll(&p, 1, ms) == 0 ? 0 : cnt_fail(e, CNT_NO, "%s: not running", x->en->box);
}

static int
change_namespaces(const struct cnt_entrant *x, struct cnt_err *e)
{
	char *monitors CNT_FREE = cnt_format("%ld/ns/mnt", (long)x->monitor);
	struct site host, monitor, here;

	/* What was read from init's /proc was init's if it is still alive. */
	if (look("self/ns/mnt", &host, e) == -1 || look(monitors, &monitor, e) == -1 ||
	    check_alive(x, 0, e) == -1)
		return -1;
	if (setns(FD_PIDFD, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
	    CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) == -1)
		return errno == ESRCH ? cnt_fail(e, CNT_NO, "%s: not running", x->en->box) :
		    cnt_fail_sys(e, "%s: namespaces", x->en->box);
	if (check_alive(x, 0, e) == -1 || look("self/ns/mnt", &here, e) == -1)
		return -1;
	if (is_shared(&here, &host) || is_shared(&here, &monitor))
		return cnt_fail(e, CNT_BUG, "%s: its root is the host's", x->en->box);
	return 0;
}

static int
helper(const struct cnt_entrant *x, char **label, struct cnt_err *e)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "dumpable");
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		return cnt_fail_sys(e, "close_range");
	if (arrange_descriptors(x, e) == -1)
		return -1;
	cnt_proc_precedence(x->init);
	if (cnt_leaf_join(x->leaf, e) == -1 || cnt_apparmor_label(x->init, label, e) == -1 ||
	    take_limits(x->init, e) == -1 || change_namespaces(x, e) == -1) {
		check_alive(x, DYING_MS, e);	/* of a dying box this says more */
		return -1;
	}
	return 0;
}

pid_t
cnt_entrant_start(const struct cnt_entrant *x, struct cnt_err *e)
{
	pid_t pid = fork_with(CLONE_INTO_CGROUP, x->leaf->v2_fd, SIGCHLD);
	struct cnt_report r = { .kind = CNT_ENTRANT_PID };
	char *label = NULL;

	if (pid == -1)
		return errno == EAGAIN ? cnt_fail(e, CNT_BUSY, "%s: its process limit is reached",
		    x->en->box) : cnt_fail_sys(e, "%s: entering", x->en->box);
	if (pid != 0)
		return pid;
	report = x->report;
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (helper(x, &label, &r.err) == -1)
		cnt_entrant_give_up(&r.err);
	r.pid = fork_with(CLONE_PARENT, -1, 0);
	if (r.pid == 0)
		cnt_entrant_inside(x, label);
	if (r.pid == -1) {
		if (errno == EAGAIN)
			cnt_fail(&r.err, CNT_BUSY, "%s: its process limit is reached", x->en->box);
		else
			cnt_fail_sys(&r.err, "%s: entering", x->en->box);
		check_alive(x, DYING_MS, &r.err);
		cnt_entrant_give_up(&r.err);
	}
	cnt_entrant_tell(&r, -1);
	_exit(0);
}
