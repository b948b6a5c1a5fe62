/* SPDX-License-Identifier: Apache-2.0
 *
 * list_directory: a directory, or a tree to a depth, in one order that does not depend on the
 * file system: by name, a directory's entries after itself. The cursor is the last path that
 * was given, so that a page neither repeats nor skips what stays, whatever is made or removed
 * between pages. Time and entries looked at are bounded.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/cursor.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/search/glob.h"
#include "mcp/box/search/names.h"
#include "mcp/box/search/walk.h"
#include "mcp/box/text.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

#define LOOKED_MAX	200000
#define TIME_US		2000000
#define ROOM_MAX	(CNT_ESCAPED_MAX + (CNT_ESCAPED_MAX >> 2))

static const struct cnt_field list_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "depth", .type = CNT_INTEGER, .def = "1", .min = 1, .max = 16 },
	{ .name = "include_hidden", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "glob", .type = CNT_STRING, .help = "names to show, such as *.c" },
	{ .name = "limit", .type = CNT_INTEGER, .def = "1000", .min = 1, .max = 10000 },
	{ .name = "cursor", .type = CNT_STRING },
	{ 0 },
};

static const struct cnt_field entry_fields[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "type", .type = CNT_STRING },
	{ .name = "size", .type = CNT_INTEGER },
	{ .name = "mode", .type = CNT_STRING },
	{ .name = "mtime", .type = CNT_STRING },
	{ .name = "owner", .type = CNT_STRING },
	{ .name = "target", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

static const struct cnt_field list_results[] = {
	{ .name = "entries", .type = CNT_OBJECTS, .of = entry_fields },
	{ .name = "total", .type = CNT_INTEGER, .flags = CNT_NULLABLE,
	    .help = "null: too many to count" },
	{ .name = "next_cursor", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

struct walk {
	struct cnt_buf	 entries;	/* as JSON: a tree of them would cost more than all else */
	struct cnt_buf	 owner;		/* the name of uid, as JSON */
	uid_t		 uid;
	const struct cnt_glob *glob;
	const char	*after;		/* the last path of the page before, or NULL */
	bool		 hidden;
	int		 depth;
	int64_t		 limit, given, total, looked, until;
	char		*last;		/* where the next page goes on, or NULL */
	bool		 more, stopped, skipped;
	struct cnt_said	 unread;	/* directories that may not be read, or not whole */
	size_t		 room;		/* bytes of the answer that are left */
};

static void
add_name(struct cnt_buf *to, const char *name)
{
	struct cnt_buf b CNT_BUF = { 0 };
	size_t n = strlen(name);

	if (cnt_utf8_valid(name, n) == n) {
		cnt_json_quote(to, name, n);
		return;
	}
	cnt_utf8_add(&b, name, n);
	cnt_json_quote(to, b.p, b.n);
}

static void
add_target(struct cnt_buf *to, int dir, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n == -1)
		return;
	target[n] = '\0';
	cnt_buf_adds(to, ",\"target\":");
	add_name(to, target);
}

static void
add_size(struct cnt_buf *to, off_t size)
{
	char digits[24], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + size % 10);
	while ((size /= 10) > 0);
	cnt_buf_add(to, p, (size_t)(digits + sizeof(digits) - p));
}

/* Neighbours mostly have one owner. */
static void
add_owner(struct walk *w, uid_t uid)
{
	char name[64];

	if (w->owner.n == 0 || w->uid != uid) {
		cnt_user_name(uid, name);
		w->uid = uid;
		w->owner.n = 0;
		add_name(&w->owner, name);
	}
	cnt_buf_add(&w->entries, w->owner.p, w->owner.n);
}

static void
give(struct walk *w, int dir, const char *name, const char *path)
{
	struct cnt_buf *to = &w->entries;
	size_t before = to->n, used = 0;
	struct stat st = { 0 };
	char mode[5] = "0000", time[32];

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	for (int i = 0; i < 4; i++)
		mode[i] = (char)('0' + (st.st_mode >> (9 - 3 * i) & 7));
	cnt_text_time(st.st_mtim, time);
	cnt_buf_adds(to, w->given == 0 ? "{\"name\":" : ",{\"name\":");
	add_name(to, path);
	cnt_buf_adds(to, ",\"type\":\"");
	cnt_buf_adds(to, cnt_mode_type(st.st_mode));
	cnt_buf_adds(to, "\",\"size\":");
	add_size(to, st.st_size);
	cnt_buf_adds(to, ",\"mode\":\"");
	cnt_buf_add(to, mode, 4);
	cnt_buf_adds(to, "\",\"mtime\":\"");
	cnt_buf_adds(to, time);
	cnt_buf_adds(to, "\",\"owner\":");
	add_owner(w, st.st_uid);
	if (S_ISLNK(st.st_mode))
		add_target(to, dir, name);
	cnt_buf_add(to, "}", 1);
	/* It stands in the answer twice: as it is, and as text of a string. */
	used = 2 * (to->n - before);
	for (size_t i = before; i < to->n; i++)
		used += to->p[i] == '"' || to->p[i] == '\\';
	w->room -= used < w->room ? used : w->room;
	if (++w->given < w->limit && w->room > 0)
		return;
	w->limit = w->given;
	w->last = cnt_strdup(path);
}

static void
look_at(struct walk *w, int dir, const char *name, const char *path)
{
	if (cnt_glob_takes(w->glob, path, name)) {
		w->total++;
		if (w->given < w->limit)
			give(w, dir, name, path);
		else
			w->more = true;
	}
	w->looked++;
	if (w->looked < LOOKED_MAX && (w->looked % 256 != 0 || cnt_ticks_us() < w->until))
		return;
	w->stopped = true;
	if (w->last == NULL)
		w->last = cnt_strdup(path);
}

static bool
is_before(const struct walk *w, const char *path)
{
	return w->after != NULL && cnt_walk_order(path, w->after) <= 0;
}

static void walk_directory(struct walk *w, int fd, const char *prefix, int depth);

static void
descend(struct walk *w, int dir, const char *name, const char *path, int depth)
{
	const char *after = w->after;
	size_t n = strlen(path);
	int fd = -1;

	/* A tree that is whole on the pages before is not walked again, only to be counted. */
	if (after != NULL && is_before(w, path) && (strncmp(after, path, n) != 0 ||
	    (after[n] != '\0' && after[n] != '/'))) {
		w->skipped = true;
		return;
	}
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1)
		walk_directory(w, fd, path, depth + 1);
	else if (errno == EACCES)
		cnt_said_add(&w->unread, path);
}

/* Takes fd. */
static void
walk_directory(struct walk *w, int fd, const char *prefix, int depth)
{
	DIR *d CNT_DIR = fdopendir(fd);
	struct cnt_names all = { 0 };

	if (d == NULL) {
		close(fd);
		return;
	}
	cnt_names_read(&all, d, w->hidden, CNT_NAMES_MAX);
	if (all.more)
		cnt_said_add(&w->unread, prefix);
	w->skipped |= all.more;
	for (size_t i = 0; i < all.n && !w->stopped; i++) {
		char *path CNT_FREE = prefix[0] == '\0' ? NULL :
		    cnt_format("%s/%s", prefix, all.p[i]);
		const char *shown = path != NULL ? path : all.p[i];

		if (is_before(w, shown))
			w->total += cnt_glob_takes(w->glob, shown, all.p[i]);
		else
			look_at(w, dirfd(d), all.p[i], shown);
		if (depth < w->depth && !w->stopped)
			descend(w, dirfd(d), all.p[i], shown, depth);
	}
	cnt_names_free(&all);
}

static int
list_directory(struct cnt_call *c)
{
	const char *path = cnt_json_str(c->in, "path"), *cursor = cnt_json_str(c->in, "cursor");
	char *after CNT_FREE = NULL, *next CNT_FREE = NULL;
	struct cnt_buf note CNT_BUF = { 0 };
	struct cnt_glob glob CNT_GLOB = { 0 };
	struct walk w = { .glob = &glob,
	    .hidden = cnt_json_bool(c->in, "include_hidden"),
	    .depth = (int)cnt_json_int(c->in, "depth", 1),
	    .limit = cnt_json_int(c->in, "limit", CNT_PAGE_USUAL),
	    .until = cnt_ticks_us() + TIME_US };
	int fd = -1;

	if ((cursor != NULL &&
	    cnt_cursor_read(&after, cursor, c->verb->name, path, c->err) == -1) ||
	    cnt_glob_make(&glob, cnt_json_str(c->in, "glob"), path, c->err) == -1)
		return -1;
	fd = cnt_wall_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	if (fd == -1)
		return cnt_wall_fail(c->err, path);
	cnt_user_refresh();
	w.after = after;
	w.room = w.limit > CNT_PAGE_USUAL ? ROOM_MAX : CNT_PAGE_BYTES;
	cnt_buf_add(&w.entries, "[", 1);
	walk_directory(&w, fd, "", 1);
	cnt_buf_add(&w.entries, "]", 1);
	if (w.stopped || w.skipped)
		cnt_json_set_null(c->out, "total");
	else
		cnt_json_set_int(c->out, "total", w.total);
	if (w.last != NULL && (w.more || w.stopped)) {
		next = cnt_cursor_make(c->verb->name, path, w.last);
		cnt_json_set_str(c->out, "next_cursor", next);
	} else {
		cnt_json_set_null(c->out, "next_cursor");
	}
	free(w.last);
	if (w.unread.n > 0) {
		cnt_said_text(&w.unread, "not listed whole (unreadable or too large): ", &note);
		note.p[note.n - 1] = '\0';
		cnt_json_set_str(c->out, "note", note.p);
	}
	cnt_said_free(&w.unread);
	/* Last: clients that cut an answer keep its start. */
	cnt_json_take_raw(c->out, "entries", &w.entries);
	cnt_buf_free(&w.owner);
	return 0;
}

const struct cnt_verb cnt_box_list_directory = {
	.name = "list_directory", .tool = "list_directory", .title = "List a directory",
	.group = "Files",
	.summary = "list a directory or a tree",
	.about = "List a directory, or with depth a tree: name, type, size, mode, time, owner "
	    "and link target of each entry.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true,
	.params = list_params, .results = list_results, .run = list_directory,
};
