/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as JSON writes it, without a tree: sixteen bytes at a time, since what a command printed may
 * be megabytes. Text is UTF-8 already; only quotes, backslashes and control characters change.
 */
#include "lib/json.h"

#include <endian.h>

#define LONGEST 6			/* \u0000: what one byte becomes */
#define PART	4096			/* escaped into room for the longest */

typedef unsigned char bytes16 __attribute__((vector_size(16)));

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
		size_t part = n < PART ? n : PART;

		cnt_buf_room(b, LONGEST * part);
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
