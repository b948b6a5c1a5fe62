/* SPDX-License-Identifier: Apache-2.0
 *
 * The start of a box. A starter process does it: it has a cgroup NAME.start, so that whatever it
 * began is found and killed by whoever comes next, a mount namespace of its own, and a deadline,
 * since calls of liblxc can block for ever. What it leaves behind is liblxc's monitor. While it
 * mounts, the caller builds the filter for those who enter; the limits are read back at the end.
 */
#include "lib/lxc.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include <lxc/lxccontainer.h>

#include "lib/apparmor.h"
#include "lib/bridge.h"
#include "lib/cancel.h"
#include "lib/cgroup.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/filter.h"
#include "lib/image.h"
#include "lib/limits.h"
#include "lib/mount.h"
#include "lib/net.h"
#include "lib/paths.h"
#include "lib/proc.h"

#define DEADLINE_MS	60000		/* a start takes some 30 ms, on a loaded host a second */
#define LOG_MAX		(1 << 20)

/* NULL: there is none. */
static char *
find_agent(void)
{
	char *path = cnt_path_beside("agent-box");

	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Where the kernel has AppArmor a box without it would be confined less than it should be. */
static int
check_apparmor(bool has, struct cnt_err *e)
{
	if (has && access("/usr/sbin/apparmor_parser", X_OK) == -1 &&
	    access("/sbin/apparmor_parser", X_OK) == -1) {
		cnt_fail(e, CNT_UNAVAILABLE, "apparmor_parser: not installed");
		return cnt_hint(e, "apt-get install apparmor");
	}
	return 0;
}

/* Renders what liblxc reads into the box's directory. */
static int
write_files(const struct cnt_instance *i, const struct cnt_box *b, const char *dir,
    const struct cnt_slot *p, struct cnt_err *e)
{
	CNT_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CNT_BUF struct cnt_buf config = { 0 }, profile = { 0 }, limits = { 0 };
	struct cnt_lxc_host h = { dir, cnt_cgroup_is_v2(), cnt_apparmor_is_on(),
	    (unsigned)cnt_bridge_mtu(p->bridge) };

	if (fd == -1)
		return cnt_fail_sys(e, "%s", dir);
	if (check_apparmor(h.apparmor, e) == -1)
		return -1;
	cnt_lxc_config(b, i->tag, p, &h, &config);
	cnt_filter_profile(&profile);
	cnt_limits_script(i->tag, b->name, &b->limits, &limits);
	if (cnt_file_write_in(fd, "config", config.p, config.n, 0600, 0, 0, e) == -1 ||
	    cnt_file_write_in(fd, "limits", limits.p != NULL ? limits.p : "", limits.n, 0600, 0, 0,
	    e) == -1 ||
	    cnt_file_write_in(fd, "seccomp", profile.p, profile.n, 0600, 0, 0, e) == -1 ||
	    cnt_file_write_in(fd, "lxc.log", "", 0, 0600, 0, 0, e) == -1)
		return -1;
	return 0;
}

static int
write_filter(const char *dir, struct cnt_err *e)
{
	CNT_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CNT_BUF struct cnt_buf b = { 0 };

	if (fd == -1)
		return cnt_fail_sys(e, "%s", dir);
	if (cnt_filter_build(&b, e) == -1)
		return -1;
	return cnt_file_write_in(fd, "filter.bpf", b.p, b.n, 0600, 0, 0, e);
}

/* The first error in liblxc's log, which the others follow from, without its time and place:
 * `lxc BOX TIME ERROR    MODULE - FILE:FUNCTION:LINE - TEXT`. */
static int
fail_by_log(const char *box, const char *dir, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_format("%s/lxc.log", dir);
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err of_log;
	const char *text = NULL;

	if (cnt_file_read(path, LOG_MAX, &b, &of_log) == -1)
		return cnt_fail(e, CNT_SYSTEM, "%s: does not start: %s", box, of_log.text);
	if (b.n > 0)
		text = strstr(b.p, " ERROR ");
	for (int n = 0; text != NULL && n < 2; n++)
		if ((text = strstr(text, " - ")) != NULL)
			text += strlen(" - ");
	if (text == NULL)
		text = "liblxc does not say why";
	return cnt_fail(e, CNT_SYSTEM, "%s: does not start: %.*s", box, (int)strcspn(text, "\n"),
	    text);
}

/* With newuidmap in PATH liblxc would run it, twice, instead of writing the map itself. */
static int
start_by_liblxc(const char *box, const char *boxes, const char *dir, struct cnt_err *e)
{
	struct lxc_container *c = NULL;

	clearenv();
	setenv("PATH", "/usr/sbin:/sbin", 1);
	errno = 0;
	c = lxc_container_new(box, boxes);
	if (c == NULL || !c->is_defined(c))
		return errno != 0 ? cnt_fail_sys(e, "%s: liblxc reads %s/config", box, dir) :
		    cnt_fail(e, CNT_SYSTEM, "%s: liblxc does not take %s/config", box, dir);
	if (CNT_STEP("liblxc has read the box", e) == -1)
		return -1;
	c->want_daemonize(c, true);
	c->want_close_all_fds(c, true);
	if (!c->start(c, 0, NULL))
		return fail_by_log(box, dir, e);
	return CNT_STEP("liblxc has started the box", e);
}

static int
run_starter(const struct cnt_box *b, const struct cnt_slot *p, const char *dir, int caller,
    struct cnt_err *e)
{
	char *image CNT_FREE = cnt_image_rootfs(b->image);
	char *boxes CNT_FREE = cnt_path(CNT_BOXES);
	char *agent CNT_FREE = find_agent();
	CNT_CLOSE int userns = -1;
	char go;

	/* Denied to a root without CAP_SYS_RESOURCE: a host that is a container itself. */
	if (cnt_file_put("/proc/self/oom_score_adj", "-900") == -1 && errno != EACCES)
		return cnt_fail_sys(e, "/proc/self/oom_score_adj");
	if (cnt_mount_private(e) == -1 ||
	    CNT_STEP("the starter has mounts of its own", e) == -1 ||
	    cnt_mount_userns(p->id, &userns, e) == -1 ||
	    CNT_STEP("the starter has the box's ids", e) == -1 ||
	    cnt_mount_rootfs(image, dir, userns, e) == -1 ||
	    CNT_STEP("the starter has mounted the root", e) == -1)
		return -1;
	if (agent != NULL && (cnt_mount_program(agent, p->id, e) == -1 ||
	    CNT_STEP("the starter has mounted agent-box", e) == -1))
		return -1;
	/* The files are there; no box runs without the filter for those who enter it. */
	if (read(caller, &go, 1) != 1)
		return cnt_fail(e, CNT_SYSTEM, "%s: the caller is gone", b->name);
	return start_by_liblxc(b->name, boxes, dir, e);
}

/* Descriptors of the caller's, a lock among them, must not live on in the monitor; its terminal's
 * signals must not reach it, nor a liblxc message its standard output. */
static CNT_NORETURN void
become_starter(const struct cnt_box *b, const struct cnt_slot *p, const char *dir, int caller)
{
	struct cnt_err e = { 0 };
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	umask(022);
	/* A box has the limits of the host's init and not those of whoever happened to start it. */
	cnt_proc_limits(1);
	cnt_proc_precedence(1);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (dup2(caller, 3) == -1 || fcntl(3, F_SETFD, FD_CLOEXEC) == -1)
		_exit(1);
	syscall(SYS_close_range, 4, ~0U, 0);
	run_starter(b, p, dir, 3, &e);
	_exit(write(3, &e, sizeof(e)) == sizeof(e) ? 0 : 1);
}

/* A fork straight into the cgroup (Linux 5.7), which is made for it. */
static pid_t
fork_into(const char *cgroup)
{
	CNT_CLOSE int fd = -1;
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };

	if (mkdir(cgroup, 0755) == -1 && errno != EEXIST)
		return -1;
	fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	args.cgroup = (uint64_t)fd;
	return fd == -1 ? -1 : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* A move between cgroups waits some 8 ms for an RCU grace period, unless there was one just
 * before, and liblxc makes two of them, one after the other. This process moves itself to where it
 * is all the time, so that the first wait passes while liblxc is not there yet and the second does
 * not come. */
static pid_t
keep_moving(const char *cgroup)
{
	char path[192];
	pid_t parent = getpid(), pid = fork_into(cgroup);

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	while (getppid() == parent && cnt_file_put(path, "0") == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	_exit(0);
}

static void
end_child(pid_t pid)
{
	if (pid == -1)
		return;
	kill(pid, SIGKILL);
	cnt_proc_reap(pid);
}

/* Waits for the starter's word. Its descendants may hold the socket: its end counts as well. */
static int
await(const char *box, pid_t pid, int starter, struct cnt_err *e)
{
	CNT_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p[] = {
		{ .fd = starter, .events = POLLIN }, { .fd = pidfd, .events = POLLIN },
		{ .fd = cnt_cancel_fd(), .events = POLLIN },
	};
	int64_t until = cnt_ticks_us() + DEADLINE_MS * INT64_C(1000), left;
	struct cnt_err said = { 0 };
	int r = 0;

	do
		left = (until - cnt_ticks_us()) / 1000;
	while (left > 0 && (r = poll(p, nitems(p), (int)left)) == -1 && errno == EINTR);
	if (r < 1)
		return cnt_fail(e, CNT_TIMEOUT, "%s: liblxc did not start it in %d s", box,
		    DEADLINE_MS / 1000);
	if (cnt_cancel_check(e) == -1)
		return -1;
	if ((p[0].revents & POLLIN) == 0 || read(starter, &said, sizeof(said)) != sizeof(said))
		return cnt_fail(e, CNT_SYSTEM, "%s: its start was killed", box);
	if (said.code == CNT_OK)
		return 0;
	*e = said;
	return -1;
}

static int
start(const struct cnt_instance *i, const struct cnt_box *b, const struct cnt_slot *p,
    const char *dir, struct cnt_net_change *net, struct cnt_err *e)
{
	char *tag CNT_FREE = cnt_cgroup_path("%s", i->tag);
	char *name CNT_FREE = cnt_format("%s.start", b->name);
	char *cgroup CNT_FREE = cnt_format("%s/%s", tag, name);
	CNT_CLOSE int ours = -1;
	CNT_CLOSE int theirs = -1;
	int ends[2], r;
	pid_t pid, mover;

	if (mkdir(tag, 0755) == -1 && errno != EEXIST)
		return cnt_fail_sys(e, "%s", tag);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return cnt_fail_sys(e, "socket");
	ours = ends[0];
	theirs = ends[1];
	pid = fork_into(cgroup);	/* first: while one moves, a fork into a cgroup waits too */
	if (pid == 0)
		become_starter(b, p, dir, theirs);
	mover = keep_moving(cgroup);
	r = pid == -1 ? cnt_fail_sys(e, "%s", cgroup) : write_files(i, b, dir, p, e);
	if (r == 0 && (r = CNT_STEP("liblxc's files are written", e)) == 0)
		r = write_filter(dir, e);
	if (r == 0)
		r = CNT_STEP("the filter is written", e);
	if (r == 0 && net != NULL)
		r = cnt_net_end(net, e);
	close(take_fd(&theirs));
	if (r == 0) {
		send(ours, "", 1, MSG_NOSIGNAL);
		r = await(b->name, pid, ours, e);
	}
	if (r == 0)
		r = CNT_STEP("the starter has said that it runs", e);
	end_child(mover);
	end_child(pid);		/* takes its mounts apart meanwhile, 2 ms */
	if (rmdir(cgroup) == -1 && r == 0)	/* left there, it would end the box later */
		r = cnt_cgroup_remove(i->tag, name, e);
	return r;
}

int
cnt_box_start(const struct cnt_instance *i, const struct cnt_box *b, struct cnt_net_change *net,
    struct cnt_err *e)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", b->name);
	struct cnt_slot p;
	struct cnt_err ignored;
	int running = cnt_box_runs(i->tag, b->name, e);

	if (running == -1 || cnt_box_slot(i, b->slot, &p, e) == -1)
		return -1;
	if (running == 1) {
		cnt_fail(e, CNT_NO, "%s: running already", b->name);
		return cnt_hint(e, "`cnt restart %s` starts it anew", b->name);
	}
	if (cnt_cgroup_v2() == NULL)
		return cnt_fail(e, CNT_UNAVAILABLE, "cgroup v2: not mounted below /sys/fs/cgroup");
	if (cnt_cgroup_check(&b->limits, e) == -1)
		return -1;
	if (cnt_box_stop(i->tag, b->name, 0, NULL, e) == -1)
		return -1;
	if (CNT_STEP("nothing of an earlier run is left", e) == 0 &&
	    start(i, b, &p, dir, net, e) == 0 && CNT_STEP("the starter has ended", e) == 0 &&
	    cnt_limits_check(i->tag, b->name, &b->limits, e) == 0 &&
	    CNT_STEP("the limits are read back", e) == 0 &&
	    cnt_box_wait(i, b, "exec", DEADLINE_MS / 1e3, e) == 0 &&
	    CNT_STEP("a command can run", e) == 0)
		return 0;
	cnt_box_stop(i->tag, b->name, 0, NULL, &ignored);
	return -1;
}
