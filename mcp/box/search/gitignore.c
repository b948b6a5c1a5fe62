/* SPDX-License-Identifier: Apache-2.0
 *
 * gitignore(5), decided as git does, also where the manual is silent: spaces and CR at a line's
 * end, a BOM, `\` before a space, names without wildcards compared before the rest is matched.
 * Own code since git keeps its own inside the program. The files come from outside; any bytes
 * will do.
 */
#include "mcp/box/search/gitignore.h"

#include "mcp/box/search/glob.h"

struct rule {
	char	*pattern;
	size_t	 n, plain;	/* length; how much of it has no wildcard */
	bool	 negated;
	bool	 dir;		/* ends in a slash */
	bool	 name;		/* has no other slash: matches in every directory */
};

struct cnt_ignore {
	struct cnt_ignore	*up;
	char			*text;
	struct rule		*rules;
	size_t			 n, base;
};

/* Spaces at the end go, unless a backslash keeps them. */
static void
trim(char *s)
{
	char *space = NULL;

	for (; *s != '\0'; s++) {
		if (*s == ' ') {
			space = space != NULL ? space : s;
			continue;
		}
		space = NULL;
		if (*s == '\\' && *++s == '\0')
			return;
	}
	if (space != NULL)
		*space = '\0';
}

static void
add_rule(struct cnt_ignore *i, char *line)
{
	struct rule r = { .negated = line[0] == '!' };

	if (r.negated)
		line++;
	r.pattern = line;
	r.n = strlen(line);
	r.dir = r.n > 0 && line[r.n - 1] == '/';
	if (r.dir)
		line[--r.n] = '\0';
	r.name = strchr(line, '/') == NULL;
	if (!r.name && line[0] == '/') {
		r.pattern++;
		r.n--;
	}
	r.plain = strcspn(r.pattern, "*?[\\");
	if ((i->n & (i->n - 1)) == 0)
		i->rules = cnt_realloc(i->rules, (i->n * 2 + 1) * sizeof(*i->rules));
	i->rules[i->n++] = r;
}

struct cnt_ignore *
cnt_ignore_parse(const struct cnt_ignore *up, const char *text, size_t n, size_t base)
{
	struct cnt_ignore *i = cnt_alloc(sizeof(*i));
	char *line = NULL, *end = NULL;

	i->up = (struct cnt_ignore *)(uintptr_t)up;
	i->base = base;
	i->text = cnt_alloc(n + 1);
	memcpy(i->text, text, n);
	line = i->text + (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
	for (; line < i->text + n; line = end + 1) {
		end = memchr(line, '\n', (size_t)(i->text + n - line));
		if (end == NULL)
			end = i->text + n;
		*end = '\0';
		if (end > line && end[-1] == '\r')
			end[-1] = '\0';
		trim(line);
		if (line[0] != '\0' && line[0] != '#')
			add_rule(i, line);
	}
	return i;
}

struct cnt_ignore *
cnt_ignore_free(struct cnt_ignore *i)
{
	struct cnt_ignore *up = i->up;

	free(i->rules);
	free(i->text);
	free(i);
	return up;
}

static bool
matches(const struct rule *r, const char *path, const char *name)
{
	const char *text = r->name ? name : path;

	if (r->name && r->plain < r->n)
		return cnt_glob_match(r->pattern, text);
	if (strncmp(r->pattern, text, r->plain) != 0)
		return false;
	if (r->plain == r->n)
		return text[r->n] == '\0';
	return cnt_glob_match(r->pattern + r->plain, text + r->plain);
}

bool
cnt_ignore_decides(const struct cnt_ignore *i, const char *path, const char *name, bool dir)
{
	for (; i != NULL; i = i->up)
		for (size_t k = i->n; k > 0; k--) {
			const struct rule *r = &i->rules[k - 1];

			if ((dir || !r->dir) && matches(r, path + i->base, name))
				return !r->negated;
		}
	return false;
}
