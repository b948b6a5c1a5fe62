/* SPDX-License-Identifier: Apache-2.0
 *
 * process_read: a part of a process's log. The cursor is the number of bytes written before it, so
 * it stays true whatever is rotated away; what is gone is said. What is shown is text, as with all
 * output of commands: the log itself has the exact bytes.
 */
#include "mcp/box/box.h"

#include "mcp/box/process/keep.h"
#include "mcp/box/text.h"

#define DOT		" \xc2\xb7 "

static const struct cnt_field read_params[] = {
	{ .name = "id", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "since", .type = CNT_INTEGER, .def = "0", .min = 0, .max = 9e15,
	    .help = "`next` of the last read" },
	{ .name = "limit", .type = CNT_INTEGER, .def = "20000", .min = 1, .max = 1048576 },
	{ .name = "wait_seconds", .type = CNT_NUMBER, .def = "0", .min = 0, .max = 60,
	    .help = "for new output" },
	{ 0 },
};

static const struct cnt_field read_results[] = {
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "encoding", .type = CNT_STRING },
	{ .name = "replaced", .type = CNT_BOOLEAN },
	{ .name = "next", .type = CNT_INTEGER },
	{ .name = "lost_bytes", .type = CNT_INTEGER },
	{ .name = "log_bytes", .type = CNT_INTEGER },
	{ .name = "state", .type = CNT_STRING },
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "signal", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "reason", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "cpu_ms", .type = CNT_INTEGER, .flags = CNT_OPTIONAL },
	{ .name = "peak_memory_bytes", .type = CNT_INTEGER, .flags = CNT_OPTIONAL },
	{ 0 },
};

/* Until there is more than `since`, it ends, or the time is over. */
static int
wait_for_output(struct cnt_process *p, int64_t since, int64_t deadline, struct cnt_err *e)
{
	struct cnt_ask ask = { .op = CNT_ASK_OUTPUT, .bytes = since };
	struct cnt_told told;
	int keeper CNT_CLOSE = cnt_ticks_us() < deadline && p->kept && p->r.ended == 0 ?
	    cnt_keep_connect(p->dir) : -1;

	if (keeper == -1 || cnt_keep_ask(keeper, &ask) == -1)
		return 0;
	(void)cnt_keep_hear(keeper, deadline, &told, NULL);
	return cnt_process_look(p, e);
}

/* How many of b's bytes are shown: at most limit, one code point or escape at least. Half of one
 * at the end waits for the rest. */
static size_t
choose(const struct cnt_buf *b, size_t limit, bool waits)
{
	size_t end = b->n - (waits ? cnt_text_unfinished(b->p, b->n) : 0);
	size_t n = end < limit ? end : limit, escapes = CNT_ESCAPED_MAX;
	size_t half = n < end ? cnt_text_unfinished(b->p, n) : 0;

	if (half < n)
		n -= half;
	else
		while (n < end && cnt_text_unfinished(b->p, n) == n)
			n++;
	return n == 0 ? 0 : cnt_text_fits(b->p, n, &escapes,
	    cnt_utf8_valid(b->p, n) == n ? 1 : 3);
}

/* U+FFFD takes three bytes where one stood: then fewer are shown. */
static size_t
add_text(const struct cnt_buf *b, size_t limit, bool waits, struct cnt_buf *to, bool *exact)
{
	size_t n = choose(b, limit, waits);

	*exact = cnt_text_add(to, b->p, n, false);
	if (*exact || to->n <= limit)
		return n;
	to->n = 0;
	n = choose(b, cnt_text_some(b->p, n, limit, false, false), waits);
	*exact = cnt_text_add(to, b->p, n, false);
	return n;
}

/* Reads from `since` on. What rotation left of a code point is as lost as the rest of it. */
static int
read_log(const struct cnt_process *p, int64_t since, size_t max, struct cnt_log_part *part)
{
	size_t half = 0;

	if (cnt_log_read(p->dir, since, max, p->r.log_bytes, part) == -1)
		return -1;
	while (part->gone > 0 && half < 3 && half < part->bytes.n &&
	    cnt_utf8_continues(part->bytes.p[half]))
		half++;
	if (half == 0)
		return 0;
	part->from += (int64_t)half;
	part->gone += (int64_t)half;
	part->bytes.n -= half;
	memmove(part->bytes.p, part->bytes.p + half, part->bytes.n);
	return 0;
}

/* Adds what is shown to the body; its length in the log is *n. Half a code point or escape is
 * waited for, and shown when nothing has come behind it. */
static int
read_text(struct cnt_call *c, struct cnt_process *p, struct cnt_log_part *part, size_t *n,
    bool *exact)
{
	int64_t since = cnt_json_int(c->in, "since", 0), end = since;
	size_t limit = (size_t)cnt_json_int(c->in, "limit", 20000);
	int64_t deadline = cnt_ticks_us() +
	    (int64_t)(cnt_json_num(c->in, "wait_seconds", 0) * 1e6);

	for (bool again = true; again; end = part->end) {
		if (cnt_log_end(p->dir) <= end && wait_for_output(p, end, deadline, c->err) == -1)
			return -1;
		if (read_log(p, since, limit + CNT_ESCAPE_MAX, part) == -1)
			return cnt_fail_sys(c->err, "%s: log", p->r.id);
		if (part->bytes.n == 0)
			return 0;
		*n = add_text(&part->bytes, limit, p->kept && part->end > end, &c->body, exact);
		again = *n == 0 && cnt_ticks_us() < deadline;
	}
	return 0;
}

static void
show(struct cnt_call *c, const struct cnt_process *p, const struct cnt_log_part *part, size_t n,
    bool exact)
{
	char *state CNT_FREE = cnt_process_shown(p), *path CNT_FREE = cnt_process_log_path(p->r.id);
	long long next = part->from + (long long)n;

	cnt_buf_addf(&c->head, "%s" DOT "bytes %lld-%lld of %lld", state, (long long)part->from,
	    next, (long long)part->end);
	if (cnt_process_left_running(p))
		cnt_buf_adds(&c->head, DOT "what it started runs on");
	if (part->gone > 0)
		cnt_buf_addf(&c->head, DOT "%lld bytes before these are gone",
		    (long long)part->gone);
	cnt_buf_adds(&c->head, "\n");
	if (c->body.n > 0 && c->body.p[c->body.n - 1] != '\n' && (next < part->end || !exact ||
	    p->r.log_stopped != -1))
		cnt_buf_adds(&c->foot, "\n");
	if (next < part->end)
		cnt_buf_addf(&c->foot, "[more follows: since %lld]\n", next);
	if (!exact)
		cnt_buf_addf(&c->foot, "[not UTF-8: U+FFFD stands for bytes, which lie in %s]\n",
		    path);
	if (p->r.log_stopped != -1)
		cnt_buf_addf(&c->foot, "[the log could not be written from byte %lld on: no room "
		    "on the disk]\n", (long long)p->r.log_stopped);
}

static void
state_facts(struct cnt_call *c, const struct cnt_process *p, const struct cnt_log_part *part,
    size_t n, bool exact)
{
	cnt_text_fact(c->out, "text", &c->body);
	cnt_json_set_str(c->out, "encoding", "utf-8");
	cnt_json_set_bool(c->out, "replaced", !exact);
	cnt_json_set_int(c->out, "next", part->from + (int64_t)n);
	cnt_json_set_int(c->out, "lost_bytes", part->gone);
	cnt_json_set_int(c->out, "log_bytes", part->end);
	cnt_process_facts(p, c->out, true);
	if (p->r.cpu_us >= 0)
		cnt_json_set_int(c->out, "cpu_ms", p->r.cpu_us / 1000);
	if (p->r.peak_bytes >= 0)
		cnt_json_set_int(c->out, "peak_memory_bytes", p->r.peak_bytes);
}

static int
process_read(struct cnt_call *c)
{
	int64_t since = cnt_json_int(c->in, "since", 0);
	size_t n = 0;
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	struct cnt_log_part part = { 0 };
	bool exact = true;
	int r = 0;

	if (cnt_process_find(cnt_json_str(c->in, "id"), &p, c->err) == -1)
		return -1;
	r = read_text(c, &p, &part, &n, &exact);
	if (r == 0 && since > part.end) {
		cnt_fail(c->err, CNT_INVALID, "since: %lld is past the end of the log, %lld",
		    (long long)since, (long long)part.end);
		r = cnt_hint(c->err, "give next of the last read");
	}
	if (r == 0) {
		show(c, &p, &part, n, exact);
		state_facts(c, &p, &part, n, exact);
	}
	cnt_buf_free(&part.bytes);
	return r;
}

const struct cnt_verb cnt_box_process_read = {
	.name = "process_read", .tool = "process_read", .title = "Read a process's output",
	.group = "Commands",
	.summary = "read the output of a process",
	.about = "Output (stdout and stderr in order) of a background process from a cursor on, "
	    "and its exit status. First line: state, which bytes.",
	.effects = CNT_READS, .bulk = true, .storeless = true,
	.params = read_params, .results = read_results, .run = process_read,
};
