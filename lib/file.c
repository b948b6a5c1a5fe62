/* SPDX-License-Identifier: Apache-2.0
 *
 * Files by descriptor. Trees below a root descriptor may be an enemy's (an image, a box's upper
 * layer): names in them are resolved by the kernel within that root, what is read must be a regular
 * file, what is written gets its owner and mode before it gets its name.
 */
#include "lib/file.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>

#include "lib/fault.h"

/* What is deeper is moved up to the tree's root first: no depth costs memory or descriptors. */
#define DEPTH_MAX 32

int
cnt_file_open_in(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	while (fd == -1 && errno == EAGAIN);	/* a rename raced with `..` */
	return fd;
}

/* The directory that path's last component is in, and that component. */
static int
open_parent(int root_fd, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char *dir CNT_FREE = slash == NULL ? cnt_strdup(".") :
	    cnt_format("%.*s", slash == path ? 1 : (int)(slash - path), path);

	*base = slash == NULL ? path : slash + 1;
	return cnt_file_open_in(root_fd, dir, O_PATH | O_DIRECTORY);
}

/* The owner is given last, and no tree that is to be another's has a directory of the host root's:
 * whoever made that one was killed. */
static bool
is_half_made(int dir, uid_t uid)
{
	struct stat st;

	return uid != 0 && fstat(dir, &st) == 0 && st.st_uid == 0;
}

int
cnt_file_mkdirs_in(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid,
    struct cnt_err *e)
{
	char *part CNT_FREE = cnt_strdup(path);
	size_t n = strspn(path, "/");

	while (path[n] != '\0') {
		CNT_CLOSE int parent = -1;
		CNT_CLOSE int fd = -1;
		const char *base = NULL;
		bool made = false;

		n += strcspn(path + n, "/");
		part[n] = '\0';
		parent = open_parent(root_fd, part, &base);
		if (parent == -1)
			return cnt_fail_sys(e, "%s", part);
		made = mkdirat(parent, base, 0700) == 0;
		if (!made && errno != EEXIST)
			return cnt_fail_sys(e, "%s", part);
		fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if ((made || is_half_made(fd, uid)) && (fd == -1 || fchmod(fd, mode) == -1 ||
		    fchown(fd, uid, gid) == -1))
			return cnt_fail_sys(e, "%s", part);
		part[n] = path[n];
		n += strspn(path + n, "/");
	}
	return 0;
}

int
cnt_file_write(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno != EINTR)
			return -1;
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

/* Not O_TMPFILE: an overlay has none before Linux 6.10. A name that is taken is a dead process's,
 * or the tree's own. */
int
cnt_file_write_in(int root_fd, const char *path, const void *bytes, size_t n, mode_t mode,
    uid_t uid, gid_t gid, struct cnt_err *e)
{
	const char *base = NULL;
	char temporary[32];
	CNT_CLOSE int dir = open_parent(root_fd, path, &base);
	CNT_CLOSE int fd = -1;

	snprintf(temporary, sizeof(temporary), ".cnt-%d", (int)getpid());
	if (dir == -1 || (unlinkat(dir, temporary, 0) == -1 && errno != ENOENT) || (fd = openat(dir,
	    temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (cnt_file_write(fd, bytes, n) == 0 && fchown(fd, uid, gid) == 0 &&
	    fchmod(fd, mode) == 0 && renameat(dir, temporary, dir, base) == 0)
		return 0;
	cnt_fail_sys(e, "%s", path);
	unlinkat(dir, temporary, 0);
	return -1;
}

/* O_NONBLOCK: a FIFO must not hold us before it is refused. */
static int
read_whole(int fd, const char *path, size_t max, struct cnt_buf *b, struct cnt_err *e)
{
	char chunk[16384];
	struct stat st;
	size_t got = 0;
	ssize_t r;

	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return cnt_fail(e, CNT_SYSTEM, "%s: not a regular file", path);
	while ((r = read(fd, chunk, sizeof(chunk))) > 0) {
		got += (size_t)r;
		if (got > max)
			return cnt_fail(e, CNT_SYSTEM, "%s: more than %zu bytes", path, max);
		cnt_buf_add(b, chunk, (size_t)r);
	}
	if (r == -1)
		return cnt_fail_sys(e, "%s", path);
	return 0;
}

int
cnt_file_read(const char *path, size_t max, struct cnt_buf *b, struct cnt_err *e)
{
	CNT_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return read_whole(fd, path, max, b, e);
}

int
cnt_file_read_in(int root_fd, const char *path, size_t max, struct cnt_buf *b, struct cnt_err *e)
{
	CNT_CLOSE int fd = cnt_file_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	return read_whole(fd, path, max, b, e);
}

int
cnt_file_put(const char *path, const char *text)
{
	CNT_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd == -1)
		return -1;
	return write(fd, text, n) == (ssize_t)n ? 0 : -1;
}

struct removal {
	int		top;		/* the tree's root */
	dev_t		dev;		/* its file system: another one is not entered */
	unsigned	moved;		/* names given to directories moved up to it */
};

static int	remove_dir(struct removal *r, int parent, const char *name, int depth);

/* unlink(2) says EISDIR for a directory on Linux. A name that is taken at the top is the box's
 * own. */
static int
remove_entry(struct removal *r, int dir, const char *name, int depth)
{
	char up[32];

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -1;
	if (depth < DEPTH_MAX)
		return remove_dir(r, dir, name, depth + 1);
	do {
		snprintf(up, sizeof(up), ".cnt-deep-%u", r->moved++);
		if (renameat2(dir, name, r->top, up, RENAME_NOREPLACE) == 0)
			return 0;
	} while (errno == EEXIST && r->moved < UINT_MAX);
	return -1;
}

DIR *
cnt_file_entries(int dir)
{
	CNT_CLOSE int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own != -1 ? fdopendir(own) : NULL;

	if (d != NULL)
		take_fd(&own);
	return d;
}

/* Takes fd. */
static int
remove_entries(struct removal *r, int fd, int depth)
{
	CNT_CLOSE int own = fd;
	DIR *d CNT_DIR = NULL;
	const struct dirent *n;

	d = fdopendir(own);
	if (d == NULL)
		return -1;
	take_fd(&own);
	while (errno = 0, (n = readdir(d)) != NULL)
		if (strcmp(n->d_name, ".") != 0 && strcmp(n->d_name, "..") != 0 &&
		    (remove_entry(r, dirfd(d), n->d_name, depth) == -1 ||
		    CNT_STEP("a tree is removed in part", NULL) == -1))
			return -1;
	return errno == 0 ? 0 : -1;
}

/* More than one pass: readdir(3) need not show what is moved into a directory while it is read. */
static int
remove_dir(struct removal *r, int parent, const char *name, int depth)
{
	do {
		int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;

		if (fd == -1)
			return errno == ENOENT ? 0 : -1;
		if (fstat(fd, &st) == -1) {
			close(fd);
			return -1;
		}
		if (depth == 0) {
			r->top = fd;
			r->dev = st.st_dev;
		}
		if (st.st_dev != r->dev) {
			close(fd);
			errno = EXDEV;
			return -1;
		}
		if (remove_entries(r, fd, depth) == -1)
			return -1;
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
	} while (errno == ENOTEMPTY);
	return -1;
}

/* After a power cut a database says what it said, and a tree removed before may be there again: not
 * this one, whoever removed it. EINVAL: a file system that is on no disk. */
int
cnt_file_remove_tree(const char *path, struct cnt_err *e)
{
	struct removal r = { .top = -1 };
	char *above CNT_FREE = cnt_format("%.*s/", (int)(strrchr(path, '/') - path), path);
	CNT_CLOSE int dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (remove_dir(&r, AT_FDCWD, path, 0) == -1 ||
	    (dir != -1 && fsync(dir) == -1 && errno != EINVAL))
		return cnt_fail_sys(e, "%s: cannot be removed", path);
	return 0;
}
