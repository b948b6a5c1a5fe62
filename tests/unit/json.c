/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict door: what RFC 8259 allows and cnt refuses, what cJSON would let through, and UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/json.h"

static bool
parses(const char *text, size_t n)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(text, n, &e);

	assert_true(j != NULL || e.code == CNT_INVALID);
	return j != NULL;
}

static void
accepts(void **state CNT_UNUSED)
{
	static const char *const good[] = {
		"null", " [1, -0, 0.5, 1e3, 1E+2, 1e-7] ", "{\"a\":{\"a\":1}}",
		    "\"\\u00e9\\ud83d\\ude00\"",
		"\"\xc3\xa9\xf0\x9f\x98\x80\"", "{\"a\":1,\"A\":2}", "\"\\\\u0000\"",
		    "9007199254740993",
		"[[[[[[[[[[1]]]]]]]]]]", "\r\n\t {} \r\n", "\"\x7f\"",
	};

	for (size_t i = 0; i < nitems(good); i++)
		if (!parses(good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
}

static void
refuses(void **state CNT_UNUSED)
{
	static const char *const bad[] = {
		"", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "[{\"b\":1,\"b\":1}]",
		    "01", "-01",
		"1.", ".5", "2.e3", "+1", "1e400", "-1e400", "NaN", "nul", "{} {}", "1 2", "'a'",
		    "{a:1}",
		"\"\\u0000\"", "{\"a\\u0000b\":1}", "\"\t\"", "\"\\x41\"", "\"\\ud83d\"",
		    "\"\\ude00\"", "\"\\ud83d\\ud83d\"",
		"\"\\ug000\"", "\"a\\u00g0b\"", "\"\\u00",
		    "\xef\xbb\xbf{}",
		"\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xff\"",
		    "\"\xc3\"", "[1\f]",
		"\"abc", "[\"a\"", "]", "{\"a\"}", "{\"a\":}", "-",
	};

	for (size_t i = 0; i < nitems(bad); i++)
		if (parses(bad[i], strlen(bad[i])))
			fail_msg("accepted: %s", bad[i]);
	assert_false(parses("[1]\0", 4));
	assert_false(parses("\"a\0b\"", 5));
}

static void
bounds_depth(void **state CNT_UNUSED)
{
	char text[2 * 100001] = "";

	memset(text, '[', CNT_JSON_DEPTH);
	memset(text + CNT_JSON_DEPTH, ']', CNT_JSON_DEPTH);
	assert_true(parses(text, (size_t)2 * CNT_JSON_DEPTH));
	memset(text, '[', CNT_JSON_DEPTH + 1);
	memset(text + CNT_JSON_DEPTH + 1, ']', CNT_JSON_DEPTH + 1);
	assert_false(parses(text, 2 * CNT_JSON_DEPTH + 2));
	memset(text, '[', 100000);
	memset(text + 100000, ']', 100000);
	assert_false(parses(text, 200000));
}

/* What stands at p in a text of mcp/corpus.txt: %{N:TEXT}, %HH, or itself. Returns its length. */
static size_t
add_piece(struct cnt_buf *b, const char *p)
{
	char again[16];
	unsigned byte = 0;
	int times = 0, n = 0;

	if (sscanf(p, "%%{%d:%15[^}]}%n", &times, again, &n) == 2 && n > 0) {
		while (times-- > 0)
			cnt_buf_adds(b, again);
		return (size_t)n;
	}
	if (sscanf(p, "%%%2x%n", &byte, &n) == 1)
		cnt_buf_add(b, &(char){ (char)byte }, 1);
	else
		cnt_buf_add(b, p, 1);
	return n > 0 ? (size_t)n : 1;
}

static void
takes_of_the_corpus_what_it_says(void **state CNT_UNUSED)
{
	FILE *here = fopen("mcp/corpus.txt", "re");
	FILE *f CNT_FILE = here != NULL ? here : fopen("tests/mcp/corpus.txt", "re");
	char line[512];
	int cases = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct cnt_buf text CNT_BUF = { 0 };
		const char *p = strchr(line + 3, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		while (p != NULL && *++p != '\0')
			p += add_piece(&text, p) - 1;
		if (parses(text.n > 0 ? text.p : "", text.n) != (line[1] == '+'))
			fail_msg("%s", line);
		cases++;
	}
	assert_int_equal(cases, 318);
}

static void
bounds_values(void **state CNT_UNUSED)
{
	size_t n = 1 + (size_t)2 * CNT_JSON_VALUES;
	char *text CNT_FREE = cnt_alloc(n);

	for (size_t i = 0; i + 1 < n; i += 2)
		memcpy(text + i, ",1", 2);
	text[0] = '[';
	text[n - 1] = ']';
	assert_false(parses(text, n));		/* the array, and as many values in it */
	text[n - 3] = ']';
	assert_true(parses(text, n - 2));
}

static void
prints_integers_exactly(void **state CNT_UNUSED)
{
	static const int64_t values[] = { 0, -1, 999999999999999, 1000000000000000,
	    9007199254740993,
		INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < nitems(values); i++) {
		cJSON *j CNT_JSON = cJSON_CreateObject();
		char *text CNT_FREE = NULL, *want CNT_FREE = NULL;

		cnt_json_set_int(j, "n", values[i]);
		text = cnt_json_print(j);
		want = cnt_format("{\"n\":%lld}", (long long)values[i]);
		assert_string_equal(text, want);
		assert_true(cnt_json_int(j, "n", 5) == values[i]);
	}
}

static void
mends_utf8(void **state CNT_UNUSED)
{
	struct cnt_buf b CNT_BUF = { 0 };

	assert_true(cnt_utf8_add(&b, "ok \xe2\x82\xac", 6));
	assert_false(cnt_utf8_add(&b, "\xe2\x82(\xff)", 5));
	assert_string_equal(b.p, "ok \xe2\x82\xac\xef\xbf\xbd(\xef\xbf\xbd)");
	assert_int_equal(cnt_utf8_valid("abcdefgh\xe2\x82\xac\xe2\x82", 13), 11);
	assert_int_equal(cnt_utf8_unfinished("a\xe2\x82", 3), 2);
	assert_int_equal(cnt_utf8_unfinished("\xf0\x9f\x98", 3), 3);
	for (int c = 0; c < 256; c++)
		assert_int_equal(cnt_utf8_unfinished((char[]){ (char)c }, 1), c > 0xc1 && c < 0xf5);
	for (size_t n = 0; n <= 3; n++)
		assert_int_equal(cnt_utf8_unfinished("\xe2\x82\xac", n), n % 3);
	assert_int_equal(cnt_utf8_unfinished("\xe0\x80", 2), 0);
	assert_int_equal(cnt_utf8_unfinished("\x80\x80\x80\x80", 4), 0);
}

static void
quotes(void **state CNT_UNUSED)
{
	static const char raw[] = "a\"b\\c\n\x01\x7f\xc3\xa9/";
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = NULL;

	cnt_json_quote(&b, raw, sizeof(raw) - 1);
	assert_string_equal(b.p, "\"a\\\"b\\\\c\\n\\u0001\x7f\xc3\xa9/\"");
	j = cnt_json_parse(b.p, b.n, &e);
	assert_non_null(j);
	assert_string_equal(j->valuestring, raw);
}

static void
finds_what_is_not_plain(void **state CNT_UNUSED)
{
	static const char special[] = "\"\\\n\x1f\x01\0";
	char text[48];

	for (size_t n = 0; n <= sizeof(text); n++)
		for (size_t at = 0; at <= n; at++)
			for (size_t i = 0; i < sizeof(special) - 1; i++) {
				memset(text, at % 2 == 0 ? '\xff' : ' ', sizeof(text));
				if (at < n)
					text[at] = special[i];
				if (at + 3 < n)
					text[at + 3] = '"';
				assert_int_equal(cnt_json_plain(text, n), at);
			}
}

static void
model_escape(struct cnt_buf *b, const char *s, size_t n)
{
	static const char named[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";

	for (size_t i = 0; i < n; i++) {
		const char *p = s[i] != '\0' ? strchr(named, s[i]) : NULL;

		if (p != NULL)
			cnt_buf_addf(b, "\\%c", letters[p - named]);
		else if ((unsigned char)s[i] < 0x20)
			cnt_buf_addf(b, "\\u%04x", (unsigned char)s[i]);
		else
			cnt_buf_add(b, s + i, 1);
	}
}

static void
escapes_as_a_model_does(void **state CNT_UNUSED)
{
	char text[9000];

	srandom(1);
	for (int round = 0; round < 400; round++) {
		struct cnt_buf b CNT_BUF = { 0 }, model CNT_BUF = { 0 };
		size_t n = (size_t)random() % (round % 4 == 0 ? sizeof(text) : 70);
		long rare = 1 + random() % 40;

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(random() % rare == 0 ? "\"\\\n\x1f\0\t"[random() % 6] :
			    random() % 256);
		cnt_buf_adds(&b, "x");
		cnt_buf_adds(&model, "x");
		cnt_json_escape(&b, text, n);
		model_escape(&model, text, n);
		assert_int_equal(b.n, model.n);
		assert_memory_equal(b.p, model.p, b.n + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts), cmocka_unit_test(refuses),
		    cmocka_unit_test(bounds_depth), cmocka_unit_test(bounds_values),
		cmocka_unit_test(prints_integers_exactly), cmocka_unit_test(mends_utf8),
		cmocka_unit_test(quotes), cmocka_unit_test(finds_what_is_not_plain),
		cmocka_unit_test(escapes_as_a_model_does),
		cmocka_unit_test(takes_of_the_corpus_what_it_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
