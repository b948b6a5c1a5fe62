/* SPDX-License-Identifier: Apache-2.0
 *
 * process_write: the keeper hands out the pipe of the process's standard input, and the text is
 * written here. A process that does not read holds the call for some seconds, not for ever.
 */
#include "mcp/box/box.h"

#include <errno.h>
#include <poll.h>

#include "mcp/box/process/keep.h"

#define STALL_US	3000000		/* a write ends when nothing is taken for so long */
#define ANSWER_US	10000000	/* a keeper's */

static const struct cnt_field write_params[] = {
	{ .name = "id", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "text", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "eof", .type = CNT_BOOLEAN, .def = "false" },
	{ 0 },
};

static const struct cnt_field write_results[] = {
	{ .name = "bytes_written", .type = CNT_INTEGER },
	{ 0 },
};

static int
open_input(const struct cnt_process *p, int keeper, struct cnt_err *e)
{
	struct cnt_ask ask = { .op = CNT_ASK_INPUT };
	struct cnt_told told;
	int fd = -1, r = keeper != -1 && cnt_keep_ask(keeper, &ask) == 0 ?
	    cnt_keep_hear(keeper, cnt_ticks_us() + ANSWER_US, &told, &fd) : -1;

	if (!p->r.input) {
		cnt_fail(e, CNT_NO, "%s: has no standard input", p->r.id);
		return cnt_hint(e, "process_start it with stdin=true");
	}
	if (r == 0)
		return cnt_fail(e, CNT_TIMEOUT, "%s: its keeper does not answer", p->r.id);
	if (r == -1 || told.ended)
		return cnt_fail(e, CNT_NO, "%s: has ended", p->r.id);
	if (fd == -1)
		return cnt_fail(e, CNT_NO, "%s: its standard input has been closed", p->r.id);
	return fd;
}

/* All of it, unless nothing is taken for STALL_US. -1 and errno. */
static int
write_all(int fd, const char *text, size_t n, size_t *done)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (*done < n) {
		ssize_t w = write(fd, text + *done, n - *done);

		if (w > 0)
			*done += (size_t)w;
		else if (w == -1 && errno == EAGAIN && poll(&p, 1, STALL_US / 1000) == 0)
			return -1;
		else if (w == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
	}
	return 0;
}

static int
process_write(struct cnt_call *c)
{
	const char *text = cnt_json_str(c->in, "text");
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	struct cnt_ask eof = { .op = CNT_ASK_EOF };
	struct cnt_told told;
	size_t n = strlen(text), done = 0;
	int keeper CNT_CLOSE = -1, fd CNT_CLOSE = -1;

	if (cnt_process_find(cnt_json_str(c->in, "id"), &p, c->err) == -1)
		return -1;
	keeper = cnt_keep_connect(p.dir);
	fd = open_input(&p, keeper, c->err);
	if (fd == -1)
		return -1;
	if (write_all(fd, text, n, &done) == -1 && errno == EPIPE)
		return cnt_fail(c->err, CNT_NO, "%s: took %zu of %zu bytes and has closed its "
		    "standard input", p.r.id, done, n);
	if (done < n) {
		cnt_fail(c->err, CNT_TIMEOUT, "%s: took %zu of %zu bytes and then read nothing for "
		    "%d s", p.r.id, done, n, STALL_US / 1000000);
		return cnt_hint(c->err, "the rest begins at byte %zu of text", done);
	}
	if (cnt_json_bool(c->in, "eof") && (cnt_keep_ask(keeper, &eof) == -1 ||
	    cnt_keep_hear(keeper, cnt_ticks_us() + ANSWER_US, &told, NULL) == 0))
		return cnt_fail(c->err, CNT_TIMEOUT, "%s: its keeper does not answer", p.r.id);
	cnt_json_set_int(c->out, "bytes_written", (int64_t)done);
	return 0;
}

const struct cnt_verb cnt_box_process_write = {
	.name = "process_write", .tool = "process_write", .title = "Write to a process",
	.group = "Commands",
	.summary = "write to a process's standard input",
	.about = "Write text to the stdin of a process started with stdin=true. Add \\n to send a "
	    "line.",
	.effects = CNT_OPEN_WORLD, .storeless = true,
	.params = write_params, .results = write_results, .run = process_write,
};
