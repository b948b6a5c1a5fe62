/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 as Unicode 15 defines it (table 3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF. What comes from files and commands may be anything; what goes out is always valid.
 */
#include "lib/json.h"

/* Length of the well-formed sequence at s, or 0; *part is the length of the maximal ill-formed
 * part. */
static size_t
sequence(const unsigned char *s, size_t n, size_t *part)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t want = 0, i = 1;

	*part = 1;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		want = 2;
	} else if ((s[0] & 0xf0) == 0xe0) {
		want = 3;
		lo = s[0] == 0xe0 ? 0xa0 : 0x80;
		hi = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		want = 4;
		lo = s[0] == 0xf0 ? 0x90 : 0x80;
		hi = s[0] == 0xf4 ? 0x8f : 0xbf;
	}
	for (; i < want && i < n && s[i] >= lo && s[i] <= hi; i++) {
		lo = 0x80;
		hi = 0xbf;
	}
	*part = i;
	return i == want ? want : 0;
}

size_t
cnt_utf8_valid(const char *s, size_t n)
{
	size_t i = 0, len = 0, part = 0;

	while (i < n) {
		uint64_t word = 0;

		/* Eight ASCII bytes at a time: most of what is read is ASCII. */
		while (n - i >= 8 && (memcpy(&word, s + i, 8), (word & 0x8080808080808080u) == 0))
			i += 8;
		if (i >= n)
			break;
		len = sequence((const unsigned char *)s + i, n - i, &part);
		if (len == 0)
			return i;
		i += len;
	}
	return i;
}

size_t
cnt_utf8_control(const char *s)
{
	unsigned char c = (unsigned char)s[0];

	if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
		return 2;
	return (c < 0x20 && c != '\0') || c == 0x7f ? 1 : 0;
}

size_t
cnt_utf8_unfinished(const char *s, size_t n)
{
	for (size_t i = 1; i <= 3 && i <= n; i++) {
		const unsigned char *p = (const unsigned char *)s + n - i;
		size_t part = 0;

		if (!cnt_utf8_continues(s[n - i]))
			return *p >= 0xc2 && *p <= 0xf4 && sequence(p, i, &part) == 0 &&
			    part == i ? i : 0;
	}
	return 0;
}

int
cnt_utf8_cut(const char *s, size_t max)
{
	size_t n = strnlen(s, max);

	return (int)(n - cnt_utf8_unfinished(s, n));
}

bool
cnt_utf8_add(struct cnt_buf *b, const char *s, size_t n)
{
	bool clean = true;

	for (;;) {
		size_t good = cnt_utf8_valid(s, n), part = 0;

		cnt_buf_add(b, s, good);
		s += good;
		n -= good;
		if (n == 0)
			return clean;
		clean = false;
		sequence((const unsigned char *)s, n, &part);
		cnt_buf_adds(b, "\xef\xbf\xbd");
		s += part;
		n -= part;
	}
}
