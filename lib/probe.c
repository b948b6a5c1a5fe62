/* SPDX-License-Identifier: Apache-2.0
 *
 * Version numbers and configuration files say little about a kernel in a container, under a
 * lockdown or with a vendor's patches. So each probe does what a start or an entry does, with the
 * same functions where there are any, in a process that ends afterwards.
 */
#include "lib/probe.h"

#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/enter.h"
#include "lib/file.h"
#include "lib/mount.h"
#include "lib/paths.h"
#include "lib/proc.h"
#include "lib/run.h"

#define PLACE		".doctor"	/* no box's name begins with a dot */
#define PLACE_WAIT_MS	10000		/* for another doctor */

static int
system_calls(uint32_t first CNT_UNUSED, struct cnt_err *e)
{
	struct clone_args clone = { .exit_signal = SIGCHLD };
	CNT_CLOSE int root = cnt_file_open_in(AT_FDCWD, ".", O_PATH | O_DIRECTORY);
	CNT_CLOSE int self = pidfd_open(getpid(), 0);
	pid_t pid;

	if (root == -1)
		return cnt_fail_sys(e, "openat2");
	if (self == -1 || pidfd_send_signal(self, 0, NULL, 0) == -1)
		return cnt_fail_sys(e, "pidfd");
	if (close_range(1 << 20, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		return cnt_fail_sys(e, "close_range");
	pid = (pid_t)syscall(SYS_clone3, &clone, sizeof(clone));
	if (pid == 0)
		_exit(0);
	if (pid == -1 || cnt_proc_reap(pid) == -1)
		return cnt_fail_sys(e, "clone3");
	return 0;
}

static int
user_namespace(uint32_t first, struct cnt_err *e)
{
	CNT_CLOSE int fd = -1;

	return cnt_mount_userns(first, &fd, e);
}

/* A file of root's in the image must be the box's root's in the box, and what a start makes for
 * agent-box must reach the upper directory. */
static int
mount_like_a_box(const char *place, uint32_t first, struct cnt_err *e)
{
	char *image CNT_FREE = cnt_format("%s/image", place);
	char *program CNT_FREE = cnt_run_find("true");
	CNT_CLOSE int userns = -1;
	struct stat st;

	if (program == NULL)
		return cnt_fail(e, CNT_UNAVAILABLE, "true: not installed");
	if (cnt_mount_userns(first, &userns, e) == -1 || cnt_mount_private(e) == -1 ||
	    cnt_mount_rootfs(image, place, userns, e) == -1)
		return -1;
	if (stat("rootfs/etc", &st) == -1)
		return cnt_fail_sys(e, "%s/rootfs/etc", place);
	if (st.st_uid != first)
		return cnt_fail(e, CNT_NO, "%s: id-mapped mount: root's file is %u's", place,
		    st.st_uid);
	if (cnt_mount_program(program, first, e) == -1)
		return -1;
	if (stat("disk/upper/usr/local/bin/true", &st) == -1)
		return cnt_fail_sys(e, "%s: overlay: a new file", place);
	return 0;
}

static int
make_place(const char *place, uint32_t first, struct cnt_err *e)
{
	static const char *const dirs[] = { "image/etc", "rootfs", "disk/upper", "disk/work" };
	CNT_CLOSE int fd = -1;

	if (mkdir(place, 0711) == -1 || (fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return cnt_fail_sys(e, "%s", place);
	for (size_t k = 0; k < nitems(dirs); k++)
		if (cnt_file_mkdirs_in(fd, dirs[k], 0755, 0, 0, e) == -1)
			return -1;
	if (fchownat(fd, "disk/upper", first, first, 0) == -1)
		return cnt_fail_sys(e, "%s/disk/upper", place);
	return 0;
}

static int
attempt_mounts(uint32_t first, struct cnt_err *e)
{
	char *place CNT_FREE = cnt_path(CNT_BOXES "/" PLACE);

	return mount_like_a_box(place, first, e);
}

static int
filter(uint32_t first CNT_UNUSED, struct cnt_err *e)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
		return cnt_fail_sys(e, "seccomp");
	return 0;
}

static int
sealed_program(uint32_t first CNT_UNUSED, struct cnt_err *e)
{
	char *const argv[] = { (char *)"true", NULL };
	char *program CNT_FREE = cnt_run_find("true");
	int fd = -1;

	if (program == NULL)
		return cnt_fail(e, CNT_UNAVAILABLE, "true: not installed");
	if (cnt_enter_seal(program, &fd, e) == -1)
		return -1;
	syscall(SYS_execveat, fd, "", argv, &argv[1], AT_EMPTY_PATH);
	return cnt_fail_sys(e, "execveat");
}

const struct cnt_probe cnt_probes[] = {
	{ "system calls", system_calls, "boot Linux 5.15 or newer" },
	{ "user namespaces", user_namespace,
	  "`sysctl -w user.max_user_namespaces=65536`, and keep that in /etc/sysctl.d" },
	{ "mounts", attempt_mounts, "`modprobe overlay`; keep the state directory on ext4, xfs or "
	  "btrfs (it may be a mount of its own); boot Linux 5.15 or newer" },
	{ "seccomp", filter, "boot a kernel with CONFIG_SECCOMP_FILTER" },
	{ "sealed programs", sealed_program, "`sysctl -w vm.memfd_noexec=0`" },
	{ 0 }
};

/* The child tells its error, or nothing. */
static int
run_apart(const struct cnt_probe *p, uint32_t first, struct cnt_err *e)
{
	int ends[2], status;
	ssize_t r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		return cnt_fail_sys(e, "%s", p->name);
	if (pid == 0) {
		if (p->attempt(first, e) == -1 && write(ends[1], e, sizeof(*e)) == -1)
			_exit(2);
		_exit(e->code != CNT_OK);
	}
	close(ends[1]);
	r = read(ends[0], e, sizeof(*e));
	close(ends[0]);
	status = cnt_proc_reap(pid);
	if (r == (ssize_t)sizeof(*e))
		return -1;
	return status == 0 ? 0 : cnt_fail(e, CNT_NO, "%s: ended with status %d", p->name, status);
}

int
cnt_probe(const struct cnt_probe *p, uint32_t first, struct cnt_err *e)
{
	char *boxes CNT_FREE = cnt_path(CNT_BOXES);
	char *place CNT_FREE = cnt_path(CNT_BOXES "/" PLACE);
	CNT_CLOSE int lock = -1;
	struct cnt_err later = { 0 };
	int r;

	*e = later;
	if (p->attempt != attempt_mounts)
		return run_apart(p, first, e);
	if (access(boxes, F_OK) == -1) {
		cnt_fail_sys(e, "%s", boxes);
		return cnt_hint(e, "run `cnt setup`");
	}
	if (cnt_paths_make(e) == -1 || cnt_box_lock(PLACE, PLACE_WAIT_MS, &lock, e) == -1 ||
	    cnt_file_remove_tree(place, e) == -1)
		return -1;
	r = make_place(place, first, e);
	if (r == 0)
		r = run_apart(p, first, e);
	if (cnt_file_remove_tree(place, &later) == -1 && r == 0) {
		*e = later;
		r = -1;
	}
	return r;
}
