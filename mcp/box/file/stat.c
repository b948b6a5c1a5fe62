/* SPDX-License-Identifier: Apache-2.0
 *
 * file_info: what stands at a path, a link itself and not its target. Only a regular file is
 * opened, and only when it is the one that was looked at: opening a FIFO or a device can wait, or
 * do something. And what a mode is called.
 */
#include "mcp/box/file/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "mcp/box/box.h"
#include "mcp/box/digest.h"
#include "mcp/box/file/mime.h"
#include "mcp/box/text.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

#define TRIES	16			/* against a name that changes meanwhile */

static const struct cnt_field info_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ 0 },
};

static const struct cnt_field info_results[] = {
	{ .name = "type", .type = CNT_STRING },
	{ .name = "size", .type = CNT_INTEGER },
	{ .name = "mode", .type = CNT_STRING },
	{ .name = "owner", .type = CNT_STRING },
	{ .name = "group", .type = CNT_STRING },
	{ .name = "mtime", .type = CNT_STRING },
	{ .name = "target", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "mime", .type = CNT_STRING },
	{ .name = "sha256", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ 0 },
};

/* What stands there, by a descriptor that opens nothing, and for a regular file in *content one
 * that reads; -1 there: it may not be read. */
static int
look(const char *path, struct stat *st, int *content, struct cnt_err *e)
{
	struct stat opened = { 0 };

	for (int i = 0; i < TRIES; i++) {
		int fd CNT_CLOSE = cnt_wall_open(path, O_PATH | O_NOFOLLOW);

		if (fd == -1 || fstat(fd, st) == -1)
			return cnt_wall_fail(e, path);
		if (!S_ISREG(st->st_mode))
			return take_fd(&fd);
		*content = cnt_wall_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		if (*content == -1 && (errno == EACCES || errno == EPERM))
			return take_fd(&fd);
		if (*content != -1 && fstat(*content, &opened) == 0 &&
		    opened.st_dev == st->st_dev && opened.st_ino == st->st_ino)
			return take_fd(&fd);
		if (*content != -1)
			close(*content);
		*content = -1;
	}
	return cnt_fail(e, CNT_BUSY, "%s: changes while it is looked at", path);
}

const char *
cnt_mode_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "symlink";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "character device";
	case S_IFBLK: return "block device";
	default: return "unknown";
	}
}

int
cnt_mode_parse(const char *s, long *mode, struct cnt_err *e)
{
	char *end = NULL;

	*mode = -1;
	if (s == NULL)
		return 0;
	if (strlen(s) <= 5 && strspn(s, "01234567") == strlen(s))
		*mode = strtol(s, &end, 8);
	if (end == NULL || end == s || *mode > 07777)
		return cnt_fail(e, CNT_INVALID,
		    "mode: expected octal digits such as 0644, got \"%.*s\"",
		    cnt_utf8_cut(s, 32), s);
	return 0;
}

static const char *
mime_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "inode/directory";
	case S_IFLNK: return "inode/symlink";
	case S_IFIFO: return "inode/fifo";
	case S_IFSOCK: return "inode/socket";
	case S_IFCHR: return "inode/chardevice";
	default: return "inode/blockdevice";
	}
}

/* A file of the kernel's has no size and no lasting content. */
static void
state_content(cJSON *out, const char *path, int fd, const struct stat *st)
{
	char first[CNT_MIME_BYTES] = "", sha[65] = "";
	ssize_t n = fd != -1 ? pread(fd, first, sizeof(first), 0) : -1;

	cnt_json_set_str(out, "mime", cnt_mime(path, first, n > 0 ? (size_t)n : 0));
	if (fd != -1 && st->st_size <= CNT_HASHED_MAX && (st->st_size > 0 || n == 0) &&
	    cnt_digest_file(fd, sha) == 0)
		cnt_json_set_str(out, "sha256", sha);
}

static void
state_target(cJSON *out, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n == -1)
		return;
	target[n] = '\0';
	cnt_json_set_str(out, "target", target);
}

static int
file_info(struct cnt_call *c)
{
	const char *path = cnt_json_str(c->in, "path");
	int content CNT_CLOSE = -1, fd CNT_CLOSE = -1;
	char octal[8], time[32], name[64];
	struct stat st = { 0 };

	fd = look(path, &st, &content, c->err);
	if (fd == -1)
		return -1;
	cnt_user_refresh();
	cnt_json_set_str(c->out, "type", cnt_mode_type(st.st_mode));
	cnt_json_set_int(c->out, "size", st.st_size);
	snprintf(octal, sizeof(octal), "%04o", (unsigned)st.st_mode & 07777);
	cnt_json_set_str(c->out, "mode", octal);
	cnt_user_name(st.st_uid, name);
	cnt_json_set_str(c->out, "owner", name);
	cnt_user_group(st.st_gid, name);
	cnt_json_set_str(c->out, "group", name);
	cnt_text_time(st.st_mtim, time);
	cnt_json_set_str(c->out, "mtime", time);
	if (S_ISLNK(st.st_mode))
		state_target(c->out, fd);
	cnt_json_set_null(c->out, "sha256");
	if (S_ISREG(st.st_mode))
		state_content(c->out, path, content, &st);
	else
		cnt_json_set_str(c->out, "mime", mime_of(st.st_mode));
	return 0;
}

const struct cnt_verb cnt_box_file_info = {
	.name = "file_info", .tool = "file_info", .title = "Facts about a file",
	.group = "Files",
	.summary = "what stands at a path",
	.about = "Stat a file, directory or link (not followed): type, size, permissions, owner, "
	    "time, MIME type, sha256.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true,
	.params = info_params, .results = info_results, .run = file_info,
};
