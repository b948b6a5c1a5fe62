/* SPDX-License-Identifier: Apache-2.0
 *
 * Unified diffs. What two texts begin and end with alike is set aside first; what differs between
 * (changes.c) becomes hunks, and the names stand as patch(1) reads them.
 */
#include "mcp/box/file/changes.h"

#define CONTEXT		3

struct diff {
	struct cnt_buf	*to;
	size_t		 max;
	bool		 full;
	struct cnt_text	 a, b;		/* the part that is compared */
	size_t		 before;	/* lines before it */
	struct cnt_changes	 all;
};

static size_t
count_lines(struct cnt_text t)
{
	size_t n = t.n > 0 && t.p[t.n - 1] != '\n' ? 1 : 0;

	for (const char *p = t.p, *end = t.p + t.n;
	    p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	return n;
}

static size_t
common_prefix(struct cnt_text a, struct cnt_text b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;

	for (; n - i >= 64 && memcmp(a.p + i, b.p + i, 64) == 0; i += 64)
		continue;
	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == a.n && i == b.n)
		return i;
	while (i > 0 && a.p[i - 1] != '\n')
		i--;
	return i;
}

/* How many bytes of whole lines both end with, at most max. */
static size_t
common_suffix(struct cnt_text a, struct cnt_text b, size_t max)
{
	const char *p = NULL;
	size_t i = 0;

	while (max - i >= 64 && memcmp(a.p + a.n - i - 64, b.p + b.n - i - 64, 64) == 0)
		i += 64;
	while (i < max && a.p[a.n - i - 1] == b.p[b.n - i - 1])
		i++;
	p = i > 0 ? memchr(a.p + a.n - i, '\n', i) : NULL;
	return p != NULL ? a.n - (size_t)(p + 1 - a.p) : 0;
}

/* Leaves of the texts what differs, and the context around it. */
static void
narrow(struct diff *d)
{
	size_t prefix = common_prefix(d->a, d->b);
	size_t least = (d->a.n < d->b.n ? d->a.n : d->b.n) - prefix;
	size_t suffix = common_suffix(d->a, d->b, least);

	for (int i = 0; i < CONTEXT && suffix > 0; i++)
		suffix -= cnt_line_length(d->a.p + d->a.n - suffix, suffix);
	for (int i = 0; i < CONTEXT && prefix > 0; i++)
		do
			prefix--;
		while (prefix > 0 && d->a.p[prefix - 1] != '\n');
	d->before = count_lines((struct cnt_text){ d->a.p, prefix });
	d->a = (struct cnt_text){ d->a.p + prefix, d->a.n - prefix - suffix };
	d->b = (struct cnt_text){ d->b.p + prefix, d->b.n - prefix - suffix };
}

static void
put(struct diff *d, const char *p, size_t n)
{
	if (n > d->max - d->to->n) {
		n = d->max - d->to->n;
		d->full = true;
	}
	cnt_buf_add(d->to, p, n);
}

static void
put_range(struct diff *d, char sign, size_t at, size_t n)
{
	char text[64];

	/* Of no lines it is the line before. */
	snprintf(text, sizeof(text), n == 1 ? "%c%zu" : "%c%zu,%zu", sign,
	    d->before + at + (n > 0 ? 1 : 0), n);
	put(d, text, strlen(text));
}

/* Writes lines from the front of a text, which moves on. sign 0: only that. */
static void
put_lines(struct diff *d, char sign, struct cnt_text *from, size_t lines)
{
	for (; lines > 0 && !d->full; lines--) {
		size_t n = cnt_line_length(from->p, from->n);

		if (sign != 0) {
			put(d, &sign, 1);
			put(d, from->p, n);
			if (from->p[n - 1] != '\n')
				put(d, "\n\\ No newline at end of file\n", 29);
		}
		from->p += n;
		from->n -= n;
	}
}

/* A hunk holds all changes between which there is no more than two contexts of lines. */
static size_t
in_one_hunk(const struct cnt_change *first, size_t left)
{
	size_t n = 1;

	while (n < left &&
	    first[n].a - (first[n - 1].a + first[n - 1].an) <= (size_t)2 * CONTEXT)
		n++;
	return n;
}

static size_t
put_hunk(struct diff *d, const struct cnt_change *first, size_t left, size_t lines, size_t *a)
{
	const struct cnt_change *last = first + in_one_hunk(first, left) - 1;
	size_t from = first->a > CONTEXT ? first->a - CONTEXT : 0, to = 0, b = 0;

	to = last->a + last->an;
	to = lines - to > CONTEXT ? to + CONTEXT : lines;
	b = first->b - (first->a - from);
	put(d, "@@ ", 3);
	put_range(d, '-', from, to - from);
	put(d, " ", 1);
	put_range(d, '+', b, last->b + last->bn + (to - (last->a + last->an)) - b);
	put(d, " @@\n", 4);
	put_lines(d, 0, &d->a, from - *a);
	*a = from;
	for (const struct cnt_change *c = first; c <= last; c++) {
		put_lines(d, ' ', &d->a, c->a - *a);
		put_lines(d, '-', &d->a, c->an);
		*a = c->a + c->an;
		put_lines(d, '+', &d->b, c->bn);
		if (c < last)
			put_lines(d, 0, &d->b, c[1].b - (c->b + c->bn));
	}
	put_lines(d, ' ', &d->a, to - *a);
	*a = to;
	return (size_t)(last - first) + 1;
}

/* A name with what patch(1) would read as something else is quoted as git quotes it. */
static void
put_name(struct diff *d, const char *sign, const char *name)
{
	struct cnt_buf b CNT_BUF = { 0 };
	bool quoted = strpbrk(name, "\"\\") != NULL;

	for (const char *p = name; *p != '\0'; p++)
		quoted = quoted || (unsigned char)*p < 0x20 || *p == 0x7f;
	cnt_buf_addf(&b, quoted ? "%s \"" : "%s ", sign);
	for (; *name != '\0'; name++)
		if (*name == '"' || *name == '\\')
			cnt_buf_addf(&b, "\\%c", *name);
		else if ((unsigned char)*name < 0x20 || *name == 0x7f)
			cnt_buf_addf(&b, "\\%03o", (unsigned)*name);
		else
			cnt_buf_add(&b, name, 1);
	cnt_buf_adds(&b, quoted ? "\"\n" : strchr(b.p + 4, ' ') != NULL ? "\t\n" : "\n");
	put(d, b.p, b.n);
}

static void
put_hunks(struct diff *d, size_t lines)
{
	size_t done = 0, a = 0, b = 0, whole = 0, shown = 0, hunks = 0;

	while (done < d->all.n && !d->full) {
		const struct cnt_change *c = &d->all.p[done];

		put_lines(d, 0, &d->b, c->b - b);
		done += put_hunk(d, c, d->all.n - done, lines, &a);
		c = &d->all.p[done - 1];
		b = c->b + c->bn;
		if (d->full)
			break;
		whole = d->to->n;
		shown++;
	}
	if (!d->full)
		return;
	for (done = 0; done < d->all.n; hunks++)
		done += in_one_hunk(&d->all.p[done], d->all.n - done);
	if (shown > 0)
		d->to->n = whole;
	cnt_buf_addf(d->to, "%s[cut: %zu of %zu hunks are shown whole]\n",
	    d->to->p[d->to->n - 1] == '\n' ? "" : "\n", shown, hunks);
}

void
cnt_diff(struct cnt_buf *to, const char *name, struct cnt_text a, struct cnt_text b, size_t max)
{
	struct diff d = { .to = to, .max = to->n + max, .a = a, .b = b };
	size_t an = 0, bn = 0;

	if (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0))
		return;
	narrow(&d);
	an = count_lines(d.a);
	bn = count_lines(d.b);
	cnt_changes_find(&d.all, d.a, an, d.b, bn);
	put_name(&d, "---", name);
	put_name(&d, "+++", name);
	put_hunks(&d, an);
	free(d.all.p);
}
