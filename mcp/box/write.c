/* SPDX-License-Identifier: Apache-2.0
 *
 * write_file: a whole file, atomically and durably, keeping what it was: mode, owner, extended
 * attributes, the link it is reached through. Where the owner cannot be kept it is refused.
 * Appending is one write(2) to the file itself.
 */
#include "mcp/box/box.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "lib/file.h"
#include "mcp/box/place.h"

#define LOCK_US	2000000

static const char *const encodings[] = { "utf-8", "base64", NULL };

static const struct cnt_field write_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH",
	    .help = "absolute, or below home" },
	{ .name = "content", .type = CNT_STRING, .flags = CNT_REQUIRED,
	    .help = "what the file shall hold" },
	{ .name = "encoding", .type = CNT_STRING, .def = "utf-8", .choices = encodings,
	    .help = "how content is written here" },
	{ .name = "mode", .type = CNT_STRING, .value = "MODE",
	    .help = "octal, such as 0755; default: as it was, else by the umask" },
	{ .name = "if_match", .type = CNT_STRING, .value = "SHA256",
	    .help = "write only if the file's sha256 is this, or `absent`: if there is none" },
	{ .name = "append", .type = CNT_BOOLEAN, .def = "false", .help = "add to the end instead" },
	{ .name = "mkdirs", .type = CNT_BOOLEAN, .def = "true",
	    .help = "make missing directories" },
	{ 0 },
};

static const struct cnt_field write_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "bytes_written", .type = CNT_INTEGER },
	{ .name = "sha256", .type = CNT_STRING, .flags = CNT_NULLABLE,
	    .help = "of the whole file now, up to 64 MiB" },
	{ .name = "mode", .type = CNT_STRING },
	{ .name = "created", .type = CNT_BOOLEAN },
	{ 0 },
};

struct target {
	int		 dir;
	char		*path, *name;
	int		 old;		/* -1: there is none */
	struct stat	 st;		/* of old */
	long		 mode;		/* -1: not asked for */
	const char	*bytes;
	size_t		 n;
};

static int
parse_mode(const char *s, long *mode, struct cnt_err *e)
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

static int
open_old(struct target *t, struct cnt_err *e)
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

/* Of two who saw the same content one shall lose: from the look to the rename the file is
 * locked, and who had to wait finds the name with another file. Nobody waits long for a
 * stranger's lock. */
static int
lock(const struct target *t, struct cnt_err *e)
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

static int
check_match(const struct target *t, const char *wanted, struct cnt_err *e)
{
	char sha[65];

	if (wanted == NULL)
		return 0;
	if (strcmp(wanted, "absent") == 0)
		return t->old == -1 ? 0 : cnt_fail(e, CNT_EXISTS, "%s: exists", t->path);
	if (strlen(wanted) != 64 || strspn(wanted, "0123456789abcdef") != 64)
		return cnt_fail(e, CNT_INVALID, "if_match: expected 64 hex digits or `absent`");
	if (t->old == -1) {
		errno = ENOENT;
		return cnt_wall_fail(e, t->path);
	}
	if (lock(t, e) == -1)
		return -1;
	if (cnt_digest_file(t->old, sha) == -1)
		return cnt_wall_fail(e, t->path);
	if (strcmp(wanted, sha) == 0)
		return 0;
	cnt_fail(e, CNT_NO, "%s: is not what if_match says: its sha256 is %s", t->path, sha);
	return cnt_hint(e, "it was changed meanwhile: read it again");
}

/* Is the name still that of the file that was looked at? */
static bool
unchanged(const struct target *t)
{
	struct stat now = { 0 };

	if (fstatat(t->dir, t->name, &now, AT_SYMLINK_NOFOLLOW) == -1)
		return t->old == -1;
	return t->old != -1 && now.st_dev == t->st.st_dev && now.st_ino == t->st.st_ino &&
	    now.st_size == t->st.st_size && now.st_mtim.tv_sec == t->st.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == t->st.st_mtim.tv_nsec;
}

static int
changed(const struct target *t, struct cnt_err *e)
{
	cnt_fail(e, CNT_BUSY, "%s: was changed by something else meanwhile", t->path);
	return cnt_hint(e, "nothing was written; look at it and try again");
}

static int
keep_owner_failed(const struct target *t, struct cnt_err *e)
{
	cnt_wall_fail(e, t->path);
	if (e->sys == EPERM)
		return cnt_hint(e, "its owner (uid %u, gid %u) or attributes could not be kept; "
		    "shell_exec with sudo can write it", (unsigned)t->st.st_uid,
		    (unsigned)t->st.st_gid);
	return -1;
}

static int
replace(const struct target *t, mode_t *mode, struct cnt_err *e)
{
	struct cnt_place p = { .fd = -1 };
	struct stat st = { 0 };
	int r = -1;

	if (cnt_place_open(&p, t->dir) == -1)
		return cnt_wall_fail(e, t->path);
	if (cnt_file_write(p.fd, t->bytes, t->n) == -1)
		r = cnt_wall_fail(e, t->path);
	else if (t->old != -1 && cnt_place_like(&p, t->old, &t->st) == -1)
		r = keep_owner_failed(t, e);
	else if ((t->mode != -1 && fchmod(p.fd, (mode_t)t->mode) == -1) || fstat(p.fd, &st) == -1)
		r = cnt_wall_fail(e, t->path);
	else if (!unchanged(t))
		r = changed(t, e);
	else if (cnt_place_as(&p, t->name, t->old != -1) == -1)
		r = errno == EEXIST ? changed(t, e) : cnt_wall_fail(e, t->path);
	else
		r = 0;
	cnt_place_drop(&p);
	*mode = st.st_mode;
	return r;
}

static int
append(const struct target *t, mode_t *mode, struct cnt_err *e)
{
	int fd CNT_CLOSE = openat(t->dir, t->name,
	    O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st = { 0 };

	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_wall_fail(e, t->path);
	if (st.st_dev != t->st.st_dev || st.st_ino != t->st.st_ino)
		return changed(t, e);
	if (cnt_file_write(fd, t->bytes, t->n) == -1 ||
	    (t->mode != -1 && fchmod(fd, (mode_t)t->mode) == -1) || fsync(fd) == -1 ||
	    fstat(fd, &st) == -1)
		return cnt_wall_fail(e, t->path);
	*mode = st.st_mode;
	return 0;
}

static int
write_target(struct cnt_call *c, struct target *t)
{
	char sha[65] = "", octal[8];
	bool add = false;
	mode_t mode = 0;

	t->dir = cnt_wall_target(&t->path, cnt_json_bool(c->in, "mkdirs"), &t->name, c->err);
	if (t->dir == -1 || open_old(t, c->err) == -1 ||
	    check_match(t, cnt_json_str(c->in, "if_match"), c->err) == -1)
		return -1;
	add = t->old != -1 && cnt_json_bool(c->in, "append");
	if ((add ? append(t, &mode, c->err) : replace(t, &mode, c->err)) == -1)
		return -1;
	if (!add)
		cnt_digest(t->bytes, t->n, sha);
	else if (cnt_digest_file(t->old, sha) == -1)
		sha[0] = '\0';
	snprintf(octal, sizeof(octal), "%04o", (unsigned)mode & 07777);
	cnt_json_set_str(c->out, "path", t->path);
	cnt_json_set_int(c->out, "bytes_written", (int64_t)t->n);
	if (sha[0] != '\0')
		cnt_json_set_str(c->out, "sha256", sha);
	else
		cnt_json_set_null(c->out, "sha256");
	cnt_json_set_str(c->out, "mode", octal);
	cnt_json_set_bool(c->out, "created", t->old == -1);
	return 0;
}

static int
write_file(struct cnt_call *c)
{
	const char *content = cnt_json_str(c->in, "content");
	struct target t = { .dir = -1, .old = -1, .mode = -1, .bytes = content,
	    .n = strlen(content) };
	struct cnt_buf decoded CNT_BUF = { 0 };
	int r = -1;

	if (parse_mode(cnt_json_str(c->in, "mode"), &t.mode, c->err) == -1)
		return -1;
	if (strcmp(cnt_json_str(c->in, "encoding"), "base64") == 0) {
		if (cnt_base64_decode(&decoded, content) == -1)
			return cnt_fail(c->err, CNT_INVALID, "content: expected base64");
		t.bytes = decoded.p;
		t.n = decoded.n;
	}
	t.path = cnt_strdup(cnt_json_str(c->in, "path"));
	r = write_target(c, &t);
	if (t.dir != -1)
		close(t.dir);
	if (t.old != -1)
		close(t.old);
	free(t.path);
	free(t.name);
	return r;
}

const struct cnt_verb cnt_box_write_file = {
	.name = "write_file", .tool = "write_file", .title = "Write a file",
	.summary = "write a whole file, or add to its end",
	.about = "Write a whole file atomically; missing directories are made. Mode, "
	    "owner and attributes of an existing file are kept and links are followed. "
	    "if_match (sha256 from read_file, or `absent`) refuses to overwrite what you have "
	    "not seen.",
	.effects = CNT_DESTROYS | CNT_IDEMPOTENT, .storeless = true,
	.params = write_params, .results = write_results, .run = write_file,
};
