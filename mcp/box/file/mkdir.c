/* SPDX-License-Identifier: Apache-2.0
 *
 * make_directory: with what is missing of the way to it. What is there already stays as it is,
 * its mode too.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/file/stat.h"
#include "mcp/box/wall.h"

static const struct cnt_field mkdir_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "mode", .type = CNT_STRING, .value = "MODE",
	    .help = "octal, such as 0700" },
	{ 0 },
};

static const struct cnt_field mkdir_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "created", .type = CNT_BOOLEAN },
	{ 0 },
};

/* The umask is this process's own: each call of a tool that writes has one to itself. Made with
 * its mode, it has no other at any moment; set-id bits are given to the new directory itself. */
static int
make(int dir, const char *name, long mode)
{
	mode_t before = mode != -1 ? umask(0) : 0;
	int r = mkdirat(dir, name, mode != -1 ? (mode_t)mode & 01777 : 0777), fd CNT_CLOSE = -1;

	if (mode != -1)
		umask(before);
	if (r == -1 || mode == -1 || (mode & 06000) == 0)
		return r;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd != -1 ? fchmod(fd, (mode_t)mode) : -1;
}

static bool
is_directory(const char *path)
{
	int fd CNT_CLOSE = cnt_wall_open(path, O_PATH | O_DIRECTORY);

	return fd != -1;
}

static int
make_directory(struct cnt_call *c)
{
	const char *path = cnt_json_str(c->in, "path");
	char *whole CNT_FREE = cnt_wall_path(path), *name CNT_FREE = NULL;
	int dir CNT_CLOSE = -1;
	bool created = false;
	long mode = -1;

	if (cnt_mode_parse(cnt_json_str(c->in, "mode"), &mode, c->err) == -1)
		return -1;
	if (!is_directory(path)) {
		if (errno == ENOTDIR)
			return cnt_wall_fail(c->err, path);
		dir = cnt_wall_parent(path, true, &name, c->err);
		if (dir == -1)
			return -1;
		created = make(dir, name, mode) == 0;
		if (!created && errno != EEXIST)
			return cnt_wall_fail(c->err, path);
		/* Somebody else may have made it meanwhile, and not as a directory. */
		if (!created && !is_directory(path)) {
			errno = EEXIST;
			return cnt_wall_fail(c->err, path);
		}
	}
	cnt_json_set_str(c->out, "path", whole);
	cnt_json_set_bool(c->out, "created", created);
	return 0;
}

const struct cnt_verb cnt_box_make_directory = {
	.name = "make_directory", .tool = "make_directory", .title = "Make a directory",
	.group = "Files",
	.summary = "make a directory and its parents",
	.about = "Make a directory and its parents (mkdir -p). One that exists is no error.",
	.effects = CNT_IDEMPOTENT, .storeless = true,
	.params = mkdir_params, .results = mkdir_results, .run = make_directory,
};
