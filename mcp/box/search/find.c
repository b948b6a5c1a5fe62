/* SPDX-License-Identifier: Apache-2.0
 *
 * find_files: paths that match a pattern, in the walk's order. The cursor is the last path that
 * was looked at and when its page began, so that the next page can say which directories before
 * it have changed since.
 */
#include "mcp/box/box.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "mcp/box/cursor.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/search/glob.h"
#include "mcp/box/search/walk.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define PROGRESS_US	100000

static const char *const types[] = { "file", "directory", "symlink", NULL };

static const struct cnt_field find_params[] = {
	{ .name = "glob", .type = CNT_STRING, .flags = CNT_REQUIRED, .min = 1,
	    .max = CNT_GLOB_MAX, .help = "*.c: names; src/**/*.{c,h}: paths" },
	{ .name = "path", .type = CNT_STRING, .def = ".", .value = "PATH" },
	{ .name = "type", .type = CNT_STRING, .choices = types },
	{ .name = "newer_than", .type = CNT_STRING, .value = "WHEN",
	    .help = "RFC 3339 time, age such as 2h, or a path" },
	{ .name = "limit", .type = CNT_INTEGER, .def = "1000", .min = 1, .max = 10000 },
	{ .name = "respect_gitignore", .type = CNT_BOOLEAN, .def = "true" },
	{ .name = "cursor", .type = CNT_STRING },
	{ 0 },
};

static const struct cnt_field find_results[] = {
	{ .name = "paths", .type = CNT_STRINGS },
	{ .name = "next_cursor", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL,
	    .help = "what was skipped or changed meanwhile" },
	{ 0 },
};

struct find {
	struct cnt_call	*call;
	struct cnt_glob	 glob;
	const char	*prefix;	/* before each path, with its slash */
	unsigned char	 type;		/* DT_..., or 0 */
	bool		 dated, more;
	struct timespec	 newer;
	int64_t		 limit, given, looked, told;
	size_t		 bytes;
	cJSON		*paths;
	struct cnt_buf	 last;		/* the path given last */
};

static int
parse_time(const char *s, struct timespec *t)
{
	struct tm tm = { 0 };
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	long hours = 0, minutes = 0;
	double fraction = 0;
	char *end = NULL;
	int n = 0;

	if (p == NULL && (p = strptime(s, "%Y-%m-%d", &tm)) != NULL)
		return *p == '\0' ? (t->tv_sec = timegm(&tm), 0) : -1;
	if (p == NULL)
		return -1;
	if (*p == '.') {
		fraction = strtod(p, &end);
		p = end;
	}
	if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2ld:%2ld%n", &hours, &minutes, &n) == 2 &&
	    p[n + 1] == '\0') {
		tm.tm_gmtoff = (*p == '-' ? -60 : 60) * (hours * 60 + minutes);
	} else if (*p != '\0' && strcmp(p, "Z") != 0) {
		return -1;
	}
	t->tv_sec = -tm.tm_gmtoff;
	tm.tm_gmtoff = 0;
	t->tv_sec += timegm(&tm);
	t->tv_nsec = (long)(fraction * 1e9);
	return 0;
}

/* A time, an age or the path of a file whose own time is meant. */
static int
read_newer(struct find *f, const char *s, struct cnt_err *e)
{
	struct cnt_err not_one = { 0 };
	struct stat st = { 0 };
	double age = 0;
	int fd CNT_CLOSE = -1;
	int64_t then = 0;

	f->dated = true;
	if (parse_time(s, &f->newer) == 0)
		return 0;
	if (cnt_parse_duration(s, &age, &not_one) == 0 && age < 1e10) {
		then = cnt_now_us() - (int64_t)(age * 1e6);
		f->newer = (struct timespec){ .tv_sec = then / 1000000,
		    .tv_nsec = then % 1000000 * 1000 };
		return 0;
	}
	fd = cnt_wall_open(s, O_PATH);
	if (fd == -1 && errno != EACCES && errno != EXDEV)
		return cnt_fail(e, CNT_INVALID, "newer_than: expected a time such as "
		    "2026-01-31T12:00:00Z, an age such as 90s, 2h or 1d, or an existing path, got "
		    "\"%.*s\"", cnt_utf8_cut(s, 80), s);
	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_wall_fail(e, s);
	f->newer = st.st_mtim;
	return 0;
}

static bool
is_newer(const struct find *f, const struct cnt_found *found)
{
	struct stat st = { 0 };

	if (!f->dated)
		return true;
	if (fstatat(found->dir, found->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	return cnt_time_order(st.st_mtim, f->newer) > 0;
}

/* Bytes of a path in the answer, where it stands twice: as it is, and as text of a string. */
static size_t
cost(const char *s)
{
	size_t n = 8;

	for (; *s != '\0'; s++)
		n += (unsigned char)*s < 0x20 ? 13 : *s == '"' || *s == '\\' ? 6 : 2;
	return n;
}

static void
give(struct find *f, const char *path)
{
	char *whole CNT_FREE = cnt_format("%s%s", f->prefix, path);
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_utf8_add(&b, whole, strlen(whole));
	cJSON_AddItemToArray(f->paths, cJSON_CreateString(b.p));
	f->bytes += cost(b.p);
	f->given++;
	f->last.n = 0;
	cnt_buf_adds(&f->last, path);
}

static bool
visit(struct cnt_walk *w, const struct cnt_found *found)
{
	struct find *f = w->arg;

	if (++f->looked % 256 == 0 && cnt_ticks_us() > f->told + PROGRESS_US) {
		f->told = cnt_ticks_us();
		cnt_progress(f->call, (double)f->looked, 0, found->path);
	}
	if ((f->type != 0 && f->type != found->type) ||
	    !cnt_glob_takes(&f->glob, found->path, found->name) || !is_newer(f, found))
		return true;
	f->more = f->given == f->limit ||
	    f->bytes > (f->limit > CNT_PAGE_USUAL ? CNT_ESCAPED_MAX : CNT_PAGE_BYTES);
	if (!f->more)
		give(f, found->path);
	return !f->more;
}

static void
set_cursor(struct find *f, const struct cnt_walk *w, int64_t began)
{
	const char *last = f->more ? f->last.p : w->late ? w->last.p : NULL;
	char *text CNT_FREE = last != NULL ?
	    cnt_format("%lld %s", (long long)began, last) : NULL;
	char *cursor CNT_FREE = NULL;

	if (last == NULL) {
		cnt_json_set_null(f->call->out, "next_cursor");
		return;
	}
	cursor = cnt_cursor_make(f->call->verb->name, cnt_json_str(f->call->in, "path"), text);
	cnt_json_set_str(f->call->out, "next_cursor", cursor);
}

static int
read_cursor(struct cnt_call *c, char **text, struct cnt_walk *w)
{
	const char *cursor = cnt_json_str(c->in, "cursor");
	long long since = 0;
	int n = 0;

	if (cursor == NULL)
		return 0;
	if (cnt_cursor_read(text, cursor, c->verb->name, cnt_json_str(c->in, "path"),
	    c->err) == -1)
		return -1;
	if (sscanf(*text, "%lld%n", &since, &n) != 1 || (*text)[n] != ' ' ||
	    (*text)[n + 1] == '\0')
		return cnt_fail(c->err, CNT_INVALID, "cursor: is damaged");
	w->since = since;
	w->after = *text + n + 1;
	return 0;
}

static int
find(struct cnt_call *c, struct find *f, struct cnt_walk *w)
{
	const char *path = cnt_json_str(c->in, "path"), *type = cnt_json_str(c->in, "type"),
	    *newer = cnt_json_str(c->in, "newer_than");
	struct cnt_buf note CNT_BUF = { 0 };
	char *prefix CNT_FREE = cnt_walk_prefix(path), *text CNT_FREE = NULL;
	int64_t began = cnt_walk_clock();
	int fd CNT_CLOSE = -1;

	if (read_cursor(c, &text, w) == -1 ||
	    (newer != NULL && read_newer(f, newer, c->err) == -1) ||
	    cnt_glob_make(&f->glob, cnt_json_str(c->in, "glob"), path, c->err) == -1)
		return -1;
	fd = cnt_wall_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	if (fd == -1)
		return cnt_wall_fail(c->err, path);
	if (type != NULL)
		f->type = type[0] == 'f' ? DT_REG : type[0] == 'd' ? DT_DIR : DT_LNK;
	f->prefix = prefix;
	f->paths = cJSON_CreateArray();
	cnt_walk(w, fd, path);
	set_cursor(f, w, began);
	cnt_walk_note(w, &note);
	if (note.n > 0) {
		note.p[note.n - 1] = '\0';
		cnt_json_set_str(c->out, "note", note.p);
	}
	/* Last: clients that cut an answer keep its start. */
	cnt_json_set(c->out, "paths", f->paths);
	return 0;
}

static int
find_files(struct cnt_call *c)
{
	struct find f = { .call = c, .limit = cnt_json_int(c->in, "limit", CNT_PAGE_USUAL) };
	struct cnt_walk w = { .gitignore = cnt_json_bool(c->in, "respect_gitignore"),
	    .visit = visit, .arg = &f, .until = cnt_ticks_us() + CNT_WALK_US };
	int r = find(c, &f, &w);

	cnt_walk_free(&w);
	cnt_glob_free(&f.glob);
	cnt_buf_free(&f.last);
	return r;
}

/* A path a line, for a pipe. */
static void
print(const cJSON *out, FILE *f)
{
	const cJSON *path = NULL;
	const char *next = cnt_json_str(out, "next_cursor");

	cJSON_ArrayForEach(path, cnt_json_get(out, "paths"))
		fprintf(f, "%s\n", path->valuestring);
	(void)fflush(f);
	if (next != NULL)
		fprintf(stderr, "[more follows: cursor %s]\n", next);
}

const struct cnt_verb cnt_box_find_files = {
	.name = "find_files", .tool = "find_files", .title = "Find files",
	.group = "Files",
	.summary = "find files by name or path",
	.about = "Find files by glob, type and age, sorted by path. Leaves out .git and what "
	    ".gitignore says.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true,
	.params = find_params, .results = find_results, .run = find_files, .print = print,
};
