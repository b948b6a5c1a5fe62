/* SPDX-License-Identifier: Apache-2.0
 *
 * O_TMPFILE, then link: a file without a name vanishes with the process. link(2) cannot
 * replace, so that a replaced file's successor has a name of its own between link and rename; a
 * child of vfork(2) does these two, which no end of this process stops. Where there
 * is no O_TMPFILE, or no /proc to name such a file by, it has a temporary name all along, and a
 * lock: what was left in the directory by one that was killed is removed by the next.
 */
#include "mcp/box/file/place.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "lib/crypto.h"
#include "lib/proc.h"
#include "mcp/box/wall.h"

#define TEMPORARY	".agent-box-"
#define LEFT_SECONDS	60		/* between the making of a file and its lock */
#define XATTR_MAX	65536		/* the kernel's bound on a list and on a value */

static void
make_name(struct cnt_place *p)
{
	uint8_t random[8];
	char hex[17];

	cnt_random(random, sizeof(random));
	cnt_hex(random, sizeof(random), hex);
	snprintf(p->name, sizeof(p->name), TEMPORARY "%s", hex);
}

static bool
is_temporary(const char *name)
{
	size_t n = strlen(TEMPORARY);

	return strncmp(name, TEMPORARY, n) == 0 && strlen(name) == n + 16 &&
	    strspn(name + n, "0123456789abcdef") == 16;
}

/* Its writer is gone: nobody holds its lock, and nobody is about to. */
static bool
is_left(int dir, const char *name)
{
	int fd CNT_CLOSE = openat(dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st = { 0 };

	return fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && st.st_mtime < time(NULL) - LEFT_SECONDS &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void
remove_left(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d CNT_DIR = copy != -1 ? fdopendir(copy) : NULL;
	struct dirent *entry = NULL;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (is_temporary(entry->d_name) && is_left(dir, entry->d_name))
			unlinkat(dir, entry->d_name, 0);
}

int
cnt_place_room(int dir, int64_t bytes, const char *path, struct cnt_err *e)
{
	struct rlimit limit = { 0 };
	struct statvfs fs = { 0 };
	uint64_t need = (uint64_t)bytes, room = UINT64_MAX;
	int error = ENOSPC;

	/* One that says it has no blocks at all does not count them. */
	if (fstatvfs(dir, &fs) == 0 && fs.f_blocks > 0)
		room = (geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * (uint64_t)fs.f_frsize;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < room) {
		room = limit.rlim_cur;
		error = EFBIG;
	}
	if (need <= room)
		return 0;
	cnt_fail(e, CNT_NO, "%s: %llu bytes to write, %llu bytes %s", path,
	    (unsigned long long)need, (unsigned long long)room,
	    error == ENOSPC ? "free on its file system" : "allowed");
	return cnt_wall_hint_full(e, error);
}

int
cnt_place_open(struct cnt_place *p, int dir)
{
	*p = (struct cnt_place){ .dir = dir, .fd = -1 };
	if (access("/proc/self/fd", F_OK) == 0) {	/* link_as needs it */
		p->fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
		if (p->fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
			return p->fd == -1 ? -1 : 0;
	}
	remove_left(dir);
	make_name(p);
	p->fd = openat(dir, p->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0666);
	if (p->fd == -1)
		p->name[0] = '\0';
	else
		(void)flock(p->fd, LOCK_EX | LOCK_NB);
	return p->fd == -1 ? -1 : 0;
}

static int
copy_xattrs(int from, int to)
{
	char *names CNT_FREE = cnt_alloc(XATTR_MAX), *value CNT_FREE = cnt_alloc(XATTR_MAX);
	ssize_t n = flistxattr(from, names, XATTR_MAX);

	for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		ssize_t len = 0;

		if (strncmp(name, "trusted.", 8) == 0)
			continue;
		len = fgetxattr(from, name, value, XATTR_MAX);
		if (len == -1 && errno == ENODATA)
			continue;
		/* Labels of the system's own are set by the system. */
		if ((len == -1 || fsetxattr(to, name, value, (size_t)len, 0) == -1) &&
		    strncmp(name, "security.", 9) != 0)
			return -1;
	}
	return n == -1 && errno != ENOTSUP ? -1 : 0;
}

int
cnt_place_like(struct cnt_place *p, int old, const struct stat *st)
{
	struct stat own = { 0 };

	if (fstat(p->fd, &own) == -1)
		return -1;
	if ((own.st_uid != st->st_uid || own.st_gid != st->st_gid) &&
	    fchown(p->fd, st->st_uid, st->st_gid) == -1)
		return -1;
	/* New files may get one from their directory, and the mode would only be its mask. */
	if (fremovexattr(p->fd, "system.posix_acl_access") == -1 && errno != ENODATA &&
	    errno != ENOTSUP)
		return -1;
	if (fchmod(p->fd, st->st_mode & 07777) == -1)
		return -1;
	return copy_xattrs(old, p->fd);
}

/* AT_EMPTY_PATH is for the privileged before Linux 6.10; the other way needs /proc. */
static int
link_as(const struct cnt_place *p, const char *proc, const char *name)
{
	if (linkat(p->fd, "", p->dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno == EEXIST)
		return -1;
	return linkat(AT_FDCWD, proc, p->dir, name, AT_SYMLINK_FOLLOW);
}

/* In the child of vfork: system calls only. In a group of its own, for a signal to the call's would
 * part the two steps. */
static int
link_and_rename(const struct cnt_place *p, const char *proc, const char *temporary,
    const char *name)
{
	int error = 0;

	if (setpgid(0, 0) == -1 || link_as(p, proc, temporary) == -1)
		return errno;
	if (renameat(p->dir, temporary, p->dir, name) == 0)
		return 0;
	error = errno;
	unlinkat(p->dir, temporary, 0);
	return error;
}

static int
replace_by_unnamed(struct cnt_place *p, const char *proc, const char *name)
{
	struct cnt_place temporary = { 0 };
	int status;
	pid_t pid = -1;

	make_name(&temporary);
	pid = vfork();
	if (pid == 0)
		_exit(link_and_rename(p, proc, temporary.name, name));
	if (pid == -1)
		return -1;
	status = cnt_proc_reap(pid);
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0 ? 0 : -1;
}

static int
name_it(struct cnt_place *p, const char *name, bool replace)
{
	char proc[32];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", p->fd);
	if (p->name[0] == '\0')
		return replace ? replace_by_unnamed(p, proc, name) : link_as(p, proc, name);
	if (replace)
		return renameat(p->dir, p->name, p->dir, name);
	if (linkat(p->dir, p->name, p->dir, name, 0) == -1)
		return -1;
	unlinkat(p->dir, p->name, 0);
	return 0;
}

int
cnt_place_as(struct cnt_place *p, const char *name, bool replace)
{
	int dir CNT_CLOSE = -1;

	if (fsync(p->fd) == -1 || name_it(p, name, replace) == -1)
		return -1;
	close(p->fd);
	p->fd = -1;
	dir = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir != -1 && fsync(dir) == -1 && errno != EINVAL)
		return -1;
	return 0;
}

void
cnt_place_drop(struct cnt_place *p)
{
	int saved = errno;

	if (p->fd != -1 && p->name[0] != '\0')
		unlinkat(p->dir, p->name, 0);
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	errno = saved;
}
