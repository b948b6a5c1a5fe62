/* SPDX-License-Identifier: Apache-2.0
 *
 * move_file: rename(2) of what stands at a path, a link itself and not its target. A regular
 * file goes to another file system too, by a copy that is whole before it has its name.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/file/copy.h"
#include "mcp/box/wall.h"

static const struct cnt_field move_params[] = {
	{ .name = "source", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "destination", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH",
	    .help = "new path, not a directory to put it into" },
	{ .name = "overwrite", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "mkdirs", .type = CNT_BOOLEAN, .def = "true" },
	{ 0 },
};

static const struct cnt_field move_results[] = {
	{ .name = "source", .type = CNT_STRING },
	{ .name = "destination", .type = CNT_STRING },
	{ .name = "replaced", .type = CNT_BOOLEAN },
	{ .name = "copied", .type = CNT_BOOLEAN },
	{ 0 },
};

struct end {
	const char	*path;
	int		 dir;
	char		*name;
};

static int
copy_across(const struct end *from, const struct end *to, bool overwrite, struct cnt_err *e)
{
	int fd CNT_CLOSE = openat(from->dir, from->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct cnt_place p = { .fd = -1 };
	struct stat st = { 0 };
	struct timespec times[2];
	int r = -1;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		cnt_fail(e, CNT_NO, "%s: is no regular file, and %s is on another file system",
		    from->path, to->path);
		return cnt_hint(e, "shell_exec: mv moves it");
	}
	if (cnt_place_open(&p, to->dir) == -1)
		return cnt_wall_fail(e, to->path);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (cnt_copy(fd, &st, &p, to->path, e) == -1)
		r = -1;
	else if (cnt_place_like(&p, fd, &st) == -1 || futimens(p.fd, times) == -1 ||
	    cnt_place_as(&p, to->name, overwrite) == -1)
		r = cnt_wall_fail(e, to->path);
	else
		r = unlinkat(from->dir, from->name, 0) == -1 ? cnt_wall_fail(e, from->path) : 0;
	cnt_place_drop(&p);
	return r;
}

static int
rename_failed(const struct end *from, const struct end *to, struct cnt_err *e)
{
	struct stat st = { 0 };
	int error = errno;

	if (error == EEXIST || error == ENOTEMPTY) {
		cnt_fail(e, CNT_EXISTS, "%s: exists", to->path);
		return cnt_hint(e, "overwrite replaces a file; a directory must be empty for that");
	}
	if (error == EINVAL)
		return cnt_fail(e, CNT_INVALID, "%s: is inside of %s", to->path, from->path);
	errno = error;
	if (error == ENOENT && fstatat(from->dir, from->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return cnt_wall_fail(e, to->path);
	errno = error;
	return cnt_wall_fail(e, error == EISDIR || error == ENOTDIR ? to->path : from->path);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
is_same_entry(const struct end *from, const struct end *to)
{
	struct stat a = { 0 }, b = { 0 };

	return strcmp(from->name, to->name) == 0 && fstat(from->dir, &a) == 0 &&
	    fstat(to->dir, &b) == 0 && is_same(&a, &b);
}

/* rename(2) of one link onto another of the same file leaves both. A file with one link may have
 * two names where case means nothing. */
static bool
is_other_link(const struct end *from, const struct end *to)
{
	struct stat a = { 0 }, b = { 0 };

	return fstatat(from->dir, from->name, &a, AT_SYMLINK_NOFOLLOW) == 0 && a.st_nlink > 1 &&
	    fstatat(to->dir, to->name, &b, AT_SYMLINK_NOFOLLOW) == 0 && is_same(&a, &b) &&
	    !is_same_entry(from, to);
}

static int
move(const struct end *from, const struct end *to, bool overwrite, bool *replaced, bool *copied,
    struct cnt_err *e)
{
	struct stat st = { 0 };

	if (renameat2(from->dir, from->name, to->dir, to->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && overwrite) {
		*replaced = true;
		if ((is_other_link(from, to) ? unlinkat(from->dir, from->name, 0) :
		    renameat(from->dir, from->name, to->dir, to->name)) == 0)
			return 0;
	}
	if (errno != EXDEV)
		return rename_failed(from, to, e);
	if (is_same_entry(from, to))	/* through two mounts */
		return cnt_fail(e, CNT_NO, "%s: is the source itself", to->path);
	*copied = true;
	*replaced = fstatat(to->dir, to->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (*replaced && !overwrite) {
		errno = EEXIST;
		return rename_failed(from, to, e);
	}
	return copy_across(from, to, *replaced, e);
}

static int
move_file(struct cnt_call *c)
{
	struct end from = { .path = cnt_json_str(c->in, "source"), .dir = -1 };
	struct end to = { .path = cnt_json_str(c->in, "destination"), .dir = -1 };
	char *source CNT_FREE = cnt_wall_path(from.path);
	char *destination CNT_FREE = cnt_wall_path(to.path);
	char *from_name CNT_FREE = NULL, *to_name CNT_FREE = NULL;
	bool replaced = false, copied = false;
	int from_dir CNT_CLOSE = cnt_wall_parent(from.path, false, &from_name, c->err);
	int to_dir CNT_CLOSE = -1;
	struct stat st = { 0 };

	if (from_dir == -1)
		return -1;
	/* Looked at first, so that no directories are made for nothing. */
	if (fstatat(from_dir, from_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return cnt_wall_fail(c->err, from.path);
	if (!S_ISDIR(st.st_mode) && (cnt_wall_no_slash(from.path, c->err) == -1 ||
	    cnt_wall_no_slash(to.path, c->err) == -1))
		return -1;
	to_dir = cnt_wall_parent(to.path, cnt_json_bool(c->in, "mkdirs"), &to_name, c->err);
	if (to_dir == -1)
		return -1;
	from.dir = from_dir;
	from.name = from_name;
	to.dir = to_dir;
	to.name = to_name;
	if (move(&from, &to, cnt_json_bool(c->in, "overwrite"), &replaced, &copied, c->err) == -1)
		return -1;
	cnt_json_set_str(c->out, "source", source);
	cnt_json_set_str(c->out, "destination", destination);
	cnt_json_set_bool(c->out, "replaced", replaced);
	cnt_json_set_bool(c->out, "copied", copied);
	return 0;
}

const struct cnt_verb cnt_box_move_file = {
	.name = "move_file", .tool = "move_file", .title = "Move or rename a file",
	.group = "Files",
	.summary = "move or rename a file or a directory",
	.about = "Move or rename a file, link or directory; a file also to another file system "
	    "(copied: true).",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = move_params, .results = move_results, .run = move_file,
};
