/* SPDX-License-Identifier: Apache-2.0
 *
 * Unified diffs. What two texts begin and end with alike is set aside first; of what is between,
 * equal lines get equal numbers, and Myers' greedy algorithm ("An O(ND) Difference Algorithm",
 * 1986) runs on these with a bound on its steps. Where it ends early, what it has found is kept
 * and the rest is one change.
 */
#include "mcp/box/file/diff.h"

#define CONTEXT		3
#define LINES_MAX	1000000		/* of both texts together; above it all is one change */
#define EDITS_MAX	3000		/* memory: half its square, in ints */
#define STEPS_MAX	8000000
#define PROBES_MAX	32		/* what is not found by then counts as another line */

struct change {				/* in lines */
	size_t	a, an, b, bn;
};

struct changes {
	struct change	*p;
	size_t		 n, cap;
};

struct diff {
	struct cnt_buf	*to;
	size_t		 max;
	bool		 full;
	struct cnt_text	 a, b;		/* the part that is compared */
	size_t		 before;	/* lines before it */
	struct changes	 all;
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
line_length(const char *p, size_t n)
{
	const char *end = n > 0 ? memchr(p, '\n', n) : NULL;

	return end != NULL ? (size_t)(end - p) + 1 : n;
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
		suffix -= line_length(d->a.p + d->a.n - suffix, suffix);
	for (int i = 0; i < CONTEXT && prefix > 0; i++)
		do
			prefix--;
		while (prefix > 0 && d->a.p[prefix - 1] != '\n');
	d->before = count_lines((struct cnt_text){ d->a.p, prefix });
	d->a = (struct cnt_text){ d->a.p + prefix, d->a.n - prefix - suffix };
	d->b = (struct cnt_text){ d->b.p + prefix, d->b.n - prefix - suffix };
}

static void
add_change(struct changes *all, struct change c)
{
	if (all->n == all->cap) {
		all->cap = all->cap * 2 + 16;
		all->p = cnt_realloc(all->p, all->cap * sizeof(*all->p));
	}
	all->p[all->n++] = c;
}

/* Lines that are alike have one number. */
struct classes {
	struct line { const char *p; size_t n; uint64_t hash; } *lines;
	uint32_t	*table;		/* number + 1; 0: free */
	size_t		 mask;
	uint32_t	 n;
};

static uint64_t
hash(const char *p, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n, word = 0;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; n > 0; n--)
		h = (h ^ (unsigned char)*p++) * 0xff51afd7ed558ccdu;
	return h ^ h >> 29;
}

static uint32_t
class_of(struct classes *c, const char *p, size_t n)
{
	uint64_t h = hash(p, n);
	size_t at = h & c->mask;

	for (int i = 0; i < PROBES_MAX && c->table[at] != 0; i++, at = (at + 1) & c->mask) {
		const struct line *l = &c->lines[c->table[at] - 1];

		if (l->hash == h && l->n == n && memcmp(l->p, p, n) == 0)
			return c->table[at] - 1;
	}
	c->lines[c->n] = (struct line){ p, n, h };
	if (c->table[at] == 0)
		c->table[at] = c->n + 1;
	return c->n++;
}

static uint32_t *
classify(struct classes *c, struct cnt_text t, size_t lines)
{
	uint32_t *all = cnt_alloc(lines * sizeof(*all));
	const char *p = t.p, *end = t.p + t.n;

	for (size_t i = 0; i < lines; i++) {
		size_t n = line_length(p, (size_t)(end - p));

		all[i] = class_of(c, p, n);
		p += n;
	}
	return all;
}

struct search {
	const uint32_t	*a, *b;
	int		 an, bn;
	int		*far[EDITS_MAX + 1];	/* [d][(k + d) / 2]: x furthest on diagonal k */
	int		 steps;
	bool		*deleted, *inserted;
};

/* The edit before the furthest point of d edits on diagonal k: was it an insertion (of a line of
 * b)? */
static bool
came_down(const struct search *s, int d, int k)
{
	const int *far = s->far[d - 1];
	int at = (k + d) / 2;		/* of k + 1 in d - 1; k - 1 is the one before */

	return k == -d || (k != d && far[at - 1] < far[at]);
}

/* All furthest points of d edits. Is one of them the end? */
static bool
extend(struct search *s, int d)
{
	int *far = s->far[d] = cnt_alloc((size_t)(d + 1) * sizeof(*far));
	bool end = false;

	for (int k = -d; k <= d; k += 2) {
		int at = (k + d) / 2, x = 0, from = 0;

		if (d > 0)
			x = came_down(s, d, k) ? s->far[d - 1][at] : s->far[d - 1][at - 1] + 1;
		for (from = x; x < s->an && x - k >= 0 && x - k < s->bn && s->a[x] == s->b[x - k];
		    x++)
			continue;
		far[at] = x;
		s->steps += x - from + 1;
		end = end || (x >= s->an && x - k >= s->bn);
	}
	return end;
}

/* Marks what is deleted and inserted on the way to (x, y), which d edits reach. */
static void
mark(struct search *s, int d, int x, int y)
{
	for (; d > 0; d--) {
		bool down = came_down(s, d, x - y);
		int k = x - y + (down ? 1 : -1);

		x = s->far[d - 1][(k + d - 1) / 2];
		y = x - k;
		if (down)
			s->inserted[y] = true;
		else
			s->deleted[x] = true;
	}
}

/* The bound came first: the furthest that was reached is kept, what follows is one change. */
static void
give_up(struct search *s, int d)
{
	int x = 0, y = 0;

	for (int k = -d; k <= d; k += 2) {
		int far = s->far[d][(k + d) / 2];

		if (far <= s->an && far - k >= 0 && far - k <= s->bn && 2 * far - k > x + y) {
			x = far;
			y = far - k;
		}
	}
	if (x + y > 0)
		mark(s, d, x, y);
	for (int i = x; i < s->an; i++)
		s->deleted[i] = true;
	for (int i = y; i < s->bn; i++)
		s->inserted[i] = true;
}

/* same: how many lines before are alike in both. */
static void
collect(const struct search *s, size_t same, struct changes *all)
{
	size_t a = 0, b = 0, an = (size_t)s->an, bn = (size_t)s->bn;

	while (a < an || b < bn) {
		struct change c = { .a = same + a, .b = same + b };

		for (; a < an && s->deleted[a]; a++)
			c.an++;
		for (; b < bn && s->inserted[b]; b++)
			c.bn++;
		if (c.an + c.bn > 0)
			add_change(all, c);
		a++;
		b++;
	}
}

static void
find_changes(struct search *s, size_t same, struct changes *all)
{
	int edits = 0;

	s->deleted = cnt_alloc((size_t)s->an);
	s->inserted = cnt_alloc((size_t)s->bn);
	while (!extend(s, edits) && edits < EDITS_MAX && s->steps < STEPS_MAX)
		edits++;
	if (edits < EDITS_MAX && s->steps < STEPS_MAX)
		mark(s, edits, s->an, s->bn);
	else
		give_up(s, edits);
	collect(s, same, all);
	for (int i = 0; i <= edits; i++)
		free(s->far[i]);
	free(s->deleted);
	free(s->inserted);
}

static void
compare(struct diff *d, size_t an, size_t bn)
{
	struct classes c = { .mask = 1 };
	uint32_t *a CNT_FREE = NULL, *b CNT_FREE = NULL;
	struct search s = { 0 };
	size_t same = 0;

	while (c.mask < 2 * (an + bn))
		c.mask = c.mask * 2 + 1;
	c.table = cnt_alloc((c.mask + 1) * sizeof(*c.table));
	c.lines = cnt_alloc((an + bn) * sizeof(*c.lines));
	a = classify(&c, d->a, an);
	b = classify(&c, d->b, bn);
	free(c.table);
	free(c.lines);
	while (same < an && same < bn && a[same] == b[same])
		same++;
	while (an > same && bn > same && a[an - 1] == b[bn - 1]) {
		an--;
		bn--;
	}
	s.a = a + same;
	s.b = b + same;
	s.an = (int)(an - same);
	s.bn = (int)(bn - same);
	if (s.an == 0 || s.bn == 0)
		add_change(&d->all, (struct change){ same, an - same, same, bn - same });
	else
		find_changes(&s, same, &d->all);
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
		size_t n = line_length(from->p, from->n);

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
in_one_hunk(const struct change *first, size_t left)
{
	size_t n = 1;

	while (n < left &&
	    first[n].a - (first[n - 1].a + first[n - 1].an) <= (size_t)2 * CONTEXT)
		n++;
	return n;
}

static size_t
put_hunk(struct diff *d, const struct change *first, size_t left, size_t lines, size_t *a)
{
	const struct change *last = first + in_one_hunk(first, left) - 1;
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
	for (const struct change *c = first; c <= last; c++) {
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
		const struct change *c = &d->all.p[done];

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
	if (an + bn <= LINES_MAX)
		compare(&d, an, bn);
	else
		add_change(&d.all, (struct change){ .an = an, .bn = bn });
	put_name(&d, "---", name);
	put_name(&d, "+++", name);
	put_hunks(&d, an);
	free(d.all.p);
}
