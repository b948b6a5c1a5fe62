/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict JSON (RFC 8259) in front of cJSON's parser. One pass over the text refuses what cJSON
 * would let through (mainly things that two readers understand differently); cJSON then builds the
 * tree, and objects with duplicate names are refused in it.
 */
#include "lib/json.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define EXACT 9007199254740992.0	/* 2^53: integers up to here are exact in a double */
#define PRINTED 1000000000000000	/* cJSON 1.7.15 prints 15 digits of an integer */

#define LONGEST 6			/* \u0000: what one byte becomes */
#define PART	4096			/* escaped into room for the longest */

typedef unsigned char bytes16 __attribute__((vector_size(16)));

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

const cJSON *
cnt_json_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *
cnt_json_str(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cnt_json_get(object, name));
}

double
cnt_json_num(const cJSON *object, const char *name, double def)
{
	const cJSON *m = cnt_json_get(object, name);

	if (cJSON_IsNumber(m))
		return m->valuedouble;
	if (cJSON_IsRaw(m))		/* cnt_json_set_int */
		return strtod(m->valuestring, NULL);
	return def;
}

int64_t
cnt_json_int(const cJSON *object, const char *name, int64_t def)
{
	const cJSON *m = cnt_json_get(object, name);

	if (cJSON_IsRaw(m))
		return strtoll(m->valuestring, NULL, 10);
	if (!cJSON_IsNumber(m) || fabs(m->valuedouble) > EXACT)
		return def;
	return (int64_t)m->valuedouble;
}

bool
cnt_json_bool(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cnt_json_get(object, name));
}

void
cnt_json_set(cJSON *object, const char *name, cJSON *owned)
{
	if (cnt_json_get(object, name) != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, owned);
	else
		cJSON_AddItemToObject(object, name, owned);
}

void
cnt_json_set_str(cJSON *object, const char *name, const char *value)
{
	size_t n = strlen(value);
	struct cnt_buf b CNT_BUF = { 0 };

	if (cnt_utf8_valid(value, n) == n) {
		cnt_json_set(object, name, cJSON_CreateString(value));
		return;
	}
	cnt_utf8_add(&b, value, n);
	cnt_json_set(object, name, cJSON_CreateString(b.p));
}

void
cnt_json_set_int(cJSON *object, const char *name, int64_t value)
{
	char text[24];

	if (value > -PRINTED && value < PRINTED) {
		cnt_json_set(object, name, cJSON_CreateNumber((double)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64, value);
	cnt_json_set(object, name, cJSON_CreateRaw(text));
}

void
cnt_json_set_num(cJSON *object, const char *name, double value)
{
	cnt_json_set(object, name, cJSON_CreateNumber(value));
}

void
cnt_json_set_bool(cJSON *object, const char *name, bool value)
{
	cnt_json_set(object, name, cJSON_CreateBool(value));
}

void
cnt_json_set_null(cJSON *object, const char *name)
{
	cnt_json_set(object, name, cJSON_CreateNull());
}

cJSON *
cnt_json_add_object(cJSON *array)
{
	cJSON *j = cJSON_CreateObject();

	cJSON_AddItemToArray(array, j);
	return j;
}

/* How many bytes JSON writes as they are, up to the first that it does not; 16: all. */
static size_t
plain_of(bytes16 v)
{
	uint64_t low = 0, high = 0;

	v = (bytes16)(v < 0x20) | (bytes16)(v == '"') | (bytes16)(v == '\\');
	memcpy(&low, &v, sizeof(low));
	memcpy(&high, (const char *)&v + sizeof(low), sizeof(high));
	if (low != 0)
		return (size_t)__builtin_ctzll(le64toh(low)) / 8;
	return high != 0 ? 8 + (size_t)__builtin_ctzll(le64toh(high)) / 8 : sizeof(v);
}

/* Sixteen bytes at a time: texts are long. */
size_t
cnt_json_plain(const char *s, size_t n)
{
	size_t i = 0;

	while (n - i >= sizeof(bytes16)) {
		bytes16 v;
		size_t plain = 0;

		memcpy(&v, s + i, sizeof(v));
		plain = plain_of(v);
		i += plain;
		if (plain < sizeof(v))
			return i;
	}
	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

static char *
escape_byte(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
		['"'] = '"', ['\\'] = '\\',
	};

	*to++ = '\\';
	if (letters[c] != '\0') {
		*to++ = letters[c];
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = hex[c >> 4];
	to[4] = hex[c & 15];
	return to + 5;
}

/* Sixteen bytes are copied and then looked at: in what has been JSON every fourth is a quote. */
static char *
escape(char *to, const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		bytes16 v;
		size_t plain = n - i >= sizeof(v) ? sizeof(v) : cnt_json_plain(s + i, n - i);

		memcpy(to, s + i, plain);
		if (plain == sizeof(v)) {
			memcpy(&v, s + i, sizeof(v));
			plain = plain_of(v);
		}
		to += plain;
		i += plain;
		if (i < n && plain < sizeof(v))
			to = escape_byte(to, (unsigned char)s[i++]);
	}
	return to;
}

void
cnt_json_escape(struct cnt_buf *b, const char *s, size_t n)
{
	while (n > 0) {
		size_t part = n < PART ? n : PART, least = b->n + LONGEST * part + 1;

		if (b->cap < least) {
			b->cap = b->cap * 2 > least ? b->cap * 2 : least;
			b->p = cnt_realloc(b->p, b->cap);
		}
		b->n = (size_t)(escape(b->p + b->n, s, part) - b->p);
		b->p[b->n] = '\0';
		s += part;
		n -= part;
	}
}

void
cnt_json_quote(struct cnt_buf *b, const char *s, size_t n)
{
	cnt_buf_add(b, "\"", 1);
	cnt_json_escape(b, s, n);
	cnt_buf_add(b, "\"", 1);
}
