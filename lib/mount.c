/* SPDX-License-Identifier: Apache-2.0
 *
 * One image serves every box: it is mounted with the box's id map as the lower layer, so nothing
 * is ever chowned. The upper directory holds host ids of the box's own range. Trusted: the host's
 * paths and the kernel's id map; not trusted: what is in the image or the upper directory, hence
 * nodev.
 */
#include "lib/mount.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/file.h"
#include "lib/proc.h"

int
cnt_mount_private(struct cnt_err *e)
{
	if (unshare(CLONE_NEWNS) == -1)
		return cnt_fail_sys(e, "mount namespace");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == -1)
		return cnt_fail_sys(e, "/: cannot be made private");
	if (mount("cnt", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m")
	    == -1)
		return cnt_fail_sys(e, "/run");
	return 0;
}

static int
write_map(pid_t pid, const char *file, uint32_t first)
{
	char path[64], map[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(map, sizeof(map), "0 %u %d\n", (unsigned)first, CNT_IDS);
	return cnt_file_put(path, map);
}

/* A user namespace needs a process while its map is written; that one waits for the pipe's end. */
int
cnt_mount_userns(uint32_t first, int *fd, struct cnt_err *e)
{
	int ends[2];
	char path[64];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		char c;

		close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	*fd = -1;
	if (pid == -1 || write_map(pid, "uid_map", first) == -1 ||
	    write_map(pid, "gid_map", first) == -1 ||
	    (*fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		cnt_fail_sys(e, "user namespace for ids from %u", (unsigned)first);
	close(ends[1]);
	cnt_proc_reap(pid);
	return *fd == -1 ? -1 : 0;
}

static int
mount_lower(const char *image, int userns, struct cnt_err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV,
		.userns_fd = (uint64_t)userns,
	};
	CNT_CLOSE int tree = open_tree(AT_FDCWD, image, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree == -1)
		return cnt_fail_sys(e, "%s", image);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == -1) {
		cnt_fail_sys(e, "%s: id-mapped mount", image);
		return e->sys == EINVAL ? cnt_hint(e, "keep the state directory on a file system "
		    "that supports id-mapped mounts: ext4, xfs or btrfs") : -1;
	}
	if (move_mount(tree, "", AT_FDCWD, "rootfs", MOVE_MOUNT_F_EMPTY_PATH) == -1)
		return cnt_fail_sys(e, "%s: mount", image);
	return 0;
}

/* The kernel makes an overlay read-only, and says so to its log alone, when it cannot prepare the
 * working directory: on a full disk. */
static int
check_writable(const char *box, struct cnt_err *e)
{
	struct statvfs root, disk;

	if (statvfs("rootfs", &root) == -1 || statvfs("disk", &disk) == -1)
		return cnt_fail_sys(e, "%s", box);
	if ((root.f_flag & ST_RDONLY) == 0)
		return 0;
	errno = disk.f_bavail == 0 || disk.f_favail == 0 ? ENOSPC : EROFS;
	return cnt_fail_sys(e, "%s/disk", box);
}

/* Paths relative to the box's directory need no quoting in the option string. The lower layer is
 * mounted on rootfs first and the overlay on top of it. */
int
cnt_mount_rootfs(const char *image, const char *box, int userns, struct cnt_err *e)
{
	if (chdir(box) == -1)
		return cnt_fail_sys(e, "%s", box);
	if (mount_lower(image, userns, e) == -1)
		return -1;
	if (mount("cnt", "rootfs", "overlay", MS_NODEV, "lowerdir=rootfs,upperdir=disk/upper,"
	    "workdir=disk/work,redirect_dir=on,metacopy=off,index=off") == -1)
		return cnt_fail_sys(e, "%s/rootfs: overlay", box);
	return check_writable(box, e);
}

/* Any other error on the way to a file in the box is of the box's own making. */
static bool
is_the_hosts(int sys)
{
	return sys == ENOSPC || sys == EDQUOT || sys == EIO || sys == EMFILE || sys == ENFILE ||
	    sys == ENOMEM;
}

/* The program's place in the box, a file of the box's root, is made when it is missing. 0: the box
 * has something else there. */
static int
open_place(const char *path, uint32_t first, int *place, struct cnt_err *e)
{
	CNT_CLOSE int root = open("rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CNT_CLOSE int fd = -1;
	char *dir CNT_FREE = cnt_format("%.*s", (int)(strrchr(path, '/') - path), path);
	struct cnt_err why = { 0 };
	struct stat st;

	if (root == -1)
		return cnt_fail_sys(e, "rootfs");
	fd = cnt_file_open_in(root, path, O_PATH);
	if (fd == -1 && errno == ENOENT &&
	    cnt_file_mkdirs_in(root, dir, 0755, first, first, &why) == 0 &&
	    cnt_file_write_in(root, path, "", 0, 0755, first, first, &why) == 0)
		fd = cnt_file_open_in(root, path, O_PATH);
	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*place = take_fd(&fd);
		return 1;
	}
	if (why.sys == 0)
		cnt_fail_sys(&why, "%s", path);
	if (fd != -1 || !is_the_hosts(why.sys))
		return 0;
	*e = why;
	return -1;
}

/* Made here, in the host's user namespace: the kernel locks such a mount and its flags in the
 * box's. */
int
cnt_mount_program(const char *program, uint32_t first, struct cnt_err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	char *path CNT_FREE = cnt_format("usr/local/bin%s", strrchr(program, '/'));
	CNT_CLOSE int place = -1;
	CNT_CLOSE int tree = -1;
	int there = open_place(path, first, &place, e);

	if (there != 1)
		return there;
	tree = open_tree(AT_FDCWD, program, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree == -1 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == -1 ||
	    move_mount(tree, "", place, "",
	    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == -1)
		return cnt_fail_sys(e, "%s: mount", program);
	return 0;
}
