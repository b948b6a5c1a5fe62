/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns by the C library's regcomp(3), kept from what it does badly: it tries every byte of a
 * line as a start, which takes the square of a line's length, so long lines are first asked with
 * one start; it remembers every state it was in, so it is made anew when it has grown. Before it
 * is asked at all, a string that every match must hold is looked for.
 */
#include "mcp/box/search/pattern.h"

#include <ctype.h>
#include <malloc.h>

#include "lib/json.h"
#include "mcp/box/search/expression.h"

#define LINE_MAX_SQUARE	4096		/* a line up to this is searched from every byte */
#define CHUNK		16384		/* lines that are searched together */
#define WINDOW		16384		/* a long line is asked about in parts of this */
#define GROWTH_MAX	((size_t)32 << 20)

/* From frequent to rare in text and source. */
static unsigned
frequency(unsigned char c)
{
	static const char frequent[] = " etaoinsrldcu\n_pmhfg(),.;-bv/y=\"*wk\t0x1:'>2<3q45j6z789";
	const char *at = c != '\0' ? strchr(frequent, c) : NULL;

	return at != NULL ? (unsigned)(at - frequent) : 100 + (c < 0x80);
}

static void
choose_rare(struct cnt_pattern *p)
{
	for (size_t i = 0; i < p->literal.n; i++) {
		unsigned char c = (unsigned char)p->literal.p[i];
		unsigned char best = (unsigned char)p->literal.p[p->rare];

		if (frequency((unsigned char)tolower(c)) > frequency((unsigned char)tolower(best)))
			p->rare = i;
	}
}

static size_t
allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static int
compile(struct cnt_pattern *p, struct cnt_regex *x, struct cnt_err *e)
{
	char *within CNT_FREE = cnt_format("[^\n]*(%s)", x->ere), text[256];
	int flags = REG_EXTENDED | (p->ignore_case ? REG_ICASE : 0);
	int r = regcomp(&x->regex, x->ere, flags | REG_NEWLINE);

	if (r == 0) {
		r = regcomp(&x->within, within, flags | REG_NOSUB);
		if (r != 0)
			regfree(&x->regex);
	}
	x->made = r == 0;
	p->memory = allocated();
	if (r == 0)
		return 0;
	regerror(r, &x->regex, text, sizeof(text));
	cnt_fail(e, CNT_INVALID, "pattern: %s", text);
	return cnt_hint(e, "it is a POSIX extended regular expression: \\ before ( [ { . * + ? "
	    "makes them plain");
}

static void
drop(struct cnt_regex *x)
{
	if (x->made) {
		regfree(&x->regex);
		regfree(&x->within);
	}
	x->made = false;
}

/* The one to be asked next is made where it is not. The states that both remember are given back
 * when they have become many. */
static void
prepare(struct cnt_pattern *p, struct cnt_regex *x)
{
	struct cnt_err e = { 0 };

	if (allocated() >= p->memory + GROWTH_MAX) {
		drop(&p->bytes);
		drop(&p->points);
	}
	if (!x->made)
		compile(p, x, &e);
}

/* Makes no difference, or is the text what `points` is for? */
static bool
is_whole(const struct cnt_pattern *p, const char *s, size_t n)
{
	return p->points.ere == NULL || cnt_utf8_valid(s, n) == n;
}

static struct cnt_regex *
regex_for(struct cnt_pattern *p, const char *s, size_t n)
{
	return p->points.ere != NULL && is_whole(p, s, n) ? &p->points : &p->bytes;
}

/* Both forms, or the first error. */
static int
read_expression(struct cnt_pattern *p, struct cnt_expression *x, const char *text,
    struct cnt_err *e)
{
	struct cnt_expression points = { 0 };

	if (cnt_expression_read(x, text, false, e) == -1)
		return -1;
	if (!x->wide)
		return 0;
	cnt_expression_read(&points, text, true, e);
	cnt_buf_free(&points.literal);
	p->points.ere = points.ere;
	return 0;
}

int
cnt_pattern_make(struct cnt_pattern *p, const char *text, bool fixed, bool ignore_case,
    struct cnt_err *e)
{
	struct cnt_expression x = { .ignore_case = ignore_case };
	int bad = 0;

	memset(p, 0, sizeof(*p));
	if (fixed && strchr(text, '\n') != NULL) {
		cnt_fail(e, CNT_INVALID, "pattern: a match lies within one line");
		return cnt_hint(e, "search for a part of it");
	}
	if (fixed)
		cnt_buf_adds(&x.literal, text);
	else
		bad = read_expression(p, &x, text, e);
	p->literal = x.literal;
	p->bytes.ere = x.ere;
	p->ignore_case = x.ignore_case;
	p->fixed = fixed || x.plain;
	if (bad == 0 && !p->fixed)
		bad = compile(p, &p->bytes, e);
	if (bad == -1)
		cnt_pattern_free(p);
	else
		choose_rare(p);
	return bad;
}

void
cnt_pattern_free(struct cnt_pattern *p)
{
	drop(&p->bytes);
	drop(&p->points);
	cnt_buf_free(&p->literal);
	free(p->bytes.ere);
	free(p->points.ere);
	memset(p, 0, sizeof(*p));
}

/* The literal at its rarest byte; where that is not rare, as the C library does it. */
static const char *
find_exact(const struct cnt_pattern *p, const char *s, size_t n)
{
	size_t len = p->literal.n, tried = 0;
	const char *at = s, *end = NULL;

	if (n < len)
		return NULL;
	end = s + n - len;			/* the last place where it can begin */
	while (at <= end) {
		const char *hit = memchr(at + p->rare, p->literal.p[p->rare],
		    (size_t)(end - at) + 1);

		if (hit == NULL)
			return NULL;
		at = hit - p->rare;
		if (memcmp(at, p->literal.p, len) == 0)
			return at;
		at++;
		if (++tried > 16 && (size_t)(at - s) / tried < 32)
			return memmem(at, (size_t)(s + n - at), p->literal.p, len);
	}
	return NULL;
}

/* The same for either case of the rarest byte. */
static const char *
find_either(const struct cnt_pattern *p, const char *s, size_t n)
{
	size_t len = p->literal.n;
	int c = (unsigned char)p->literal.p[p->rare];
	int both[2] = { tolower(c), toupper(c) };
	const char *at = s, *end = NULL, *next[2] = { NULL, NULL };

	if (n < len)
		return NULL;
	end = s + n - len + 1 + p->rare;	/* behind the last place where c can stand */
	at += p->rare;
	while (at < end) {
		for (int i = 0; i < 2; i++)
			if (next[i] < at) {
				next[i] = memchr(at, both[i], (size_t)(end - at));
				if (next[i] == NULL)
					next[i] = end;
			}
		at = next[0] < next[1] ? next[0] : next[1];
		if (at < end && strncasecmp(at - p->rare, p->literal.p, len) == 0)
			return at - p->rare;
		at++;
	}
	return NULL;
}

static const char *
find_literal(const struct cnt_pattern *p, const char *s, size_t n)
{
	return p->ignore_case ? find_either(p, s, n) : find_exact(p, s, n);
}

static bool
match(const regex_t *regex, const char *s, size_t n, size_t *from, size_t *to)
{
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)n };

	if (regexec(regex, s, 1, &m, REG_STARTEND) != 0)
		return false;
	*from = (size_t)m.rm_so;
	*to = (size_t)m.rm_eo;
	return true;
}

/* Is there a match between two places of a line? What stands before and behind them is seen, but
 * no part of it. */
static bool
is_within(struct cnt_regex *x, const char *s, size_t n, size_t from, size_t end)
{
	return re_match_2(&x->within, NULL, 0, s, (regoff_t)n, (regoff_t)from, NULL,
	    (regoff_t)end) >= 0;
}

/* The match that ends first, by halves; it is then looked for in the bytes before its end. */
static void
locate(struct cnt_regex *x, const char *s, size_t n, size_t low, size_t high, size_t *from,
    size_t *to)
{
	size_t start = low;
	regoff_t at = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_within(x, s, n, start, middle))
			high = middle;
		else
			low = middle + 1;
	}
	*from = *to = high;
	if (high - start > LINE_MAX_SQUARE)
		start = high - LINE_MAX_SQUARE;
	at = re_search_2(&x->regex, NULL, 0, s, (regoff_t)n, (regoff_t)start,
	    (regoff_t)(high - start), NULL, (regoff_t)high);
	if (at >= 0)
		*from = (size_t)at;
}

static bool
find_in_line(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to)
{
	struct cnt_regex *x = NULL;

	if (n > 0 && s[n - 1] == '\r')
		n--;
	x = regex_for(p, s, n);
	if (++p->asked % 64 == 0 || !x->made)
		prepare(p, x);
	if (n <= LINE_MAX_SQUARE)
		return match(&x->regex, s, n, from, to);
	for (size_t at = 0; at < n && !p->late; at += WINDOW - LINE_MAX_SQUARE) {
		size_t end = n - at < WINDOW ? n : at + WINDOW;

		prepare(p, x);
		p->late = cnt_ticks_us() > p->until;
		if (!p->late && is_within(x, s, n, at, end)) {
			locate(x, s, n, at, end, from, to);
			return true;
		}
	}
	return false;
}

/* The line that holds s[at], without its end: start and length. */
static size_t
line_of(const char *s, size_t n, size_t at, size_t *len)
{
	const char *start = memrchr(s, '\n', at);
	const char *end = memchr(s + at, '\n', n - at);
	size_t from = start != NULL ? (size_t)(start - s) + 1 : 0;

	*len = (end != NULL ? (size_t)(end - s) : n) - from;
	return from;
}

/* As many whole lines from `at` on as are searched together; one alone where it is long, or what
 * asks it is not what asks the others. */
static size_t
chunk_of(const struct cnt_pattern *p, const char *s, size_t n, size_t at)
{
	size_t most = n - at < CHUNK ? n - at : CHUNK, len = 0;
	const char *end = memrchr(s + at, '\n', most);

	if (end != NULL && memchr(s + at, '\r', most) == NULL &&
	    is_whole(p, s + at, (size_t)(end - s) - at))
		return (size_t)(end - s) - at;
	line_of(s, n, at, &len);
	return len;
}

static bool
find_regex(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to)
{
	size_t at = 0, len = 0, line = 0;
	struct cnt_regex *x = NULL;

	for (; at < n; at += len + 1) {
		if (p->late || cnt_ticks_us() > p->until) {
			p->late = true;
			*from = at;
			return false;
		}
		if (p->literal.n > 0) {
			const char *hit = find_literal(p, s + at, n - at);

			if (hit == NULL)
				return false;
			at = line_of(s, n, (size_t)(hit - s), &len);
		} else {
			len = chunk_of(p, s, n, at);
			x = regex_for(p, s + at, len);
			prepare(p, x);
			if (memchr(s + at, '\n', len) == NULL)
				line = at;
			else if (!match(&x->regex, s + at, len, from, to))
				continue;
			else
				line = at + *from;
			at = line_of(s, n, line, &len);
		}
		if (find_in_line(p, s + at, len, from, to)) {
			*from += at;
			*to += at;
			return true;
		}
	}
	return false;
}

bool
cnt_pattern_find(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to)
{
	const char *hit = NULL;

	if (!p->fixed)
		return find_regex(p, s, n, from, to);
	hit = find_literal(p, s, n);
	if (hit == NULL)
		return false;
	*from = (size_t)(hit - s);
	*to = *from + p->literal.n;
	return true;
}
