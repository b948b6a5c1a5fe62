/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall. Every path is resolved by openat2(2) below one directory descriptor and then only
 * used through descriptors: nothing is looked at by name and opened by name again. With
 * AGENTBOX_ROOT set, RESOLVE_BENEATH refuses what would leave it (also absolute links). Without
 * it the root is `/`, where RESOLVE_IN_ROOT means the same as no flag. Links of /proc (magic
 * links) are refused in both.
 *
 * The descriptor is the working directory: a process forked for a call keeps nothing else.
 */
#include "mcp/box/box.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/openat2.h>

#define LINKS_MAX	40		/* as the kernel's */
#define AGAIN_MAX	128		/* a resolution disturbed by a rename is tried again */
#define LISTED_MAX	10000		/* entries looked at for like names */
#define ALIKE_MAX	5
#define SHOWN_MAX	600		/* bytes of a path in an error, which says more behind it */

static struct {
	char	*path;			/* "" for `/`, else without a slash at the end */
	char	*real;			/* the same with links resolved: both spellings are taken */
	char	*home;			/* what relative paths are relative to */
	__u64	 resolve;
} wall;

static bool
below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int
cnt_wall_init(struct cnt_err *e)
{
	const char *root = getenv("AGENTBOX_ROOT"), *home = cnt_user_self()->home;
	int fd CNT_CLOSE = -1;
	size_t n = 0;

	if (root != NULL && root[0] != '/')
		return cnt_fail(e, CNT_INVALID, "AGENTBOX_ROOT: \"%s\" is not an absolute path",
		    root);
	if (chdir(root != NULL ? root : "/") == -1) {
		cnt_fail_sys(e, "%s%s", root != NULL ? "AGENTBOX_ROOT: " : "",
		    root != NULL ? root : "/");
		e->code = CNT_UNAVAILABLE;
		return -1;
	}
	wall.path = cnt_strdup(root != NULL ? root : "");
	for (n = strlen(wall.path); n > 0 && wall.path[n - 1] == '/'; n--)
		wall.path[n - 1] = '\0';
	wall.resolve = RESOLVE_NO_MAGICLINKS |
	    (wall.path[0] != '\0' ? RESOLVE_BENEATH : RESOLVE_IN_ROOT);
	wall.real = wall.path[0] != '\0' ? realpath(wall.path, NULL) : cnt_strdup("");
	if (wall.real == NULL)
		wall.real = cnt_strdup(wall.path);
	wall.home = cnt_strdup(below(home, wall.path) || below(home, wall.real) ? home : wall.path);
	fd = cnt_wall_open(wall.path[0] != '\0' ? wall.path : "/", O_PATH | O_DIRECTORY, 0);
	if (fd != -1)
		return 0;
	cnt_fail_sys(e, "openat2");
	e->code = CNT_UNAVAILABLE;
	return cnt_hint(e, "paths are resolved by openat2(2) only: Linux 5.6, and no seccomp "
	    "filter that refuses it");
}

/* Is AGENTBOX_ROOT set, and not to `/`? */
static bool
is_built(void)
{
	return wall.path[0] != '\0';
}

char *
cnt_wall_path(const char *path)
{
	if (path[0] == '/')
		return cnt_strdup(path);
	if (strcmp(path, "~") == 0)
		return cnt_strdup(wall.home[0] != '\0' ? wall.home : "/");
	if (strncmp(path, "~/", 2) == 0)	/* models write it; ./~ is the name */
		path += 2 + strspn(path + 2, "/");
	return cnt_format("%s/%s", strcmp(wall.home, "/") == 0 ? "" : wall.home, path);
}

/* The same path as seen from the root's descriptor; NULL and EXDEV when it starts elsewhere. */
static char *
inside(const char *path)
{
	char *whole CNT_FREE = cnt_wall_path(path);
	const char *rest = below(whole, wall.path) ? whole + strlen(wall.path) :
	    below(whole, wall.real) ? whole + strlen(wall.real) : NULL;

	if (rest == NULL) {
		errno = EXDEV;
		return NULL;
	}
	while (*rest == '/')
		rest++;
	return cnt_strdup(*rest != '\0' ? rest : ".");
}

int
cnt_wall_open(const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (__u64)(flags | O_CLOEXEC), .mode = mode,
	    .resolve = wall.resolve };
	char *in CNT_FREE = path[0] != '\0' ? inside(path) : NULL;
	long fd = -1;

	if (path[0] == '\0')
		errno = ENOENT;
	if (in == NULL)
		return -1;
	for (int i = 0; i < AGAIN_MAX && fd == -1; i++) {
		fd = syscall(SYS_openat2, AT_FDCWD, in, &how, sizeof(how));
		if (fd == -1 && errno != EAGAIN)
			return -1;
	}
	return (int)fd;
}

const char *
cnt_mode_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "symlink";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "character device";
	case S_IFBLK: return "block device";
	default: return "unknown";
	}
}

int
cnt_mode_parse(const char *s, long *mode, struct cnt_err *e)
{
	char *end = NULL;

	*mode = -1;
	if (s == NULL)
		return 0;
	if (strlen(s) <= 5 && strspn(s, "01234567") == strlen(s))
		*mode = strtol(s, &end, 8);
	if (end == NULL || end == s || *mode > 07777)
		return cnt_fail(e, CNT_INVALID,
		    "mode: expected octal digits such as 0644, got \"%.32s\"", s);
	return 0;
}

/* Length of the path without its last part and the slashes before that. */
static size_t
parent_length(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

static bool
contains(const char *name, const char *stem, size_t n)
{
	for (; *name != '\0'; name++)
		if (strncasecmp(name, stem, n) == 0)
			return true;
	return false;
}

/* Moves up to ALIKE_MAX names that look like `missing` to the front; returns how many. */
static size_t
pick_alike(char **names, size_t n, const char *missing)
{
	size_t stem = strcspn(missing, "."), picked = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = picked; i < n && picked < ALIKE_MAX; i++) {
			char *name = names[i];

			if (pass == 0 ? strlen(missing) < 3 ||
			    cnt_argv_nearest(missing, (const char *const *)&name, 1) == NULL :
			    stem < 3 || !contains(name, missing, stem))
				continue;
			names[i] = names[picked];
			names[picked++] = name;
		}
	return picked;
}

static void
hint_alike(struct cnt_err *e, const char *dir, const char *missing)
{
	int fd = cnt_wall_open(dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	DIR *d CNT_DIR = fd != -1 ? fdopendir(fd) : NULL;
	struct cnt_buf b CNT_BUF = { 0 };
	struct dirent *entry = NULL;
	char **names CNT_FREE = NULL;
	size_t n = 0, cap = 0, alike = 0;

	while (d != NULL && n < LISTED_MAX && (entry = readdir(d)) != NULL) {
		if (n == cap) {
			cap = cap * 2 + 64;
			names = cnt_realloc(names, cap * sizeof(*names));
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[n++] = cnt_strdup(entry->d_name);
	}
	alike = n > 0 ? pick_alike(names, n, missing) : 0;
	for (size_t i = 0; i < alike; i++)
		cnt_buf_addf(&b, "%s%s", i == 0 ? "; named alike in it: " : ", ", names[i]);
	while (n > 0)
		free(names[--n]);
	cnt_hint(e, "nearest existing directory: %s%s", dir, b.p != NULL ? b.p : "");
}

static void
hint_nearest(struct cnt_err *e, const char *path)
{
	char *dir CNT_FREE = cnt_wall_path(path);

	for (;;) {
		size_t n = parent_length(dir);
		const char *last = dir + n + strspn(dir + n, "/");
		char *missing CNT_FREE = cnt_format("%.*s", (int)strcspn(last, "/"), last);
		int fd CNT_CLOSE = -1;

		if (n == 0 || missing[0] == '\0')
			return;
		dir[n] = '\0';
		fd = cnt_wall_open(dir, O_PATH | O_DIRECTORY, 0);
		if (fd != -1) {
			hint_alike(e, dir, missing);
			return;
		}
	}
}

int
cnt_wall_hint_full(struct cnt_err *e, int error)
{
	if (error == EFBIG)
		return cnt_hint(e, "EFBIG: a limit on file sizes; nothing was changed. "
		    "shell_exec: ulimit -f shows it");
	return cnt_hint(e, "%s; nothing was changed. shell_exec: df -h shows what is full",
	    error == EDQUOT ? "EDQUOT: a quota" : "ENOSPC");
}

int
cnt_wall_fail(struct cnt_err *e, const char *path)
{
	size_t n = cnt_text_prefix(path, strlen(path), SHOWN_MAX);
	int error = errno;

	if (error == EXDEV) {
		cnt_fail(e, CNT_DENIED, "%s: outside of %s", path,
		    is_built() ? wall.path : "/");
		return cnt_hint(e, "AGENTBOX_ROOT is %s; links that are absolute or lead out are "
		    "refused", wall.path);
	}
	if (path[0] == '\0')
		return cnt_fail(e, CNT_INVALID, "path: expected a path, got \"\"");
	cnt_fail_sys(e, "%.*s%s", (int)n, path, path[n] != '\0' ? "..." : "");
	switch (error) {
	case ENOENT:
		e->code = CNT_NOTFOUND;
		hint_nearest(e, path);
		break;
	case EEXIST:
		e->code = CNT_EXISTS;
		break;
	case EACCES: case EPERM: case EROFS: case ELOOP:
		e->code = CNT_DENIED;
		break;
	case ENOSPC: case EDQUOT: case EFBIG:
		e->code = CNT_NO;
		cnt_wall_hint_full(e, error);
		break;
	case EISDIR: case ENOTDIR: case ENOTEMPTY: case ETXTBSY: case ENXIO:
		e->code = CNT_NO;
		break;
	case ENAMETOOLONG: case EINVAL:
		e->code = CNT_INVALID;
		break;
	case EAGAIN: case EBUSY:
		e->code = CNT_BUSY;
		break;
	}
	return -1;
}

int
cnt_wall_regular(const char *path, struct stat *st, struct cnt_err *e)
{
	int fd CNT_CLOSE = cnt_wall_open(path, O_PATH, 0);

	/* Looked at before it is opened: opening a FIFO or a device can do something. */
	if (fd == -1 || fstat(fd, st) == -1)
		return cnt_wall_fail(e, path);
	if (S_ISREG(st->st_mode)) {
		close(fd);
		fd = cnt_wall_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd == -1 || fstat(fd, st) == -1)
			return cnt_wall_fail(e, path);
	}
	if (S_ISREG(st->st_mode))
		return take_fd(&fd);
	cnt_fail(e, CNT_NO, "%s: is a %s, not a regular file", path, cnt_mode_type(st->st_mode));
	return S_ISDIR(st->st_mode) ? cnt_hint(e, "use list_directory") : -1;
}

static int
open_directory(const char *path, bool mkdirs)
{
	int fd = cnt_wall_open(path, O_PATH | O_DIRECTORY, 0), up CNT_CLOSE = -1;
	size_t n = parent_length(path);
	char *parent CNT_FREE = cnt_format("%.*s", (int)n, path);
	const char *name = path + n + strspn(path + n, "/");
	char *last CNT_FREE = cnt_format("%.*s", (int)strcspn(name, "/"), name);

	if (fd != -1 || errno != ENOENT || !mkdirs || n == 0 || last[0] == '\0')
		return fd;
	up = open_directory(parent, true);
	if (up == -1 || (mkdirat(up, last, 0777) == -1 && errno != EEXIST))
		return -1;
	return cnt_wall_open(path, O_PATH | O_DIRECTORY, 0);
}

int
cnt_wall_no_slash(const char *path, struct cnt_err *e)
{
	size_t n = strlen(path);

	if (n == 0 || path[n - 1] != '/')
		return 0;
	return cnt_fail(e, CNT_INVALID, "%s: ends in a slash, as only a directory does", path);
}

int
cnt_wall_parent(const char *path, bool mkdirs, char **name, struct cnt_err *e)
{
	char *whole CNT_FREE = cnt_wall_path(path);
	size_t n = parent_length(whole);
	char *dir CNT_FREE = cnt_format("%.*s", (int)n, whole);
	const char *last = whole + n + strspn(whole + n, "/");
	int fd = -1;

	*name = NULL;
	if (strlen(whole) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		cnt_fail_sys(e, "%.64s...", path);
		return -1;
	}
	*name = cnt_format("%.*s", (int)strcspn(last, "/"), last);
	if (path[0] == '\0' || **name == '\0' || strcmp(*name, ".") == 0 ||
	    strcmp(*name, "..") == 0)
		return cnt_fail(e, CNT_INVALID, "\"%s\": does not end in a name", path);
	fd = open_directory(dir, mkdirs);
	return fd != -1 ? fd : cnt_wall_fail(e, dir);
}

int
cnt_wall_target(char **path, bool mkdirs, char **name, struct cnt_err *e)
{
	char link[PATH_MAX];

	for (int i = 0; i < LINKS_MAX; i++) {
		char *at CNT_FREE = cnt_wall_path(*path), *next = NULL;
		int dir CNT_CLOSE = cnt_wall_parent(at, mkdirs, name, e);
		ssize_t n = -1;

		if (dir == -1)
			return -1;
		n = readlinkat(dir, *name, link, sizeof(link) - 1);
		if (n == -1) {
			free(*path);
			*path = take(&at);
			return take_fd(&dir);
		}
		link[n] = '\0';
		if (link[0] == '/' && is_built()) {
			errno = EXDEV;
			return cnt_wall_fail(e, at);
		}
		next = link[0] == '/' ? cnt_strdup(link) :
		    cnt_format("%.*s/%s", (int)parent_length(at), at, link);
		free(*path);
		*path = next;
		free(*name);
		*name = NULL;
	}
	errno = ELOOP;
	return cnt_wall_fail(e, *path);
}
