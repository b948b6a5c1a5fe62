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

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/openat2.h>

#include "mcp/box/file/stat.h"
#include "mcp/box/user.h"
#include "mcp/box/wall-own.h"

#define LINKS_MAX	40		/* as the kernel's */
#define AGAIN_MAX	128		/* a resolution disturbed by a rename is tried again */

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
	fd = cnt_wall_open(wall.path[0] != '\0' ? wall.path : "/", O_PATH | O_DIRECTORY);
	if (fd != -1)
		return 0;
	cnt_fail_sys(e, "openat2");
	e->code = CNT_UNAVAILABLE;
	return cnt_hint(e, "paths are resolved by openat2(2) only: Linux 5.6, and no seccomp "
	    "filter that refuses it");
}

const char *
cnt_wall_root(void)
{
	return wall.path;
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
cnt_wall_open(const char *path, int flags)
{
	struct open_how how = { .flags = (__u64)(flags | O_CLOEXEC), .resolve = wall.resolve };
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

size_t
cnt_wall_parent_length(const char *path)
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

int
cnt_wall_regular(const char *path, struct stat *st, struct cnt_err *e)
{
	int fd CNT_CLOSE = cnt_wall_open(path, O_PATH);

	/* Looked at before it is opened: opening a FIFO or a device can do something. */
	if (fd == -1 || fstat(fd, st) == -1)
		return cnt_wall_fail(e, path);
	if (S_ISREG(st->st_mode)) {
		close(fd);
		fd = cnt_wall_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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
	int fd = cnt_wall_open(path, O_PATH | O_DIRECTORY), up CNT_CLOSE = -1;
	size_t n = cnt_wall_parent_length(path);
	char *parent CNT_FREE = cnt_format("%.*s", (int)n, path);
	const char *name = path + n + strspn(path + n, "/");
	char *last CNT_FREE = cnt_format("%.*s", (int)strcspn(name, "/"), name);

	if (fd != -1 || errno != ENOENT || !mkdirs || n == 0 || last[0] == '\0')
		return fd;
	up = open_directory(parent, true);
	if (up == -1 || (mkdirat(up, last, 0777) == -1 && errno != EEXIST))
		return -1;
	return cnt_wall_open(path, O_PATH | O_DIRECTORY);
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
	size_t n = cnt_wall_parent_length(whole);
	char *dir CNT_FREE = cnt_format("%.*s", (int)n, whole);
	const char *last = whole + n + strspn(whole + n, "/");
	int fd = -1;

	*name = cnt_format("%.*s", (int)strcspn(last, "/"), last);
	if (strlen(whole) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return cnt_wall_fail(e, path);
	}
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
		if (link[0] == '/' && wall.path[0] != '\0') {
			errno = EXDEV;
			return cnt_wall_fail(e, at);
		}
		next = link[0] == '/' ? cnt_strdup(link) :
		    cnt_format("%.*s/%s", (int)cnt_wall_parent_length(at), at, link);
		free(*path);
		*path = next;
		free(*name);
		*name = NULL;
	}
	errno = ELOOP;
	return cnt_wall_fail(e, *path);
}
