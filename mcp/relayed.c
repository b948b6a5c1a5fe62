/* SPDX-License-Identifier: Apache-2.0
 *
 * What the relay says of a box. Nothing that comes from a box is parsed here: a line is looked at
 * for its prefix, a number of a call that is under way, and bytes that JSON text may have; the
 * rest is spliced. A relay that says anything else has been taken over, and is ended.
 */
#include "mcp/session-own.h"

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

/* False: the relay is not to be believed any more. */
static bool
on_line(struct session *s, struct cnt_span line)
{
	struct box_call *c = s->calls;
	size_t at = 2;
	long long number;

	if (line.n < 4 || line.p[1] != ' ' || !is_clean(line))
		return false;
	if (*line.p == 'F') {
		cnt_session_end(s, (struct cnt_span){ line.p + 2, line.n - 2 });
		return true;
	}
	number = number_at(line, &at);
	if (number == -1 || (*line.p != 'R' && *line.p != 'P'))
		return false;
	while (c != NULL && c->number != number)
		c = c->next;
	if (c == NULL)
		return true;
	if (*line.p == 'P') {
		progress(c->r, (struct cnt_span){ line.p + at, line.n - at });
	} else {
		struct cnt_request *r = c->r;

		cnt_session_call_free(c);
		cnt_request_answer_raw(r, line.p + at, line.n - at);
	}
	return true;
}

/* One read; false when nothing more will come. */
bool
cnt_session_read(struct session *s)
{
	ssize_t n = cnt_reader_fill(&s->reader, s->out_fd);
	struct cnt_span line;
	enum cnt_line got;

	while (n > 0 && !s->over &&
	    (got = cnt_reader_next(&s->reader, false, &line)) != CNT_LINE_MORE)
		if (got == CNT_LINE_LONG || !on_line(s, line))
			return false;
	return n > 0;
}
