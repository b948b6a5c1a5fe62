/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk from / to a file, one name at a time, as the kernel would go: a link is followed from
 * the directory it lies in, and both are looked at. What is root's in a directory that only root
 * can write stays what it is, so that there is no race between this and the execve(2) after it.
 */
#include "lib/trust.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#define LINKS_MAX	8

static int
refuse(const char *path, const char *what, struct cnt_err *e)
{
	cnt_fail(e, CNT_DENIED, "%s: %s", path, what);
	return cnt_hint(e, "what root runs must be root's, and so must every directory above it: "
	    "chown root, chmod go-w");
}

/* A directory or a link on the way. */
static int
check_on_the_way(const char *path, const struct stat *st, struct cnt_err *e)
{
	if (st->st_uid != 0)
		return refuse(path, "not root's", e);
	if (S_ISDIR(st->st_mode) && (st->st_mode & 022) != 0 && (st->st_mode & S_ISVTX) == 0)
		return refuse(path, "writable by others", e);
	return 0;
}

static int
check_file(const char *path, const struct stat *st, mode_t above, struct cnt_err *e)
{
	char *dir CNT_FREE = cnt_format("%.*s", (int)(strrchr(path, '/') - path), path);

	if (!S_ISREG(st->st_mode))
		return refuse(path, "not a regular file", e);
	if (st->st_uid != 0)
		return refuse(path, "not root's", e);
	if ((st->st_mode & 022) != 0)
		return refuse(path, "writable by others", e);
	if ((above & 022) != 0)
		return refuse(*dir != '\0' ? dir : "/", "writable by others", e);
	if ((st->st_mode & 0100) == 0)
		return cnt_fail(e, CNT_DENIED, "%s: not executable", path);
	return 0;
}

struct walk {
	struct cnt_buf	at;		/* looked at, without its links; "" is / */
	struct cnt_buf	rest;		/* not yet */
	struct stat	st;		/* of at */
	mode_t		above;		/* of the directory that holds at */
};

static int
look(struct walk *w, struct cnt_err *e)
{
	const char *path = w->at.n > 0 ? w->at.p : "/";

	if (lstat(path, &w->st) == 0)
		return S_ISREG(w->st.st_mode) ? 0 : check_on_the_way(path, &w->st, e);
	if (errno == ENOENT || errno == ENOTDIR)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such file", path);
	return cnt_fail_sys(e, "%s", path);
}

/* Moves the first name of the rest to the end of at; the length that at had. */
static size_t
step(struct walk *w)
{
	size_t had = w->at.n, from = strspn(w->rest.p, "/"), n = strcspn(w->rest.p + from, "/");

	cnt_buf_addf(&w->at, "/%.*s", (int)n, w->rest.p + from);
	memmove(w->rest.p, w->rest.p + from + n, w->rest.n - from - n + 1);
	w->rest.n -= from + n;
	return had;
}

/* What the link at `at` says comes before the rest, from the directory it lies in or from /. */
static int
follow(struct walk *w, size_t dir, struct cnt_err *e)
{
	char target[PATH_MAX] = "";
	ssize_t n = readlink(w->at.p, target, sizeof(target) - 1);
	struct cnt_buf all = { 0 };

	if (n <= 0)
		return cnt_fail_sys(e, "%s", w->at.p);
	cnt_buf_addf(&all, "%s/%s", target, w->rest.p);
	cnt_buf_free(&w->rest);
	w->rest = all;
	w->at.n = *target == '/' ? 0 : dir;
	w->at.p[w->at.n] = '\0';
	return look(w, e);
}

static int
walk(struct walk *w, const char *path, struct cnt_err *e)
{
	int links = 0;

	cnt_buf_adds(&w->at, "");
	cnt_buf_adds(&w->rest, path);
	if (look(w, e) == -1)
		return -1;
	while (w->rest.p[strspn(w->rest.p, "/")] != '\0') {
		mode_t above = w->st.st_mode;
		size_t dir = step(w);

		if (look(w, e) == -1)
			return -1;
		w->above = above;
		if (!S_ISLNK(w->st.st_mode))
			continue;
		if (++links > LINKS_MAX)
			return refuse(path, "too many links", e);
		if (follow(w, dir, e) == -1)
			return -1;
	}
	return check_file(w->at.n > 0 ? w->at.p : "/", &w->st, w->above, e);
}

int
cnt_trust_file(const char *path, struct cnt_err *e)
{
	struct walk w = { 0 };
	int r = walk(&w, path, e);

	cnt_buf_free(&w.at);
	cnt_buf_free(&w.rest);
	return r;
}
