/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands between [ and ]: a set of bytes and of longer characters, which POSIX writes with
 * other rules than people do: it takes a backslash for itself and knows no \d.
 */
#include "mcp/box/search/bracket.h"

#include <ctype.h>

#include "lib/json.h"

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
read_set(const char **at, bool set[256], struct cnt_buf *wide)
{
	const char *p = *at, *start = p;

	while (*p != '\0' && (*p != ']' || p == start)) {
		int low = 0, high = 0;
		size_t n = 1;

		if (read_class(&p, set))
			continue;
		if ((*p & 0x80) != 0) {
			while (cnt_utf8_continues(p[n]))
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
	*at = p + 1;
	return *p == ']' ? 0 : -1;
}

/* As POSIX wants it: `]` first, `^` not first, `-` last, and no `[` before `.`, `=` or `:`. */
static void
write_set(struct cnt_buf *to, const bool set[256], bool negated)
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
		cnt_buf_adds(to, set['-'] ? "[-^]" : "\\^");
	else if (b.n == 0 && !set['^'] && !set['-'])	/* nothing, or all but a line's end */
		cnt_buf_adds(to, negated ? "." : "[^\x01-\xff]");
	else
		cnt_buf_addf(to, "[%s%s%s%s]", negated ? "^" : "", b.p != NULL ? b.p : "",
		    set['^'] ? "^" : "", set['-'] ? "-" : "");
}

int
cnt_bracket_read(const char **p, struct cnt_buf *to, bool utf8, bool *wide_set, struct cnt_err *e)
{
	bool set[256] = { false }, negated = (*p)[1] == '^', whole = false, grouped = false;
	struct cnt_buf wide CNT_BUF = { 0 };

	*p += negated ? 2 : 1;
	if (read_set(p, set, &wide) == -1) {
		cnt_fail(e, CNT_INVALID, "pattern: a bracket expression that is none");
		return cnt_hint(e,
		    "close it with ]; ranges go upwards and are of ASCII characters");
	}
	if (negated && wide.n > 0) {
		cnt_fail(e, CNT_INVALID, "pattern: [^...] knows ASCII characters only");
		return cnt_hint(e, "leave out the others, or use shell_exec with grep -P");
	}
	/* All beyond ASCII or nothing; see add_others. */
	whole = set[0x80] != negated && **p != '*';
	*wide_set |= whole;
	grouped = wide.n > 0 || (whole && utf8);
	for (int c = 0x80; whole && utf8 && c < 0xc0; c++)
		set[c] = negated;
	cnt_buf_adds(to, grouped ? "(" : "");
	write_set(to, set, negated);
	cnt_buf_adds(to, whole && utf8 ? "[\x80-\xbf]*" : "");
	cnt_buf_adds(to, wide.n > 0 ? wide.p : "");
	cnt_buf_adds(to, grouped ? ")" : "");
	return (whole ? 2 : 1) + (int)wide.n;
}
