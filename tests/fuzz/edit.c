/* SPDX-License-Identifier: Apache-2.0
 *
 * A unified diff, applied by a reader of its own to the text before, is the text after, whatever
 * the two are; one that is cut is no longer than its bound. An edit replaces what a plain count and
 * copy would, or leaves everything as it was.
 */
#include "mcp/box/file/edit.h"
#include "tests/fuzz/fuzz.h"

#define CUT_LINE	100U	/* what a cut diff says at its end */

struct text { const char *p; size_t n; };

static struct text
line_of(struct text *from)
{
	const char *nl = from->n > 0 ? memchr(from->p, '\n', from->n) : NULL;
	struct text line = { from->p, nl != NULL ? (size_t)(nl - from->p) + 1 : from->n };

	from->p += line.n;
	from->n -= line.n;
	return line;
}

static size_t
lines(const struct cnt_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

/* The lines of one hunk: what is taken from a, and what is put out. */
static void
hunk(struct text *diff, struct text *a, struct cnt_buf *out, size_t an, size_t bn)
{
	while (an > 0 || bn > 0) {
		struct text l = line_of(diff), old = { 0 };
		char sign = l.p[0];

		must(l.n > 1 && strchr(" -+", sign) != NULL);
		l.p++;
		l.n--;
		if (diff->n > 0 && diff->p[0] == '\\') {
			line_of(diff);
			l.n--;			/* its end of line is not the text's */
		}
		if (sign != '+') {
			old = line_of(a);
			must(old.n == l.n && memcmp(old.p, l.p, l.n) == 0);
			must(an-- > 0);
		}
		if (sign != '-') {
			cnt_buf_add(out, l.p, l.n);
			must(bn-- > 0);
		}
	}
}

static void
apply(struct text diff, struct text a, struct cnt_buf *out)
{
	size_t at = 1;

	must(strncmp(line_of(&diff).p, "--- ", 4) == 0);
	must(strncmp(line_of(&diff).p, "+++ ", 4) == 0);
	while (diff.n > 0) {
		struct text line = line_of(&diff);
		char *head CNT_FREE = cnt_format("%.*s", (int)line.n, line.p);
		size_t from = 0, an = 1, to = 0, bn = 1;
		const char *p = head;
		int n = 0;

		must(sscanf(p, "@@ -%zu%n", &from, &n) == 1);
		p += n;
		if (*p == ',')
			an = strtoul(p + 1, (char **)(uintptr_t)&p, 10);
		must(sscanf(p, " +%zu%n", &to, &n) == 1);
		p += n;
		if (*p == ',')
			bn = strtoul(p + 1, (char **)(uintptr_t)&p, 10);
		must(strcmp(p, " @@\n") == 0);
		from += an == 0;
		must(from >= at);
		for (; at < from; at++) {
			struct text same = line_of(&a);

			cnt_buf_add(out, same.p, same.n);
		}
		at += an;
		must(to == lines(out) + (bn > 0));
		hunk(&diff, &a, out, an, bn);
	}
	cnt_buf_add(out, a.p, a.n);
}

static void
check_diff(struct text a, struct text b, size_t max)
{
	struct cnt_buf whole CNT_BUF = { 0 }, cut CNT_BUF = { 0 }, out CNT_BUF = { 0 };
	bool same = a.n == b.n && memcmp(a.p, b.p, a.n) == 0;

	cnt_diff(&whole, "a b", (struct cnt_text){ a.p, a.n }, (struct cnt_text){ b.p, b.n },
	    SIZE_MAX / 2);
	must((whole.n == 0) == same);
	cnt_diff(&cut, "a b", (struct cnt_text){ a.p, a.n }, (struct cnt_text){ b.p, b.n }, max);
	must(cut.n <= max + CUT_LINE);
	if (same)
		return;
	apply((struct text){ whole.p, whole.n }, a, &out);
	must(out.n == b.n && (b.n == 0 || memcmp(out.p, b.p, b.n) == 0));
}

static void
check_edit(const char *text, const char *old, const char *new, int64_t expect)
{
	struct cnt_buf b CNT_BUF = { 0 }, want CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	int64_t n = 0;
	size_t len = strlen(old);

	cnt_buf_adds(&b, text);
	for (const char *p = text, *q = NULL; len > 0; p = q + len, n++) {
		q = strstr(p, old);
		cnt_buf_add(&want, p, q != NULL ? (size_t)(q - p) : strlen(p));
		if (q == NULL)
			break;
		cnt_buf_adds(&want, new);
	}
	if (cnt_edit(&b, old, new, expect, false, "f", &e) == 0) {
		if (n > 0)		/* else the line ends of old were taken for the text's */
			must(n == expect && b.n == want.n && memcmp(b.p, want.p, b.n) == 0);
		else
			must(strchr(old, '\n') != NULL);
	} else {
		must(e.text[0] != '\0' && e.hint[0] != '\0' && (n == 0 || n != expect));
		must(b.n == strlen(text) && memcmp(b.p, text, b.n) == 0);
	}
}

static void
check_crlf(const char *text, const char *old, const char *new)
{
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	bool crlf = cnt_edit_is_crlf((struct cnt_text){ text, strlen(text) });

	cnt_buf_adds(&b, text);
	if (!crlf || strchr(old, '\r') != NULL || strchr(new, '\r') != NULL ||
	    cnt_edit(&b, old, new, 1, crlf, "f", &e) == -1 || memchr(b.p, '\n', b.n) == NULL)
		return;
	must(old[0] == '\n' || cnt_edit_is_crlf((struct cnt_text){ b.p, b.n }));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t max = 40 + 8 * pick(&data, &n, 255);
	int64_t expect = 1 + pick(&data, &n, 3);
	char *old CNT_FREE = pick_text(&data, &n), *new CNT_FREE = pick_text(&data, &n);
	char *text CNT_FREE = pick_text(&data, &n);
	struct text after = { n > 0 ? (const char *)data : "", n };

	check_edit(text, old, new, expect);
	check_crlf(text, old, new);
	check_diff((struct text){ text, strlen(text) }, after, max);
	return 0;
}
