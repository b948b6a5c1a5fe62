/* SPDX-License-Identifier: Apache-2.0
 *
 * delete_file: one name, a link itself and not its target. A directory is refused.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/wall.h"

static const struct cnt_field delete_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ 0 },
};

static const struct cnt_field delete_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "bytes", .type = CNT_INTEGER },
	{ 0 },
};

static int
delete_file(struct cnt_call *c)
{
	const char *path = cnt_json_str(c->in, "path");
	char *name CNT_FREE = NULL, *whole CNT_FREE = cnt_wall_path(path);
	int dir CNT_CLOSE = cnt_wall_parent(path, false, &name, c->err);
	struct stat st = { 0 };

	if (dir == -1)
		return -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return cnt_wall_fail(c->err, path);
	if (S_ISDIR(st.st_mode)) {
		cnt_fail(c->err, CNT_NO, "%s: is a directory", path);
		return cnt_hint(c->err, "directories are removed with shell_exec: rm -r");
	}
	if (cnt_wall_no_slash(path, c->err) == -1)
		return -1;
	if (unlinkat(dir, name, 0) == -1)
		return cnt_wall_fail(c->err, path);
	cnt_json_set_str(c->out, "path", whole);
	cnt_json_set_int(c->out, "bytes", st.st_size);
	return 0;
}

const struct cnt_verb cnt_box_delete_file = {
	.name = "delete_file", .tool = "delete_file", .title = "Delete a file",
	.group = "Files",
	.summary = "delete a file",
	.about = "Delete a file or a link (not its target). Directories are refused.",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = delete_params, .results = delete_results, .run = delete_file,
};
