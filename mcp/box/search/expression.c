/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads an expression and writes it as regcomp(3) takes it. Own code since that takes \d for a d,
 * a backslash in brackets for itself and (?: for an error, and would never come back from some
 * expressions: what would match something else than meant, or repeats without measure, is
 * refused. On the way it finds a string that every match must hold.
 */
#include "mcp/box/search/expression.h"

#include <ctype.h>

#include "lib/json.h"
#include "mcp/box/search/bracket.h"

#define NODES_MAX	20000		/* of a pattern with its repetitions written out */
#define OPTIONAL_MAX	1000		/* parts that may be absent, loops of loops counted thus: */
#define LOOP_COST	8		/* regcomp(3)'s time is exponential in their nesting */
#define DEPTH_MAX	64

/* Reads a pattern and writes it as regcomp(3) takes it. */
struct reader {
	const char	*p;
	struct cnt_buf	 out;
	struct cnt_buf	 run, best;	/* literals in a row; the longest that every match holds */
	bool		 ignore_case, plain, alternatives, utf8, wide;
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
add_atom(struct reader *r, int nodes)
{
	r->atom = nodes;
	r->absent = 0;
	r->nodes[r->depth] += nodes;
}

static void
add_literal(struct reader *r, char c)
{
	if (strchr("^.[$()|*+?{\\", c) != NULL)
		cnt_buf_add(&r->out, "\\", 1);
	cnt_buf_add(&r->out, &c, 1);
	if (r->depth == 0)
		cnt_buf_add(&r->run, &c, 1);
	add_atom(r, 1);
}

/* The character at p as it stands, which is one atom however many bytes it has. */
static void
read_literal(struct reader *r, const char *p)
{
	size_t n = 1;

	while ((p[0] & 0x80) != 0 && cnt_utf8_continues(p[n]))
		n++;
	r->p = p + n;
	if (n == 1) {
		add_literal(r, *p);
		return;
	}
	cnt_buf_addf(&r->out, "(%.*s)", (int)n, p);
	if (r->depth == 0)
		cnt_buf_add(&r->run, p, n);
	add_atom(r, (int)n);
}

static void
add_special(struct reader *r, const char *text, int nodes)
{
	r->plain = false;
	end_run(r);
	cnt_buf_adds(&r->out, text);
	add_atom(r, nodes);
}

/* What takes all but some ASCII. Every other atom ends where a code point does and begins where one
 * begins, so what repeats as often as it likes can take bytes. */
static void
add_others(struct reader *r, const char *bytes, const char *ascii)
{
	bool whole = *r->p != '*';

	add_special(r, whole && r->utf8 ? "" : bytes, 2);
	if (whole && r->utf8)
		cnt_buf_addf(&r->out, "([^%s\x80-\xbf][\x80-\xbf]*)", ascii);
	r->wide |= whole;
}

static int
read_escape(struct reader *r)
{
	char c = r->p[1], known[3] = { '\\', c, '\0' };

	r->p += c != '\0' ? 2 : 1;
	if (c == 'd')
		add_special(r, "[0-9]", 1);
	else if (c == 'D')
		add_others(r, "[^0-9]", "0-9");
	else if (c == 'W')
		add_others(r, known, "a-zA-Z0-9_");
	else if (c == 'S')
		add_others(r, known, " \t-\r");
	else if (c != '\0' && strchr("wsbB<>", c) != NULL)
		add_special(r, known, 1);
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
		read_literal(r, r->p - 1);
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
	while (r->run.n > 0 && cnt_utf8_continues(r->run.p[--r->run.n]))
		continue;
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
	int nodes = 0;

	switch (c) {
	case '\\':
		return read_escape(r);
	case '[':
		nodes = cnt_bracket_read(&r->p, &r->out, r->utf8, &r->wide, r->e);
		if (nodes == -1)
			return -1;
		add_special(r, "", nodes);
		return 0;
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
	case '^': case '$':
		r->plain = false;
		end_run(r);
		add_atom(r, 1);
		break;
	case '.':
		r->p++;
		add_others(r, ".", "");
		return 0;
	case '\n':
		return refuse(r, "a match lies within one line", "search for a part of it");
	default:
		read_literal(r, r->p);
		return 0;
	}
	cnt_buf_add(&r->out, &c, 1);
	r->p++;
	return 0;
}

int
cnt_expression_read(struct cnt_expression *x, const char *text, bool utf8, struct cnt_err *e)
{
	struct reader r = { .p = text, .plain = true, .ignore_case = x->ignore_case, .utf8 = utf8,
	    .e = e };
	int bad = 0;

	while (bad == 0 && *r.p != '\0')
		bad = read_one(&r);
	end_run(&r);
	if (bad == 0 && r.best.n > 0 && !r.alternatives && r.depth == 0) {
		r.best.p[r.best.n] = '\0';
		x->literal = r.best;
		memset(&r.best, 0, sizeof(r.best));
	}
	x->plain = r.plain && x->literal.n > 0;
	x->ignore_case = r.ignore_case;
	x->wide = r.wide;
	cnt_buf_adds(&r.out, "");
	x->ere = r.out.p;
	cnt_buf_free(&r.run);
	cnt_buf_free(&r.best);
	return bad;
}
