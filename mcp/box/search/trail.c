/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds what a log became. Renamed, it is the file of the same inode in the same directory;
 * copied and truncated, it is one beside it that holds the same bytes before the mark; what was
 * rotated in between are files of its name, with a number or a date behind it, that were
 * written later. An inode is used again by the next file, so a mark also has a check of the
 * bytes before it.
 */
#include "mcp/box/search/trail.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/file.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define CHECKED		64		/* bytes before the mark */
#define LOOKED_MAX	20000		/* entries of the directory */

struct beside {
	int		 fd;
	struct stat	 st;
};

static uint64_t
written(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
}

static uint64_t
check_of(int fd, int64_t offset)
{
	struct stat st = { 0 };
	unsigned char bytes[CHECKED];
	size_t want = offset < CHECKED ? (size_t)offset : CHECKED;
	ssize_t n = pread(fd, bytes, want, offset - (int64_t)want);
	uint32_t sum = 2166136261U;		/* FNV-1a */

	if (offset == 0)
		return fstat(fd, &st) == 0 ? written(&st) : 0;
	for (ssize_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * 16777619U;
	return sum;
}

char *
cnt_mark_text(const struct cnt_mark *m)
{
	return cnt_format("%llu:%lld:%08llx", (unsigned long long)m->inode,
	    (long long)m->offset, (unsigned long long)m->check);
}

bool
cnt_mark_parse(const char *s, struct cnt_mark *m)
{
	unsigned long long inode = 0, check = 0;
	long long offset = 0;
	int n = 0;

	if (sscanf(s, "%20llu:%19lld:%16llx%n", &inode, &offset, &check, &n) != 3 ||
	    s[n] != '\0' || offset < 0)
		return false;
	m->inode = (ino_t)inode;
	m->offset = offset;
	m->check = check;
	return true;
}

/* Was the file made after that time? Its inode may be that of one that was there then. */
static bool
is_made_after(int fd, uint64_t time)
{
	struct statx stx = { 0 };

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == -1 ||
	    (stx.stx_mask & STATX_BTIME) == 0)
		return false;
	return (uint64_t)stx.stx_btime.tv_sec * 1000000000 + stx.stx_btime.tv_nsec > time;
}

/* Can a file that has the mark's inode be the mark's? One of the kernel's says that it is empty and
 * may hold other bytes each time. */
static bool
holds(int fd, const struct stat *st, const struct cnt_mark *m)
{
	char first = 0;

	if (st->st_size == 0 && pread(fd, &first, 1, 0) == 1)
		return true;
	if (m->offset == 0)
		return !is_made_after(fd, m->check);
	return st->st_size >= m->offset && check_of(fd, m->offset) == m->check;
}

static bool
has_end(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

static bool
is_compressed(const char *name)
{
	return has_end(name, ".gz") || has_end(name, ".xz") || has_end(name, ".zst") ||
	    has_end(name, ".bz2");
}

/* app.log.1, app.log-20260131, app.log.old ...: is it one of these? */
static bool
is_rotation(const char *name, const char *log)
{
	size_t n = strlen(log), rest = 0;

	if (strncmp(name, log, n) != 0 || name[n] == '\0')
		return false;
	rest = n + strspn(name + n, "0123456789.-_:T");
	return name[rest] == '\0' || has_end(name, ".old") || has_end(name, ".bak") ||
	    is_compressed(name);
}

static int
by_time(const void *a, const void *b)
{
	const struct stat *x = &((const struct beside *)a)->st;
	const struct stat *y = &((const struct beside *)b)->st;
	int order = cnt_time_order(x->st_mtim, y->st_mtim);

	/* Written in the same moment: renaming them, oldest first, stamped them too. */
	return order != 0 ? order : cnt_time_order(x->st_ctim, y->st_ctim);
}

static bool
open_beside(int dir, const char *name, struct beside *b)
{
	b->fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (b->fd != -1 && fstat(b->fd, &b->st) == 0 && S_ISREG(b->st.st_mode))
		return true;
	if (b->fd != -1)
		close(b->fd);
	return false;
}

/* Opens the file of that inode, and all rotations but the log itself, by time. */
static size_t
look_beside(struct cnt_trail *t, ino_t inode, ino_t log, struct beside found[CNT_TRAIL_MAX])
{
	struct cnt_err e = { 0 };
	char *path CNT_FREE = cnt_strdup(t->path), *name CNT_FREE = NULL;
	int up CNT_CLOSE = cnt_wall_target(&path, false, &name, &e);
	DIR *d CNT_DIR = cnt_file_entries(up);
	struct dirent *entry = NULL;
	struct stat newest = { 0 };
	size_t n = 0;

	for (int looked = 0; d != NULL && looked < LOOKED_MAX && n < CNT_TRAIL_MAX - 1; looked++) {
		entry = readdir(d);
		if (entry == NULL)
			break;
		if ((entry->d_ino != inode && !is_rotation(entry->d_name, name)) ||
		    !open_beside(up, entry->d_name, &found[n]))
			continue;
		if (found[n].st.st_ino != log && !is_compressed(entry->d_name)) {
			n++;
			continue;
		}
		if (found[n].st.st_ino != log &&
		    cnt_time_order(newest.st_mtim, found[n].st.st_mtim) < 0) {
			newest = found[n].st;
			free(t->packed);
			t->packed = cnt_strdup(entry->d_name);
		}
		close(found[n].fd);
	}
	qsort(found, n, sizeof(*found), by_time);
	return n;
}

/* Which of them goes on where the mark is: by inode, else by what it holds; where the mark has
 * nothing before it, the first that was written later. sure: the mark's own file is there. */
static size_t
pick(const struct beside *found, size_t n, const struct cnt_mark *m, bool *sure)
{
	size_t at = n;

	*sure = false;
	for (size_t i = n; i > 0; i--) {
		const struct beside *b = &found[i - 1];
		bool held = holds(b->fd, &b->st, m), same = b->st.st_ino == m->inode;

		*sure |= held && (same || m->offset > 0);
		if (held && same && m->offset > 0)
			return i - 1;
		if (m->offset > 0 ? held : (held && same) || written(&b->st) > m->check)
			at = i - 1;
	}
	return at;
}

/* The log is another one than the mark's, or (same) may have been copied away meanwhile. */
static void
follow_back(struct cnt_trail *t, const struct cnt_mark *m, ino_t log, bool same)
{
	struct beside found[CNT_TRAIL_MAX] = { 0 };
	bool sure = false;
	size_t n = look_beside(t, m->inode, log, found), at = pick(found, n, m, &sure);

	t->rotated = at < n || !same;
	t->lost = !sure && !same;
	t->offset = at < n ? m->offset : 0;
	/* One that may be as old is given rather than left out. */
	while (m->offset > 0 && at > 0 && at < n && by_time(&found[at - 1], &found[at]) == 0) {
		struct beside b = found[at];

		found[at] = found[at - 1];
		found[--at] = b;
	}
	for (size_t i = 0; i < n; i++)
		if (i >= at)
			t->fd[t->n++] = found[i].fd;
		else
			close(found[i].fd);
	if (!t->lost) {
		free(t->packed);
		t->packed = NULL;
	}
}

static int64_t
last_lines(int fd, int64_t size, int64_t last)
{
	int64_t start = size > last ? size - last : 0, before = 0;
	char bytes[4096];
	ssize_t n = 0;

	/* From the first line that begins within. */
	for (int64_t at = start - 1; start > 0 && at < size; at += n) {
		const char *end = NULL;

		n = pread(fd, bytes, sizeof(bytes), at);
		if (n <= 0)
			break;
		end = memchr(bytes, '\n', (size_t)n);
		if (end != NULL && at + (end - bytes) + 1 < size)
			return at + (end - bytes) + 1;
		if (end != NULL)
			break;
	}
	before = start < CNT_ESCAPE_MAX ? start : CNT_ESCAPE_MAX;
	n = pread(fd, bytes, sizeof(bytes), start - before);
	return n > before ? start - before + (int64_t)cnt_text_start(bytes, (size_t)n,
	    (size_t)before) : start;
}

int
cnt_trail_open(struct cnt_trail *t, const char *path, const struct cnt_mark *m, int64_t last,
    struct cnt_err *e)
{
	struct stat st = { 0 };
	int fd = cnt_wall_regular(path, &st, e);

	*t = (struct cnt_trail){ .path = path, .current = fd != -1 };
	if (fd == -1 && (m == NULL || e->code != CNT_NOTFOUND))
		return -1;
	if (m == NULL)
		t->offset = last_lines(fd, st.st_size, last);
	else if (fd != -1 && st.st_ino == m->inode && holds(fd, &st, m) &&
	    (m->offset > 0 || written(&st) == m->check))
		t->offset = m->offset;
	else
		follow_back(t, m, st.st_ino,
		    fd != -1 && st.st_ino == m->inode && holds(fd, &st, m));
	if (fd != -1)
		t->fd[t->n++] = fd;
	if (t->n == 0)
		return -1;
	t->check = check_of(t->fd[0], t->offset);
	return 0;
}

ssize_t
cnt_trail_read(struct cnt_trail *t, struct cnt_buf *b, size_t n)
{
	char *bytes CNT_FREE = cnt_alloc(n);
	ssize_t got = 0;

	for (;;) {
		got = pread(t->fd[t->at], bytes, n, t->offset);
		if (got == -1 && errno == EINTR)
			continue;
		if (got != 0 || t->at + 1 == t->n)
			break;
		/* A mark behind a few bytes would say little about which file it is in. */
		t->more = b->n > 0 && n <= CHECKED;
		if (t->more)
			return 0;
		t->at++;
		t->offset = 0;
		t->check = check_of(t->fd[t->at], 0);
	}
	if (got > 0) {
		cnt_buf_add(b, bytes, (size_t)got);
		t->offset += got;
		t->check = check_of(t->fd[t->at], t->offset);
	}
	return got;
}

void
cnt_trail_mark(const struct cnt_trail *t, struct cnt_mark *m)
{
	struct stat st = { 0 };

	if (fstat(t->fd[t->at], &st) == -1)
		st.st_ino = 0;
	*m = (struct cnt_mark){ .inode = st.st_ino, .offset = t->offset,
	    .check = check_of(t->fd[t->at], t->offset) };
}

int
cnt_trail_again(struct cnt_trail *t, struct cnt_err *e)
{
	struct cnt_trail next = { 0 };
	struct cnt_mark m = { 0 };
	struct stat st = { 0 };
	int fd CNT_CLOSE = -1;

	cnt_trail_mark(t, &m);
	m.check = t->check;
	fd = cnt_wall_regular(t->path, &st, e);
	if (fd == -1)			/* renamed, and not there again yet */
		return e->code == CNT_NOTFOUND ? 0 : -1;
	if (t->current && st.st_ino == m.inode && holds(fd, &st, &m) &&
	    (m.offset > 0 || written(&st) == m.check))
		return 0;
	if (cnt_trail_open(&next, t->path, &m, 0, e) == -1)
		return -1;
	next.rotated |= t->rotated;
	next.lost |= t->lost;
	if (next.packed == NULL)
		next.packed = take(&t->packed);
	cnt_trail_close(t);
	*t = next;
	return 0;
}

void
cnt_trail_close(struct cnt_trail *t)
{
	while (t->n > 0)
		close(t->fd[--t->n]);
	free(t->packed);
}
