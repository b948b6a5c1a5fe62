/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns: for paths against a table and against the plainest matcher there is, gitignore's
 * lines, and what search takes as a regular expression.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mcp/box/search/gitignore.h"
#include "mcp/box/search/glob.h"
#include "mcp/box/search/pattern.h"

static void
test_match(void **state CNT_UNUSED)
{
	static const struct { const char *pattern, *text; bool want; } t[] = {
		{ "", "", true }, { "", "a", false }, { "a", "", false }, { "a", "a", true },
		{ "*", "", true }, { "*", "a", true }, { "*", "a/b", false },
		{ "a*", "a", true }, { "*.c", "x.c", true }, { "*.c", "d/x.c", false },
		{ "?", "/", false }, { "**", "a/b/c", true }, { "**/c", "c", true },
		{ "**/c", "a/b/c", true }, { "**/c", "a/bc", false }, { "a/**", "a/b/c", true },
		{ "a/**", "a", false }, { "a/**/b", "a/b", true }, { "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "ab", false }, { "a**b", "axb", true }, { "a**b", "a/b", false },
		{ "***/b", "a/b", true }, { "**/*", "a/b", true }, { "**/*/c", "a/b/c", true },
		{ "**/a/**/b", "x/a/y/a/z/b", true }, { "*/b", "a/b", true },
		{ "*/b", "a/a/b", false }, { "a*b*c", "aXbYbZc", true },
		{ "a*b*c", "ab", false }, { "**/a*b/c", "x/ab/y/aab/c", true },
		{ "[ab]", "b", true }, { "[!ab]", "b", false }, { "[^ab]", "c", true },
		{ "[]a]", "]", true }, { "[!]]", "a", true }, { "[a-c]", "b", true },
		{ "[a-]", "-", true }, { "[-a]", "-", true }, { "[a-c-e]", "d", false },
		{ "[a-c-e]", "-", true }, { "[[:digit:]]", "7", true },
		{ "[[:digit:]", "[", false }, { "[[:digit:]", "1", false },
		{ "[[:no:]]", "a", false }, { "[!a]", "/", false }, { "[/]", "/", false },
		{ "[", "[", false }, { "[a", "a", false }, { "\\*", "*", true },
		{ "\\*", "a", false }, { "a\\", "a", false }, { "[\\]]", "]", true },
		{ "[\\a-\\c]", "b", true }, { "[[:]", ":", true }, { "a/**\\/b", "a/x/b", true },
	};

	for (size_t i = 0; i < nitems(t); i++)
		if (cnt_glob_match(t[i].pattern, t[i].text) != t[i].want)
			fail_msg("%s on %s", t[i].pattern, t[i].text);
}

/* By the definition, whatever time it takes. */
static bool
plain(const char *all, const char *p, const char *t)
{
	const char *end = p + strspn(p, "*");

	if (end - p > 1 && (p == all || p[-1] == '/') && (*end == '\0' || *end == '/')) {
		if (*end == '/' && plain(all, end + 1, t))
			return true;
		for (; *t != '\0'; t++)
			if (plain(all, end, t))
				return true;
		return plain(all, end, t);
	}
	if (end > p) {
		for (; *t != '\0' && *t != '/'; t++)
			if (plain(all, end, t))
				return true;
		return plain(all, end, t);
	}
	if (*p == '\0' || *t == '\0')
		return *p == *t;
	return (*p == *t || (*p == '?' && *t != '/')) && plain(all, p + 1, t + 1);
}

static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void
test_against_plain(void **state CNT_UNUSED)
{
	unsigned seed = 20260731;
	size_t same = 0;

	for (int i = 0; i < 300000; i++) {
		char p[9] = "", t[11] = "";

		for (size_t k = 0, n = next(&seed) % sizeof(p); k < n; k++)
			p[k] = "ab/**?*"[next(&seed) % 7];
		for (size_t k = 0, n = next(&seed) % sizeof(t); k < n; k++)
			t[k] = "ab/a"[next(&seed) % 4];
		if (cnt_glob_match(p, t) != plain(p, p, t))
			fail_msg("%s on %s", p, t);
		same += plain(p, p, t);
	}
	assert_true(same > 10000);
}

/* What makes others take for ever. */
static void
test_time(void **state CNT_UNUSED)
{
	char text[4001];

	memset(text, 'a', sizeof(text) - 1);
	text[4000] = '\0';
	assert_false(cnt_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
	for (size_t i = 1; i < 4000; i += 40)
		text[i] = '/';
	assert_false(cnt_glob_match("**/*a*a*/**/*a*a*/**/*a*a*/**/*a*a*/**/b", text));
}

static bool
takes(const char *pattern, const char *path)
{
	struct cnt_glob g = { 0 };
	struct cnt_err e = { 0 };
	const char *slash = strrchr(path, '/');
	bool r = false;

	assert_int_equal(cnt_glob_make(&g, pattern, "/top/", &e), 0);
	r = cnt_glob_takes(&g, path, slash != NULL ? slash + 1 : path);
	cnt_glob_free(&g);
	return r;
}

static void
test_braces(void **state CNT_UNUSED)
{
	struct cnt_glob g = { 0 };
	struct cnt_err e = { 0 };

	assert_true(takes("*.{c,h}", "src/a.h"));
	assert_false(takes("*.{c,h}", "src/a.o"));
	assert_true(takes("{src,lib}/**/*.{c,h{,pp}}", "lib/x/y.hpp"));
	assert_true(takes("./src/*.c", "src/a.c"));
	assert_true(takes("/a.c", "a.c"));
	assert_false(takes("/a.c", "b/a.c"));
	assert_true(takes("/top/a.c", "a.c"));
	assert_false(takes("/top/a.c", "b/a.c"));
	assert_true(takes("/top/**/a.c", "b/a.c"));
	assert_false(takes("/topmost/a.c", "a.c"));
	assert_true(takes("{a}", "{a}"));
	assert_true(takes("a{b", "a{b"));
	assert_true(takes("\\{a,b\\}", "{a,b}"));
	assert_int_equal(cnt_glob_make(&g, "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", ".",
	    &e), -1);
	assert_int_equal(e.code, CNT_INVALID);
	assert_null(g.p);
}

static bool
ignores(const char *lines, const char *path, bool dir)
{
	struct cnt_ignore *i = cnt_ignore_parse(NULL, lines, strlen(lines), 0);
	const char *slash = strrchr(path, '/');
	bool r = cnt_ignore_decides(i, path, slash != NULL ? slash + 1 : path, dir);

	assert_null(cnt_ignore_free(i));
	return r;
}

static void
test_ignore(void **state CNT_UNUSED)
{
	struct cnt_ignore *up = cnt_ignore_parse(NULL, "*.o\n", 4, 0), *i = NULL;

	assert_true(ignores("*.o\n!keep.o\n", "d/x.o", false));
	assert_false(ignores("*.o\n!keep.o\n", "d/keep.o", false));
	assert_false(ignores("!x\nx\n!x", "x", false));
	assert_true(ignores("/x", "x", false));
	assert_false(ignores("/x", "d/x", false));
	assert_true(ignores("d/x", "d/x", false));
	assert_false(ignores("d/x", "e/d/x", false));
	assert_false(ignores("x/", "x", false));
	assert_true(ignores("x/", "d/x", true));
	assert_false(ignores("# x\nx y\n", "x", false));
	assert_true(ignores("\\#x\r\n", "#x", false));
	assert_true(ignores("x  \n", "x", false));
	assert_true(ignores("x\\ \n", "x ", false));
	assert_true(ignores("\xef\xbb\xbfx\n", "x", false));
	assert_false(ignores("", "x", false));
	i = cnt_ignore_parse(up, "!a.o\n/b\n", 8, 4);
	assert_false(cnt_ignore_decides(i, "sub/a.o", "a.o", false));
	assert_true(cnt_ignore_decides(i, "sub/b.o", "b.o", false));
	assert_true(cnt_ignore_decides(i, "sub/b", "b", false));
	assert_ptr_equal(cnt_ignore_free(i), up);
	cnt_ignore_free(up);
}

/* Where a pattern matches in a text: "from-to", or "-". */
static void
check_find(const char *pattern, const char *text, const char *want)
{
	struct cnt_pattern p;
	struct cnt_err e = { 0 };
	size_t from = 0, to = 0;
	char got[64] = "-";

	if (cnt_pattern_make(&p, pattern, false, false, &e) == -1)
		fail_msg("%s: %s", pattern, e.text);
	p.until = INT64_MAX;
	if (cnt_pattern_find(&p, text, strlen(text), &from, &to))
		snprintf(got, sizeof(got), "%zu-%zu", from, to);
	cnt_pattern_free(&p);
	if (strcmp(got, want) != 0)
		fail_msg("%s on %s: %s, not %s", pattern, text, got, want);
}

static void
test_patterns(void **state CNT_UNUSED)
{
	static const char *const t[][3] = {
		{ "b", "abc", "1-2" }, { "x", "abc", "-" }, { "a.c", "abc\n", "0-3" },
		{ "^b", "a\nb\n", "2-3" }, { "a$", "ab\na\n", "3-4" }, { "a$", "a\r\nb", "0-1" },
		{ "b$", "b\r\n", "0-1" }, { "[bc]$", "a\r\nb\r\n", "3-4" },
		{ "^$", "a\n\nb\n", "2-2" }, { "^$", "a\nb\n", "-" },
		{ "a\\sb", "a\nb a b", "4-7" }, { "a[^x]b", "a\nb", "-" },
		{ "\\d+", "ab12c", "2-4" }, { "\\D", "12c", "2-3" },
		{ "[\\d.]+", "v1.2", "1-4" }, { "[^\\s]+", "  ab", "2-4" },
		{ "[\\w-]+", "+a-b", "1-4" }, { "[]a]+", "x]a", "1-3" },
		{ "[^]a]", "]ax", "2-3" }, { "[\\[\\]]+", "a[]", "1-3" },
		{ "[\\^-]", "a-", "1-2" }, { "[a^]", "^", "0-1" }, { "[\\^]", "^", "0-1" },
		{ "[[:upper:]]", "aB", "1-2" }, { "[a\\-z]+", "b-z", "1-3" },
		{ "(?:ab)+c", "xababc", "1-6" }, { "(?i)ToDo", "a todo", "2-6" },
		{ "foo{", "foo{", "0-4" }, { "a{2}", "caab", "1-3" }, { "a{2,}", "aaa", "0-3" },
		{ "x{,3}y", "x{,3}y", "0-6" }, { "f\\(x\\)", "f(x)", "0-4" },
		{ "\\bb\\b", "ab b", "3-4" }, { "a|b", "xb", "1-2" }, { "(a|b)c", "bc", "0-2" },
		{ "ab?c", "ac", "0-2" }, { "ab*c", "ac", "0-2" }, { "colou?r", "color", "0-5" },
		{ "a+?b", "aab", "0-3" }, { "\\/\\-\\'", "/-'", "0-3" },
		{ "a\\tb", "a\tb", "0-3" }, { "}", "}", "0-1" },
		{ "[\xc3\xa4\xc3\xb6x]+", "a\xc3\xb6x\xc3\xbc", "1-4" },
		{ "\xc3\xa4+", "\xc3\xa4", "0-2" }, { "(ab){0}c", "c", "0-1" },
		{ "[ -~]", "a", "0-1" }, { "$", "", "-" },
	};

	for (size_t i = 0; i < nitems(t); i++)
		check_find(t[i][0], t[i][1], t[i][2]);
}

static void
test_refused(void **state CNT_UNUSED)
{
	static const char *const t[] = { "(a)\\1", "(?=a)", "(?<n>a)", "\\p{L}", "a\\", "(", ")",
		"[a",
		"[z-a]", "[^\xc3\xa4]", "*a", "a\nb", "((a{200}){200}){200}", "[[.a.]]", "\\Z" };
	struct cnt_pattern p;

	for (size_t i = 0; i < nitems(t); i++) {
		struct cnt_err e = { 0 };

		if (cnt_pattern_make(&p, t[i], false, false, &e) != -1)
			fail_msg("%s is taken", t[i]);
		assert_int_equal(e.code, CNT_INVALID);
		assert_string_not_equal(e.hint, "");
	}
}

/* A line of a megabyte, of which every byte is a start. */
static void
test_long_line(void **state CNT_UNUSED)
{
	size_t n = 1 << 20, from = 0, to = 0;
	char *line CNT_FREE = cnt_alloc(n + 1);
	struct cnt_pattern p;
	struct cnt_err e = { 0 };

	memset(line, 'a', n);
	assert_int_equal(cnt_pattern_make(&p, "(a|b)*(c|dd)", false, false, &e), 0);
	p.until = INT64_MAX;
	assert_false(cnt_pattern_find(&p, line, n, &from, &to));
	line[699000] = '\0';
	line[700000] = 'c';
	assert_true(cnt_pattern_find(&p, line, n, &from, &to));
	assert_int_equal(to, 700001);
	p.until = 0;
	assert_false(cnt_pattern_find(&p, line, n, &from, &to));
	assert_true(p.late);
	cnt_pattern_free(&p);
}

/* A long line is looked at in parts, whose ends are no borders of words nor of the line. */
static void
test_long_borders(void **state CNT_UNUSED)
{
	static const struct {
		const char *pattern;
		size_t at;
		char after;
		const char *want;
	} t[] = {
		{ "\\bfoo", 12288, 'x', "-" },
		{ "^foo", 12288, 'x', "-" }, { "foo\\b", 16381, 'x', "-" },
		{ "foo\\>", 16381, 'x', "-" }, { "foo\\b", 16381, ' ', "16381-16384" },
		{ "foo$", 16381, 'x', "-" }, { "foo$", 29997, '\0', "29997-30000" },
		{ "x\\b|xfoo$", 29997, '\0', "29996-30000" },
		{ "xfoo+x", 20000, 'x', "19999-20004" }, { "x\\Bfoo\\Bx", 4094, 'x', "4093-4098" },
	};
	char *line CNT_FREE = cnt_alloc(30001);

	for (size_t i = 0; i < nitems(t); i++) {
		memset(line, 'x', 30000);
		line[30000] = '\0';
		memcpy(line + t[i].at, "foo", 3);
		line[t[i].at + 3] = t[i].after;
		check_find(t[i].pattern, line, t[i].want);
	}
	check_find("[^x]foo+x", line, "-");
}

/* A literal at every place of a text, in both cases. */
static void
test_literal(void **state CNT_UNUSED)
{
	char text[200];
	size_t from = 0, to = 0;
	struct cnt_pattern p;
	struct cnt_err e = { 0 };

	for (int either = 0; either < 2; either++)
		for (size_t at = 0; at + 6 <= sizeof(text); at++) {
			memset(text, 'z', sizeof(text));
			memcpy(text + at, either ? "NeedLe" : "needle", 6);
			cnt_pattern_make(&p, "needle", true, either == 1, &e);
			assert_true(cnt_pattern_find(&p, text, sizeof(text), &from, &to));
			assert_int_equal(from, at);
			assert_false(cnt_pattern_find(&p, text, at + 5, &from, &to));
			cnt_pattern_free(&p);
		}
	cnt_pattern_make(&p, "zz", true, false, &e);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 && i != 44 ? 'y' : 'z';
	assert_true(cnt_pattern_find(&p, text, sizeof(text), &from, &to));
	assert_int_equal(from, 43);
	cnt_pattern_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match), cmocka_unit_test(test_against_plain),
		cmocka_unit_test(test_time), cmocka_unit_test(test_braces),
		cmocka_unit_test(test_ignore), cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_long_borders), cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
