/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict JSON (RFC 8259) in front of cJSON's parser. One pass over the text refuses what cJSON
 * would let through (mainly things that two readers understand differently); cJSON then builds the
 * tree, and objects with duplicate names are refused in it.
 */
#include "lib/json.h"

#include <ctype.h>
#include <math.h>

void
cnt_json_free(cJSON **j)
{
	cJSON_Delete(*j);
}

struct scan {
	const char	*text;
	size_t		 n, at;
	const char	*wrong;
};

static int
wrong(struct scan *s, const char *what)
{
	s->wrong = what;
	return -1;
}

/* Four hexadecimal digits; -1. */
static int
hex4(const struct scan *s, size_t at)
{
	int value = 0;

	for (size_t i = at; i < at + 4; i++) {
		int c = i < s->n ? tolower((unsigned char)s->text[i]) : '\0';

		if (!isxdigit(c))
			return -1;
		value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return value;
}

/* After a backslash. cJSON takes four digits that are none for zero. */
static int
scan_escape(struct scan *s)
{
	int unit, low = -1;

	if (s->text[s->at] != 'u')
		return 0;
	unit = hex4(s, s->at + 1);
	if (unit == -1)
		return wrong(s, "malformed \\u in a string");
	if (unit == 0)
		return wrong(s, "\\u0000 in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit < 0xdc00 && s->n - s->at > 6 && memcmp(s->text + s->at + 5, "\\u", 2) == 0)
		low = hex4(s, s->at + 7);
	if (low < 0xdc00 || low > 0xdfff)
		return wrong(s, "half a surrogate pair in a string");
	s->at += 6;
	return 0;
}

static int
scan_string(struct scan *s)
{
	for (s->at++; (s->at += cnt_json_plain(s->text + s->at, s->n - s->at)) < s->n; s->at++) {
		if (s->text[s->at] == '"') {
			s->at++;
			return 0;
		}
		if (s->text[s->at] != '\\')
			return wrong(s, "control character in a string");
		if (++s->at == s->n)
			break;
		if (scan_escape(s) == -1)
			return -1;
	}
	return wrong(s, "unterminated string");
}

static size_t
digits(struct scan *s)
{
	size_t from = s->at;

	while (s->at < s->n && s->text[s->at] >= '0' && s->text[s->at] <= '9')
		s->at++;
	return s->at - from;
}

static int
scan_number(struct scan *s)
{
	if (s->text[s->at] == '-')
		s->at++;
	if (s->at < s->n && s->text[s->at] == '0')
		s->at++;
	else if (digits(s) == 0)
		return wrong(s, "malformed number");
	if (s->at < s->n && s->text[s->at] == '.') {
		s->at++;
		if (digits(s) == 0)
			return wrong(s, "malformed number");
	}
	if (s->at < s->n && (s->text[s->at] == 'e' || s->text[s->at] == 'E')) {
		s->at++;
		if (s->at < s->n && (s->text[s->at] == '+' || s->text[s->at] == '-'))
			s->at++;
		if (digits(s) == 0)
			return wrong(s, "malformed number");
	}
	if (s->at < s->n && s->text[s->at] >= '0' && s->text[s->at] <= '9')
		return wrong(s, "leading zero in a number");
	return 0;
}

/* Tokens, how deep and how many: that they stand in a grammatical order is cJSON's to check. */
static int
scan(struct scan *s)
{
	int depth = 0, values = 1;

	while (s->at < s->n) {
		unsigned char c = (unsigned char)s->text[s->at];

		if (c == '"') {
			if (scan_string(s) == -1)
				return -1;
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			if (scan_number(s) == -1)
				return -1;
		} else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
			return wrong(s, c == '\0' ? "NUL byte" : "control character");
		} else {
			if ((c == '[' || c == '{') && ++depth > CNT_JSON_DEPTH)
				return wrong(s, "nested too deeply");
			if (c == ']' || c == '}')
				depth--;
			if ((c == ',' || c == '[' || c == '{') && ++values > CNT_JSON_VALUES)
				return wrong(s, "too many values");
			s->at++;
		}
	}
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *
duplicate_in(const cJSON *object)
{
	size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
	const char **names CNT_FREE = NULL;
	const cJSON *m = NULL;

	if (n < 2)
		return NULL;
	names = cnt_alloc(n * sizeof(*names));
	cJSON_ArrayForEach(m, object)
		names[i++] = m->string;
	qsort(names, n, sizeof(*names), by_name);
	for (i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return names[i];
	return NULL;
}

/* Depth is bounded by the scan. */
static int
check_tree(const cJSON *j, struct cnt_err *e)
{
	const char *name = cJSON_IsObject(j) ? duplicate_in(j) : NULL;
	const cJSON *m = NULL;

	if (name != NULL)
		return cnt_fail(e, CNT_INVALID, "json: \"%.64s\" stands twice in one object", name);
	if (cJSON_IsNumber(j) && !isfinite(j->valuedouble))
		return cnt_fail(e, CNT_INVALID, "json: a number is out of range");
	cJSON_ArrayForEach(m, j)
		if (check_tree(m, e) == -1)
			return -1;
	return 0;
}

cJSON *
cnt_json_parse(const char *text, size_t n, struct cnt_err *e)
{
	struct scan s = { .text = text, .n = n };
	cJSON *j CNT_JSON = NULL;
	const char *end = NULL;
	size_t good = cnt_utf8_valid(text, n);

	if (good != n) {
		cnt_fail(e, CNT_INVALID, "json: invalid UTF-8 at byte %zu", good);
		return NULL;
	}
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		cnt_fail(e, CNT_INVALID, "json: begins with a byte order mark");
		return NULL;
	}
	if (scan(&s) == -1) {
		cnt_fail(e, CNT_INVALID, "json: %s at byte %zu", s.wrong, s.at);
		return NULL;
	}
	j = cJSON_ParseWithLengthOpts(text, n, &end, false);
	if (j == NULL) {
		cnt_fail(e, CNT_INVALID, "json: syntax error at byte %zu",
		    end != NULL ? (size_t)(end - text) : 0);
		return NULL;
	}
	for (; end < text + n; end++)
		if (strchr(" \t\r\n", *end) == NULL) {
			cnt_fail(e, CNT_INVALID, "json: text after the value at byte %zu",
			    (size_t)(end - text));
			return NULL;
		}
	if (check_tree(j, e) == -1)
		return NULL;
	return take(&j);
}

char *
cnt_json_print(const cJSON *j)
{
	char *s = cJSON_PrintUnformatted(j);

	if (s == NULL)
		return cnt_strdup("null");
	return s;
}
