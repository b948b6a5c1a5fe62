/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at a path is opened before anything is written, and only through the descriptors
 * of its directory and of itself. A name that means another file by then is an error, not
 * overwritten.
 */
#include "mcp/box/file/target.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "lib/file.h"
#include "lib/json.h"
#include "mcp/box/digest.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/wall.h"

#define LOCK_US	10000000	/* a busy disk takes seconds to sync a file */
#define TRIES	100

static int
open_old(struct cnt_target *t, struct cnt_err *e)
{
	int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	if (fstatat(t->dir, t->name, &t->st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : cnt_wall_fail(e, t->path);
	if (S_ISREG(t->st.st_mode)) {
		if (faccessat(t->dir, t->name, W_OK, AT_EACCESS) == -1 && errno != ETXTBSY)
			return cnt_wall_fail(e, t->path);
		t->old = openat(t->dir, t->name, O_RDONLY | flags);
		if (t->old == -1 && errno == EACCES)
			t->old = openat(t->dir, t->name, O_WRONLY | flags);
		if (t->old == -1 || fstat(t->old, &t->st) == -1)
			return cnt_wall_fail(e, t->path);
	}
	if (S_ISREG(t->st.st_mode))
		return 0;
	return cnt_fail(e, CNT_NO, "%s: is a %s, not a regular file", t->path,
	    cnt_mode_type(t->st.st_mode));
}

int
cnt_target_open(struct cnt_target *t, const char *path, bool mkdirs, struct cnt_err *e)
{
	*t = (struct cnt_target){ .path = cnt_strdup(path), .dir = -1, .old = -1 };
	if (cnt_wall_no_slash(path, e) == -1)
		return -1;
	t->dir = cnt_wall_target(&t->path, mkdirs, &t->name, e);
	return t->dir == -1 ? -1 : open_old(t, e);
}

/* Of two who saw the same content one shall lose: from the look to the rename the file is
 * locked, and who had to wait finds the name with another file. Nobody waits long for a
 * stranger's lock. */
int
cnt_target_lock(const struct cnt_target *t, struct cnt_err *e)
{
	int64_t until = cnt_ticks_us() + LOCK_US;

	while (flock(t->old, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cnt_wall_fail(e, t->path);
		if (cnt_ticks_us() > until)
			return cnt_fail(e, CNT_BUSY, "%s: is locked by another process", t->path);
		poll(NULL, 0, 1);
	}
	return 0;
}

int
cnt_target_match(const struct cnt_target *t, const char *wanted, struct cnt_err *e)
{
	char sha[65];

	if (wanted == NULL)
		return 0;
	if (strcmp(wanted, "absent") == 0)
		return t->old == -1 ? 0 : cnt_fail(e, CNT_EXISTS, "%s: exists", t->path);
	if (strlen(wanted) != 64 || strspn(wanted, "0123456789abcdefABCDEF") != 64)
		return cnt_fail(e, CNT_INVALID, "if_match: expected 64 hex digits or `absent`, "
		    "got \"%.*s\"", cnt_utf8_cut(wanted, 80), wanted);
	if (t->old == -1) {
		errno = ENOENT;
		return cnt_wall_fail(e, t->path);
	}
	if (cnt_target_lock(t, e) == -1)
		return -1;
	if (cnt_digest_file(t->old, sha) == -1)
		return cnt_wall_fail(e, t->path);
	if (strcasecmp(wanted, sha) == 0)
		return 0;
	cnt_fail(e, CNT_NO, "%s: is not what if_match says: its sha256 is %s", t->path, sha);
	return cnt_hint(e, "it was changed meanwhile: read it again");
}

bool
cnt_target_unchanged(const struct cnt_target *t)
{
	struct stat now = { 0 };

	if (fstatat(t->dir, t->name, &now, AT_SYMLINK_NOFOLLOW) == -1)
		return t->old == -1;
	return t->old != -1 && now.st_dev == t->st.st_dev && now.st_ino == t->st.st_ino &&
	    now.st_size == t->st.st_size && now.st_mtim.tv_sec == t->st.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == t->st.st_mtim.tv_nsec;
}

int
cnt_target_open_locked(struct cnt_target *t, const char *path, bool mkdirs, struct cnt_err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (cnt_target_open(t, path, mkdirs, e) == -1 ||
		    (t->old != -1 && cnt_target_lock(t, e) == -1))
			return -1;
		if (t->old != -1 && fstat(t->old, &t->st) == -1)
			return cnt_wall_fail(e, t->path);
		if (cnt_target_unchanged(t))
			return 0;
		cnt_target_free(t);
		*t = (struct cnt_target){ .path = cnt_strdup(path), .dir = -1, .old = -1 };
	}
	return cnt_target_changed(t, e);
}

int
cnt_target_changed(const struct cnt_target *t, struct cnt_err *e)
{
	cnt_fail(e, CNT_BUSY, "%s: was changed by something else meanwhile", t->path);
	return cnt_hint(e, "nothing was written; look at it and try again");
}

static int
keep_owner_failed(const struct cnt_target *t, struct cnt_err *e)
{
	cnt_wall_fail(e, t->path);
	if (e->sys == EPERM)
		return cnt_hint(e, "its owner (uid %u, gid %u) or attributes could not be kept; "
		    "shell_exec with sudo can write it", (unsigned)t->st.st_uid,
		    (unsigned)t->st.st_gid);
	return -1;
}

int
cnt_target_replace(const struct cnt_target *t, struct cnt_place *p, long mode, mode_t *now,
    struct cnt_err *e)
{
	struct stat st = { 0 };
	int r = 0;

	if (t->old != -1 && cnt_place_like(p, t->old, &t->st) == -1)
		r = keep_owner_failed(t, e);
	else if ((mode != -1 && fchmod(p->fd, (mode_t)mode) == -1) || fstat(p->fd, &st) == -1)
		r = cnt_wall_fail(e, t->path);
	else if (!cnt_target_unchanged(t))
		r = cnt_target_changed(t, e);
	else if (cnt_place_as(p, t->name, t->old != -1) == -1)
		r = errno == EEXIST ? cnt_target_changed(t, e) : cnt_wall_fail(e, t->path);
	cnt_place_drop(p);
	*now = st.st_mode;
	return r;
}

int
cnt_target_write(const struct cnt_target *t, const void *bytes, size_t n, long mode, mode_t *now,
    struct cnt_err *e)
{
	struct cnt_place p = { .fd = -1 };
	int r = -1;

	if (cnt_place_room(t->dir, (int64_t)n, t->path, e) == -1)
		return -1;
	if (cnt_place_open(&p, t->dir) == -1)
		return cnt_wall_fail(e, t->path);
	if (cnt_file_write(p.fd, bytes, n) == 0)
		return cnt_target_replace(t, &p, mode, now, e);
	r = cnt_wall_fail(e, t->path);
	cnt_place_drop(&p);
	return r;
}

void
cnt_target_free(struct cnt_target *t)
{
	if (t->dir != -1)
		close(t->dir);
	if (t->old != -1)
		close(t->old);
	free(t->path);
	free(t->name);
}
