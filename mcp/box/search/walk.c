/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks a tree below the wall. Each directory is opened by its one name, following no link; what
 * it holds is read at once and sorted: a page of an answer begins where the last one ended,
 * whatever the file system's own order. A directory of another, virtual file system is not
 * entered; depth, entries and time are bounded.
 */
#include "mcp/box/search/walk.h"

#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include <linux/magic.h>

#include "mcp/box/search/names.h"
#include "mcp/box/text.h"

#define DEPTH_MAX	128

void
cnt_said_add(struct cnt_said *s, const char *path)
{
	if (s->n < CNT_SAID_MAX)
		s->path[s->n] = cnt_strdup(path[0] != '\0' ? path : ".");
	s->n++;
}

void
cnt_said_free(struct cnt_said *s)
{
	for (int64_t i = 0; i < s->n && i < CNT_SAID_MAX; i++)
		free(s->path[i]);
	memset(s, 0, sizeof(*s));
}

int64_t
cnt_walk_clock(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int
cnt_walk_order(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a == '\0' ? -1 : 1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* File systems that hold no files of anybody's: endless, or odd to read. */
static bool
is_virtual(int fd)
{
	static const unsigned long kinds[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, DEVPTS_SUPER_MAGIC, BPF_FS_MAGIC,
		PSTOREFS_MAGIC, EFIVARFS_MAGIC, BINFMTFS_MAGIC, AUTOFS_SUPER_MAGIC,
		SELINUX_MAGIC, HUGETLBFS_MAGIC, 0x19800202 /* mqueue */, 0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
	};
	struct statfs fs = { 0 };

	if (fstatfs(fd, &fs) == -1)
		return true;
	for (size_t i = 0; i < nitems(kinds); i++)
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	return false;
}

static unsigned char
type_of(int dir, const char *name)
{
	unsigned char type = (unsigned char)name[-1];
	struct stat st = { 0 };

	if (type == DT_UNKNOWN && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = (unsigned char)IFTODT(st.st_mode);
	return type;
}

/* Below a repository's own root only its own patterns count. */
static struct cnt_ignore *
patterns_of(struct cnt_ignore *up, int dir, const struct cnt_names *all, size_t base)
{
	struct cnt_ignore *i = up;

	if (cnt_names_have(all, ".git"))
		i = cnt_ignore_repository(dir, base);
	return cnt_names_have(all, ".gitignore") ?
	    cnt_ignore_read(i, dir, ".gitignore", base) : i;
}

static const char *
below_root(const struct cnt_walk *w)
{
	return w->path.p + w->prefix;
}

static void
visit(struct cnt_walk *w, const struct cnt_found *f)
{
	int order = w->after != NULL ? cnt_walk_order(f->path, w->after) : 1;

	if (order < 0 || (order == 0 && !w->again))
		return;
	w->done = !w->visit(w, f);
	w->last.n = 0;
	cnt_buf_adds(&w->last, f->path);
	if (!w->done && ++w->looked % 32 == 0 && cnt_ticks_us() > w->until)
		w->late = w->done = true;
}

static void walk_directory(struct cnt_walk *w, int fd, struct cnt_ignore *up, dev_t dev, int depth);

static void
look_at(struct cnt_walk *w, int dir, const char *name, const struct cnt_ignore *ignore, dev_t dev,
    int depth)
{
	unsigned char type = type_of(dir, name);
	struct cnt_found f = { .path = below_root(w), .name = name, .dir = dir, .type = type };
	int fd = -1;

	if (w->gitignore && (strcmp(name, ".git") == 0 ||
	    cnt_ignore_decides(ignore, w->path.p, name, type == DT_DIR)))
		return;
	visit(w, &f);
	if (type != DT_DIR || w->done)
		return;
	fd = depth == DEPTH_MAX ? -1 : openat(dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1)
		walk_directory(w, fd, (struct cnt_ignore *)(uintptr_t)ignore, dev, depth + 1);
	else if (depth == DEPTH_MAX || (errno != ENOENT && errno != ENOTDIR))
		cnt_said_add(&w->skipped, below_root(w));
}

/* Was an entry made in it, or taken from it, where the pages before this one have been? */
static void
note_changed(struct cnt_walk *w, const struct stat *st)
{
	int64_t t = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;

	if (w->after != NULL && t >= w->since && cnt_walk_order(below_root(w), w->after) < 0)
		cnt_said_add(&w->changed, below_root(w));
}

/* Takes fd; w->path is the directory's. */
static void
walk_directory(struct cnt_walk *w, int fd, struct cnt_ignore *up, dev_t dev, int depth)
{
	DIR *d CNT_DIR = fdopendir(fd);
	struct cnt_names all = { 0 };
	struct cnt_ignore *ignore = up;
	struct stat st = { 0 };
	size_t n = w->path.n, base = 0;

	if (d == NULL || fstat(fd, &st) == -1 ||
	    (depth > 0 && st.st_dev != dev && is_virtual(fd))) {
		cnt_said_add(&w->skipped, below_root(w));
		if (d == NULL)
			close(fd);
		return;
	}
	note_changed(w, &st);
	cnt_names_read(&all, d, true, CNT_NAMES_MAX);
	if (all.more)
		cnt_said_add(&w->skipped, below_root(w));
	if (n > 0 && w->path.p[n - 1] != '/')
		cnt_buf_add(&w->path, "/", 1);
	base = w->path.n;
	if (w->gitignore)
		ignore = patterns_of(up, fd, &all, base);
	for (size_t i = 0; i < all.n && !w->done; i++) {
		w->path.n = base;
		cnt_buf_adds(&w->path, all.p[i]);
		look_at(w, fd, all.p[i], ignore, st.st_dev, depth);
	}
	while (ignore != NULL && ignore != up)
		ignore = cnt_ignore_free(ignore);
	w->path.n = n;
	w->path.p[n] = '\0';
	cnt_names_free(&all);
}

void
cnt_walk(struct cnt_walk *w, int dir, const char *path)
{
	struct cnt_ignore *outer = NULL;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);

	cnt_buf_adds(&w->path, "");
	cnt_buf_adds(&w->last, "");
	if (w->gitignore)
		outer = cnt_ignore_outer(dir, path, &w->path);
	w->prefix = w->path.n;
	if (fd != -1)
		walk_directory(w, fd, outer, 0, 0);
	else
		cnt_said_add(&w->skipped, ".");
	while (outer != NULL)
		outer = cnt_ignore_free(outer);
}

void
cnt_walk_free(struct cnt_walk *w)
{
	cnt_buf_free(&w->path);
	cnt_buf_free(&w->last);
	cnt_said_free(&w->changed);
	cnt_said_free(&w->skipped);
}

void
cnt_said_text(const struct cnt_said *s, const char *what, struct cnt_buf *to)
{
	for (int64_t i = 0; i < s->n && i < CNT_SAID_MAX; i++) {
		cnt_buf_adds(to, i == 0 ? what : ", ");
		cnt_text_add(to, s->path[i], strlen(s->path[i]), false);
	}
	if (s->n > CNT_SAID_MAX)
		cnt_buf_addf(to, " and %lld more", (long long)s->n - CNT_SAID_MAX);
	cnt_buf_adds(to, s->n > 0 ? "\n" : "");
}

void
cnt_walk_note(const struct cnt_walk *w, struct cnt_buf *to)
{
	if (w->late)
		cnt_buf_adds(to, "stopped after 30 s: next_cursor goes on\n");
	cnt_said_text(&w->changed, "changed since the page before (what is new in them is not on "
	    "this page): ", to);
	cnt_said_text(&w->skipped, "skipped (unreadable, virtual, too deep or too large): ", to);
}

char *
cnt_walk_prefix(const char *path)
{
	size_t n = strlen(path);

	while (strncmp(path, "./", 2) == 0) {
		path += 2 + strspn(path + 2, "/");
		n = strlen(path);
	}
	if (n == 0 || strcmp(path, ".") == 0)
		return cnt_strdup("");
	return cnt_format("%s%s", path, path[n - 1] == '/' ? "" : "/");
}
