/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of subuid(5), which shadow-utils and administrators write too. Locked with the
 * protocol of shadow-utils (lib/commonio.c there: FILE.lock is a hard link to a file that holds the
 * pid of a living process), replaced whole by rename, owner and mode kept, no other line touched.
 */
#include "lib/subid.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/file.h"

#define LOCK_US		5000000		/* of one who holds it */
#define QUEUE_US	60000000	/* of all who do */
#define FILE_MAX	(1 << 20)

/* The file that has this name now: another lock is another one. */
static struct stat
which(const char *lock)
{
	struct stat st = { 0 };

	return lstat(lock, &st) == 0 ? st : (struct stat){ 0 };
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool
is_alive(long pid)
{
	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

/* A lock whose process is gone, or whose text is no pid, is taken away; not the next one's, when
 * who held it let go and ended meanwhile. */
static bool
is_stale(const char *lock)
{
	struct cnt_err ignored;
	struct cnt_buf b CNT_BUF = { 0 };
	const struct stat before = which(lock);
	struct stat now;

	if (cnt_file_read(lock, 64, &b, &ignored) == -1 ||
	    is_alive(b.p == NULL ? 0 : strtol(b.p, NULL, 10)))
		return false;
	now = which(lock);
	return is_same(&before, &now);
}

/* One attempt; 1: ours, 0: another's. */
static int
try_lock(const char *file, const char *lock, struct cnt_err *e)
{
	char *own CNT_FREE = cnt_format("%s.%d", file, (int)getpid());
	char *pid CNT_FREE = cnt_format("%d", (int)getpid());
	int fd CNT_CLOSE = open(own, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd == -1 || write(fd, pid, strlen(pid) + 1) == -1 ? -1 : link(own, lock);
	int saved = errno;

	if (r == -1 && saved == EEXIST && is_stale(lock) && unlink(lock) == 0) {
		r = link(own, lock);
		saved = errno;
	}
	unlink(own);
	if (r == 0)
		return 1;
	errno = saved;
	return saved == EEXIST ? 0 : cnt_fail_sys(e, "%s", lock);
}

/* Left by a process that was killed in try_lock; shadow-utils names its own the same. A copy that
 * somebody made has a text, and another one. */
static bool
is_left(const char *path, const char *number)
{
	const char *wrong = NULL;
	long pid = (long)strtonum(number, 1, INT_MAX, &wrong);
	struct cnt_err ignored;
	struct cnt_buf b CNT_BUF = { 0 };

	return wrong == NULL && !is_alive(pid) && cnt_file_read(path, 64, &b, &ignored) == 0 &&
	    (b.p == NULL || strcmp(b.p, number) == 0);
}

static void
sweep(const char *file)
{
	char *pattern CNT_FREE = cnt_format("%s.[0-9]*", file);
	glob_t g = { 0 };

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t k = 0; k < g.gl_pathc; k++)
			if (is_left(g.gl_pathv[k], g.gl_pathv[k] + strlen(file) + 1))
				unlink(g.gl_pathv[k]);
	globfree(&g);
}

static int
lock_file(const char *file, char **held, struct cnt_err *e)
{
	char *lock CNT_FREE = cnt_format("%s.lock", file);
	int64_t end = cnt_ticks_us() + QUEUE_US, deadline = 0;
	struct stat last = { 0 };
	int r;

	while ((r = try_lock(file, lock, e)) == 0 && cnt_ticks_us() < end) {
		const struct stat now = which(lock);

		if (deadline == 0 || !is_same(&now, &last))
			deadline = cnt_ticks_us() + LOCK_US;
		else if (cnt_ticks_us() >= deadline)
			break;
		last = now;
		poll(NULL, 0, 20);
	}
	if (r == 0) {
		cnt_fail(e, CNT_BUSY, "%s: locked by another program", file);
		return cnt_hint(e, "try again when useradd or usermod has ended; %s holds its pid",
		    lock);
	}
	if (r == -1)
		return -1;
	*held = take(&lock);
	sweep(file);
	return 0;
}

int
cnt_subid_begin(struct cnt_subid *s, const char *etc, struct cnt_err *e)
{
	*s = (struct cnt_subid){ 0 };
	for (int i = 0; i < 2; i++) {
		char *path CNT_FREE = cnt_format("%s/%s", etc, i == 0 ? "subuid" : "subgid");

		s->files[i] = realpath(path, NULL);
		if (s->files[i] == NULL)
			s->files[i] = take(&path);
		if (lock_file(s->files[i], &s->locks[i], e) == -1)
			return -1;
	}
	return 0;
}

void
cnt_subid_end(struct cnt_subid *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->locks[i] != NULL)
			unlink(s->locks[i]);
		free(take(&s->locks[i]));
		free(take(&s->files[i]));
	}
}

/* Absent: empty. The last line ends as the others do. */
static int
read_lines(const char *file, struct cnt_buf *b, struct cnt_err *e)
{
	cnt_buf_adds(b, "");
	if (access(file, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (cnt_file_read(file, FILE_MAX, b, e) == -1)
		return -1;
	cnt_buf_adds(b, b->n == 0 || b->p[b->n - 1] == '\n' ? "" : "\n");
	return 0;
}

/* The range that a line names; false when it names none. */
static bool
parse(const char *line, uint64_t *base, uint64_t *count)
{
	const char *p = line + strcspn(line, ":\n");
	char *end = NULL;

	if (*p != ':')
		return false;
	*base = strtoull(p + 1, &end, 10);
	if (end == p + 1 || *end != ':')
		return false;
	*count = strtoull(end + 1, NULL, 10);
	return *count > 0 && *base <= UINT32_MAX && *count <= UINT32_MAX;
}

/* Where to look next when a line overlaps the range, else 0. The line own is not looked at. */
static uint64_t
after_overlap(const char *lines, uint64_t base, uint64_t count, const char *own)
{
	uint64_t b, n;

	for (const char *p = lines; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		if (own != NULL && strncmp(p, own, strlen(own)) == 0)
			continue;
		if (parse(p, &b, &n) && b < base + count && base < b + n)
			return b + n;
	}
	return 0;
}

static char *
line_of(uint32_t base, uint32_t count)
{
	return cnt_format("root:%u:%u\n", base, count);
}

int
cnt_subid_choose(const struct cnt_subid *s, uint32_t count, uint32_t *base, struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 };
	uint64_t at = CNT_SUBID_FIRST, after;

	if (read_lines(s->files[0], &b, e) == -1 || read_lines(s->files[1], &b, e) == -1)
		return -1;
	while (at + count - 1 <= CNT_SUBID_LAST) {
		if ((after = after_overlap(b.p, at, count, NULL)) == 0) {
			*base = (uint32_t)at;
			return 0;
		}
		at = (after + CNT_IDS - 1) / CNT_IDS * CNT_IDS;
	}
	cnt_fail(e, CNT_UNAVAILABLE, "%s: no %u ids are free from %u to %u", s->files[0],
	    count, CNT_SUBID_FIRST, CNT_SUBID_LAST);
	return cnt_hint(e, "once none of its boxes runs, take root's line of an instance that is "
	    "gone out of %s and %s", s->files[0], s->files[1]);
}

int
cnt_subid_taken(const struct cnt_subid *s, uint32_t base, uint32_t count, struct cnt_err *e)
{
	char *own CNT_FREE = line_of(base, count);

	for (int i = 0; i < 2; i++) {
		struct cnt_buf b CNT_BUF = { 0 };

		if (read_lines(s->files[i], &b, e) == -1)
			return -1;
		if (after_overlap(b.p, base, count, own) != 0)
			return 1;
	}
	return 0;
}

/* The whole file anew, on the disk before it has the name. What a killed process left of one is
 * taken over: the lock is held. */
static int
replace(const char *file, const struct cnt_buf *b, struct cnt_err *e)
{
	struct stat st = { .st_mode = 0644 };
	char *new CNT_FREE = cnt_format("%s.cnt", file);
	char *dir CNT_FREE = cnt_format("%.*s", (int)(strrchr(file, '/') - file), file);
	int at CNT_CLOSE = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd CNT_CLOSE = -1;

	if (stat(file, &st) == -1 && errno != ENOENT)
		return cnt_fail_sys(e, "%s", file);
	fd = open(new, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, b->p, b->n) != (ssize_t)b->n ||
	    fchown(fd, st.st_uid, st.st_gid) == -1 || fchmod(fd, st.st_mode & 07777) == -1 ||
	    fsync(fd) == -1 || rename(new, file) == -1 || fsync(at) == -1) {
		cnt_fail_sys(e, "%s", file);
		unlink(new);
		return -1;
	}
	return 0;
}

/* 1: changed, 0: was so already. */
static int
set_line(const char *file, const char *line, bool present, struct cnt_err *e)
{
	struct cnt_buf old CNT_BUF = { 0 }, b CNT_BUF = { 0 };
	bool found = false;
	size_t n;

	if (read_lines(file, &old, e) == -1)
		return -1;
	for (const char *p = old.p; *p != '\0'; p += n) {
		n = strcspn(p, "\n") + 1;
		if (n == strlen(line) && strncmp(p, line, n) == 0)
			found = true;
		else
			cnt_buf_add(&b, p, n);
	}
	if (found == present)
		return 0;
	cnt_buf_adds(&b, present ? line : "");
	return replace(file, &b, e) == -1 ? -1 : 1;
}

int
cnt_subid_set(const struct cnt_subid *s, uint32_t base, uint32_t count, bool present,
    struct cnt_err *e)
{
	char *line CNT_FREE = line_of(base, count);
	int uid = set_line(s->files[0], line, present, e);
	int gid = uid == -1 ? -1 : set_line(s->files[1], line, present, e);

	return gid == -1 ? -1 : uid + gid;
}
