/* SPDX-License-Identifier: Apache-2.0
 *
 * An instance's directories. What lies in them decides rights, so every directory on the way must
 * be root's and closed to other writers; and a box's root, who is nobody to the host, must be able
 * to search every directory above its root file system. Anything else is refused with that reason.
 */
#include "lib/paths.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

static const struct {
	const char	*path;
	mode_t		 mode;
} dirs[] = {
	{ "/var",	0755 },
	{ "/var/lib",	0755 },
	{ CNT_STATE,	0711 },
	{ CNT_IMAGES,	0700 },
	{ CNT_BOXES,	0711 },
	{ "/run",	0755 },
	{ CNT_RUN,	0755 },
	{ CNT_LOCKS,	0700 },
};

const char *
cnt_root(void)
{
	const char *root = getenv("CNT_ROOT");

	return root == NULL || strcmp(root, "/") == 0 ? "" : root;
}

char *
cnt_path(const char *fmt, ...)
{
	char *below CNT_FREE = NULL;
	va_list ap;

	va_start(ap, fmt);
	below = cnt_vformat(fmt, ap);
	va_end(ap);
	return cnt_format("%s%s", cnt_root(), below);
}

char *
cnt_path_beside(const char *relative)
{
	char self[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash = n == -1 ? NULL : strrchr(self, '/');

	return cnt_format("%.*s/%s", slash != NULL ? (int)(slash - self) : 0, self, relative);
}

/* The directory fd and all above it. A sticky directory (/tmp) may stand above, never be used. */
static int
check_up(int fd, const char *path, struct cnt_err *e)
{
	int at CNT_CLOSE = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct stat st, child = { 0 };
	const char *above = "";

	for (;;) {
		if (at == -1 || fstat(at, &st) == -1)
			return cnt_fail_sys(e, "%s", path);
		if (st.st_dev == child.st_dev && st.st_ino == child.st_ino)
			return 0;
		if (st.st_uid != 0)
			return cnt_fail(e, CNT_INVALID, "%s:%s not root's", path, above);
		if ((st.st_mode & 022) != 0 && ((st.st_mode & S_ISVTX) == 0 || *above == '\0'))
			return cnt_fail(e, CNT_INVALID, "%s:%s writable by others", path, above);
		if ((st.st_mode & 01) == 0) {
			cnt_fail(e, CNT_INVALID, "%s:%s not searchable by others, so no box "
			    "could reach its files", path, above);
			return cnt_hint(e, "chmod o+x on each directory above, or choose another");
		}
		child = st;
		above = " a directory above it is";
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = up;
	}
}

static int
check_root(const char *root, struct cnt_err *e)
{
	char *real CNT_FREE = NULL;
	int fd CNT_CLOSE = -1;

	if (*root != '/')
		return cnt_fail(e, CNT_INVALID, "CNT_ROOT: %s: not an absolute path", root);
	if ((real = realpath(root, NULL)) == NULL)
		return cnt_fail_sys(e, "CNT_ROOT: %s", root);
	if (strcmp(real, root) != 0)
		return cnt_fail(e, CNT_INVALID, "CNT_ROOT: %s: write it as %s", root, real);
	if ((fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return cnt_fail_sys(e, "CNT_ROOT: %s", root);
	return check_up(fd, root, e);
}

/* One directory: made with the mode whatever the umask; one that stands is given the mode when it
 * is ours, and left as it is when it is the system's. */
static int
make(const char *path, mode_t mode, bool ours, struct cnt_err *e)
{
	bool made = mkdir(path, mode) == 0;
	struct stat st;

	if (!made && errno != EEXIST)
		return cnt_fail_sys(e, "%s", path);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (st.st_uid != 0)
		return cnt_fail(e, CNT_INVALID, "%s: not root's", path);
	if ((made || ours) && (st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		return cnt_fail_sys(e, "%s", path);
	return strcmp(path + strlen(cnt_root()), CNT_BOXES) == 0 ? check_up(fd, path, e) : 0;
}

int
cnt_paths_make(struct cnt_err *e)
{
	if (*cnt_root() != '\0' && check_root(cnt_root(), e) == -1)
		return -1;
	for (size_t i = 0; i < nitems(dirs); i++) {
		char *path CNT_FREE = cnt_path("%s", dirs[i].path);
		bool ours = strstr(dirs[i].path, "/cnt") != NULL;

		if (make(path, dirs[i].mode, ours, e) == -1)
			return -1;
	}
	return 0;
}
