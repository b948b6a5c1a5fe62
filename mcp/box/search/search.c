/* SPDX-License-Identifier: Apache-2.0
 *
 * search_files: lines that hold a pattern, file by file in the walk's order. What a page shows of
 * them is search-page.c's.
 */
#include "mcp/box/box.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/search/search-own.h"
#include "mcp/box/wall.h"

#define PROGRESS_US	100000
#define TEXT_LEAST	20000		/* bytes of a page */
#define TEXT_EACH	100		/* bytes of a page for each match of its limit */

static const struct cnt_field search_params[] = {
	{ .name = "pattern", .type = CNT_STRING, .flags = CNT_REQUIRED, .min = 1,
	    .max = CNT_PATTERN_MAX, .help = "POSIX extended regex, also \\d \\w \\s \\b" },
	{ .name = "path", .type = CNT_STRING, .def = ".", .value = "PATH" },
	{ .name = "glob", .type = CNT_STRING, .max = CNT_GLOB_MAX,
	    .help = "only these: *.c, src/**/*.{c,h}" },
	{ .name = "fixed", .type = CNT_BOOLEAN, .def = "false", .help = "pattern is plain text" },
	{ .name = "ignore_case", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "context", .type = CNT_INTEGER, .def = "0", .max = 10 },
	{ .name = "limit", .type = CNT_INTEGER, .def = "200", .min = 1, .max = 5000 },
	{ .name = "respect_gitignore", .type = CNT_BOOLEAN, .def = "true" },
	{ .name = "cursor", .type = CNT_STRING },
	{ 0 },
};

static void
tell(struct search *s)
{
	int64_t now = cnt_ticks_us();

	if (now < s->told + PROGRESS_US)
		return;
	s->told = now;
	cnt_progress(s->call, (double)s->searched, 0, s->now.path);
}

static void
read_lines(struct search *s, int fd, const struct stat *st, const char *path)
{
	enum cnt_lines_kind kind = CNT_LINES_TEXT;

	s->now = (struct place){ .path = (char *)(uintptr_t)path, .size = st->st_size,
	    .mtime = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
	s->lines.skip = 0;
	if (s->from.path != NULL && strcmp(path, s->from.path) == 0) {
		s->lines.skip = s->from.line;
		s->gone = false;
		s->changed = s->now.size != s->from.size || s->now.mtime != s->from.mtime;
	}
	s->shown = NULL;
	tell(s);
	kind = cnt_lines_read(&s->lines, fd, st->st_size);
	cnt_search_end_match(s);
	s->before.n = 0;
	s->searched += kind == CNT_LINES_TEXT;
	s->binary += kind == CNT_LINES_BINARY;
	if (kind == CNT_LINES_FAILED)
		cnt_said_add(&s->walk.skipped, path);
}

static bool
visit(struct cnt_walk *w, const struct cnt_found *f)
{
	struct search *s = w->arg;
	struct stat st = { 0 };
	int fd CNT_CLOSE = -1;

	if (f->type != DT_REG || !cnt_glob_takes(&s->glob, f->path, f->name))
		return true;
	fd = openat(f->dir, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		if (errno != ENOENT)
			cnt_said_add(&w->skipped, f->path);
		return true;
	}
	if (S_ISREG(st.st_mode))
		read_lines(s, fd, &st, f->path);
	w->late |= s->lines.late;
	return !s->more && !s->lines.late;
}

/* The time was over: the next page goes on in this file, or behind it. */
static void
end_late(struct search *s, const char *path)
{
	free(s->last.path);
	s->last = s->now;
	s->last.line = s->lines.late ? s->lines.number - 1 : -1;
	if (path[0] == '\0' && s->from.path != NULL) {	/* no file was read */
		s->last = s->from;
		path = s->from.path;
	}
	s->last.path = path[0] != '\0' ? cnt_strdup(path) : NULL;
}

/* An explicitly named file is searched whatever it is called. */
static int
search_file(struct search *s, const char *path)
{
	struct stat st = { 0 };
	int fd CNT_CLOSE = cnt_wall_regular(path, &st, s->call->err);

	if (fd == -1)
		return -1;
	s->prefix = "";
	read_lines(s, fd, &st, path);
	s->walk.late = s->lines.late;
	if (s->walk.late)
		end_late(s, path);
	return 0;
}

static int
search_tree(struct search *s, const char *path, int fd)
{
	char *prefix CNT_FREE = cnt_walk_prefix(path);

	s->prefix = prefix;
	s->walk.after = s->from.path;
	s->walk.again = s->from.line >= 0;
	s->gone = s->from.path != NULL && s->walk.again;
	cnt_walk(&s->walk, fd, path);
	if (s->walk.late && !s->more)
		end_late(s, s->walk.last.p);
	return 0;
}

static int
search(struct search *s)
{
	const char *path = cnt_json_str(s->call->in, "path");
	int fd CNT_CLOSE = cnt_wall_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);

	if (fd != -1)
		return search_tree(s, path, fd);
	return errno == ENOTDIR ? search_file(s, path) : cnt_wall_fail(s->call->err, path);
}

static int
run(struct search *s)
{
	const cJSON *in = s->call->in;
	int64_t began = cnt_walk_clock(), start = cnt_ticks_us();

	if (cnt_glob_make(&s->glob, cnt_json_str(in, "glob"), cnt_json_str(in, "path"),
	    s->call->err) == -1 ||
	    cnt_search_read_cursor(s, cnt_json_str(in, "cursor")) == -1 ||
	    cnt_pattern_make(&s->pattern, cnt_json_str(in, "pattern"), cnt_json_bool(in, "fixed"),
	    cnt_json_bool(in, "ignore_case"), s->call->err) == -1)
		return -1;
	s->pattern.until = s->walk.until;
	s->matches = cJSON_AddArrayToObject(s->call->out, "matches");
	if (search(s) == -1)
		return -1;
	cnt_search_set_cursor(s, began);
	cnt_search_state_facts(s, cnt_ticks_us() - start);
	return 0;
}

static int
search_files(struct cnt_call *c)
{
	int64_t limit = cnt_json_int(c->in, "limit", 200), until = cnt_ticks_us() + CNT_WALK_US;
	struct search s = { .call = c, .limit = limit };
	int r = 0;

	s.budget = (size_t)limit * TEXT_EACH;
	s.budget = s.budget < TEXT_LEAST ? TEXT_LEAST : s.budget;
	s.lines = (struct cnt_lines){ .pattern = &s.pattern, .line = cnt_search_on_line, .arg = &s,
	    .context = (int)cnt_json_int(c->in, "context", 0) };
	s.walk = (struct cnt_walk){ .gitignore = cnt_json_bool(c->in, "respect_gitignore"),
	    .visit = visit, .arg = &s, .until = until };
	r = run(&s);
	cnt_pattern_free(&s.pattern);
	cnt_lines_free(&s.lines);
	cnt_glob_free(&s.glob);
	cnt_walk_free(&s.walk);
	cnt_buf_free(&s.before);
	cnt_buf_free(&s.after);
	free(s.from.path);
	free(s.last.path);
	return r;
}

const struct cnt_verb cnt_box_search_files = {
	.name = "search_files", .tool = "search_files", .title = "Search in files",
	.group = "Files",
	.summary = "search file contents, like grep -rn",
	.about = "Search file contents (grep -rn) by regex or fixed text: path, then line: text. "
	    "Leaves out binary files, .git and what .gitignore says.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .bulk = true, .storeless = true,
	.params = search_params, .results = cnt_search_results, .run = search_files,
};
