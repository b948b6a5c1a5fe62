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

#include "lib/base64.h"
#include "lib/crypto.h"
#include "lib/file.h"
#include "mcp/box/digest.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/file/target.h"
#include "mcp/box/wall.h"

static const char *const encodings[] = { "utf-8", "base64", NULL };

static const struct cnt_field write_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "content", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "encoding", .type = CNT_STRING, .def = "utf-8", .choices = encodings },
	{ .name = "mode", .type = CNT_STRING, .value = "MODE",
	    .help = "octal, such as 0755; default: kept" },
	{ .name = "if_match", .type = CNT_STRING, .value = "SHA256",
	    .help = "only if its sha256 is this, or `absent`" },
	{ .name = "append", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "mkdirs", .type = CNT_BOOLEAN, .def = "true" },
	{ 0 },
};

static const struct cnt_field write_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "bytes_written", .type = CNT_INTEGER },
	{ .name = "sha256", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "mode", .type = CNT_STRING },
	{ .name = "created", .type = CNT_BOOLEAN },
	{ 0 },
};

struct content {
	const char	*bytes;
	size_t		 n;
	long		 mode;		/* -1: not asked for */
};

/* What could not be written whole is taken back, unless somebody else has added to it. Past a quota
 * even that may be refused. */
static int
append_failed(const struct cnt_target *t, int fd, off_t before, struct cnt_err *e)
{
	struct stat st = { 0 };
	int error = errno;

	if (fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_CUR) == st.st_size &&
	    ftruncate(fd, before) == 0)
		st.st_size = before;
	errno = error;
	cnt_wall_fail(e, t->path);
	return st.st_size <= before ? -1 : cnt_hint(e, "the file has grown all the same: it was "
	    "%lld bytes and is %lld", (long long)before, (long long)st.st_size);
}

/* Room for all of it before the first byte, where the file system can say. */
static int
reserve(int fd, off_t from, size_t n)
{
	return n == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, from, (off_t)n) == 0 ||
	    (errno != ENOSPC && errno != EDQUOT && errno != EFBIG) ? 0 : -1;
}

static int
append(const struct cnt_target *t, const struct content *new, mode_t *mode, struct cnt_err *e)
{
	int fd CNT_CLOSE = openat(t->dir, t->name,
	    O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st = { 0 };

	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_wall_fail(e, t->path);
	if (st.st_dev != t->st.st_dev || st.st_ino != t->st.st_ino)
		return cnt_target_changed(t, e);
	if (cnt_place_room(t->dir, (int64_t)new->n, t->path, e) == -1)
		return -1;
	if (reserve(fd, st.st_size, new->n) == -1)
		return cnt_wall_fail(e, t->path);
	if (cnt_file_write(fd, new->bytes, new->n) == -1)
		return append_failed(t, fd, st.st_size, e);
	flock(t->old, LOCK_UN);		/* what follows takes long, and is no one else's concern */
	if ((new->mode != -1 && fchmod(fd, (mode_t)new->mode) == -1) || fsync(fd) == -1 ||
	    fstat(fd, &st) == -1)
		return cnt_wall_fail(e, t->path);
	*mode = st.st_mode;
	return 0;
}

static int
write_target(struct cnt_call *c, const struct cnt_target *t, const struct content *new)
{
	bool add = t->old != -1 && cnt_json_bool(c->in, "append");
	char sha[65] = "", octal[8];
	mode_t mode = 0;

	if ((add ? append(t, new, &mode, c->err) :
	    cnt_target_write(t, new->bytes, new->n, new->mode, &mode, c->err)) == -1)
		return -1;
	if (!add)
		cnt_sha256_hex(new->bytes, new->n, sha);
	else if (cnt_digest_file(t->old, sha) == -1)
		sha[0] = '\0';
	snprintf(octal, sizeof(octal), "%04o", (unsigned)mode & 07777);
	cnt_json_set_str(c->out, "path", t->path);
	cnt_json_set_int(c->out, "bytes_written", (int64_t)new->n);
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
	const char *match = cnt_json_str(c->in, "if_match");
	/* What is to match something is there, and so is its directory. */
	bool mkdirs = cnt_json_bool(c->in, "mkdirs") &&
	    (match == NULL || strcmp(match, "absent") == 0);
	struct content new = { .bytes = content, .n = strlen(content), .mode = -1 };
	struct cnt_buf decoded CNT_BUF = { 0 };
	struct cnt_target t = { .dir = -1, .old = -1 };
	int r = -1;

	if (cnt_mode_parse(cnt_json_str(c->in, "mode"), &new.mode, c->err) == -1)
		return -1;
	if (strcmp(cnt_json_str(c->in, "encoding"), "base64") == 0) {
		if (cnt_base64_decode(&decoded, content) == -1)
			return cnt_fail(c->err, CNT_INVALID,
			    "content: expected base64, got \"%.*s\"",
			    cnt_utf8_cut(content, 32), content);
		new.bytes = decoded.p;
		new.n = decoded.n;
	}
	/* What is added to a file that is being edited would be lost with the old one. */
	r = (cnt_json_bool(c->in, "append") ? cnt_target_open_locked : cnt_target_open)(&t,
	    cnt_json_str(c->in, "path"), mkdirs, c->err);
	if (r == 0)
		r = cnt_target_match(&t, match, c->err);
	if (r == 0)
		r = write_target(c, &t, &new);
	cnt_target_free(&t);
	return r;
}

const struct cnt_verb cnt_box_write_file = {
	.name = "write_file", .tool = "write_file", .title = "Write a file",
	.group = "Files",
	.summary = "write a whole file, or add to its end",
	.about = "Write (create, overwrite, append) a file atomically; mode and owner are kept, "
	    "links followed. if_match refuses to overwrite what you have not seen.",
	.effects = CNT_DESTROYS | CNT_IDEMPOTENT, .storeless = true,
	.params = write_params, .results = write_results, .run = write_file,
};
