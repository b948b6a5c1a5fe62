/* SPDX-License-Identifier: Apache-2.0
 *
 * process_read: a part of a process's log. The cursor is the number of bytes written before it, so
 * it stays true whatever is rotated away; what is gone is said. What is shown is text, as with all
 * output of commands: the log itself has the exact bytes.
 */
#include "mcp/box/process/keep.h"

#define DOT		" \xc2\xb7 "
#define POINT_MAX	4		/* bytes of a code point */
#define ESCAPE_MAX	64		/* of an escape sequence that is waited for */

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
wait_for_output(struct cnt_process *p, int64_t since, double seconds, struct cnt_err *e)
{
	struct cnt_ask ask = { .op = CNT_ASK_OUTPUT, .bytes = since };
	struct cnt_told told;
	int keeper CNT_CLOSE = seconds > 0 && p->kept && p->r.ended == 0 ?
	    cnt_keep_connect(p->dir) : -1;

	if (keeper == -1 || cnt_keep_ask(keeper, &ask) == -1)
		return 0;
	(void)cnt_keep_hear(keeper, cnt_ticks_us() + (int64_t)(seconds * 1e6), &told, NULL);
	return cnt_process_look(p, e);
}

/* Does an escape sequence that begins at s go on after n? What follows an ended one is shown. */
static bool
is_open_escape(const char *s, size_t n)
{
	struct cnt_buf more CNT_BUF = { 0 }, shown CNT_BUF = { 0 };

	cnt_buf_add(&more, s, n);
	cnt_buf_add(&more, "m", 1);
	cnt_text_add(&shown, more.p, more.n, false);
	return shown.n == 0 || shown.p[shown.n - 1] != 'm';
}

/* How many bytes at the end begin a code point or an escape sequence that does not end there. */
static size_t
unfinished(const char *s, size_t n)
{
	for (size_t i = 1; i < POINT_MAX && i <= n; i++) {
		unsigned char c = (unsigned char)s[n - i];

		if (c >= 0xc2 && c < 0xf5 && (c >= 0xf0 ? 4U : c >= 0xe0 ? 3U : 2U) > i)
			return i;
		if ((c & 0xc0) != 0x80)
			break;
	}
	for (size_t i = 1; i < ESCAPE_MAX && i <= n && s[n - i] != '\n'; i++)
		if (s[n - i] == '\033')
			return is_open_escape(s + n - i, i) ? i : 0;
	return 0;
}

/* How many of b's bytes are shown: at most limit, one code point at least. */
static size_t
choose(const struct cnt_buf *b, size_t limit, bool running)
{
	size_t most = b->n < limit ? b->n : limit, n = most, escapes = CNT_ESCAPED_MAX;

	if (b->n > most || running)
		n -= unfinished(b->p, most);
	if (n == 0 && (b->n > most || !running))
		for (n = most; n < b->n && ((unsigned char)b->p[n] & 0xc0) == 0x80; n++)
			continue;
	return n == 0 ? 0 : cnt_text_fits(b->p, n, &escapes,
	    cnt_utf8_valid(b->p, n) == n ? 1 : 3);
}

static void
show(struct cnt_call *c, const struct cnt_process *p, const struct cnt_log_part *part, size_t n,
    bool exact)
{
	char *state CNT_FREE = cnt_process_shown(p), *path CNT_FREE = cnt_process_log_path(p->r.id);
	long long next = part->from + (long long)n;

	cnt_buf_addf(&c->head, "%s" DOT "bytes %lld-%lld of %lld", state, (long long)part->from,
	    next, (long long)part->end);
	if (p->kept && p->r.ended != 0)
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
	size_t limit = (size_t)cnt_json_int(c->in, "limit", 20000), n = 0;
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	struct cnt_log_part part = { 0 };
	struct cnt_buf bytes CNT_BUF = { 0 };
	bool exact = true;

	if (cnt_process_find(cnt_json_str(c->in, "id"), &p, c->err) == -1 ||
	    (cnt_log_end(p.dir) <= since &&
	    wait_for_output(&p, since, cnt_json_num(c->in, "wait_seconds", 0), c->err) == -1))
		return -1;
	if (cnt_log_read(p.dir, since, limit + POINT_MAX, p.r.log_bytes, &part) == -1)
		return cnt_fail_sys(c->err, "%s: log", p.r.id);
	bytes = part.bytes;
	if (since > part.end) {
		cnt_fail(c->err, CNT_INVALID, "since: %lld is past the end of the log, %lld",
		    (long long)since, (long long)part.end);
		return cnt_hint(c->err, "give next of the last read");
	}
	n = bytes.n > 0 ? choose(&bytes, limit, p.kept) : 0;
	if (n > 0)
		exact = cnt_text_add(&c->body, bytes.p, n, false);
	show(c, &p, &part, n, exact);
	state_facts(c, &p, &part, n, exact);
	return 0;
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
