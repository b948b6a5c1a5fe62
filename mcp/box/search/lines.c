/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a pattern in a file of any size: pieces of whole lines are searched as one, and lines
 * are looked at one by one only where it is found. Read, not mapped: a file that is cut under a
 * mapping kills its reader. A line of more than 16 MiB is looked at in parts of that size.
 */
#include "mcp/box/search/lines.h"

#include <errno.h>

#define PIECE		((size_t)256 << 10)
#define LINE_MAX_BYTES	((size_t)16 << 20)
#define BINARY		8192

static int64_t
count_lines(const char *s, size_t n)
{
	int64_t lines = 0;
	size_t i = 0;

	for (; i + 64 <= n; i += 64) {
		unsigned char in_64 = 0;

		for (size_t k = 0; k < 64; k++)
			in_64 += s[i + k] == '\n';
		lines += in_64;
	}
	for (; i < n; i++)
		lines += s[i] == '\n';
	return lines;
}

static size_t
line_end(const struct cnt_lines *l, size_t at)
{
	const char *end = memchr(l->buf + at, '\n', l->n - at);

	return end != NULL ? (size_t)(end - l->buf) : l->n;
}

static size_t
line_start(const struct cnt_lines *l, size_t at)
{
	const char *before = at > 0 ? memrchr(l->buf, '\n', at) : NULL;

	return before != NULL ? (size_t)(before - l->buf) + 1 : 0;
}

static int64_t
number_at(struct cnt_lines *l, size_t at)
{
	if (at >= l->counted)
		l->number += count_lines(l->buf + l->counted, at - l->counted);
	else
		l->number -= count_lines(l->buf + at, l->counted - at);
	l->counted = at;
	return l->number;
}

/* Gives the line that begins at `at`; returns where the next begins. */
static size_t
give(struct cnt_lines *l, size_t at, struct cnt_line *line, bool *more)
{
	size_t end = line_end(l, at);

	line->number = number_at(l, at);
	line->text = l->buf + at;
	line->n = end - at;
	if (line->n > 0 && line->text[line->n - 1] == '\r')
		line->n--;
	*more = l->line(l, line);
	end = end < l->n ? end + 1 : l->n;
	l->given = (ptrdiff_t)end;
	return end;
}

/* What is still owed of the lines after the last match, up to an offset. */
static void
give_after(struct cnt_lines *l, size_t until)
{
	bool more = true;

	while (more && l->pending > 0 && (size_t)l->given < until) {
		struct cnt_line line = { 0 };

		give(l, (size_t)l->given, &line, &more);
		l->pending--;
	}
}

static bool
give_match(struct cnt_lines *l, size_t start, size_t from, size_t to)
{
	struct cnt_line line = { 0 };
	size_t first = start;
	bool more = true;

	give_after(l, start);
	for (int i = 0; i < l->context && (ptrdiff_t)first > l->given; i++)
		first = line_start(l, first - 1);
	line.gap = l->context > 0 && l->any && (ptrdiff_t)first > l->given;
	while (more && first < start) {
		first = give(l, first, &line, &more);
		line = (struct cnt_line){ 0 };
	}
	line.match = l->any = true;
	line.from = from - start;
	line.to = to - start;
	if (more)
		give(l, start, &line, &more);
	l->pending = l->context;
	return more;
}

static bool
stop(struct cnt_lines *l)
{
	l->late = true;
	number_at(l, l->from);
	return false;
}

/* Searches buf[from..end), which are whole lines. false: no more is wanted. */
static bool
search(struct cnt_lines *l, size_t end)
{
	size_t from = 0, to = 0;

	while (l->from < end &&
	    cnt_pattern_find(l->pattern, l->buf + l->from, end - l->from, &from, &to)) {
		size_t start = line_start(l, l->from + from);
		size_t next = line_end(l, l->from + from) + 1;
		bool wanted = l->skip == 0 || number_at(l, start) > l->skip;

		if (wanted) {
			if (!l->line(l, NULL)) {
				give_after(l, start);
				return false;
			}
			if (!give_match(l, start, l->from + from, l->from + to))
				return false;
		}
		l->from = next < end ? next : end;
		if (cnt_ticks_us() > l->pattern->until)
			return stop(l);
	}
	if (l->pattern->late) {
		l->from += from;
		return stop(l);
	}
	l->from = end;
	return true;
}

/* Makes room for more: what is searched goes, but for the context before what comes next. */
static void
slide(struct cnt_lines *l)
{
	size_t keep = l->from;

	give_after(l, l->from);
	for (int i = 0; i < l->context && keep > 0; i++)
		keep = line_start(l, keep - 1);
	if (l->from - keep > PIECE)
		keep = l->from - PIECE;
	number_at(l, keep);
	memmove(l->buf, l->buf + keep, l->n - keep);
	l->n -= keep;
	l->from -= keep;
	l->counted = 0;
	l->given -= (ptrdiff_t)keep;
	if (l->cap - l->n < PIECE / 2) {
		l->cap = l->cap * 2;
		l->buf = cnt_realloc(l->buf, l->cap);
	}
}

/* -1: an error; 0: the end. */
static ssize_t
fill(struct cnt_lines *l, int fd)
{
	ssize_t got = 0;

	do
		got = read(fd, l->buf + l->n, l->cap - l->n - 1);
	while (got == -1 && errno == EINTR);
	if (got > 0)
		l->n += (size_t)got;
	l->buf[l->n] = '\0';		/* regexec(3) of a sanitizer wants one */
	return got == -1 && errno == EAGAIN ? 0 : got;
}

enum cnt_lines_kind
cnt_lines_read(struct cnt_lines *l, int fd, int64_t size)
{
	int64_t total = 0;
	ssize_t got = 0;

	if (l->buf == NULL)
		l->buf = cnt_realloc(NULL, l->cap = PIECE * 2);
	l->n = l->from = l->counted = 0;
	l->given = 0;
	l->number = 1;
	l->pending = 0;
	l->any = l->late = false;
	for (;;) {
		const char *end = NULL;

		got = fill(l, fd);
		if (got == -1)
			return CNT_LINES_FAILED;
		if (total == 0 && memchr(l->buf, '\0', l->n < BINARY ? l->n : BINARY) != NULL)
			return CNT_LINES_BINARY;
		total += got;
		if (got == 0 || (size > 0 && total == size))
			break;
		end = memrchr(l->buf + l->from, '\n', l->n - l->from);
		if (end != NULL && !search(l, (size_t)(end - l->buf) + 1))
			return CNT_LINES_TEXT;
		if (end == NULL && l->n - l->from > LINE_MAX_BYTES && !search(l, l->n))
			return CNT_LINES_TEXT;
		if (cnt_ticks_us() > l->pattern->until) {
			stop(l);
			return CNT_LINES_TEXT;
		}
		slide(l);
	}
	if (search(l, l->n))
		give_after(l, l->n);
	return CNT_LINES_TEXT;
}

void
cnt_lines_free(struct cnt_lines *l)
{
	free(l->buf);
}
