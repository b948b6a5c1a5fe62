/* SPDX-License-Identifier: Apache-2.0
 *
 * What the relay says of a box. Nothing that comes from a box is parsed here: a line is looked at
 * for its prefix, a number of a call that is under way, and what only a relay that has been taken
 * over would write, because it could make a client fail; the rest is spliced.
 */
#include "mcp/session-own.h"

#define DIGITS_MAX	40			/* of a number; the relay's have 17 */
#define EXPONENT_MAX	(308 - DIGITS_MAX)	/* with so many digits before it, too */
#define ENDED_MAX	16384			/* bytes, copied to each call; the relay has 7000 */

/* Digits and a space, from *at on; -1 when it is something else. */
static long long
number_at(struct cnt_span line, size_t *at)
{
	long long v = 0;
	size_t from = *at;

	for (; *at < line.n && line.p[*at] >= '0' && line.p[*at] <= '9' && *at - from < 18; (*at)++)
		v = v * 10 + (line.p[*at] - '0');
	if (*at == from || *at >= line.n || line.p[*at] != ' ')
		return -1;
	++*at;
	return v;
}

static void
progress(struct cnt_request *r, struct cnt_span rest)
{
	char *text CNT_FREE = cnt_format("%.*s", (int)(rest.n > 1000 ? 1000 : rest.n), rest.p);
	double done = 0, total = 0;
	int at = 0;

	if (sscanf(text, "%lf %lf %n", &done, &total, &at) == 2 && at != 0)
		cnt_request_progress(r, done, total, text[at] != '\0' ? text + at : NULL);
}

static bool
is_clean(struct cnt_span line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < 0x20)
			return false;
	return cnt_utf8_valid(line.p, line.n) == line.n;
}

/* Outside of strings; *digits is how many there are in a row. */
static bool
is_plain(const char *p, int *depth, int *digits)
{
	*digits = *p >= '0' && *p <= '9' ? *digits + 1 : 0;
	*depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
	if (*digits == 1 && strchr("+eE", p[-1]) != NULL)
		return strtol(p, NULL, 10) < EXPONENT_MAX;
	return *digits <= DIGITS_MAX && *depth <= CNT_JSON_DEPTH;
}

/* The relay escapes nothing but control bytes, and passes no number or nesting that some client
 * would not read. */
static bool
is_as_written(struct cnt_span json)
{
	int depth = 0, digits = 0;
	bool string = false;

	for (size_t i = 0; i < json.n; i++) {
		const char *p = json.p + i;

		if (*p == '"')
			string = !string;
		else if (*p == '\\' && ++i < json.n && p[1] == 'u' &&
		    (json.n - i < 4 || memcmp(p + 2, "00", 2) != 0 || p[4] > '1'))
			return false;
		else if (!string && !is_plain(p, &depth, &digits))
			return false;
	}
	return true;
}

/* False: the relay is not to be believed any more. */
static bool
on_line(struct session *s, struct cnt_span line)
{
	struct box_call *c = s->calls;
	struct cnt_span rest;
	size_t at = 2;
	long long number;

	if (line.n < 4 || line.p[1] != ' ' || !is_clean(line))
		return false;
	if (*line.p == 'F') {
		rest = (struct cnt_span){ line.p + 2, line.n - 2 };
		if (rest.n <= ENDED_MAX && is_as_written(rest))
			cnt_session_end(s, rest, true);
		return s->over;
	}
	number = number_at(line, &at);
	if (number == -1 || (*line.p != 'R' && *line.p != 'P'))
		return false;
	while (c != NULL && c->number != number)
		c = c->next;
	if (c == NULL)
		return true;
	s->heard = cnt_ticks_us();
	rest = (struct cnt_span){ line.p + at, line.n - at };
	if (*line.p == 'P') {
		progress(c->r, rest);
	} else if (is_as_written(rest)) {
		struct cnt_request *r = c->r;

		cnt_session_call_free(c);
		cnt_request_answer_raw(r, rest.p, rest.n);
	} else {
		return false;
	}
	return true;
}

/* One read; false when nothing more will come. */
bool
cnt_session_read(struct session *s)
{
	ssize_t n = cnt_reader_fill(&s->reader, s->out_fd);
	struct cnt_span line;
	enum cnt_got got;

	while (n > 0 && !s->over &&
	    (got = cnt_reader_next(&s->reader, false, &line)) != CNT_LINE_MORE)
		if (got == CNT_LINE_LONG || !on_line(s, line)) {
			s->how = s->how != NULL ? s->how : cnt_strdup(CNT_UNREADABLE);
			cnt_session_end(s, (struct cnt_span){ 0 }, true);
		}
	cnt_reader_rest(&s->reader);
	return n > 0;
}
