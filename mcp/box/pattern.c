/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns by the C library's regcomp(3), kept from what it does badly: it tries every byte of a
 * line as a start, which takes the square of a line's length, so long lines are first asked with
 * one start; it remembers every state it was in, so it is made anew when it has grown. Before it
 * is asked at all, a string that every match must hold is looked for.
 */
#include "mcp/box/pattern.h"

#include <ctype.h>
#include <malloc.h>

#define LINE_MAX_SQUARE	4096		/* a line up to this is searched from every byte */
#define CHUNK		16384		/* lines that are searched together */
#define WINDOW		16384		/* a long line is asked about in parts of this */
#define NODES_MAX	20000		/* of a pattern with its repetitions written out */
#define OPTIONAL_MAX	1000		/* parts that may be absent, loops of loops counted thus: */
#define LOOP_COST	8		/* regcomp(3)'s time is exponential in their nesting */
#define DEPTH_MAX	64
#define GROWTH_MAX	((size_t)32 << 20)

/* Reads a pattern and writes it as regcomp(3) takes it. */
struct reader {
	const char	*p;
	struct cnt_buf	 out;
	struct cnt_buf	 run, best;	/* literals in a row; the longest that every match holds */
	bool		 ignore_case, plain, alternatives;
	int		 depth;
	double		 nodes[DEPTH_MAX];	/* size of each open group */
	double		 atom;			/* size of the last one */
	double		 optional[DEPTH_MAX], absent;	/* parts of them that may be absent */
	struct cnt_err	*e;
};

static int
refuse(struct reader *r, const char *what, const char *hint)
{
	cnt_fail(r->e, CNT_INVALID, "pattern: %s", what);
	return cnt_hint(r->e, "%s", hint);
}

static void
end_run(struct reader *r)
{
	if (r->depth == 0 && r->run.n > r->best.n) {
		struct cnt_buf b = r->best;

		r->best = r->run;
		r->run = b;
	}
	r->run.n = 0;
}

static void
add_atom(struct reader *r)
{
	r->atom = 1;
	r->absent = 0;
	r->nodes[r->depth]++;
}

static void
add_literal(struct reader *r, char c)
{
	if (strchr("^.[$()|*+?{\\", c) != NULL)
		cnt_buf_add(&r->out, "\\", 1);
	cnt_buf_add(&r->out, &c, 1);
	if (r->depth == 0)
		cnt_buf_add(&r->run, &c, 1);
	add_atom(r);
}

static void
add_special(struct reader *r, const char *text)
{
	r->plain = false;
	end_run(r);
	cnt_buf_adds(&r->out, text);
	add_atom(r);
}

static int
read_escape(struct reader *r)
{
	char c = r->p[1], known[3] = { '\\', c, '\0' };

	r->p += c != '\0' ? 2 : 1;
	if (c == 'd' || c == 'D')
		add_special(r, c == 'd' ? "[0-9]" : "[^0-9]");
	else if (c != '\0' && strchr("wWsSbB<>", c) != NULL)
		add_special(r, known);
	else if (c == 't')
		add_literal(r, '\t');
	else if (c == '\0')
		return refuse(r, "ends in a backslash", "write \\\\ for a backslash");
	else if (c == '\n')
		return refuse(r, "a match lies within one line", "search for a part of it");
	else if (isdigit((unsigned char)c))
		return refuse(r, "back references are not supported",
		    "search for the parts, or use shell_exec with grep -P");
	else if (isalpha((unsigned char)c))
		return refuse(r, "an unknown escape", "POSIX extended, and \\d \\w \\s \\b \\t");
	else
		add_literal(r, c);
	return 0;
}

static void
set_where(bool set[256], int (*is)(int c), bool wanted)
{
	for (int c = 1; c < 256; c++)
		set[c] |= (c < 0x80 && is(c) != 0) == wanted;
}

static int
is_word(int c)
{
	return isalnum(c) || c == '_';
}

/* An escape or a [:class:] in brackets; false when it is neither. */
static bool
read_class(const char **p, bool set[256])
{
	static const struct { const char *name; int (*is)(int c); } classes[] = {
		{ "[:alnum:]", isalnum }, { "[:alpha:]", isalpha }, { "[:blank:]", isblank },
		{ "[:cntrl:]", iscntrl }, { "[:digit:]", isdigit }, { "[:graph:]", isgraph },
		{ "[:lower:]", islower }, { "[:print:]", isprint }, { "[:punct:]", ispunct },
		{ "[:space:]", isspace }, { "[:upper:]", isupper }, { "[:xdigit:]", isxdigit },
		{ "\\d", isdigit }, { "\\w", is_word }, { "\\s", isspace },
	};

	for (size_t i = 0; i < nitems(classes); i++) {
		size_t n = strlen(classes[i].name);
		bool negated = n == 2 && (*p)[0] == '\\' &&
		    (*p)[1] == toupper((unsigned char)classes[i].name[1]);

		if (!negated && strncmp(*p, classes[i].name, n) != 0)
			continue;
		set_where(set, classes[i].is, !negated);
		*p += n;
		return true;
	}
	return false;
}

/* One character in brackets, after its backslash where it has one. -1: none that can stand. */
static int
read_member(const char **p)
{
	char c = **p;

	if (c == '\\' && (*p)[1] != '\0') {
		c = *++*p;
		if (c == 't')
			c = '\t';
		else if (c == 'n' || c == 'r')
			c = c == 'n' ? '\n' : '\r';
		else if (isalnum((unsigned char)c))
			return -1;
	}
	if (c == '[' && ((*p)[1] == '.' || (*p)[1] == '=' || (*p)[1] == ':'))
		return -1;
	++*p;
	return (unsigned char)c;
}

/* Reads to the bracket's end; *wide becomes the code points beyond ASCII, each after a `|`. */
static int
read_set(struct reader *r, bool set[256], struct cnt_buf *wide)
{
	const char *p = r->p, *start = p;

	while (*p != '\0' && (*p != ']' || p == start)) {
		int low = 0, high = 0;
		size_t n = 1;

		if (read_class(&p, set))
			continue;
		if ((*p & 0x80) != 0) {
			while ((p[n] & 0xc0) == 0x80)
				n++;
			cnt_buf_add(wide, "|", 1);
			cnt_buf_add(wide, p, n);
			p += n;
			if (p[0] == '-' && p[1] != ']')
				return -1;
			continue;
		}
		low = high = read_member(&p);
		if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
			p++;
			high = (*p & 0x80) != 0 ? -1 : read_member(&p);
		}
		if (low == -1 || high < low)
			return -1;
		for (; low <= high; low++)
			set[low] = true;
	}
	r->p = p + 1;
	return *p == ']' ? 0 : -1;
}

/* As POSIX wants it: `]` first, `^` not first, `-` last, and no `[` before `.`, `=` or `:`. */
static void
write_set(struct reader *r, const bool set[256], bool negated)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, set[']'] ? "]" : "");
	for (int c = 1; c < 256; c++) {
		char byte = (char)c;

		if (set[c] && c != '\n' && strchr("]^-[", c) == NULL)
			cnt_buf_add(&b, &byte, 1);
	}
	cnt_buf_adds(&b, set['['] ? "[" : "");
	if (set['^'] && b.n == 0 && !negated)
		cnt_buf_adds(&r->out, set['-'] ? "[-^]" : "\\^");
	else if (b.n == 0 && !set['^'] && !set['-'])	/* nothing, or all but a line's end */
		cnt_buf_adds(&r->out, negated ? "." : "[^\x01-\xff]");
	else
		cnt_buf_addf(&r->out, "[%s%s%s%s]", negated ? "^" : "", b.p != NULL ? b.p : "",
		    set['^'] ? "^" : "", set['-'] ? "-" : "");
}

static int
read_bracket(struct reader *r)
{
	bool set[256] = { false }, negated = r->p[1] == '^';
	struct cnt_buf wide CNT_BUF = { 0 };

	r->p += negated ? 2 : 1;
	if (read_set(r, set, &wide) == -1)
		return refuse(r, "a bracket expression that is none",
		    "close it with ]; ranges go upwards and are of ASCII characters");
	if (negated && wide.n > 0)
		return refuse(r, "[^...] knows ASCII characters only",
		    "leave out the others, or use shell_exec with grep -P");
	add_special(r, wide.n > 0 ? "(" : "");
	write_set(r, set, negated);
	cnt_buf_adds(&r->out, wide.n > 0 ? wide.p : "");
	cnt_buf_adds(&r->out, wide.n > 0 ? ")" : "");
	return 0;
}

static int
open_group(struct reader *r)
{
	end_run(r);
	r->plain = false;
	if (strncmp(r->p, "(?i)", 4) == 0 && r->out.n == 0) {
		r->ignore_case = true;
		r->p += 4;
		return 0;
	}
	if (r->p[1] == '?' && r->p[2] != ':')
		return refuse(r, "look-around and named groups are not supported",
		    "search for the parts, or use shell_exec with grep -P");
	if (r->depth == DEPTH_MAX - 1)
		return refuse(r, "groups are nested too deeply", "write it without some of them");
	r->p += r->p[1] == '?' ? 3 : 1;
	r->nodes[++r->depth] = 0;
	r->optional[r->depth] = 0;
	cnt_buf_adds(&r->out, "(");
	return 0;
}

static int
close_group(struct reader *r)
{
	r->p++;
	if (r->depth == 0)
		return refuse(r, "a ) without a (", "write \\) for the character itself");
	r->absent = r->optional[r->depth];
	r->atom = r->nodes[r->depth--] + 1;
	r->nodes[r->depth] += r->atom;
	r->optional[r->depth] += r->absent;
	r->run.n = 0;
	cnt_buf_adds(&r->out, ")");
	return 0;
}

/* What may be absent is no part of what every match holds. */
static void
end_optional(struct reader *r)
{
	r->plain = false;
	if (r->depth == 0 && r->run.n > 0)
		r->run.n--;
	end_run(r);
}

/* The last atom stands so many times more, and with a loop around it may be absent. */
static int
repeat(struct reader *r, double times, bool loop)
{
	double absent = loop ? r->absent * LOOP_COST + 1 : r->absent * (times + 1);

	r->nodes[r->depth] += r->atom * times;
	r->atom *= times + 1;
	r->optional[r->depth] += absent - r->absent;
	r->absent = absent;
	if (r->nodes[r->depth] > NODES_MAX ||
	    (r->absent > 1 && r->optional[r->depth] > OPTIONAL_MAX))
		return refuse(r, "repeats too much",
		    "smaller counts in {}, or * and + in place of them");
	return 0;
}

/* {n}, {n,} or {n,m}; any other brace means itself. */
static int
read_bounds(struct reader *r)
{
	long low = 0, high = 0;
	int n = 0;

	if (sscanf(r->p, "{%5ld}%n", &low, &n) == 1 && n > 0)
		high = low;
	else if (sscanf(r->p, "{%5ld,}%n", &low, &n) != 1 || n == 0)
		sscanf(r->p, "{%5ld,%5ld}%n", &low, &high, &n);
	if (n == 0 || !isdigit((unsigned char)r->p[1])) {
		add_literal(r, '{');
		r->p++;
		return 0;
	}
	high = high > low ? high : low;
	end_optional(r);
	if (repeat(r, (double)high, false) == -1)
		return -1;
	cnt_buf_add(&r->out, r->p, (size_t)n);
	r->p += n;
	return 0;
}

static int
read_one(struct reader *r)
{
	char c = *r->p;

	switch (c) {
	case '\\':
		return read_escape(r);
	case '[':
		return read_bracket(r);
	case '(':
		return open_group(r);
	case ')':
		return close_group(r);
	case '{':
		return read_bounds(r);
	case '*': case '?':
		end_optional(r);
		if (repeat(r, 0, true) == -1)
			return -1;
		break;
	case '+':			/* regcomp(3) writes x+ as xx* */
		r->plain = false;
		end_run(r);
		if (repeat(r, 1, true) == -1)
			return -1;
		break;
	case '|':
		r->alternatives |= r->depth == 0;
		__attribute__((fallthrough));
	case '.': case '^': case '$':
		r->plain = false;
		end_run(r);
		add_atom(r);
		break;
	case '\n':
		return refuse(r, "a match lies within one line", "search for a part of it");
	default:
		add_literal(r, c);
		r->p++;
		return 0;
	}
	cnt_buf_add(&r->out, &c, 1);
	r->p++;
	return 0;
}

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
compile(struct cnt_pattern *p, struct cnt_err *e)
{
	char *within CNT_FREE = cnt_format("\\`.*(%s)", p->ere), text[256];
	int flags = REG_EXTENDED | (p->ignore_case ? REG_ICASE : 0);
	int r = regcomp(&p->regex, p->ere, flags | REG_NEWLINE);

	if (r == 0) {
		r = regcomp(&p->within, within, flags | REG_NOSUB);
		if (r != 0)
			regfree(&p->regex);
	}
	p->made = r == 0;
	p->memory = allocated();
	if (r == 0)
		return 0;
	regerror(r, &p->regex, text, sizeof(text));
	cnt_fail(e, CNT_INVALID, "pattern: %s", text);
	return cnt_hint(e, "it is a POSIX extended regular expression; fixed=true searches for "
	    "it as it stands");
}

/* The states that it remembers are given back when they have become many. */
static void
forget(struct cnt_pattern *p)
{
	struct cnt_err e = { 0 };

	if (allocated() < p->memory + GROWTH_MAX)
		return;
	regfree(&p->regex);
	regfree(&p->within);
	compile(p, &e);
}

int
cnt_pattern_make(struct cnt_pattern *p, const char *text, bool fixed, bool ignore_case,
    struct cnt_err *e)
{
	struct reader r = { .p = text, .plain = true, .ignore_case = ignore_case, .e = e };
	int bad = 0;

	memset(p, 0, sizeof(*p));
	if (fixed && strchr(text, '\n') != NULL)
		return refuse(&r, "a match lies within one line", "search for a part of it");
	if (fixed)
		cnt_buf_adds(&p->literal, text);
	while (!fixed && bad == 0 && *r.p != '\0')
		bad = read_one(&r);
	end_run(&r);
	p->ignore_case = r.ignore_case;
	p->fixed = fixed || (r.plain && r.best.n > 0);
	if (!fixed && !r.alternatives && r.depth == 0) {
		p->literal = r.best;
		memset(&r.best, 0, sizeof(r.best));
		if (p->literal.p != NULL)
			p->literal.p[p->literal.n] = '\0';
	}
	p->ere = r.out.p != NULL ? r.out.p : cnt_strdup("");
	cnt_buf_free(&r.run);
	cnt_buf_free(&r.best);
	if (bad == 0 && !p->fixed)
		bad = compile(p, e);
	if (bad == -1)
		cnt_pattern_free(p);
	else
		choose_rare(p);
	return bad;
}

void
cnt_pattern_free(struct cnt_pattern *p)
{
	if (p->made) {
		regfree(&p->regex);
		regfree(&p->within);
	}
	cnt_buf_free(&p->literal);
	free(p->ere);
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
match(const regex_t *regex, const char *s, size_t n, int flags, size_t *from, size_t *to)
{
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)n };

	if (regexec(regex, s, 1, &m, flags | REG_STARTEND) != 0)
		return false;
	*from = (size_t)m.rm_so;
	*to = (size_t)m.rm_eo;
	return true;
}

static bool
is_within(const struct cnt_pattern *p, const char *s, size_t n, int flags)
{
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)n };

	return regexec(&p->within, s, 0, &m, flags | REG_STARTEND) == 0;
}

/* The match that ends first, by halves; it is then looked for in the bytes before its end. */
static void
locate(const struct cnt_pattern *p, const char *s, size_t n, int flags, size_t *from, size_t *to)
{
	size_t low = 0, high = n, start = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_within(p, s, middle, flags | REG_NOTEOL))
			high = middle;
		else
			low = middle + 1;
	}
	start = high > LINE_MAX_SQUARE ? high - LINE_MAX_SQUARE : 0;
	if (match(&p->regex, s + start, high - start,
	    start > 0 ? flags | REG_NOTBOL | REG_NOTEOL : flags | REG_NOTEOL, from, to)) {
		*from += start;
		*to += start;
	} else {
		*from = *to = high;
	}
}

static bool
find_in_line(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to)
{
	if (n > 0 && s[n - 1] == '\r')
		n--;
	if (++p->asked % 64 == 0)
		forget(p);
	if (n <= LINE_MAX_SQUARE)
		return match(&p->regex, s, n, 0, from, to);
	for (size_t at = 0; at < n && !p->late; at += WINDOW - LINE_MAX_SQUARE) {
		size_t len = n - at < WINDOW ? n - at : WINDOW;
		int flags = (at > 0 ? REG_NOTBOL : 0) | (at + len < n ? REG_NOTEOL : 0);

		forget(p);
		p->late = cnt_ticks_us() > p->until;
		if (!p->late && is_within(p, s + at, len, flags)) {
			locate(p, s + at, len, flags, from, to);
			*from += at;
			*to += at;
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

/* As many whole lines from `at` on as are searched together; one alone where it is long. */
static size_t
chunk_of(const char *s, size_t n, size_t at)
{
	size_t most = n - at < CHUNK ? n - at : CHUNK, len = 0;
	const char *end = memrchr(s + at, '\n', most);

	if (end != NULL && memchr(s + at, '\r', most) == NULL)
		return (size_t)(end - s) - at;
	line_of(s, n, at, &len);
	return len;
}

static bool
find_regex(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to)
{
	size_t at = 0, len = 0, line = 0;

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
			len = chunk_of(s, n, at);
			forget(p);
			if (memchr(s + at, '\n', len) == NULL)
				line = at;
			else if (!match(&p->regex, s + at, len, 0, from, to))
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
