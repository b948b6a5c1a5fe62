/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching of paths by git's rules (gitignore(5)), which fnmatch(3) does not know. It goes back
 * to the last `*` and to the last `**` only: an earlier one that took more could not match more.
 * Patterns come from outside; nothing in them is trusted.
 */
#include "mcp/box/search/glob.h"

#include <ctype.h>

#define ALTERNATIVES_MAX	256

static bool
in_class(const char *name, size_t n, unsigned char c, bool *known)
{
	static const struct { const char *name; int (*is)(int c); } classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	for (size_t i = 0; i < nitems(classes); i++)
		if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0)
			return c < 0x80 && classes[i].is(c) != 0;
	*known = false;
	return false;
}

/* p is behind the `[`. Returns what is behind the `]`, or NULL when the set is no set. */
static const char *
bracket(const char *p, unsigned char c, bool *held)
{
	bool negated = *p == '!' || *p == '^', matched = false, known = true;
	unsigned char low = 0;		/* what a range may begin with */

	p += negated ? 1 : 0;
	do {
		const char *end = p[0] == '[' && p[1] == ':' ? strchr(p + 2, ']') : p;

		if (*p == '\0' || end == NULL)
			return NULL;
		if (*p == '-' && low != 0 && p[1] != ']' && p[1] != '\0') {
			p += p[1] == '\\' ? 2 : 1;
			matched |= c >= low && c <= (unsigned char)*p;
			low = 0;
		} else if (end > p + 2 && end[-1] == ':') {
			matched |= in_class(p + 2, (size_t)(end - p) - 3, c, &known);
			low = 0;
			p = end;
		} else {
			p += *p == '\\' ? 1 : 0;
			low = (unsigned char)*p;
			matched |= c == low;
		}
		if (*p == '\0' || !known)
			return NULL;
	} while (*++p != ']');
	*held = matched != negated;
	return p + 1;
}

/* What is behind the one element at p when it takes c, else NULL. */
static const char *
one(const char *p, char c)
{
	const char *after = NULL;
	bool held = false;

	if (c == '\0')
		return NULL;
	switch (*p) {
	case '?':
		return c != '/' ? p + 1 : NULL;
	case '[':
		after = c != '/' ? bracket(p + 1, (unsigned char)c, &held) : NULL;
		return held ? after : NULL;
	case '\\':
		return p[1] == c ? p + 2 : NULL;
	default:
		return *p == c ? p + 1 : NULL;
	}
}

/* Is the run of stars from p to end one that takes slashes too? */
static bool
is_deep(const char *pattern, const char *p, const char *end)
{
	return end - p > 1 && (p == pattern || p[-1] == '/') &&
	    (*end == '\0' || *end == '/' || (end[0] == '\\' && end[1] == '/'));
}

bool
cnt_glob_match(const char *pattern, const char *text)
{
	const char *p = pattern, *t = text, *next = NULL;
	struct { const char *p, *t; } star = { NULL, NULL }, deep = { NULL, NULL };
	bool by_name = false;

	for (;;) {
		if (*p == '*') {
			const char *end = p + strspn(p, "*");

			if (is_deep(pattern, p, end)) {
				if (*end == '\0')
					return true;
				by_name = *end == '/';
				p = by_name ? end + 1 : end;
				deep.p = p;
				deep.t = t;
				star.p = NULL;
			} else {
				star.p = p = end;
				star.t = t;
			}
			continue;
		}
		if (*p == '\0' && *t == '\0')
			return true;
		next = *p != '\0' ? one(p, *t) : NULL;
		if (next != NULL) {
			p = next;
			t++;
		} else if (star.p != NULL && *star.t != '\0' && *star.t != '/') {
			p = star.p;
			t = ++star.t;
		} else {
			if (deep.p != NULL && by_name)
				deep.t = strchr(deep.t, '/');
			if (deep.p == NULL || deep.t == NULL || *deep.t == '\0')
				return false;
			p = deep.p;
			t = ++deep.t;
			star.p = NULL;
		}
	}
}

/* The end of the group at p, which is behind its `{`; n becomes its number of commas. */
static const char *
group_end(const char *p, size_t *n)
{
	int depth = 1;

	for (*n = 0; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}' && --depth == 0)
			return p;
		else if (*p == ',' && depth == 1)
			++*n;
	}
	return NULL;
}

/* The end of the alternative at p: a comma or the group's end. */
static const char *
part_end(const char *p, const char *end)
{
	int depth = 0;

	for (; p < end && (*p != ',' || depth > 0); p++)
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '{' || *p == '}')
			depth += *p == '{' ? 1 : -1;
	return p;
}

static void
expand(struct cnt_glob *g, const char *pattern)
{
	const char *end = NULL, *part = NULL, *p = pattern;
	size_t commas = 0;

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '{' && (end = group_end(p + 1, &commas)) != NULL && commas > 0)
			break;
	}
	if (g->n > ALTERNATIVES_MAX)
		return;
	if (*p == '\0') {
		g->p = cnt_realloc(g->p, (g->n + 1) * sizeof(*g->p));
		g->p[g->n++] = cnt_strdup(pattern);
		return;
	}
	for (part = p + 1; part <= end; part = part_end(part, end) + 1) {
		char *one_way CNT_FREE = cnt_format("%.*s%.*s%s", (int)(p - pattern), pattern,
		    (int)(part_end(part, end) - part), part, end + 1);

		expand(g, one_way);
	}
}

int
cnt_glob_make(struct cnt_glob *g, const char *pattern, const char *path, struct cnt_err *e)
{
	size_t n = strlen(path);

	if (pattern == NULL)
		return 0;
	if (strlen(pattern) > CNT_GLOB_MAX)
		return cnt_fail(e, CNT_INVALID, "glob: expected at most %d bytes", CNT_GLOB_MAX);
	while (n > 0 && path[n - 1] == '/')
		n--;
	if (path[0] == '/' && strncmp(pattern, path, n) == 0 && pattern[n] == '/')
		pattern += n;
	else if (strncmp(pattern, "./", 2) == 0)
		pattern++;
	expand(g, pattern);
	if (g->n <= ALTERNATIVES_MAX)
		return 0;
	cnt_glob_free(g);
	return cnt_fail(e, CNT_INVALID, "glob: more than %d alternatives", ALTERNATIVES_MAX);
}

bool
cnt_glob_takes(const struct cnt_glob *g, const char *path, const char *name)
{
	for (size_t i = 0; i < g->n; i++) {
		const char *p = g->p[i];

		if (cnt_glob_match(p[0] == '/' ? p + 1 : p, strchr(p, '/') != NULL ? path : name))
			return true;
	}
	return g->n == 0;
}

void
cnt_glob_free(struct cnt_glob *g)
{
	while (g->n > 0)
		free(g->p[--g->n]);
	free(g->p);
	memset(g, 0, sizeof(*g));
}
