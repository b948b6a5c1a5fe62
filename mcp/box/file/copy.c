/* SPDX-License-Identifier: Apache-2.0
 *
 * copy_file, and the copying of bytes that move_file shares. The copy is whole before it has its
 * name. Links at both ends are followed; a file that is overwritten keeps its mode, owner and
 * attributes, a new one gets the source's mode without its set-id bits.
 */
#include "mcp/box/file/copy.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

#include "lib/file.h"
#include "mcp/box/box.h"
#include "mcp/box/digest.h"
#include "mcp/box/file/target.h"
#include "mcp/box/wall.h"

#define CHUNK		((size_t)1 << 30)
#define UNSIZED_MAX	(64 << 20)		/* of a file of the kernel's */

static const struct cnt_field copy_params[] = {
	{ .name = "source", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "destination", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH",
	    .help = "the copy's path, not its directory" },
	{ .name = "overwrite", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "mkdirs", .type = CNT_BOOLEAN, .def = "true" },
	{ 0 },
};

static const struct cnt_field copy_results[] = {
	{ .name = "destination", .type = CNT_STRING },
	{ .name = "bytes", .type = CNT_INTEGER },
	{ .name = "sha256", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ 0 },
};

/* What has no size ends where it ends, but not behind what is sensible. */
static int
copy_unsized(int from, int to)
{
	static char chunk[65536];
	int64_t all = 0;
	ssize_t n = 0;

	while ((n = read(from, chunk, sizeof(chunk))) > 0) {
		all += n;
		if (all > UNSIZED_MAX) {
			errno = EFBIG;
			return -1;
		}
		if (cnt_file_write(to, chunk, (size_t)n) == -1)
			return -1;
	}
	return n == -1 ? -1 : 0;
}

/* Bytes *at to end, in the kernel where it can. *at becomes where reading ended: a file may be
 * shorter than it says, or become so. */
static int
copy_range(int from, int to, off_t *at, off_t end)
{
	static char chunk[65536];
	bool in_kernel = true;
	off_t out = *at;

	while (*at < end) {
		size_t want = end - *at < (off_t)CHUNK ? (size_t)(end - *at) : CHUNK;
		ssize_t n = -1;

		if (in_kernel)
			n = copy_file_range(from, at, to, &out, want, 0);
		if (n > 0)
			continue;
		if (in_kernel && n == -1 && errno != EXDEV && errno != EINVAL &&
		    errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM)
			return -1;
		in_kernel = false;	/* 0 too: of a kernel's file that was no end before 5.19 */
		n = pread(from, chunk, want < sizeof(chunk) ? want : sizeof(chunk), *at);
		if (n <= 0)
			return (int)n;
		if (lseek(to, *at, SEEK_SET) == -1 || cnt_file_write(to, chunk, (size_t)n) == -1)
			return -1;
		*at += n;
	}
	return 0;
}

static int
copy_sparse(int from, int to, off_t size)
{
	off_t at = 0, end = 0;

	while (at == end && end < size) {
		at = lseek(from, end, SEEK_DATA);
		if (at == -1 && errno == ENXIO) {	/* the rest is a hole */
			at = lseek(from, 0, SEEK_END);
			break;
		}
		at = at != -1 ? at : 0;			/* no holes are known here */
		end = lseek(from, at, SEEK_HOLE);
		end = end != -1 && end < size ? end : size;
		if (copy_range(from, to, &at, end) == -1)
			return -1;
	}
	return ftruncate(to, at < size ? at : size);
}

int
cnt_copy(int from, const struct stat *st, struct cnt_place *p, const char *path, struct cnt_err *e)
{
	int64_t held = st->st_blocks * 512;

	if (st->st_size == 0)
		return copy_unsized(from, p->fd) == -1 ? cnt_wall_fail(e, path) : 0;
	if (ioctl(p->fd, FICLONE, from) == 0)
		return 0;
	if (cnt_place_room(p->dir, held < st->st_size ? held : st->st_size, path, e) == -1)
		return -1;
	return copy_sparse(from, p->fd, st->st_size) == -1 ? cnt_wall_fail(e, path) : 0;
}

static int
copy_to(struct cnt_call *c, int from, const struct stat *st, const struct cnt_target *t)
{
	struct cnt_place p = { .fd = -1 };
	char sha[65] = "";
	struct stat now = { 0 };
	mode_t mode = 0;

	if (cnt_place_open(&p, t->dir) == -1)
		return cnt_wall_fail(c->err, t->path);
	if (cnt_copy(from, st, &p, t->path, c->err) == -1) {
		cnt_place_drop(&p);
		return -1;
	}
	if (cnt_digest_file(p.fd, sha) == -1)
		sha[0] = '\0';
	if (fstat(p.fd, &now) == -1 || cnt_target_replace(t, &p,
	    t->old == -1 ? (long)(st->st_mode & 0777) : -1, &mode, c->err) == -1)
		return -1;
	cnt_json_set_str(c->out, "destination", t->path);
	cnt_json_set_int(c->out, "bytes", now.st_size);
	if (sha[0] != '\0')
		cnt_json_set_str(c->out, "sha256", sha);
	else
		cnt_json_set_null(c->out, "sha256");
	return 0;
}

static int
check_ends(struct cnt_call *c, const struct stat *st, const struct cnt_target *t)
{
	if (t->old == -1)
		return 0;
	if (t->st.st_dev == st->st_dev && t->st.st_ino == st->st_ino)
		return cnt_fail(c->err, CNT_NO, "%s: is the source itself", t->path);
	if (cnt_json_bool(c->in, "overwrite"))
		return 0;
	cnt_fail(c->err, CNT_EXISTS, "%s: exists", t->path);
	return cnt_hint(c->err, "overwrite replaces it");
}

static int
copy_file(struct cnt_call *c)
{
	struct stat st = { 0 };
	int from CNT_CLOSE = cnt_wall_regular(cnt_json_str(c->in, "source"), &st, c->err);
	struct cnt_target t = { .dir = -1, .old = -1 };
	int r = -1;

	if (from == -1) {
		if (S_ISDIR(st.st_mode))
			cnt_hint(c->err, "directories are copied with shell_exec: cp -a");
		return -1;
	}
	if (cnt_target_open(&t, cnt_json_str(c->in, "destination"),
	    cnt_json_bool(c->in, "mkdirs"), c->err) == 0 && check_ends(c, &st, &t) == 0)
		r = copy_to(c, from, &st, &t);
	cnt_target_free(&t);
	return r;
}

const struct cnt_verb cnt_box_copy_file = {
	.name = "copy_file", .tool = "copy_file", .title = "Copy a file",
	.group = "Files",
	.summary = "copy a file",
	.about = "Copy one regular file, with its mode; holes stay holes.",
	.storeless = true,
	.params = copy_params, .results = copy_results, .run = copy_file,
};
