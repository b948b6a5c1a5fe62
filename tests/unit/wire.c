/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines in however they are cut, lines out however slowly they are read.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mcp/wire.h"

/* What the reader makes of these bytes, written `step` at a time: lines in <>, ! for a long one. */
static char *
lines(const char *bytes, size_t n, size_t step, size_t max)
{
	struct cnt_reader r = { .max = max };
	struct cnt_buf out = { 0 };
	struct cnt_span line;
	enum cnt_got got;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	for (size_t at = 0; at <= n; at += step) {
		size_t part = n - at < step ? n - at : step;
		bool last = at + step > n;

		if (part > 0) {
			assert_int_equal(write(p[1], bytes + at, part), part);
			assert_int_equal(cnt_reader_fill(&r, p[0]), part);
		}
		while ((got = cnt_reader_next(&r, last, &line)) != CNT_LINE_MORE)
			if (got == CNT_LINE_LONG)
				cnt_buf_adds(&out, "!");
			else
				cnt_buf_addf(&out, "<%.*s>", (int)line.n, line.p);
	}
	close(p[0]);
	close(p[1]);
	cnt_reader_free(&r);
	return out.p != NULL ? out.p : cnt_strdup("");
}

static void
cut_anywhere(void **state CNT_UNUSED)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "", "" }, { "\n\r\n\n", "" }, { "a", "<a>" }, { "a\nb\r\n\nc", "<a><b><c>" },
		{ "12345\n6", "<12345><6>" }, { "123456\n7\n", "!<7>" }, { "123456", "!" },
		{ "1234567890123456789\nx\n1234567\ny", "!<x>!<y>" }, { "a\rb\n", "<a\rb>" },
		{ "12345678901\n1234567890123\n5\n", "!!<5>" },
		{ "12345\r\n6\r\n123456\r\n7", "<12345><6>!<7>" }, { "12345\r", "<12345>" },
		{ "12345\rx\n12345\r\r\n1\r\r\n", "!!<1\r>" },
	};

	for (size_t i = 0; i < nitems(cases); i++)
		for (size_t step = 1; step <= strlen(cases[i].in) + 1; step++) {
			char *got CNT_FREE = lines(cases[i].in, strlen(cases[i].in), step, 5);

			assert_string_equal(got, cases[i].out);
		}
}

struct reader_at_end {
	struct cnt_loop		*loop;
	struct cnt_writer	*w;
	size_t			 got, lines;
	unsigned		 rounds;
	bool			 broken;
};

/* Reads a little each turn, and checks that line n is n bytes of one letter. */
static void
read_little(int fd, short revents CNT_UNUSED, void *arg)
{
	struct reader_at_end *s = arg;
	static char line[70000];
	static size_t have;
	char some[3000];
	ssize_t n = read(fd, some, s->rounds++ % 7 * 400 + 1);

	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++) {
		if (some[i] != '\n') {
			line[have++] = some[i];
			continue;
		}
		assert_int_equal(have, s->lines % 100 == 99 ? 65000 : s->lines);
		for (size_t k = 0; k < have; k++)
			assert_int_equal(line[k], 'a' + (int)(s->lines % 26));
		have = 0;
		s->lines++;
	}
	s->got += (size_t)n;
	if (s->lines == 300)
		cnt_loop_stop(s->loop);
}

static void
on_broken(void *arg)
{
	struct reader_at_end *s = arg;

	s->broken = true;
	cnt_loop_stop(s->loop);
}

static void
slow_reader(int rfd, int wfd)
{
	struct reader_at_end s = { .loop = cnt_loop_new() };
	struct cnt_watch *reads = cnt_loop_watch(s.loop, rfd, POLLIN, read_little, &s);

	s.w = cnt_writer_new(s.loop, wfd, on_broken, &s);
	for (size_t i = 0; i < 300; i++) {
		size_t n = i % 100 == 99 ? 65000 : i;
		struct cnt_buf b = { 0 };

		for (size_t k = 0; k < n; k++)
			cnt_buf_add(&b, &"abcdefghijklmnopqrstuvwxyz"[i % 26], 1);
		cnt_buf_add(&b, "\n", 1);
		cnt_writer_add(s.w, &b);
		assert_null(b.p);
		if (i % 3 == 0)
			cnt_writer_flush(s.w);
	}
	assert_true(cnt_writer_queued(s.w) > 0);
	cnt_loop_run(s.loop);
	assert_int_equal(s.lines, 300);
	assert_int_equal(cnt_writer_queued(s.w), 0);
	cnt_loop_unwatch(reads);
	close(rfd);
	cnt_writer_add(s.w, &(struct cnt_buf){ .p = cnt_strdup("x\n"), .n = 2, .cap = 3 });
	cnt_writer_flush(s.w);
	assert_false(s.broken);
	cnt_loop_run(s.loop);
	assert_true(s.broken);
	assert_int_equal(cnt_writer_queued(s.w), 0);
	cnt_writer_free(s.w);
	cnt_loop_free(s.loop);
	close(wfd);
}

static void
pipe_is_never_blocked_on(void **state CNT_UNUSED)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	slow_reader(p[0], p[1]);
}

static void
socket_is_never_blocked_on(void **state CNT_UNUSED)
{
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	slow_reader(p[0], p[1]);
}

/* In the place of libc's. */
static bool file_waits;

ssize_t
pwritev2(int fd, const struct iovec *iodev, int count, off_t offset, int flags)
{
	if (!file_waits)
		return syscall(SYS_pwritev2, fd, iodev, count, offset, offset, flags);
	errno = EAGAIN;
	return -1;
}

/* As those of btrfs do. */
static void
file_that_would_always_wait_is_written(void **state CNT_UNUSED)
{
	struct cnt_loop *l = cnt_loop_new();
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct cnt_writer *w = cnt_writer_new(l, fd, on_broken, NULL);

	file_waits = true;
	cnt_writer_add(w, &(struct cnt_buf){ .p = cnt_strdup("x\n"), .n = 2, .cap = 3 });
	cnt_writer_flush(w);
	file_waits = false;
	assert_int_equal(cnt_writer_queued(w), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 2);
	cnt_writer_free(w);
	cnt_loop_free(l);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere), cmocka_unit_test(pipe_is_never_blocked_on),
		cmocka_unit_test(socket_is_never_blocked_on),
		cmocka_unit_test(file_that_would_always_wait_is_written),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
