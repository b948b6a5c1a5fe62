/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model reads: always valid UTF-8, cut between code points, without what only a terminal
 * understands. The bytes come from commands and files and may be anything.
 */
#include "mcp/box/text.h"

#include <signal.h>
#include <time.h>

static const char replacement[] = "\xef\xbf\xbd";
static bool facts_wanted;

size_t
cnt_text_prefix(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && cnt_utf8_continues(s[max]))
		max--;
	return max;
}

/* Bytes that one byte takes in JSON. */
static const uint8_t escaped[256] = {
	[0x00 ... 0x07] = 6, ['\b'] = 2, ['\t'] = 2, ['\n'] = 2, ['\v'] = 6, ['\f'] = 2, ['\r'] = 2,
	[0x0e ... 0x1f] = 6, [0x20 ... 0x21] = 1, ['"'] = 2, [0x23 ... 0x5b] = 1, ['\\'] = 2,
	[0x5d ... 0xff] = 1,
};

size_t
cnt_text_fits(const char *s, size_t n, size_t *max, size_t high)
{
	size_t i = 0, used = 0;

	for (; i < n && used <= *max; i++) {
		size_t left = n - i < *max - used ? n - i : *max - used;
		size_t plain = high == 1 && left > 0 ? cnt_json_plain(s + i, left - 1) : 0;

		i += plain;
		used += plain;
		used += (s[i] & 0x80) != 0 ? high : escaped[(unsigned char)s[i]];
	}
	if (used > *max) {
		i = cnt_text_prefix(s, n, i - 1);
		used = *max;
	}
	*max -= used;
	return i;
}

/* Length of the terminal escape at s (s[0] is ESC), at least 1. ECMA-48: CSI, strings (OSC,
 * DCS, SOS, PM, APC) up to ST or BEL, and ESC with intermediates. */
static size_t
escape_length(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return n;
	if (s[1] == '[') {
		while (i < n && s[i] >= 0x20 && s[i] <= 0x3f)
			i++;
		return i < n && s[i] >= 0x40 && s[i] <= 0x7e ? i + 1 : i;
	}
	if (s[1] != '\0' && strchr("]PX^_", s[1]) != NULL) {
		while (i < n && s[i] != '\a' && s[i] != '\033' && s[i] != '\n')
			i++;
		if (i < n && s[i] == '\033')
			return i + 1 < n && s[i + 1] == '\\' ? i + 2 : i;
		return i < n && s[i] == '\a' ? i + 1 : i;
	}
	i = 1;
	while (i < n && s[i] >= 0x20 && s[i] <= 0x2f)
		i++;
	return i < n && s[i] >= 0x30 && s[i] <= 0x7e ? i + 1 : i;
}

/* Where the escape begins that a cut at n may fall into; n: there is none. */
static size_t
last_escape(const char *s, size_t n)
{
	for (size_t i = 1; i <= CNT_ESCAPE_MAX && i <= n && s[n - i] != '\n'; i++)
		if (s[n - i] == '\033')
			return n - i;
	return n;
}

size_t
cnt_text_start(const char *s, size_t n, size_t at)
{
	size_t from = last_escape(s, at);
	size_t end = from < at ? from + escape_length(s + from, n - from) : at;

	at = end > at ? end : at;
	for (int i = 0; i < 3 && at < n && cnt_utf8_continues(s[at]); i++)
		at++;
	return at;
}

/* An escape is open when a letter would still be its. */
size_t
cnt_text_unfinished(const char *s, size_t n)
{
	char escape[CNT_ESCAPE_MAX + 1];
	size_t k = n - last_escape(s, n);

	if (k == 0)
		return cnt_utf8_unfinished(s, n);
	memcpy(escape, s + n - k, k);
	escape[k] = 'm';
	return escape_length(escape, k + 1) > k ? k : cnt_utf8_unfinished(s, n);
}

/* Is the character at s a control that text has no use for? C1 controls are C2 80 to C2 9F. */
static size_t
control_length(const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];

	if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
		return 1;
	if (c == 0x7f)
		return 1;
	return c == 0xc2 && n > 1 && (unsigned char)s[1] < 0xa0 ? 2 : 0;
}

static bool
add_plain(struct cnt_buf *to, const char *s, size_t n)
{
	size_t from = 0, i = 0;
	bool exact = true;

	while (i < n) {
		size_t skip = s[i] == '\033' ? escape_length(s + i, n - i) :
		    control_length(s + i, n - i);

		if (skip == 0) {
			i++;
			continue;
		}
		cnt_buf_add(to, s + from, i - from);
		if (s[i] == '\0') {
			cnt_buf_adds(to, replacement);
			exact = false;
		}
		i += skip;
		from = i;
	}
	cnt_buf_add(to, s + from, n - from);
	return exact;
}

bool
cnt_text_add(struct cnt_buf *to, const char *s, size_t n, bool raw)
{
	struct cnt_buf valid CNT_BUF = { 0 };
	bool exact = true;

	if (n == 0)
		s = "";
	if (raw)
		return cnt_utf8_add(to, s, n);
	if (cnt_utf8_valid(s, n) == n)
		return add_plain(to, s, n);
	exact = cnt_utf8_add(&valid, s, n);
	return add_plain(to, valid.p, valid.n) && exact;
}

size_t
cnt_text_some(const char *s, size_t n, size_t limit, bool last, bool raw)
{
	for (size_t some = n < limit ? n : limit;;) {
		size_t from = last ? cnt_text_start(s, n, n - some) : 0;
		size_t end = last ? n : some - (some < n ? cnt_text_unfinished(s, some) : 0);
		struct cnt_buf text CNT_BUF = { 0 };

		cnt_text_add(&text, s + from, end - from, raw);
		if (text.n <= limit)
			return end - from;
		some = some * limit / text.n;
	}
}

static char *
put_number(char *to, int value, int digits, char after)
{
	for (int i = digits; i > 0; i--, value /= 10)
		to[i - 1] = (char)('0' + value % 10);
	to[digits] = after;
	return to + digits + 1;
}

/* By hand, since a listing has ten thousand of them. */
void
cnt_text_time(struct timespec t, char text[32])
{
	struct tm tm = { 0 };

	gmtime_r(&t.tv_sec, &tm);
	text = put_number(text, tm.tm_year + 1900, 4, '-');
	text = put_number(text, tm.tm_mon + 1, 2, '-');
	text = put_number(text, tm.tm_mday, 2, 'T');
	text = put_number(text, tm.tm_hour, 2, ':');
	text = put_number(text, tm.tm_min, 2, ':');
	text = put_number(text, tm.tm_sec, 2, '.');
	text = put_number(text, (int)(t.tv_nsec / 1000000), 3, 'Z');
	*text = '\0';
}

void
cnt_text_duration(int64_t us, char text[32])
{
	if (us < 1000000)
		snprintf(text, 32, "%d ms", (int)(us / 1000));
	else
		snprintf(text, 32, "%.2f s", (double)us / 1e6);
}

void
cnt_text_size(int64_t bytes, char text[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t u = 0;

	for (; n >= 1024 && u + 1 < nitems(units); u++)
		n /= 1024;
	snprintf(text, 32, "%.*f %s", n < 10 && n != (double)(int)n ? 1 : 0, n, units[u]);
}

/* Of a real-time signal the C library knows no name, and of 32 and 33, its own, nothing. */
void
cnt_text_signal(int sig, char text[32])
{
	const char *known = sigabbrev_np(sig);

	if (known != NULL)
		snprintf(text, 32, "%s", known);
	else if (sig == SIGRTMIN)
		snprintf(text, 32, "RTMIN");
	else if (sig > SIGRTMIN && sig <= SIGRTMAX)
		snprintf(text, 32, "RTMIN+%d", sig - SIGRTMIN);
	else
		snprintf(text, 32, "%d", sig);
}

void
cnt_text_want_facts(void)
{
	facts_wanted = true;
}

void
cnt_text_fact(cJSON *facts, const char *name, const struct cnt_buf *text)
{
	if (facts_wanted)
		cnt_json_set_str(facts, name, text->p != NULL ? text->p : "");
}
