/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text walked where it lies: one recursive step over a value, bounded in depth, and an
 * iterator over members on top of it. The bytes may be anybody's; each read is checked against
 * the end.
 */
#include "mcp/raw.h"

#include <ctype.h>
#include <string.h>

#include "lib/json.h"

static const char *value(const char *p, const char *end, int depth);

static const char *
space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static bool
is_hex4(const char *p, const char *end)
{
	return end - p >= 4 && isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]) &&
	    isxdigit((unsigned char)p[2]) && isxdigit((unsigned char)p[3]);
}

/* After a backslash. */
static const char *
escape(const char *p, const char *end)
{
	if (p >= end)
		return NULL;
	if (*p != 'u')
		return memchr("\"\\/bfnrt", *p, 8) != NULL ? p + 1 : NULL;
	return is_hex4(p + 1, end) ? p + 5 : NULL;
}

static const char *
string(const char *p, const char *end)
{
	if (p >= end || *p++ != '"')
		return NULL;
	while ((p += cnt_json_plain(p, (size_t)(end - p))) < end) {
		if (*p == '"')
			return p + 1;
		if (*p != '\\' || (p = escape(p + 1, end)) == NULL)
			return NULL;
	}
	return NULL;
}

static const char *
digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p > from ? p : NULL;
}

static const char *
number(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else if ((p = digits(p, end)) == NULL)
		return NULL;
	if (p < end && *p == '.' && (p = digits(p + 1, end)) == NULL)
		return NULL;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = digits(p, end);
	}
	return p;
}

static const char *
word(const char *p, const char *end, const char *w)
{
	size_t n = strlen(w);

	return (size_t)(end - p) >= n && memcmp(p, w, n) == 0 ? p + n : NULL;
}

/* One `name : value` or one item; *name is left alone in an array. */
static const char *
member(const char *p, const char *end, char close, int depth, struct cnt_span *name,
    struct cnt_span *v)
{
	if (close == '}') {
		name->p = p;
		if ((p = string(p, end)) == NULL)
			return NULL;
		name->n = (size_t)(p - name->p);
		p = space(p, end);
		if (p >= end || *p++ != ':')
			return NULL;
		p = space(p, end);
	}
	v->p = p;
	if ((p = value(p, end, depth)) == NULL)
		return NULL;
	v->n = (size_t)(p - v->p);
	return space(p, end);
}

/* After the opening bracket. */
static const char *
members(const char *p, const char *end, char close, int depth)
{
	struct cnt_span name, v;

	if (depth > CNT_RAW_DEPTH)
		return NULL;
	p = space(p, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		if ((p = member(p, end, close, depth, &name, &v)) == NULL || p >= end)
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p++ != ',')
			return NULL;
		p = space(p, end);
	}
}

static const char *
value(const char *p, const char *end, int depth)
{
	if (p >= end)
		return NULL;
	switch (*p) {
	case '{':
		return members(p + 1, end, '}', depth + 1);
	case '[':
		return members(p + 1, end, ']', depth + 1);
	case '"':
		return string(p, end);
	case 't':
		return word(p, end, "true");
	case 'f':
		return word(p, end, "false");
	case 'n':
		return word(p, end, "null");
	default:
		return number(p, end);
	}
}

bool
cnt_raw_check(struct cnt_span text)
{
	const char *end = text.p + text.n;
	const char *p = value(space(text.p, end), end, 0);

	return p != NULL && space(p, end) == end;
}

bool
cnt_raw_walk(struct cnt_raw *it, struct cnt_span text)
{
	const char *end = text.p + text.n, *p = space(text.p, end);

	*it = (struct cnt_raw){ .end = end, .first = true };
	if (p >= end || (*p != '{' && *p != '['))
		return false;
	it->close = *p == '{' ? '}' : ']';
	it->at = space(p + 1, end);
	return true;
}

int
cnt_raw_next(struct cnt_raw *it)
{
	const char *p = it->at;

	if (p == NULL || p >= it->end)
		return -1;
	if (*p == it->close)
		return space(p + 1, it->end) == it->end ? 0 : -1;
	if (!it->first) {
		if (*p++ != ',')
			return -1;
		p = space(p, it->end);
	}
	it->first = false;
	it->at = member(p, it->end, it->close, 1, &it->name, &it->value);
	return it->at != NULL ? 1 : -1;
}

struct cnt_span
cnt_raw_nth(struct cnt_span text, int index)
{
	struct cnt_raw it;

	if (text.p == NULL || index < 0 || !cnt_raw_walk(&it, text))
		return (struct cnt_span){ 0 };
	do {
		if (cnt_raw_next(&it) != 1)
			return (struct cnt_span){ 0 };
	} while (index-- > 0);
	return it.value;
}

struct cnt_span
cnt_raw_member(struct cnt_span object, const char *name)
{
	struct cnt_raw it;

	if (cnt_raw_walk(&it, object) && it.close == '}')
		while (cnt_raw_next(&it) == 1)
			if (cnt_raw_is(it.name, name))
				return it.value;
	return (struct cnt_span){ 0 };
}

bool
cnt_raw_is(struct cnt_span s, const char *name)
{
	size_t n = strlen(name);

	return s.n == n + 2 && memcmp(s.p + 1, name, n) == 0;
}
