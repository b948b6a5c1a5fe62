/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model reads: cuts between code points, base64 (RFC 4648 vectors), stripped escapes,
 * sizes in JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "mcp/box/text.h"

static void
test_prefix(void **state CNT_UNUSED)
{
	const char s[] = "a\xc3\xa9\xf0\x9f\x98\x80z";	/* 1, 2, 4 and 1 bytes */
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8 };

	for (size_t max = 0; max < nitems(want); max++)
		assert_int_equal(cnt_text_prefix(s, 8, max), want[max]);
	assert_int_equal(cnt_text_prefix(s, 8, 100), 8);
}

static void
test_fits(void **state CNT_UNUSED)
{
	const char s[] = "a\n\x01\"\xc3\xa9";		/* 1 + 2 + 6 + 2 + 2 */
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_json_quote(&b, s, 6);
	for (size_t max = 0; max < 20; max++) {
		size_t left = max, n = cnt_text_fits(s, 6, &left, 1);
		struct cnt_buf q CNT_BUF = { 0 };

		cnt_json_quote(&q, s, n);
		assert_true(q.n - 2 <= max);
		if (max >= b.n - 2) {
			assert_int_equal(n, 6);
			assert_int_equal(left, max - (b.n - 2));
		}
	}
}

static void
check_plain(const char *from, size_t n, const char *to, bool exact)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "");
	assert_int_equal(cnt_text_add(&b, from, n, false), exact);
	assert_string_equal(b.p, to);
}

static void
test_plain(void **state CNT_UNUSED)
{
	static const struct { const char *from, *to; } t[] = {
		{ "plain \t\r\n", "plain \t\r\n" },
		{ "\033[0m", "" }, { "\033[38;5;1mx", "x" }, { "\033[?25lx", "x" },
		{ "\033]0;t\ax", "x" }, { "\033]0;t\033\\x", "x" }, { "\033Pq\033\\x", "x" },
		{ "\033(Bx", "x" }, { "\033Mx", "x" }, { "\033", "" }, { "a\033[1", "a" },
		{ "\a\b\x7f\x0cx", "x" }, { "\xc2\x9b" "1mx", "1mx" }, { "\xc2\xa0x", "\xc2\xa0x" },
		{ "\033]never ends\nx", "\nx" },
	};

	for (size_t i = 0; i < nitems(t); i++)
		check_plain(t[i].from, strlen(t[i].from), t[i].to, true);
	check_plain("a\0b", 3, "a\xef\xbf\xbd" "b", false);
	check_plain("a\xff", 2, "a\xef\xbf\xbd", false);
}

static void
test_cuts(void **state CNT_UNUSED)
{
	const char s[] = "a\xc3\xa9\033[1mb\033]0;t\033\\c";	/* escapes at 3 and at 8 */
	static const size_t start[] = { 0, 1, 3, 3, 7, 7, 7, 7, 8, 15, 15, 15, 15, 15, 15, 15, 16 };
	static const size_t open[] = { 0, 0, 1, 0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 5, 1, 0, 0 };

	for (size_t at = 0; at < nitems(start); at++) {
		assert_int_equal(cnt_text_start(s, 16, at), start[at]);
		assert_int_equal(cnt_text_unfinished(s, at), open[at]);
	}
	assert_int_equal(cnt_text_start("\x80\x80\x80\x80", 4, 0), 3);
}

static void
test_base64(void **state CNT_UNUSED)
{
	static const struct { const char *bytes, *text; } t[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Z===", "=", "====", "Zm9v=",
	    "Zg==Zg==", "Zm9-", "Zm=9" };

	for (size_t i = 0; i < nitems(t); i++) {
		struct cnt_buf e CNT_BUF = { 0 }, d CNT_BUF = { 0 };

		cnt_base64_add(&e, t[i].bytes, strlen(t[i].bytes));
		assert_string_equal(e.p, t[i].text);
		assert_int_equal(cnt_base64_decode(&d, t[i].text), 0);
		assert_string_equal(d.p, t[i].bytes);
	}
	for (size_t i = 0; i < nitems(bad); i++) {
		struct cnt_buf d CNT_BUF = { 0 };

		assert_int_equal(cnt_base64_decode(&d, bad[i]), -1);
	}
}

static void
test_time(void **state CNT_UNUSED)
{
	char text[32];

	cnt_text_time((struct timespec){ .tv_sec = 1795304846, .tv_nsec = 7999999 }, text);
	assert_string_equal(text, "2026-11-21T23:47:26.007Z");
	cnt_text_duration(3999, text);
	assert_string_equal(text, "3 ms");
	cnt_text_duration(1240000, text);
	assert_string_equal(text, "1.24 s");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix), cmocka_unit_test(test_fits),
		cmocka_unit_test(test_plain), cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_base64), cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
