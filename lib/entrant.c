/* SPDX-License-Identifier: Apache-2.0
 *
 * What enters a box is confined here, step by step, as the box's own init is; setns(2) does none of
 * it. Two processes: the helper, which changes its namespaces and is never seen in the box, and its
 * child, which is, so that every moment of it until exec is looked at by an enemy. It cannot be
 * traced (not dumpable), holds nothing of the host's but standard input and output, and follows no
 * link that could lead to them. What it reads in the box is the box's word.
 */
#include "lib/entrant.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "lib/account.h"
#include "lib/apparmor.h"
#include "lib/file.h"
#include "lib/filter.h"
#include "lib/process.h"

#define PATH_IN_BOX "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CAPS_MAX 64
#define DYING_MS 100		/* from what is missing in /proc to the end that the pidfd shows */

/* Where everything stands that the helper keeps; all else is closed. */
enum { FD_REPORT = 3, FD_MEMFD, FD_PIDFD, FD_PROC, FD_END };

static int report;

static void
send_report(const struct cnt_report *r, int fd)
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

static CNT_NORETURN void
give_up(const struct cnt_err *e)
{
	struct cnt_report r = { .kind = CNT_ENTRANT_FAILED, .err = *e };

	send_report(&r, -1);
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

	if (cnt_process_limits(init) == -1)
		return cnt_fail_sys(e, "resource limits");
	if (cnt_file_read(path, 64, &b, e) == -1)
		return -1;
	if (b.p == NULL || cnt_file_put("/proc/self/oom_score_adj", b.p) == -1)
		return cnt_fail_sys(e, "oom_score_adj");
	return 0;
}

/* Through the host's /proc, since the box may have mounted something else on its own. */
static int
set_label(const char *label, struct cnt_err *e)
{
	CNT_CLOSE int fd = label == NULL ? -1 :
	    openat(FD_PROC, "self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);

	if (label != NULL && (fd == -1 || write(fd, label, strlen(label)) == -1))
		return cnt_fail_sys(e, "apparmor label");
	return 0;
}

static int
drop_bounding(struct cnt_err *e)
{
	uint64_t keep = 0;

	for (size_t i = 0; i < cnt_box_caps_n; i++)
		keep |= UINT64_C(1) << cnt_box_caps[i].number;
	for (int cap = 0; cap < CAPS_MAX; cap++)
		if ((keep & UINT64_C(1) << cap) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1) {
			if (errno == EINVAL)	/* above the kernel's last */
				break;
			return cnt_fail_sys(e, "capability %d", cap);
		}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "ambient capabilities");
	return 0;
}

/* The uid of a process that came from the host is not the box's root's, so changing it drops no
 * capability by itself. Root's are cut to the bounding set by exec. */
static int
become(const struct cnt_account *a, struct cnt_err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (setresuid(a->uid, a->uid, a->uid) == -1)
		return cnt_fail_sys(e, "uid %ju", (uintmax_t)a->uid);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "dumpable");
	if (a->uid != 0 && syscall(SYS_capset, &h, none) == -1)
		return cnt_fail_sys(e, "capabilities");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)	/* a change of ids clears it */
		return cnt_fail_sys(e, "parent-death signal");
	return 0;
}

static int
take_terminal(const struct cnt_terminal *like, struct cnt_err *e)
{
	struct cnt_report r = { .kind = CNT_ENTRANT_MASTER };
	CNT_CLOSE int master = -1;
	CNT_CLOSE int slave = -1;

	if (cnt_terminal_open(like, &master, &slave, e) == -1)
		return -1;
	send_report(&r, master);
	if (ioctl(slave, TIOCSCTTY, 0) == -1)
		return cnt_fail_sys(e, "terminal in the box");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) == -1)
			return cnt_fail_sys(e, "terminal in the box");
	return 0;
}

static void
set_env(char ***env, size_t *n, char *entry)
{
	size_t name = strcspn(entry, "=") + 1;
	size_t i = 0;

	while (i < *n && strncmp((*env)[i], entry, name) != 0)
		i++;
	if (i == *n) {
		*env = cnt_realloc(*env, (*n + 2) * sizeof(**env));
		(*env)[++*n] = NULL;
	}
	(*env)[i] = entry;
}

static bool
is_term(const char *s)
{
	size_t n = 0;

	while (s != NULL && (isalnum((unsigned char)s[n]) || (s[n] != '\0' &&
	    strchr("+-._", s[n]) != NULL)))
		n++;
	return n > 0 && n < 64 && s[n] == '\0';
}

static char **
make_env(const struct cnt_entry *en, const struct cnt_account *a)
{
	const char *term = getenv("TERM");
	char **env = NULL;
	size_t n = 0;

	set_env(&env, &n, cnt_format("HOME=%s", a->home));
	set_env(&env, &n, cnt_format("USER=%s", a->name));
	set_env(&env, &n, cnt_format("LOGNAME=%s", a->name));
	set_env(&env, &n, cnt_format("SHELL=%s", a->shell));
	set_env(&env, &n, cnt_strdup(PATH_IN_BOX));
	set_env(&env, &n, cnt_strdup("LANG=C.UTF-8"));
	if (en->terminal)
		set_env(&env, &n, cnt_format("TERM=%s", is_term(term) ? term : "xterm"));
	for (const char *const *p = en->env; p != NULL && *p != NULL; p++)
		set_env(&env, &n, cnt_strdup(*p));
	return env;
}

static void
unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* From here on nothing is cnt's to report: as with a shell, the command's own standard error says
 * why it could not be executed. */
static CNT_NORETURN void
execute(const struct cnt_entry *en, const struct cnt_account *a)
{
	const char *slash = strrchr(a->shell, '/');
	char *login[] = { cnt_format("-%s", slash + 1), NULL };
	char *box[] = { cnt_strdup("agent-box"), NULL };
	char *const *argv = en->argv != NULL ? en->argv : en->memfd != -1 ? box : login;

	environ = make_env(en, a);
	unblock_signals();
	send_report(&(struct cnt_report){ .kind = CNT_ENTRANT_READY }, -1);
	if (en->memfd != -1)
		execveat(FD_MEMFD, "", argv, environ, AT_EMPTY_PATH);
	else if (en->argv == NULL)
		execve(a->shell, argv, environ);
	else
		execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "cnt: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT || errno == ENOTDIR ? 127 : 126);
}

static int
confine(const struct cnt_entrant *x, const char *label, struct cnt_account *a, struct cnt_err *e)
{
	const struct cnt_entry *en = x->en;

	if (setsid() == -1)
		return cnt_fail_sys(e, "session");
	if (drop_bounding(e) == -1 || set_label(label, e) == -1)
		return -1;
	close(FD_PROC);
	close(FD_PIDFD);
	umask(022);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 && errno != ENOSYS)
		return cnt_fail_sys(e, "session keyring");
	if (cnt_account_find(en->user != NULL ? en->user : en->box, a, e) == -1)
		return -1;
	if (setgroups(a->groups_n, a->groups) == -1 || setresgid(a->gid, a->gid, a->gid) == -1)
		return cnt_fail_sys(e, "groups of %s", a->name);
	if (cnt_filter_load(x->filter, e) == -1 || become(a, e) == -1)
		return -1;
	if (en->terminal && take_terminal(x->like, e) == -1)
		return -1;
	if (chdir(en->cwd != NULL ? en->cwd : a->home) == -1)
		return cnt_fail(e, errno == ENOENT || errno == ENOTDIR ? CNT_NOTFOUND : CNT_NO,
		    "%s: cannot be the working directory: %s",
		    en->cwd != NULL ? en->cwd : a->home, strerror(errno));
	return 0;
}

static CNT_NORETURN void
inside(const struct cnt_entrant *x, const char *label)
{
	struct cnt_account a = { 0 };
	struct cnt_err e = { 0 };

	if (confine(x, label, &a, &e) == -1 || a.shell == NULL)
		give_up(&e);
	execute(x->en, &a);
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
		return cnt_fail_sys(e, "%s: namespaces", x->en->box);
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
		give_up(&r.err);
	r.pid = fork_with(CLONE_PARENT, -1, 0);
	if (r.pid == 0)
		inside(x, label);
	if (r.pid == -1) {
		if (errno == EAGAIN)
			cnt_fail(&r.err, CNT_BUSY, "%s: its process limit is reached", x->en->box);
		else
			cnt_fail_sys(&r.err, "%s: entering", x->en->box);
		check_alive(x, DYING_MS, &r.err);
		give_up(&r.err);
	}
	send_report(&r, -1);
	_exit(0);
}
