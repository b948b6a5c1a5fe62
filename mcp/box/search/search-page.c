/* SPDX-License-Identifier: Apache-2.0
 *
 * A page of search_files. Lines are shown cut around what matches, and a page ends at its limit
 * of matches or of bytes. The cursor is the file and line given last, and what the file was then:
 * the next page says when that changed.
 */
#include "mcp/box/search/search-own.h"

#include "mcp/box/cursor.h"
#include "mcp/box/text.h"

#define SHOWN_MAX	400		/* bytes of a line */
#define SHOWN_BEFORE	120		/* of them before the match, where it is far inside */
#define LISTED_MAX	1048576		/* bytes of a page's typed facts */

static const struct cnt_field match_fields[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "line", .type = CNT_INTEGER },
	{ .name = "column", .type = CNT_INTEGER },
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "before", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "after", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

const struct cnt_field cnt_search_results[] = {
	{ .name = "matches", .type = CNT_OBJECTS, .of = match_fields },
	{ .name = "files_searched", .type = CNT_INTEGER },
	{ .name = "files_binary", .type = CNT_INTEGER },
	{ .name = "next_cursor", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

/* Adds what is shown of a line: all of it, or the part around its match. */
static void
add_line(struct search *s, struct cnt_buf *to, const struct cnt_line *line)
{
	size_t from = 0, to_end = line->n;

	if (line->n > SHOWN_MAX && line->from > SHOWN_BEFORE)
		from = line->from - SHOWN_BEFORE;
	from = from > 0 ? cnt_text_start(line->text, line->n, from) : 0;
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
void
cnt_search_end_match(struct search *s)
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

bool
cnt_search_on_line(struct cnt_lines *l, const struct cnt_line *line)
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
		cnt_search_end_match(s);
	}
	cnt_buf_addf(body, "%lld%c ", (long long)line->number, line->match ? ':' : '-');
	add_line(s, body, line);
	if (line->match) {
		cnt_search_end_match(s);
		add_match(s, line);
	} else {
		add_line(s, s->match != NULL && l->pending > 0 ? &s->after : &s->before, line);
	}
	return true;
}

int
cnt_search_read_cursor(struct search *s, const char *cursor)
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

void
cnt_search_set_cursor(struct search *s, int64_t began)
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
	if (s->changed || s->gone) {
		cnt_text_add(to, s->from.path, strlen(s->from.path), false);
		cnt_buf_addf(to, " %s since the page before%s\n",
		    s->changed ? "changed" : "is gone", s->changed ? ": lines before this page may "
		    "have changed too" : "");
	}
	if (s->inexact)
		cnt_buf_adds(to, "bytes that are not UTF-8 are shown as U+FFFD\n");
	cnt_walk_note(&s->walk, to);
}

void
cnt_search_state_facts(struct search *s, int64_t us)
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
