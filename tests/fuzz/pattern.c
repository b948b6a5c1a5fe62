/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of search_files. A fixed string is found where a plain loop finds it; an expression that
 * regcomp(3) takes as it stands is found where regexec(3) finds it in the first line that has one.
 */
#include <ctype.h>

#include "mcp/box/search/pattern.h"
#include "tests/fuzz/fuzz.h"

/* Nothing in it that the two read differently on purpose, as `.` beyond ASCII. */
static bool
is_common(const char *p, const char *s, size_t n)
{
	bool ascii = true;

	for (size_t i = 0; i < n; i++)
		ascii = ascii && (s[i] & 0x80) == 0;
	return strpbrk(p, ascii ? "\\[]{}?*+(" : "\\[]{}?*+(.") == NULL;
}

static bool
fixed_in(const char *what, const char *s, size_t n, bool fold, size_t *from)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= n; i++) {
		size_t k = 0;

		while (k < len && (fold ? tolower((unsigned char)s[i + k]) ==
		    tolower((unsigned char)what[k]) : s[i + k] == what[k]))
			k++;
		if (k == len) {
			*from = i;
			return true;
		}
	}
	return false;
}

/* Line by line. */
static bool
regex_in(const regex_t *r, const char *s, size_t n, size_t *from, size_t *to)
{
	for (const char *p = s, *end = s + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl != NULL ? nl : end) - p);
		char *line CNT_FREE = cnt_format("%.*s", (int)len, p);
		regmatch_t m;

		if (regexec(r, line, 1, &m, 0) == 0) {
			*from = (size_t)(p - s) + (size_t)m.rm_so;
			*to = (size_t)(p - s) + (size_t)m.rm_eo;
			return true;
		}
		p += len + 1;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	bool fixed = pick(&data, &n, 1) == 1, fold = pick(&data, &n, 1) == 1;
	char *text CNT_FREE = pick_text(&data, &n);
	char *s CNT_FREE = cnt_alloc(n + 1);	/* ASan's regexec reads on up to a NUL */
	struct cnt_pattern p = { 0 };
	struct cnt_err e = { 0 };
	size_t from = 0, to = 0, want = 0, until = 0;
	bool found = false;
	regex_t r;

	if (n > 0)
		memcpy(s, data, n);
	if (cnt_pattern_make(&p, text, fixed, fold, &e) == -1) {
		must(e.code == CNT_INVALID && e.text[0] != '\0');
		return 0;
	}
	p.until = INT64_MAX;
	found = cnt_pattern_find(&p, s, n, &from, &to);
	must(!found || (from <= to && to <= n && memchr(s + from, '\n', to - from) == NULL));
	if (fixed && text[0] != '\0' && strchr(text, '\n') == NULL) {
		must(found == fixed_in(text, s, n, fold, &want));
		must(!found || (from == want && to == from + strlen(text)));
	} else if (!fixed && is_common(text, s, n) && strlen(s) == n && strchr(s, '\r') == NULL &&
	    regcomp(&r, text, REG_EXTENDED | (fold ? REG_ICASE : 0)) == 0) {
		must(found == regex_in(&r, s, n, &want, &until));
		must(!found || (from == want && to == until));
		regfree(&r);
	}
	cnt_pattern_free(&p);
	return 0;
}
