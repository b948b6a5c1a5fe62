/* SPDX-License-Identifier: Apache-2.0
 *
 * What in a text is most like another, when that is not in it. Lines are compared by the pairs of
 * neighbouring bytes that both have, white space left out and case ignored; a long line in
 * windows. Time is linear in the text, whatever it holds.
 */
#include "mcp/box/file/edit.h"

#include <ctype.h>

#include "lib/json.h"

#define BEST_MAX	8
#define GIVEN_MAX	3
#define LINES_MAX	64		/* of `old` that are looked at */
#define PROBE_MAX	400		/* bytes of one of them */
#define WINDOW_MIN	200
#define ALIKE		0.4		/* what is less alike says nothing */
#define SHOWN_MAX	((size_t)90)	/* bytes of a line in the answer */

struct unit {				/* a line, or a part of a long one */
	const char	*p;
	size_t		 n, line;
	double		 alike;
	/* Around it stand `equal` lines of old as they are, from line `from` on; the first other
	 * is line `from + at`, and was line `of` of old. */
	size_t		 equal, from, at, of;
	struct cnt_text	 differs;
};

struct near {
	struct cnt_text	 text, old[LINES_MAX];
	size_t		 lines, probe;	/* which line of old is looked for */
	uint32_t	 pairs[65536];	/* the last unit that had it, by number */
	bool		 wanted[65536];
	size_t		 n_wanted, unit;
	struct unit	 best[BEST_MAX];
};

/* Distinct pairs in the text; *common: how many of them are wanted. wanted[] is set when asked. */
static size_t
count_pairs(struct near *f, const char *p, size_t n, bool want, size_t *common)
{
	unsigned char before = 0;
	size_t all = 0;

	f->unit++;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)tolower((unsigned char)p[i]);
		unsigned at = (unsigned)before << 8 | c;

		if (c == ' ' || (c >= '\t' && c <= '\r'))
			continue;
		before = c;
		if (f->pairs[at] == (uint32_t)f->unit)
			continue;
		f->pairs[at] = (uint32_t)f->unit;
		all++;
		*common += f->wanted[at];
		if (want)
			f->wanted[at] = true;
	}
	return all;
}

static struct cnt_text
next_line(struct cnt_text *from)
{
	const char *end = memchr(from->p, '\n', from->n);
	struct cnt_text line = { from->p, end != NULL ? (size_t)(end - from->p) : from->n };
	size_t n = line.n + (end != NULL);

	from->p += n;
	from->n -= n;
	return line;
}

static void
read_old(struct near *f, struct cnt_text old)
{
	size_t common = 0, longest = 0;

	while (old.n > 0 && f->lines < LINES_MAX) {
		struct cnt_text line = next_line(&old);
		size_t n = count_pairs(f, line.p, line.n < PROBE_MAX ? line.n : PROBE_MAX, false,
		    &common);

		if (n > longest) {
			longest = n;
			f->probe = f->lines;
		}
		f->old[f->lines++] = line;
	}
	if (f->old[f->probe].n > PROBE_MAX)
		f->old[f->probe].n = PROBE_MAX;
	f->n_wanted = count_pairs(f, f->old[f->probe].p, f->old[f->probe].n, true, &common);
}

static void
compare_around(const struct near *f, struct unit *u)
{
	const char *p = u->p;
	size_t back = f->probe;

	u->from = u->line;
	for (; back > 0 && u->from > 1; back--, u->from--) {
		const char *end = memrchr(f->text.p, '\n', (size_t)(p - 1 - f->text.p));

		p = end != NULL ? end + 1 : f->text.p;
	}
	for (size_t i = back; i < f->lines && p < f->text.p + f->text.n; i++) {
		struct cnt_text rest = { p, (size_t)(f->text.p + f->text.n - p) };
		struct cnt_text line = next_line(&rest);

		if (line.n == f->old[i].n && memcmp(line.p, f->old[i].p, line.n) == 0) {
			u->equal++;
		} else if (u->differs.p == NULL) {
			u->differs = line;
			u->at = i - back;
			u->of = i;
		}
		p = rest.p;
	}
}

static void
keep(struct near *f, struct unit u)
{
	size_t i = BEST_MAX - 1;

	if (u.alike < ALIKE || u.alike <= f->best[i].alike)
		return;
	for (; i > 0 && u.alike > f->best[i - 1].alike; i--)
		f->best[i] = f->best[i - 1];
	f->best[i] = u;
}

static void
look_at(struct near *f, struct cnt_text line, size_t number)
{
	size_t window = 2 * f->old[f->probe].n;

	if (window < WINDOW_MIN)
		window = WINDOW_MIN;
	for (size_t from = 0; from == 0 || from + window / 2 < line.n; from += window / 2) {
		size_t n = line.n - from < window ? line.n - from : window, common = 0;
		size_t all = count_pairs(f, line.p + from, n, false, &common);

		if (all > 0)
			keep(f, (struct unit){ .p = line.p + from, .n = n, .line = number,
			    .alike = 2.0 * (double)common / (double)(all + f->n_wanted) });
	}
}

static bool
same_but_space(struct cnt_text a, struct cnt_text b)
{
	for (;;) {
		while (a.n > 0 && isspace((unsigned char)*a.p)) {
			a.p++;
			a.n--;
		}
		while (b.n > 0 && isspace((unsigned char)*b.p)) {
			b.p++;
			b.n--;
		}
		if (a.n == 0 || b.n == 0 || *a.p != *b.p)
			return a.n == b.n;
		a.p++;
		b.p++;
		a.n--;
		b.n--;
	}
}

/* Whole characters of it. */
static void
add_line(struct cnt_buf *to, struct cnt_text line)
{
	size_t n = 0;

	for (; line.n > 0 && cnt_utf8_continues(*line.p); line.n--)
		line.p++;		/* a window began within one */
	n = line.n < SHOWN_MAX ? line.n : SHOWN_MAX - cnt_utf8_unfinished(line.p, SHOWN_MAX);
	cnt_buf_adds(to, "`");
	cnt_buf_add(to, line.p, n);
	cnt_buf_addf(to, "`%s", n < line.n ? "..." : "");
}

static void
describe(const struct near *f, const struct unit *u, struct cnt_buf *to)
{
	size_t last = u->from + f->lines - 1;

	if (f->lines == 1 || u->equal == 0) {
		cnt_buf_addf(to, "line %zu ", u->line);
		add_line(to, (struct cnt_text){ u->p, u->n });
		if (same_but_space((struct cnt_text){ u->p, u->n }, f->old[f->probe]))
			cnt_buf_adds(to, " (differs in white space)");
		return;
	}
	if (u->differs.p == NULL) {
		cnt_buf_addf(to, "lines %zu-%zu, which end otherwise", u->from, last);
		return;
	}
	cnt_buf_addf(to, "lines %zu-%zu, but line %zu is ", u->from, last, u->from + u->at);
	add_line(to, u->differs);
	cnt_buf_adds(to, ", not ");
	add_line(to, f->old[u->of]);
}

static int
by_equal(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->equal != y->equal)
		return x->equal > y->equal ? -1 : 1;
	if (x->alike > y->alike || x->alike < y->alike)
		return x->alike > y->alike ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

void
cnt_near(struct cnt_buf *to, struct cnt_text text, struct cnt_text old)
{
	struct near *f CNT_FREE = cnt_alloc(sizeof(*f));
	struct cnt_text rest = text;
	size_t number = 0, n = 0;

	f->text = text;
	read_old(f, old);
	while (rest.n > 0)
		look_at(f, next_line(&rest), ++number);
	for (; n < BEST_MAX && f->best[n].p != NULL; n++)
		compare_around(f, &f->best[n]);
	qsort(f->best, n, sizeof(f->best[0]), by_equal);
	for (size_t i = 0; i < n && i < GIVEN_MAX; i++) {
		cnt_buf_adds(to, i == 0 ? "closest: " : "; ");
		describe(f, &f->best[i], to);
	}
	if (number == 0)
		cnt_buf_adds(to, "the file is empty");
	else if (n == 0)
		cnt_buf_addf(to, "none of its %zu lines is like it: read the file again", number);
}
