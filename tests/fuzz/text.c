/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model reads of any bytes: valid UTF-8 without controls and terminal escapes, never longer
 * than its bound, and base64 that comes back byte for byte.
 */
#include "lib/base64.h"

#include "mcp/box/text.h"
#include "tests/fuzz/fuzz.h"

/* Table 3-7 once more, by code points. */
static bool
is_utf8(const uint8_t *s, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	for (size_t i = 0; i < n;) {
		size_t len = s[i] < 0x80 ? 1 : s[i] < 0xc0 ? 0 : s[i] < 0xe0 ? 2 : s[i] < 0xf0 ? 3 :
		    s[i] < 0xf8 ? 4 : 0;
		uint32_t c = len == 1 ? s[i] : s[i] & (0x7fU >> len);

		if (len == 0 || n - i < len)
			return false;
		for (size_t k = 1; k < len; k++) {
			if ((s[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (s[i + k] & 0x3f);
		}
		if (c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
			return false;
		i += len;
	}
	return true;
}

static size_t
in_json(const char *s, size_t n, size_t high)
{
	struct cnt_buf b CNT_BUF = { 0 };
	size_t used = 0;

	cnt_json_escape(&b, s, n);
	for (size_t i = 0; i < b.n; i++)
		used += (unsigned char)b.p[i] >= 0x80 ? high : 1;
	return used;
}

static size_t
code_point(const char *s)
{
	unsigned char c = (unsigned char)s[0];

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static void
cuts(const char *s, size_t n, size_t max)
{
	size_t cut = cnt_text_prefix(s, n, max);

	must(cut <= n && cut <= max && cnt_utf8_valid(s, cut) == cut);
	must(cut == n || cut + code_point(s + cut) > max);
	for (size_t high = 1; high <= 3; high += 2) {
		size_t left = max, fits = cnt_text_fits(s, n, &left, high);

		must(fits <= n && cnt_utf8_valid(s, fits) == fits && left <= max);
		must(in_json(s, fits, high) <= max - left);
		if (fits == n)
			must(left == max - in_json(s, n, high));
		else
			must(in_json(s, fits + code_point(s + fits), high) > max);
	}
}

static void
shown(const char *s, size_t n)
{
	struct cnt_buf plain CNT_BUF = { 0 }, twice CNT_BUF = { 0 }, raw CNT_BUF = { 0 };
	bool exact = cnt_text_add(&plain, s, n, false);
	bool valid = is_utf8((const uint8_t *)s, n);

	must((cnt_utf8_valid(s, n) == n) == valid);
	must(is_utf8((const uint8_t *)s, cnt_utf8_valid(s, n)));
	must(cnt_text_add(&raw, s, n, true) == valid);
	must(is_utf8((const uint8_t *)raw.p, raw.n));
	must(!valid || (raw.n == n && (n == 0 || memcmp(raw.p, s, n) == 0)));
	must(valid || !exact);
	must(is_utf8((const uint8_t *)plain.p, plain.n) && plain.n <= 3 * n);
	for (size_t i = 0; i < plain.n; i++) {
		unsigned char c = (unsigned char)plain.p[i];

		must(c >= 0x20 || c == '\t' || c == '\n' || c == '\r');
		must(c != 0x7f && !(c == 0xc2 && (unsigned char)plain.p[i + 1] < 0xa0));
	}
	must(cnt_text_add(&twice, plain.p, plain.n, false));
	must(twice.n == plain.n && (plain.n == 0 || memcmp(twice.p, plain.p, plain.n) == 0));
}

/* Outside of an escape a NUL is shown, and with it that bytes are missing; it is part of none. */
static void
nul_is_shown(const char *s, size_t n)
{
	struct cnt_buf b CNT_BUF = { 0 };
	const char *nul = n > 0 ? memchr(s, '\0', n) : NULL;
	const char *escape = nul != NULL ? memchr(s, '\033', (size_t)(nul - s)) : NULL;

	if (nul == NULL || (escape != NULL && escape != nul - 1))
		return;
	must(!cnt_text_add(&b, s, n, false) && strstr(b.p, "\xef\xbf\xbd") != NULL);
}

static void
some(const char *s, size_t n, size_t limit, bool last, bool raw)
{
	size_t part = cnt_text_some(s, n, limit, last, raw), most = n < limit ? n : limit;
	struct cnt_buf text CNT_BUF = { 0 };

	must(part <= most);
	cnt_text_add(&text, last ? s + n - part : s, part, raw);
	must(text.n <= limit);
	must(last || !raw || !is_utf8((const uint8_t *)s, n) || part + CNT_ESCAPE_MAX >= most);
}

/* Two pages are shown as one, and what is shown from anywhere on is the end of all. */
static void
paged(const char *s, size_t n, size_t max)
{
	struct cnt_buf whole CNT_BUF = { 0 }, pages CNT_BUF = { 0 }, end CNT_BUF = { 0 };
	size_t at = max < n ? max : n, half = cnt_text_unfinished(s, at);
	size_t start = cnt_text_start(s, n, at);

	must(half <= at && start >= at && start <= n);
	if (at > CNT_ESCAPE_MAX || !is_utf8((const uint8_t *)s, n))
		return;
	cnt_text_add(&whole, s, n, false);
	cnt_text_add(&pages, s, at - half, false);
	cnt_text_add(&pages, s + at - half, n - at + half, false);
	cnt_text_add(&end, s + start, n - start, false);
	must(pages.n == whole.n && (whole.n == 0 || memcmp(pages.p, whole.p, whole.n) == 0));
	must(end.n <= whole.n &&
	    (end.n == 0 || memcmp(end.p, whole.p + whole.n - end.n, end.n) == 0));
}

static void
base64(const char *s, size_t n)
{
	struct cnt_buf text CNT_BUF = { 0 }, back CNT_BUF = { 0 }, any CNT_BUF = { 0 };
	char *given CNT_FREE = cnt_alloc(n + 1);

	cnt_base64_add(&text, s, n);
	must(text.n == (n + 2) / 3 * 4);
	must(cnt_base64_decode(&back, text.n > 0 ? text.p : "") == 0);
	must(back.n == n && (n == 0 || memcmp(back.p, s, n) == 0));
	if (n > 0)
		memcpy(given, s, n);
	if (cnt_base64_decode(&any, given) == 0)
		must(any.n <= n / 4 * 3 + 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t max = pick(&data, &n, 255);
	struct cnt_buf valid CNT_BUF = { 0 };
	const char *s = n > 0 ? (const char *)data : "";

	shown(s, n);
	nul_is_shown(s, n);
	cnt_utf8_add(&valid, s, n);
	cuts(valid.p != NULL ? valid.p : "", valid.n, max);
	for (int way = 0; way < 4; way++)
		some(s, n, max, way % 2 == 1, way / 2 == 1);
	paged(s, n, max);
	paged(valid.p != NULL ? valid.p : "", valid.n, max);
	base64(s, n);
	return 0;
}
