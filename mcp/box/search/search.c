/* SPDX-License-Identifier: Apache-2.0
 *
 * search_files: lines that hold a pattern, file by file in the walk's order. Lines are shown cut
 * around what matches, and a page ends at its limit of matches or of bytes. The cursor is the
 * file and line given last, and what the file was then: the next page says when that changed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/box.h"
#include "mcp/box/search/glob.h"
#include "mcp/box/search/lines.h"
#include "mcp/box/search/walk.h"

#define PROGRESS_US	100000
#define SHOWN_MAX	400		/* bytes of a line */
#define SHOWN_BEFORE	120		/* of them before the match, where it is far inside */
#define TEXT_LEAST	20000		/* bytes of a page */
#define LISTED_MAX	1048576		/* bytes of a page's typed facts */
#define TEXT_EACH	100		/* bytes of a page for each match of its limit */

static const struct cnt_field search_params[] = {
	{ .name = "pattern", .type = CNT_STRING, .flags = CNT_REQUIRED, .min = 1,
	    .max = CNT_PATTERN_MAX, .help = "POSIX extended regex, also \\d \\w \\s \\b" },
	{ .name = "path", .type = CNT_STRING, .def = ".", .value = "PATH" },
	{ .name = "glob", .type = CNT_STRING, .max = 4096,
	    .help = "only these: *.c, src/**/*.{c,h}" },
	{ .name = "fixed", .type = CNT_BOOLEAN, .def = "false", .help = "pattern is plain text" },
	{ .name = "ignore_case", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "context", .type = CNT_INTEGER, .def = "0", .max = 10 },
	{ .name = "limit", .type = CNT_INTEGER, .def = "200", .min = 1, .max = 5000 },
	{ .name = "respect_gitignore", .type = CNT_BOOLEAN, .def = "true" },
	{ .name = "cursor", .type = CNT_STRING },
	{ 0 },
};

static const struct cnt_field match_fields[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "line", .type = CNT_INTEGER },
	{ .name = "column", .type = CNT_INTEGER },
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "before", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "after", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

static const struct cnt_field search_results[] = {
	{ .name = "matches", .type = CNT_OBJECTS, .of = match_fields },
	{ .name = "files_searched", .type = CNT_INTEGER },
	{ .name = "files_binary", .type = CNT_INTEGER },
	{ .name = "next_cursor", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

/* Where a page begins or ended. line 0: with the file's first; -1: behind the file. */
struct place {
	char	*path;
	int64_t	 line, size, mtime;
};

struct search {
	struct cnt_call		*call;
	struct cnt_pattern	 pattern;
	struct cnt_lines	 lines;
	struct cnt_glob		 glob;
	struct cnt_walk		 walk;
	const char		*prefix;
	int64_t			 limit, given, in_files, searched, binary, told;
	size_t			 budget, listed;
	struct place		 from, last;
	struct place		 now;		/* the file being read; path is borrowed */
	bool			 more, inexact, changed, gone;
	const char		*shown;		/* the file whose matches stand in the text last */
	cJSON			*matches, *match;
	struct cnt_buf		 before, after;
};

/* Adds what is shown of a line: all of it, or the part around its match. */
static void
add_line(struct search *s, struct cnt_buf *to, const struct cnt_line *line)
{
	size_t from = 0, to_end = line->n;

	if (line->n > SHOWN_MAX && line->from > SHOWN_BEFORE)
		from = line->from - SHOWN_BEFORE;
	while (from > 0 && ((unsigned char)line->text[from] & 0xc0) == 0x80)
		from--;
	if (to_end - from > SHOWN_MAX)
		to_end = from + cnt_text_prefix(line->text + from, to_end - from, SHOWN_MAX);
	cnt_buf_adds(to, from > 0 ? "..." : "");
	s->inexact |= !cnt_text_add(to, line->text + from, to_end - from, false);
	cnt_buf_adds(to, to_end < line->n ? "..." : "");
	cnt_buf_add(to, "\n", 1);
}

static void
add_path(struct search *s, struct cnt_buf *to)
{
	cnt_text_add(to, s->prefix, strlen(s->prefix), false);
	cnt_text_add(to, s->now.path, strlen(s->now.path), false);
}

/* The facts of the last match are whole when the lines after it are known. */
static void
end_match(struct search *s)
{
	if (s->match != NULL && s->after.n > 0)
		cnt_text_fact(s->match, "after", &s->after);
	s->match = NULL;
	s->after.n = 0;
}

static void
add_match(struct search *s, const struct cnt_line *line)
{
	struct cnt_buf path CNT_BUF = { 0 }, text CNT_BUF = { 0 };

	add_path(s, &path);
	add_line(s, &text, line);
	text.p[--text.n] = '\0';
	s->match = cnt_json_add_object(s->matches);
	cnt_json_set_str(s->match, "path", path.p);
	cnt_json_set_int(s->match, "line", line->number);
	cnt_json_set_int(s->match, "column", (int64_t)line->from + 1);
	cnt_text_fact(s->match, "text", &text);
	if (s->before.n > 0)
		cnt_text_fact(s->match, "before", &s->before);
	s->before.n = 0;
	s->listed += path.n + 64;
	s->given++;
	s->last.line = line->number;
	s->last.size = s->now.size;
	s->last.mtime = s->now.mtime;
	if (s->last.path == NULL || strcmp(s->last.path, s->now.path) != 0) {
		free(s->last.path);
		s->last.path = cnt_strdup(s->now.path);
	}
}

static bool
is_full(const struct search *s)
{
	return s->given >= s->limit || s->call->body.n >= s->budget || s->listed >= LISTED_MAX;
}

static bool
on_line(struct cnt_lines *l, const struct cnt_line *line)
{
	struct search *s = l->arg;
	struct cnt_buf *body = &s->call->body;

	if (line == NULL) {
		s->more = is_full(s);
		return !s->more;
	}
	if (s->shown == NULL) {
		s->in_files++;
		add_path(s, body);
		cnt_buf_add(body, "\n", 1);
		s->shown = s->now.path;
	}
	if (line->gap) {
		cnt_buf_adds(body, "--\n");
		end_match(s);
	}
	cnt_buf_addf(body, "%lld%c ", (long long)line->number, line->match ? ':' : '-');
	add_line(s, body, line);
	if (line->match) {
		end_match(s);
		add_match(s, line);
	} else {
		add_line(s, s->match != NULL && l->pending > 0 ? &s->after : &s->before, line);
	}
	return true;
}

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
	end_match(s);
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
	int fd CNT_CLOSE = cnt_wall_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);

	if (fd != -1)
		return search_tree(s, path, fd);
	return errno == ENOTDIR ? search_file(s, path) : cnt_wall_fail(s->call->err, path);
}

static int
read_cursor(struct search *s, const char *cursor)
{
	char *text CNT_FREE = NULL;
	long long line = 0, since = 0, size = 0, mtime = 0;
	int n = 0;

	if (cursor == NULL)
		return 0;
	if (cnt_cursor_read(&text, cursor, s->call->verb->name,
	    cnt_json_str(s->call->in, "path"), s->call->err) == -1)
		return -1;
	if (sscanf(text, "%lld %lld %lld %lld%n", &line, &since, &size, &mtime, &n) != 4 ||
	    text[n] != ' ' || text[n + 1] == '\0')
		return cnt_fail(s->call->err, CNT_INVALID, "cursor: is damaged");
	s->from = (struct place){ .path = cnt_strdup(text + n + 1), .line = line, .size = size,
	    .mtime = mtime };
	s->walk.since = since;
	return 0;
}

static void
set_cursor(struct search *s, int64_t began)
{
	const struct place *p = &s->last;
	char *text CNT_FREE = NULL, *cursor CNT_FREE = NULL;

	if (p->path == NULL || (!s->more && !s->walk.late)) {
		cnt_json_set_null(s->call->out, "next_cursor");
		return;
	}
	text = cnt_format("%lld %lld %lld %lld %s", (long long)p->line, (long long)began,
	    (long long)p->size, (long long)p->mtime, p->path);
	cursor = cnt_cursor_make(s->call->verb->name, cnt_json_str(s->call->in, "path"), text);
	cnt_json_set_str(s->call->out, "next_cursor", cursor);
	cnt_buf_addf(&s->call->foot, "[%s: next_cursor %s]\n",
	    s->more ? "more matches follow" : "stopped after 30 s", cursor);
}

static void
note(struct search *s, struct cnt_buf *to)
{
	if (s->changed || s->gone)
		cnt_buf_addf(to, "%s %s since the page before%s\n", s->from.path,
		    s->changed ? "changed" : "is gone", s->changed ? ": lines before this page may "
		    "have changed too" : "");
	if (s->inexact)
		cnt_buf_adds(to, "bytes that are not UTF-8 are shown as U+FFFD\n");
	cnt_walk_note(&s->walk, to);
}

static void
state_facts(struct search *s, int64_t us)
{
	struct cnt_call *c = s->call;
	struct cnt_buf b CNT_BUF = { 0 };
	char time[32];

	cnt_text_duration(us, time);
	cnt_buf_addf(&c->head, "%s%lld match%s in %lld file%s \xc2\xb7 %lld searched",
	    s->more ? "first " : "", (long long)s->given, s->given == 1 ? "" : "es",
	    (long long)s->in_files, s->in_files == 1 ? "" : "s", (long long)s->searched);
	if (s->binary > 0)
		cnt_buf_addf(&c->head, " \xc2\xb7 %lld binary skipped", (long long)s->binary);
	cnt_buf_addf(&c->head, " \xc2\xb7 %s\n", time);
	note(s, &b);
	if (b.n > 0) {
		cnt_buf_add(&c->head, b.p, b.n);
		b.p[b.n - 1] = '\0';
		cnt_json_set_str(c->out, "note", b.p);
	}
	cnt_json_set_int(c->out, "files_searched", s->searched);
	cnt_json_set_int(c->out, "files_binary", s->binary);
}

static int
run(struct search *s)
{
	const cJSON *in = s->call->in;
	int64_t began = cnt_walk_clock(), start = cnt_ticks_us();

	if (cnt_glob_make(&s->glob, cnt_json_str(in, "glob"), s->call->err) == -1 ||
	    read_cursor(s, cnt_json_str(in, "cursor")) == -1 ||
	    cnt_pattern_make(&s->pattern, cnt_json_str(in, "pattern"), cnt_json_bool(in, "fixed"),
	    cnt_json_bool(in, "ignore_case"), s->call->err) == -1)
		return -1;
	s->pattern.until = s->walk.until;
	s->matches = cJSON_AddArrayToObject(s->call->out, "matches");
	if (search(s) == -1)
		return -1;
	set_cursor(s, began);
	state_facts(s, cnt_ticks_us() - start);
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
	s.lines = (struct cnt_lines){ .pattern = &s.pattern, .line = on_line, .arg = &s,
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
	.params = search_params, .results = search_results, .run = search_files,
};
