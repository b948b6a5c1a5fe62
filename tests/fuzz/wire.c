/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of the wire gives the lines that a plain split of all bytes gives, however they
 * arrive. A byte from 0x80 on stands for many of the one before it, so that lines pass the reader's
 * chunks.
 */
#include <fcntl.h>

#include "mcp/wire.h"
#include "tests/fuzz/fuzz.h"

#define WRITE_MAX	60000U		/* what an empty pipe takes at once */

static void
expand(struct cnt_buf *to, const uint8_t *data, size_t n, bool many_bytes)
{
	for (size_t i = 0; i < n && to->n < 200000; i++) {
		char *many = NULL;
		size_t times = (size_t)(data[i] & 0x7f) * 600;

		if (data[i] < 0x80 || !many_bytes) {
			cnt_buf_add(to, &data[i], 1);
			continue;
		}
		many = cnt_alloc(times + 1);
		memset(many, i > 0 && data[i - 1] < 0x80 ? data[i - 1] : 'x', times);
		cnt_buf_add(to, many, times);
		free(many);
	}
}

/* The next line by the plain split, in the reader's words. */
static enum cnt_got
expected(struct cnt_buf *all, size_t *at, size_t max, struct cnt_span *line)
{
	while (*at < all->n) {
		char *from = all->p + *at, *nl = memchr(from, '\n', all->n - *at);
		size_t len = nl != NULL ? (size_t)(nl - from) : all->n - *at;

		*at += len + (nl != NULL);
		if (len > 0 && from[len - 1] == '\r')
			len--;
		if (len > max)
			return CNT_LINE_LONG;
		*line = (struct cnt_span){ from, len };
		if (len > 0)
			return CNT_LINE_READY;
	}
	return CNT_LINE_MORE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int pipes[2] = { -1, -1 };
	struct cnt_reader r = { .max = 1 + pick(&data, &n, 255) };
	unsigned sizes = 1 + pick(&data, &n, 255);
	struct cnt_buf all CNT_BUF = { 0 };
	struct cnt_span got, want;
	size_t in = 0, at = 0;
	enum cnt_got what;

	if (pipes[0] == -1)
		must(pipe2(pipes, O_CLOEXEC) == 0);
	if (sizes > 200)
		r.max *= 700;
	expand(&all, data, n, sizes > 200);
	while (in < all.n) {
		size_t now = sizes > 200 ? WRITE_MAX - sizes : 1 + sizes * (in % 7);

		now = now < all.n - in ? now : all.n - in;
		must(write(pipes[1], all.p + in, now) == (ssize_t)now);
		for (size_t took = 0; took < now;) {
			ssize_t some = cnt_reader_fill(&r, pipes[0]);

			must(some > 0);
			took += (size_t)some;
		}
		in += now;
		while ((what = cnt_reader_next(&r, in == all.n, &got)) != CNT_LINE_MORE) {
			must(expected(&all, &at, r.max, &want) == what);
			if (what == CNT_LINE_READY)
				must(got.n == want.n && memcmp(got.p, want.p, got.n) == 0);
		}
		must(r.cap <= 4 * (r.max + WRITE_MAX + 131072));
	}
	must(expected(&all, &at, r.max, &want) == CNT_LINE_MORE);
	cnt_reader_free(&r);
	return 0;
}
