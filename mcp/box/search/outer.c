/* SPDX-License-Identifier: Apache-2.0
 *
 * The git repository around a directory: how far up it begins, what the directory is called
 * below its root, the patterns between, and those that stand in no directory of it; of the user's
 * own only where they are looked for by default. Parents are opened below the wall, so what lies
 * above AGENTBOX_ROOT is never asked; a repository ends at its file system's border, as git's does.
 */
#include <sys/stat.h>

#include <fcntl.h>

#include "lib/file.h"
#include "mcp/box/search/walk.h"
#include "mcp/box/wall.h"

#define PATTERNS_MAX	((size_t)4 << 20)	/* bytes of one file */
#define LEVELS_MAX	64
#define USERS_OWN	"~/.config/git/ignore"	/* core.excludesFile, when nothing else is said */

struct level {
	int	 fd;
	char	*name;			/* of the level below it, in it */
};

static struct cnt_ignore *
read_patterns(struct cnt_ignore *up, int fd, size_t base)
{
	struct cnt_buf b CNT_BUF = { 0 };
	struct stat st = { 0 };
	char bytes[16384];
	ssize_t n = 0;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return up;
	while (b.n < PATTERNS_MAX && (n = read(fd, bytes, sizeof(bytes))) > 0)
		cnt_buf_add(&b, bytes, (size_t)n);
	return b.n > 0 ? cnt_ignore_parse(up, b.p, b.n, base) : up;
}

struct cnt_ignore *
cnt_ignore_read(struct cnt_ignore *up, int dir, const char *name, size_t base)
{
	int fd CNT_CLOSE = cnt_file_open_in(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	return read_patterns(up, fd, base);
}

struct cnt_ignore *
cnt_ignore_repository(int dir, size_t base)
{
	int fd CNT_CLOSE = cnt_wall_open(USERS_OWN, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	return cnt_ignore_read(read_patterns(NULL, fd, base), dir, ".git/info/exclude", base);
}

static bool
is_repository(int dir)
{
	struct stat st = { 0 };

	return fstatat(dir, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
is_it(int dir, const char *name, const struct stat *it)
{
	struct stat st = { 0 };

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == it->st_ino &&
	    st.st_dev == it->st_dev;
}

/* What the directory `it` is called in dir, or NULL. */
static char *
name_in(int dir, const struct stat *it)
{
	DIR *d CNT_DIR = cnt_file_entries(dir);
	struct dirent *entry = NULL;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
		    strcmp(entry->d_name, ".") != 0 && is_it(dir, entry->d_name, it))
			return cnt_strdup(entry->d_name);
	return NULL;
}

/* Opens the parents up to the repository's root; how many they are, 0 where there is none. */
static size_t
climb(int dir, const char *path, struct level *up)
{
	struct cnt_buf above CNT_BUF = { 0 };
	struct stat st = { 0 }, last = { 0 };
	size_t n = 0;

	cnt_buf_adds(&above, path);
	if (fstat(dir, &last) == -1 || is_repository(dir))
		return 0;
	while (n < LEVELS_MAX) {
		cnt_buf_adds(&above, "/..");
		up[n].fd = cnt_wall_open(above.p, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
		if (up[n].fd == -1)
			break;
		up[n].name = fstat(up[n].fd, &st) == 0 && st.st_dev == last.st_dev &&
		    st.st_ino != last.st_ino ? name_in(up[n].fd, &last) : NULL;
		n++;
		if (up[n - 1].name == NULL)
			break;
		if (is_repository(up[n - 1].fd))
			return n;
		last = st;
	}
	while (n > 0) {
		close(up[--n].fd);
		free(up[n].name);
	}
	return 0;
}

struct cnt_ignore *
cnt_ignore_outer(int dir, const char *path, struct cnt_buf *prefix)
{
	struct level up[LEVELS_MAX];
	size_t n = climb(dir, path, up);
	struct cnt_ignore *i = n > 0 ? cnt_ignore_repository(up[n - 1].fd, 0) : NULL;
	bool ignored = false;

	while (n > 0) {
		const char *name = up[--n].name;

		i = cnt_ignore_read(i, up[n].fd, ".gitignore", prefix->n);
		cnt_buf_adds(prefix, name);
		ignored |= cnt_ignore_decides(i, prefix->p, name, true);
		cnt_buf_add(prefix, "/", 1);
		close(up[n].fd);
		free(up[n].name);
	}
	while (ignored && i != NULL)
		i = cnt_ignore_free(i);
	return i;
}
