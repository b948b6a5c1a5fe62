/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching by git's rules is what a plain recursive reading of these rules says; a file of
 * patterns decides as its lines do one by one from the last to the first, and as the same lines in
 * two files one above the other. Braces stand for each of their parts.
 */
#include <ctype.h>

#include "mcp/box/search/gitignore.h"
#include "mcp/box/search/glob.h"
#include "tests/fuzz/fuzz.h"

#define LONGEST	24		/* the plain reading takes any time it likes */

static bool plain(const char *whole, const char *p, const char *t);

/* A set at p, behind its `[`: is c in it? *end is behind its `]`, NULL when it is none. */
static bool
in_set(const char *p, unsigned char c, const char **end)
{
	static const char *const names[] = { "alnum", "alpha", "blank", "cntrl", "digit", "graph",
		"lower", "print", "punct", "space", "upper", "xdigit" };
	static int (*const is[])(int) = { isalnum, isalpha, isblank, iscntrl, isdigit, isgraph,
		islower, isprint, ispunct, isspace, isupper, isxdigit };
	bool negated = *p == '!' || *p == '^', in = false;
	int before = 0;

	*end = NULL;
	p += negated;
	for (const char *first = p; *p != ']' || p == first; p++) {
		const char *close = p[0] == '[' && p[1] == ':' ? strchr(p + 2, ']') : NULL;

		if (*p == '\0' || (p[0] == '[' && p[1] == ':' && close == NULL))
			return false;
		if (*p == '-' && before != 0 && p[1] != '\0' && p[1] != ']') {
			p++;
			if (*p == '\\' && *++p == '\0')
				return false;
			in = in || (c >= before && c <= (unsigned char)*p);
			before = 0;
		} else if (close != NULL && close > p + 2 && close[-1] == ':') {
			size_t i = 0;

			while (i < nitems(names) && (strlen(names[i]) != (size_t)(close - p - 3) ||
			    strncmp(names[i], p + 2, strlen(names[i])) != 0))
				i++;
			if (i == nitems(names))
				return false;
			in = in || (c < 0x80 && is[i](c));
			before = 0;
			p = close;
		} else {
			if (*p == '\\' && *++p == '\0')
				return false;
			before = (unsigned char)*p;
			in = in || c == before;
		}
	}
	*end = p + 1;
	return in != negated;
}

static bool
stars(const char *whole, const char *p, const char *t)
{
	const char *end = p + strspn(p, "*");
	bool deep = end - p > 1 && (p == whole || p[-1] == '/') &&
	    (*end == '\0' || *end == '/' || strncmp(end, "\\/", 2) == 0);

	if (deep && *end == '\0')
		return true;
	if (deep && *end == '/' && plain(whole, end + 1, t))
		return true;
	for (;; t++) {
		if (plain(whole, end, t))
			return true;
		if (*t == '\0' || (*t == '/' && !deep))
			return false;
	}
}

static bool
plain(const char *whole, const char *p, const char *t)
{
	const char *end = NULL;

	switch (*p) {
	case '\0':
		return *t == '\0';
	case '*':
		return stars(whole, p, t);
	case '?':
		return *t != '\0' && *t != '/' && plain(whole, p + 1, t + 1);
	case '[':
		return *t != '\0' && *t != '/' && in_set(p + 1, (unsigned char)*t, &end) &&
		    end != NULL && plain(whole, end, t + 1);
	case '\\':
		return p[1] != '\0' && p[1] == *t && plain(whole, p + 2, t + 1);
	default:
		return *p == *t && plain(whole, p + 1, t + 1);
	}
}

static void
check_glob(const char *pattern, const char *text)
{
	size_t star = 0;

	for (const char *p = pattern; *p != '\0'; p++)
		star += *p == '*';
	if (strlen(pattern) > LONGEST || strlen(text) > LONGEST || star > 6)
		(void)cnt_glob_match(pattern, text);
	else
		must(cnt_glob_match(pattern, text) == plain(pattern, pattern, text));
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
decides(const char *text, size_t n, const struct cnt_ignore *up, const char *path, bool dir)
{
	struct cnt_ignore *i = cnt_ignore_parse(up, text, n, 0);
	bool yes = cnt_ignore_decides(i, path, last_part(path), dir);

	must(cnt_ignore_free(i) == up);
	return yes;
}

/* Each line by itself; a negated one without its `!`. */
static bool
by_lines(const char *text, size_t n, const char *path, bool dir)
{
	bool yes = false;

	for (const char *p = text, *end = text + n, *nl = NULL; p < end; p = nl + 1) {
		bool negated = *p == '!';
		const char *from = p + negated;
		struct cnt_buf line CNT_BUF = { 0 };

		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		/* What follows `!` is a pattern whatever it begins with. */
		if (negated && from < nl && (*from == '#' || *from == '!'))
			cnt_buf_add(&line, "[", 1);
		cnt_buf_add(&line, from, (size_t)(nl - from));
		if (line.n > 1 && line.p[0] == '[' && negated && (*from == '#' || *from == '!')) {
			line.n = 1;
			cnt_buf_add(&line, from, 1);
			line.p[1] = '\\';
			cnt_buf_add(&line, from, 1);
			cnt_buf_add(&line, "]", 1);
			cnt_buf_add(&line, from + 1, (size_t)(nl - from - 1));
		}
		if (line.n > 0 && decides(line.p, line.n, NULL, path, dir))
			yes = !negated;
	}
	return yes;
}

static void
check_ignore(const char *text, size_t n, const char *path, bool dir)
{
	const char *half = n > 0 ? memchr(text + n / 2, '\n', n - n / 2) : NULL;
	size_t first = half != NULL ? (size_t)(half - text) + 1 : n;
	bool whole = decides(text, n, NULL, path, dir);
	struct cnt_ignore *up = cnt_ignore_parse(NULL, text, first, 0);

	/* Where a file begins, this is none of its bytes. */
	if (memchr(text, '\0', n) == NULL && memmem(text, n, "\xef\xbb\xbf", 3) == NULL) {
		must(whole == by_lines(text, n, path, dir));
		must(whole == decides(text + first, n - first, up, path, dir));
	}
	cnt_ignore_free(up);
}

static void
check_braces(const char *pattern, const char *path)
{
	struct cnt_glob g = { 0 }, each = { 0 };
	struct cnt_err e = { 0 };
	bool any = false;

	if (cnt_glob_make(&g, pattern, ".", &e) == -1) {
		must(e.code == CNT_INVALID && g.n == 0);
		return;
	}
	must(g.n >= 1 && g.n <= 256);
	for (size_t i = 0; i < g.n; i++) {
		if (strchr(g.p[i], '{') != NULL)	/* would be read once more */
			any = any || cnt_glob_match(g.p[i] + (g.p[i][0] == '/'),
			    strchr(g.p[i], '/') != NULL ? path : last_part(path));
		else if (strncmp(g.p[i], "./", 2) != 0 &&
		    cnt_glob_make(&each, g.p[i], ".", &e) == 0)
			any = any || cnt_glob_takes(&each, path, last_part(path));
		else
			any = any || cnt_glob_match(g.p[i], path);
		cnt_glob_free(&each);
	}
	must(cnt_glob_takes(&g, path, last_part(path)) == any);
	cnt_glob_free(&g);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	bool dir = pick(&data, &n, 1) == 1;
	char *path CNT_FREE = pick_text(&data, &n), *pattern CNT_FREE = pick_text(&data, &n);

	check_glob(pattern, path);
	check_braces(pattern, path);
	if (last_part(path)[0] != '\0')
		check_ignore(n > 0 ? (const char *)data : "", n, path, dir);
	return 0;
}
