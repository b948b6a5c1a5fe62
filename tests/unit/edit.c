/* SPDX-License-Identifier: Apache-2.0
 *
 * Edits and their diffs: what an edit does and says, line ends, the closest lines; diffs of
 * generated texts applied back by a reader of their own, also where the search gives up and where
 * the diff is cut; and that no input makes them slow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <time.h>

#include "mcp/box/file/edit.h"

#define NO_BOUND ((size_t)1 << 40)

static struct cnt_text
text_of(const struct cnt_buf *b)
{
	return (struct cnt_text){ b->p != NULL ? b->p : "", b->n };
}

static struct cnt_buf
buf_of(const char *s)
{
	struct cnt_buf b = { 0 };

	cnt_buf_adds(&b, s);
	return b;
}

static void
test_edit(void **state CNT_UNUSED)
{
	static const struct { const char *text, *old, *new, *want; int64_t expect; } t[] = {
		{ "one two", "two", "2", "one 2", 1 },
		{ "aaaa", "aa", "b", "bb", 2 },
		{ "x", "x", "", "", 1 },
		{ "a\nb\n", "a\nb", "c", "c\n", 1 },
		{ "a\r\nb\r\n", "a\nb", "c\nd", "c\r\nd\r\n", 1 },
		{ "a\r\nb\r\n", "a", "c\nd", "c\r\nd\r\nb\r\n", 1 },
		{ "a\r\nb\r\n", "a\r\nb", "c\r\nd", "c\r\nd\r\n", 1 },
		{ "a\nb\r\nc\r\n", "b\nc", "d\ne", "a\nd\r\ne\r\n", 1 },
		{ "a\nb\r\n", "a", "x\ny", "x\ny\nb\r\n", 1 },
		{ "a\r\nb\r\n", "\r\n", "\n", "a\nb\n", 2 },
		{ "a\r\nb\r\n", "\n", "\r\n", "a\r\nb\r\n", 2 },
		{ "a\r\nb\r\n", "a\nb", "a\nb", "a\r\nb\r\n", 1 },
		{ "tail", "tail", "end", "end", 1 },
		{ "\xff.\xfe", ".", ",", "\xff,\xfe", 1 },
	};

	for (size_t i = 0; i < nitems(t); i++) {
		struct cnt_buf b CNT_BUF = buf_of(t[i].text);
		struct cnt_err e = { 0 };

		if (cnt_edit(&b, t[i].old, t[i].new, t[i].expect, cnt_edit_is_crlf(text_of(&b)),
		    "f", &e) == -1)
			fail_msg("%zu: %s; %s", i, e.text, e.hint);
		assert_string_equal(b.p, t[i].want);
	}
}

static void
check_refused(const char *text, const char *old, int64_t expect, const char *message,
    const char *hint)
{
	struct cnt_buf b CNT_BUF = buf_of(text);
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_edit(&b, old, "new", expect, cnt_edit_is_crlf(text_of(&b)), "f", &e),
	    -1);
	assert_string_equal(b.p, text);
	if (strstr(e.text, message) == NULL || strstr(e.hint, hint) == NULL)
		fail_msg("got: %s; %s\nwanted: %s; %s", e.text, e.hint, message, hint);
}

static void
test_refused(void **state CNT_UNUSED)
{
	check_refused("a", "", 1, "f: is empty", "write_file");
	check_refused("", "a", 1, "f: is not in the file", "the file is empty");
	check_refused("a\nb\na\n", "a", 1, "f: 2 matches, expected 1: at lines 1, 3", "to 2");
	check_refused("a\n", "a", 2, "f: 1 matches, expected 2: at line 1", "set expect to 1");
	check_refused("int x;\n\treturn value;\n", "    return value;", 1, "is not in the file",
	    "closest: line 2 `\\x09return value;` (differs in white space)");
	check_refused("alpha\nbeta gamma\ndelta\n", "beta gamme", 1, "", "line 2 `beta gamma`");
	check_refused("if (a) {\n\tfirst();\n\tsecond();\n}\n", "if (a) {\n\tfirst();\n\tthird();",
	    1, "", "closest: lines 1-3, but line 3 is `\\x09second();`, not `\\x09third();`");
	check_refused("one\ntwo\n", "zzz qqq", 1, "", "none of its 2 lines is like it");
	check_refused("last", "last\n", 1, "", "closest: line 1 `last`");
	check_refused("a\n", "very long\nlines of text\n", 1, "", "none of its 1 lines");
}

/* A reader of unified diffs that believes nothing: context and deleted lines must stand where the
 * header says, and the counts must be right. */
struct patch {
	struct cnt_text	 a;		/* what is left of the old text */
	size_t		 a_line, b_line;
	struct cnt_buf	 b;
};

static struct cnt_text
cut_line(struct cnt_text *t)
{
	const char *end = t->n > 0 ? memchr(t->p, '\n', t->n) : NULL;
	struct cnt_text line = { t->p, end != NULL ? (size_t)(end - t->p) + 1 : t->n };

	t->p += line.n;
	t->n -= line.n;
	return line;
}

static void
take_line(struct patch *p, struct cnt_text line, bool old, bool new)
{
	if (old) {
		struct cnt_text here = cut_line(&p->a);

		assert_int_equal(here.n, line.n);
		assert_memory_equal(here.p, line.p, line.n);
		p->a_line++;
	}
	if (new) {
		cnt_buf_add(&p->b, line.p, line.n);
		p->b_line++;
	}
}

static void
read_hunk(struct patch *p, struct cnt_text *diff, size_t count[4])
{
	while (p->a_line + 1 < count[0] + (count[1] == 0))
		take_line(p, (struct cnt_text){ p->a.p, cut_line(&(struct cnt_text){ p->a.p,
		    p->a.n }).n }, true, true);
	assert_int_equal(p->b_line + 1, count[2] + (count[3] == 0));
	while (count[1] + count[3] > 0) {
		struct cnt_text line = cut_line(diff);
		char sign = *line.p;

		assert_true(line.n > 0);
		line.p++;
		line.n--;
		if (diff->n > 0 && *diff->p == '\\') {
			cut_line(diff);
			line.n--;
		}
		assert_true(sign == ' ' || sign == '-' || sign == '+');
		take_line(p, line, sign != '+', sign != '-');
		count[1] -= sign != '+';
		count[3] -= sign != '-';
	}
}

static void
read_range(const char **s, char sign, size_t *at, size_t *n)
{
	char *end = NULL;

	assert_int_equal(*(*s)++, sign);
	*at = strtoul(*s, &end, 10);
	*n = 1;
	if (*end == ',')
		*n = strtoul(end + 1, &end, 10);
	*s = end;
}

/* Returns how many hunks there were. */
static size_t
check_diff(struct cnt_text a, struct cnt_text b)
{
	struct cnt_buf diff CNT_BUF = { 0 };
	struct cnt_text left = { 0 };
	struct patch p = { .a = a };
	size_t hunks = 0;

	cnt_diff(&diff, "name", a, b, NO_BOUND);
	if (a.n == b.n && memcmp(a.p, b.p, a.n) == 0) {
		assert_int_equal(diff.n, 0);
		return 0;
	}
	left = text_of(&diff);
	assert_memory_equal(cut_line(&left).p, "--- name\n", 9);
	assert_memory_equal(cut_line(&left).p, "+++ name\n", 9);
	for (; left.n > 0; hunks++) {
		const char *s = cut_line(&left).p + 3;
		size_t count[4];

		read_range(&s, '-', &count[0], &count[1]);
		s++;
		read_range(&s, '+', &count[2], &count[3]);
		assert_memory_equal(s, " @@\n", 4);
		read_hunk(&p, &left, count);
	}
	cnt_buf_add(&p.b, p.a.p, p.a.n);
	assert_int_equal(p.b.n, b.n);
	assert_memory_equal(p.b.p, b.p, b.n);
	cnt_buf_free(&p.b);
	return hunks;
}

static void
test_diff(void **state CNT_UNUSED)
{
	static const struct { const char *a, *b; size_t hunks; } t[] = {
		{ "", "", 0 }, { "", "a", 1 }, { "a", "", 1 }, { "a", "a\n", 1 }, { "a\n", "a", 1 },
		{ "a\nb\n", "b\n", 1 }, { "b\n", "a\nb\n", 1 }, { "a\n\nb", "a\nb", 1 },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n", 2 },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n", 1 },
		{ "a\na\na\n", "a\na\n", 1 }, { "\n\n\n\n", "\n\n", 1 },
	};

	for (size_t i = 0; i < nitems(t); i++) {
		struct cnt_buf a CNT_BUF = buf_of(t[i].a), b CNT_BUF = buf_of(t[i].b);

		assert_int_equal(check_diff(text_of(&a), text_of(&b)), t[i].hunks);
	}
}

static unsigned
below(unsigned n)
{
	return (unsigned)random() % n;
}

static void
generate(struct cnt_buf *a, struct cnt_buf *b, unsigned lines, unsigned words, unsigned changed)
{
	cnt_buf_adds(a, "");
	cnt_buf_adds(b, "");
	for (unsigned i = 0; i < lines; i++) {
		unsigned word = below(words), what = below(1000) < changed ? below(3) : 3;

		if (what != 0)
			cnt_buf_addf(a, "line %u\n", word);
		if (what == 1)
			continue;
		cnt_buf_addf(b, "line %u\n", what == 2 ? word + 1 : word);
	}
	if (below(4) == 0 && a->n > 0)
		a->n--;
	if (below(4) == 0 && b->n > 0)
		b->n--;
}

static void
test_generated(void **state CNT_UNUSED)
{
	static const unsigned words[] = { 1, 2, 5, 100, 100000 };
	const char *seed = getenv("CNT_SEED");

	srandom(seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 1);
	for (int i = 0; i < 3000; i++) {
		struct cnt_buf a CNT_BUF = { 0 }, b CNT_BUF = { 0 };

		generate(&a, &b, below(i < 2900 ? 40 : 5000), words[below(nitems(words))],
		    below(1000));
		check_diff(text_of(&a), text_of(&b));
	}
}

static void
test_cut(void **state CNT_UNUSED)
{
	for (size_t max = 60; max < 4000; max += 97) {
		struct cnt_buf a CNT_BUF = { 0 }, b CNT_BUF = { 0 }, diff CNT_BUF = { 0 };
		const char *note = NULL;
		size_t shown = 0, all = 0;

		for (int i = 0; i < 500; i++) {
			cnt_buf_addf(&a, "line %d\n", i);
			cnt_buf_addf(&b, i % 20 == 0 ? "LINE %d\n" : "line %d\n", i);
		}
		cnt_diff(&diff, "name", text_of(&a), text_of(&b), max);
		note = strstr(diff.p, "[cut: ");
		if (note == NULL) {
			assert_int_equal(check_diff(text_of(&a), text_of(&b)), 25);
			continue;
		}
		assert_true(note - diff.p <= (ptrdiff_t)max + 1);
		assert_int_equal(sscanf(note, "[cut: %zu of %zu hunks", &shown, &all), 2);
		assert_int_equal(all, 25);
		for (const char *p = diff.p; (p = strstr(p, "\n@@ ")) != NULL && p < note; p++)
			shown--;
		assert_true(shown == 0 || max < 200);
	}
}

static double
seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* All of these end at a bound, not when they are done. */
static void
test_hostile(void **state CNT_UNUSED)
{
	struct cnt_buf a CNT_BUF = { 0 }, b CNT_BUF = { 0 }, to CNT_BUF = { 0 };
	double start = seconds();

	for (unsigned i = 0; i < 100000; i++) {
		cnt_buf_addf(&a, "%u\n", i);
		cnt_buf_addf(&b, "%u\n", 99999 - i);
	}
	check_diff(text_of(&a), text_of(&b));
	a.n = b.n = 0;
	for (unsigned i = 0; i < 200000; i++) {
		cnt_buf_adds(&a, below(2) == 0 ? "x\n" : "y\n");
		cnt_buf_adds(&b, below(2) == 0 ? "x\n" : "y\n");
	}
	check_diff(text_of(&a), text_of(&b));
	a.n = b.n = 0;
	for (unsigned i = 0; i < 3000000; i++)
		cnt_buf_adds(&a, "\n");
	cnt_buf_add(&b, a.p, a.n);
	a.p[0] = b.p[b.n - 1] = '.';
	cnt_diff(&to, "name", text_of(&a), text_of(&b), 20000);
	cnt_near(&to, text_of(&a), (struct cnt_text){ "..", 2 });
	memset(a.p, 'x', a.n);
	cnt_near(&to, text_of(&a), text_of(&a));
	assert_true(seconds() - start < 20);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_diff), cmocka_unit_test(test_generated),
		cmocka_unit_test(test_cut), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
