/* SPDX-License-Identifier: Apache-2.0
 *
 * Equal lines get equal numbers, and Myers' greedy algorithm ("An O(ND) Difference Algorithm",
 * 1986) runs on these with a bound on its steps. Where it ends early, what it has found is kept
 * and the rest is one change.
 */
#include "mcp/box/file/changes.h"

#define LINES_MAX	1000000		/* of both texts together; above it all is one change */
#define EDITS_MAX	3000		/* memory: half its square, in ints */
#define STEPS_MAX	8000000
#define PROBES_MAX	32		/* what is not found by then counts as another line */

size_t
cnt_line_length(const char *p, size_t n)
{
	const char *end = n > 0 ? memchr(p, '\n', n) : NULL;

	return end != NULL ? (size_t)(end - p) + 1 : n;
}

static void
add_change(struct cnt_changes *all, struct cnt_change c)
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
		size_t n = cnt_line_length(p, (size_t)(end - p));

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
collect(const struct search *s, size_t same, struct cnt_changes *all)
{
	size_t a = 0, b = 0, an = (size_t)s->an, bn = (size_t)s->bn;

	while (a < an || b < bn) {
		struct cnt_change c = { .a = same + a, .b = same + b };

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
find_changes(struct search *s, size_t same, struct cnt_changes *all)
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
compare(struct cnt_changes *all, struct cnt_text ta, size_t an, struct cnt_text tb, size_t bn)
{
	struct classes c = { .mask = 1 };
	uint32_t *a CNT_FREE = NULL, *b CNT_FREE = NULL;
	struct search s = { 0 };
	size_t same = 0;

	while (c.mask < 2 * (an + bn))
		c.mask = c.mask * 2 + 1;
	c.table = cnt_alloc((c.mask + 1) * sizeof(*c.table));
	c.lines = cnt_alloc((an + bn) * sizeof(*c.lines));
	a = classify(&c, ta, an);
	b = classify(&c, tb, bn);
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
		add_change(all, (struct cnt_change){ same, an - same, same, bn - same });
	else
		find_changes(&s, same, all);
}

void
cnt_changes_find(struct cnt_changes *all, struct cnt_text a, size_t an, struct cnt_text b,
    size_t bn)
{
	if (an + bn <= LINES_MAX)
		compare(all, a, an, b, bn);
	else
		add_change(all, (struct cnt_change){ .an = an, .bn = bn });
}
