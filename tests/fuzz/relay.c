/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever a box sends, each line of the relay to the main process is one of the three that it may
 * send, in clean UTF-8, about a call that is under way; and it ends with one line that says so.
 */
#include <setjmp.h>

#include "lib/file.h"
#include "tests/fuzz/fuzz.h"

static jmp_buf over;
static struct cnt_buf sent;

CNT_NORETURN static void
leave(int status)
{
	longjmp(over, status + 1);
}

static int
keep(int fd, const void *bytes, size_t n)
{
	must(fd == 1);
	cnt_buf_add(&sent, bytes, n);
	return 0;
}

#define _exit	leave	/* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#define cnt_file_write	keep
#define cnt_relay_confine	confine_nothing
#include "mcp/relay.c"	/* NOLINT(bugprone-suspicious-include) */
#undef _exit
#undef cnt_file_write

int
confine_nothing(struct cnt_err *e CNT_UNUSED)
{
	return 0;
}

static void
check_line(const char *p, size_t n)
{
	long long number = 0;
	double done = 0, total = 0;
	int at = 0;
	char *line CNT_FREE = cnt_format("%.*s", (int)n, p);

	must(strlen(line) == n && cnt_utf8_valid(line, n) == n);
	for (size_t i = 0; i < n; i++)
		must((unsigned char)line[i] >= 0x20);
	if (strncmp(line, "F ", 2) == 0) {
		must(cnt_raw_check((struct cnt_span){ line + 2, n - 2 }));
	} else if (line[0] == 'R') {
		must(sscanf(line, "R %lld %n", &number, &at) == 1 && number >= 1 && number <= 3);
		must(line[at] == '{');
		must(cnt_raw_check((struct cnt_span){ line + at, n - (size_t)at }));
	} else {
		must(sscanf(line, "P %lld %lf %lf %n", &number, &done, &total, &at) == 3);
		must(number >= 1 && number <= 3 && at > 0 && n - (size_t)at <= TEXT_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct relay y;
	static bool ended;
	struct cnt_span line = { 0 };

	y = (struct relay){ .box = "b", .in.max = CNT_RELAY_IN, .n = 3, .spare = 2 * (long long)n,
	    .calls = { { .number = 1 }, { .number = 2 }, { .number = 3 } } };
	cnt_buf_free(&sent);
	y.in.cap = n + 1;
	y.in.p = cnt_alloc(n + 1);
	if (n > 0)
		memcpy(y.in.p, data, n);
	y.in.end = n;
	ended = setjmp(over) != 0;
	if (!ended)
		lines(&y);
	for (size_t at = 0; at < sent.n; at += line.n + 1) {
		const char *nl = memchr(sent.p + at, '\n', sent.n - at);

		must(nl != NULL);
		line = (struct cnt_span){ sent.p + at, (size_t)(nl - sent.p) - at };
		check_line(line.p, line.n);
	}
	must(!ended || (line.n > 2 && line.p[0] == 'F'));
	cnt_reader_free(&y.in);
	return 0;
}
