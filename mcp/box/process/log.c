/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a process: files named by the first byte they hold, so that any look at the directory
 * tells which bytes are there. The newest grows to CNT_LOG_SEGMENT; the one before it is kept. What
 * could not be written leaves a gap between two names.
 */
#include "mcp/box/process/process.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "lib/file.h"

#define PREFIX		"log."
#define RETRY_US	1000000
#define TRIES		16		/* the log may be rotated while it is read */

struct files {				/* ascending; more than two only at a rotation */
	int64_t	start[8];
	size_t	n;
};

static int
by_start(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* A command of the user's may have put there what it likes. */
static bool
is_other(int dir, const char *name)
{
	struct stat st = { 0 };

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
}

static int
list_files(int dir, struct files *all)
{
	DIR *d CNT_DIR = cnt_file_entries(dir);
	struct dirent *entry = NULL;
	char *end = NULL;

	all->n = 0;
	while (d != NULL && (entry = readdir(d)) != NULL && all->n < nitems(all->start)) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    is_other(dir, entry->d_name))
			continue;
		all->start[all->n] = strtoll(entry->d_name + strlen(PREFIX), &end, 10);
		if (*end == '\0' && all->start[all->n] >= 0)
			all->n++;
	}
	qsort(all->start, all->n, sizeof(all->start[0]), by_start);
	return d != NULL ? 0 : -1;
}

static int
open_file(int dir, int64_t start, int flags)
{
	char name[40];

	snprintf(name, sizeof(name), PREFIX "%lld", (long long)start);
	return openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0600);
}

/* A reader of `log` sees one file or the other. */
static void
point_at(const struct cnt_log *l)
{
	char target[40];

	snprintf(target, sizeof(target), PREFIX "%lld", (long long)l->start);
	(void)unlinkat(l->dir, "link", 0);
	if (symlinkat(target, l->dir, "link") == 0)
		(void)renameat(l->dir, "link", l->dir, "log");
}

static void
remove_file(int dir, int64_t start)
{
	char name[40];

	snprintf(name, sizeof(name), PREFIX "%lld", (long long)start);
	(void)unlinkat(dir, name, 0);
}

/* The new file has its first byte: all but the one before it are removed. */
static void
let_go_of_old(const struct cnt_log *l)
{
	struct files all;

	point_at(l);
	(void)list_files(l->dir, &all);
	for (size_t i = 0; i + 2 < all.n; i++)
		remove_file(l->dir, all.start[i]);
}

/* A file without a byte has no name: it would hide the gap before it. */
static void
stop(struct cnt_log *l)
{
	if (l->fd != -1)
		close(l->fd);
	if (l->fd != -1 && l->total == l->start)
		remove_file(l->dir, l->start);
	l->fd = -1;
	if (l->stopped == -1)
		l->stopped = l->total;
	l->retry = cnt_ticks_us() + RETRY_US;
}

/* Is there a file for the bytes from total on? */
static bool
is_ready(struct cnt_log *l)
{
	if (l->fd != -1 && l->total - l->start < CNT_LOG_SEGMENT)
		return true;
	if (l->fd == -1 && l->stopped != -1 && cnt_ticks_us() < l->retry)
		return false;
	if (l->fd != -1)
		close(l->fd);
	l->start = l->total;
	l->fd = open_file(l->dir, l->start, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
	if (l->fd == -1)
		stop(l);
	return l->fd != -1;
}

void
cnt_log_open(struct cnt_log *l, int dir)
{
	*l = (struct cnt_log){ .dir = dir, .fd = -1, .stopped = -1 };
	if (is_ready(l))
		point_at(l);
}

void
cnt_log_resume(struct cnt_log *l, int dir, int64_t start, int64_t total, int64_t stopped)
{
	*l = (struct cnt_log){ .dir = dir, .fd = -1, .start = start, .total = total,
	    .stopped = stopped };
	if (stopped == -1)
		l->fd = open_file(dir, start, O_WRONLY | O_APPEND);
}

void
cnt_log_add(struct cnt_log *l, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0 && is_ready(l)) {
		int64_t room = CNT_LOG_SEGMENT - (l->total - l->start);
		ssize_t done = write(l->fd, p, (int64_t)n < room ? n : (size_t)room);

		if (done == -1 && errno == EINTR)
			continue;
		if (done <= 0) {
			stop(l);
			break;
		}
		if (l->total == l->start && l->start > 0)
			let_go_of_old(l);
		l->stopped = -1;
		l->total += done;
		p += done;
		n -= (size_t)done;
	}
	l->total += (int64_t)n;
}

/* Appends what one file holds from `since` on. -1: it is gone. */
static int
read_file(int dir, int64_t start, int64_t since, size_t max, struct cnt_buf *to)
{
	int fd CNT_CLOSE = open_file(dir, start, O_RDONLY);
	struct stat st = { 0 };

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (since - start < st.st_size && (int64_t)(max - to->n) > st.st_size - (since - start))
		max = to->n + (size_t)(st.st_size - (since - start));
	if (since - start >= st.st_size)
		return 0;
	to->p = cnt_realloc(to->p, max + 1);
	to->cap = max + 1;
	while (to->n < max) {
		ssize_t n = pread(fd, to->p + to->n, max - to->n, since - start);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		to->n += (size_t)n;
		since += n;
	}
	to->p[to->n] = '\0';
	return 0;
}

static int64_t
size_of(int dir, int64_t start)
{
	int fd CNT_CLOSE = open_file(dir, start, O_RDONLY);
	struct stat st = { 0 };

	return fd == -1 || fstat(fd, &st) == -1 ? -1 : st.st_size;
}

/* -1 and errno; 0: look again, a file went away meanwhile. */
static int
read_once(int dir, int64_t since, size_t max, struct cnt_log_part *p)
{
	struct files all;
	int64_t size = 0;

	if (list_files(dir, &all) == -1)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		size = size_of(dir, all.start[i]);
		if (size == -1)
			return 0;
		p->end = all.start[i] + size;
		if (p->bytes.n == 0 && p->end > since && p->from < all.start[i])
			p->from = all.start[i];
		if (p->bytes.n < max && p->from + (int64_t)p->bytes.n >= all.start[i] &&
		    p->from + (int64_t)p->bytes.n < p->end &&
		    read_file(dir, all.start[i], p->from + (int64_t)p->bytes.n, max,
		    &p->bytes) == -1)
			return 0;
	}
	return 1;
}

int
cnt_log_read(int dir, int64_t since, size_t max, int64_t end, struct cnt_log_part *p)
{
	int r = 0;

	for (int i = 0; r == 0 && i < TRIES; i++) {
		cnt_buf_free(&p->bytes);
		*p = (struct cnt_log_part){ .from = since };
		r = read_once(dir, since, max, p);
	}
	if (r != 1)
		return -1;
	if (end > p->end)
		p->end = end;
	if (p->bytes.n == 0 && p->end > since && end > since)
		p->from = end;			/* what came last could not be kept */
	p->gone = p->from - since;
	return 0;
}

int64_t
cnt_log_end(int dir)
{
	struct files all;
	int64_t size = 0;

	if (list_files(dir, &all) == -1 || all.n == 0)
		return 0;
	size = size_of(dir, all.start[all.n - 1]);
	return all.start[all.n - 1] + (size > 0 ? size : 0);
}
