/* SPDX-License-Identifier: Apache-2.0
 *
 * One edit: exact text, as often as expected, or an error and nothing changed. Nothing is guessed:
 * only the ends of lines are taken for what the file has, because a model does not see them, unless
 * the edit is about them.
 */
#include "mcp/box/file/edit.h"

#define SHOWN_MAX	20		/* line numbers in an error */

bool
cnt_edit_is_crlf(struct cnt_text t)
{
	const char *p = t.p, *end = t.p + t.n;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (p == t.p || p[-1] != '\r')
			return false;
		p++;
	}
	return t.n > 0 && memchr(t.p, '\n', t.n) != NULL;
}

static void
add_crlf(struct cnt_buf *to, const char *s)
{
	char before = '\0';

	for (; *s != '\0'; before = *s++) {
		if (*s == '\n' && before != '\r')
			cnt_buf_add(to, "\r", 1);
		cnt_buf_add(to, s, 1);
	}
	cnt_buf_add(to, "", 0);
}

static const char *
find(const char *from, const struct cnt_buf *text, const struct cnt_buf *old)
{
	return memmem(from, (size_t)(text->p + text->n - from), old->p, old->n);
}

static int64_t
count(const struct cnt_buf *text, const struct cnt_buf *old)
{
	int64_t n = 0;

	for (const char *p = text->p; (p = find(p, text, old)) != NULL; p += old->n)
		n++;
	return n;
}

static int
fail_none(const struct cnt_buf *text, const struct cnt_buf *old, const char *what,
    struct cnt_err *e)
{
	struct cnt_buf near CNT_BUF = { 0 };

	cnt_near(&near, (struct cnt_text){ text->p, text->n }, (struct cnt_text){ old->p, old->n });
	cnt_fail(e, CNT_NO, "%s: is not in the file", what);
	return cnt_hint(e, "%s", near.p);
}

static int
fail_count(const struct cnt_buf *text, const struct cnt_buf *old, int64_t n, int64_t expect,
    const char *what, struct cnt_err *e)
{
	struct cnt_buf lines CNT_BUF = { 0 };
	const char *p = text->p, *from = text->p;
	size_t line = 1, told = 0;

	for (int i = 0; i < SHOWN_MAX && (p = find(p, text, old)) != NULL; i++, p += old->n) {
		for (; (from = memchr(from, '\n', (size_t)(p - from))) != NULL; from++)
			line++;
		from = p;
		if (line != told)
			cnt_buf_addf(&lines, "%s%zu", i == 0 ? "" : ", ", line);
		told = line;
	}
	cnt_fail(e, CNT_NO, "%s: %lld matches, expected %lld: at line%s %s%s", what, (long long)n,
	    (long long)expect, n == 1 ? "" : "s", lines.p, n > SHOWN_MAX ? " ..." : "");
	return cnt_hint(e, "add lines around it to `old` to mean one place, or set expect to %lld",
	    (long long)n);
}

static int
replace(struct cnt_buf *text, const struct cnt_buf *old, const struct cnt_buf *new, int64_t n,
    const char *what, struct cnt_err *e)
{
	struct cnt_buf out = { 0 };
	size_t rest = text->n - (size_t)n * old->n;
	const char *from = text->p, *p = NULL;

	if (new->n > 0 && (rest > CNT_EDITED_MAX ||
	    (size_t)n > (CNT_EDITED_MAX - rest) / new->n))
		return cnt_fail(e, CNT_NO, "%s: the file would be larger than %zu MiB", what,
		    CNT_EDITED_MAX >> 20);
	cnt_buf_room(&out, rest + (size_t)n * new->n);
	for (; (p = find(from, text, old)) != NULL; from = p + old->n) {
		cnt_buf_add(&out, from, (size_t)(p - from));
		cnt_buf_add(&out, new->p, new->n);
	}
	cnt_buf_add(&out, from, (size_t)(text->p + text->n - from));
	cnt_buf_free(text);
	*text = out;
	return 0;
}

int
cnt_edit(struct cnt_buf *text, const char *old, const char *new, int64_t expect, bool crlf,
    const char *what, struct cnt_err *e)
{
	struct cnt_buf o CNT_BUF = { 0 }, w CNT_BUF = { 0 };
	int64_t n = 0;

	if (old[0] == '\0') {
		cnt_fail(e, CNT_INVALID, "%s: is empty", what);
		return cnt_hint(e, "give the text to replace; write_file makes or fills a file");
	}
	for (int pass = 0; pass < 2 && n == 0; pass++) {
		void (*add)(struct cnt_buf *, const char *) =
		    crlf == (pass == 0) ? add_crlf : cnt_buf_adds;

		o.n = w.n = 0;
		add(&o, old);
		add(&w, new);
		if (strcmp(o.p, w.p) == 0 && strcmp(old, new) != 0) {
			w.n = 0;
			cnt_buf_adds(&w, new);	/* line ends are all that it changes */
		}
		n = text->n > 0 ? count(text, &o) : 0;
	}
	if (n == 0) {
		o.n = 0;
		cnt_buf_adds(&o, old);
		return fail_none(text, &o, what, e);
	}
	if (n != expect)
		return fail_count(text, &o, n, expect, what, e);
	return replace(text, &o, &w, n, what, e);
}
