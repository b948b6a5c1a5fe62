/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text walked in place: what is JSON and what is not, members by place, and no read beyond the
 * end (the texts lie at the end of a page that is followed by none).
 */
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base.h"
#include "mcp/raw.h"

#define PAGE 65536UL

static char *page;

static struct cnt_span
at_end(const char *text)
{
	size_t n = strlen(text);
	char *p = page + PAGE - n;

	memcpy(p, text, n);
	return (struct cnt_span){ p, n };
}

static int
map(void **state CNT_UNUSED)
{
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? -1 : mprotect(page + PAGE, PAGE, PROT_NONE);
}

static const char *const good[] = {
	"0", "-0", "1", "-1.5", "1e9", "1E-9", "0.0e+1", "true", "false", "null", "\"\"",
	"\"\\u00e9\\n\"",
	"\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"",
	"{}", "[]", "[[]]", " [ 1 , { \"a\" : [ ] } ] ", "{\"a\":1,\"a\":2}",
	"\t\r\n{\"\":\"\"}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", NULL
};
static const char *const bad[] = {
	"", " ", "-", "01", "1.", ".5", "1e", "1e+", "+1", "tru", "truex", "nul", "\"", "\"\\\"",
	"\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\x\"", "\"\\ud83d\\u", "\"\t\"",
	"{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]",
	"{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "[1 2]",
	"{}{}", "1 1", "\v1", "\xef\xbb\xbf{}", NULL
};

static void
grammar(void **state CNT_UNUSED)
{
	for (size_t i = 0; good[i] != NULL; i++)
		if (!cnt_raw_check(at_end(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; bad[i] != NULL; i++)
		if (cnt_raw_check(at_end(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

/* Every prefix of a text is looked at without a read beyond it, and is no JSON. */
static void
prefixes(void **state CNT_UNUSED)
{
	static const char text[] =
	    "{\"a\":[1,-2.5e+3,\"\\ud83d\\ude00\\n\"],"
	    "\"b\":{\"c\":true,\"d\":null},\"e\":\"\\u00e9\"}";
	char part[sizeof(text)];

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		memcpy(part, text, n);
		part[n] = '\0';
		assert_false(cnt_raw_check(at_end(part)));
	}
	assert_true(cnt_raw_check(at_end(text)));
}

static void
depth(void **state CNT_UNUSED)
{
	char text[2 * CNT_RAW_DEPTH + 3];

	for (int n = CNT_RAW_DEPTH; n <= CNT_RAW_DEPTH + 1; n++) {
		memset(text, '[', (size_t)n);
		memset(text + n, ']', (size_t)n);
		text[(ptrdiff_t)2 * n] = '\0';
		assert_int_equal(cnt_raw_check(at_end(text)), n == CNT_RAW_DEPTH);
	}
}

static void
members(void **state CNT_UNUSED)
{
	struct cnt_span all = at_end("{ \"a\" : 9007199254740993 ,"
	    "\"b\":[ \"}\" ], \"a\\u0062\":{}}");
	struct cnt_raw it;
	struct cnt_span v;

	v = cnt_raw_nth(all, 0);
	assert_int_equal(v.n, 16);
	assert_memory_equal(v.p, "9007199254740993", 16);
	v = cnt_raw_nth(all, 1);
	assert_memory_equal(v.p, "[ \"}\" ]", v.n);
	assert_null(cnt_raw_nth(all, 3).p);
	assert_null(cnt_raw_nth(all, -1).p);
	assert_null(cnt_raw_nth(v, 1).p);
	assert_true(cnt_raw_walk(&it, all));
	assert_int_equal(cnt_raw_next(&it), 1);
	assert_true(cnt_raw_is(it.name, "a"));
	assert_false(cnt_raw_is(it.name, "ab"));
	assert_int_equal(cnt_raw_next(&it), 1);
	assert_int_equal(cnt_raw_next(&it), 1);
	assert_false(cnt_raw_is(it.name, "ab"));
	assert_int_equal(cnt_raw_next(&it), 0);
	assert_int_equal(cnt_raw_next(&it), 0);
	assert_false(cnt_raw_walk(&it, at_end("1")));
	assert_true(cnt_raw_walk(&it, at_end("{\"a\":1} x")));
	assert_int_equal(cnt_raw_next(&it), 1);
	assert_int_equal(cnt_raw_next(&it), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grammar), cmocka_unit_test(prefixes), cmocka_unit_test(depth),
		cmocka_unit_test(members),
	};

	return cmocka_run_group_tests(tests, map, NULL);
}
