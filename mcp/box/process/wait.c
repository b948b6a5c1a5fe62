/* SPDX-License-Identifier: Apache-2.0
 *
 * process_wait: until a process has ended, has written (a line that matches), listens, or rests. It
 * asks the keeper, who says so when something happens; only ports and rest are looked for at
 * intervals. That the time was over first is an answer: met=false, why, and where to go on.
 */
#include "mcp/box/box.h"

#include <time.h>

#include "mcp/box/process/keep.h"
#include "mcp/box/process/port.h"
#include "mcp/box/search/pattern.h"
#include "mcp/box/text.h"

#define CHUNK		65536
#define LINE_MAX_BYTES	65536		/* a longer line is matched by its parts */
#define SHOWN		200
#define MATCH_US	1000000		/* for what was written until the time was over */
#define LOOK_US		100000		/* between looks at ports and rest */
#define IDLE_US		1000000
#define IDLE_SHARE	20		/* a twentieth of one processor is rest */
#define PROGRESS_US	500000

static const char *const conditions[] = { "exit", "output", "port", "idle", NULL };

static const struct cnt_field wait_params[] = {
	{ .name = "id", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "until", .type = CNT_STRING, .flags = CNT_REQUIRED, .choices = conditions,
	    .help = "idle: 1 s without output or CPU" },
	{ .name = "pattern", .type = CNT_STRING, .min = 1, .max = CNT_PATTERN_MAX,
	    .help = "of a line: POSIX extended regex" },
	{ .name = "since", .type = CNT_INTEGER, .def = "0", .min = 0, .max = 9e15,
	    .help = "output: only from this byte on" },
	{ .name = "port", .type = CNT_INTEGER, .min = 1, .max = 65535,
	    .help = "default: any it listens on" },
	{ .name = "timeout_seconds", .type = CNT_NUMBER, .def = "30", .min = 0.1, .max = 600 },
	{ 0 },
};

static const struct cnt_field wait_results[] = {
	{ .name = "met", .type = CNT_BOOLEAN },
	{ .name = "reason", .type = CNT_STRING },
	{ .name = "state", .type = CNT_STRING },
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "next", .type = CNT_INTEGER },
	{ 0 },
};

struct wait {
	struct cnt_call		*call;
	struct cnt_process	 p;
	const char		*until;
	struct cnt_pattern	 pattern;
	bool			 has_pattern, met;
	int			 port;
	struct cnt_addresses	 local;
	int64_t			 deadline, started, next_progress;
	int64_t			 seen;		/* output has been looked at up to here */
	int64_t			 next;		/* cursor of the answer, when output met it; -1 */
	struct cnt_buf		 lines;		/* what stands before `seen`, not matched yet */
	struct cnt_told		 told;
	int64_t			 quiet, cpu_us, bytes;	/* rest: since when, with what */
	int			 foreign;	/* looks that found the port open, but not by it */
	char			*reason;
};

static int
compile(struct wait *w)
{
	const char *text = cnt_json_str(w->call->in, "pattern");

	w->has_pattern = text != NULL;
	if (text != NULL &&
	    cnt_pattern_make(&w->pattern, text, false, false, w->call->err) == -1)
		return -1;
	w->pattern.until = w->deadline + MATCH_US;
	return 0;
}

static void
meet(struct wait *w, char *reason)
{
	free(w->reason);
	w->reason = reason;
	w->met = true;
}

/* A match from `from` to `to` of the lines at hand: next stands behind it, and in any case behind
 * the first byte of its line. */
static void
meet_match(struct wait *w, size_t from, size_t to)
{
	const char *s = w->lines.p, *end = memchr(s + from, '\n', w->lines.n - from);
	const char *before = memrchr(s, '\n', from), *line = before != NULL ? before + 1 : s;
	size_t n = (size_t)((end != NULL ? end : s + w->lines.n) - line);
	struct cnt_buf shown CNT_BUF = { 0 };

	cnt_text_add(&shown, line, n, false);
	cnt_buf_adds(&shown, "");
	w->next = w->seen - (int64_t)w->lines.n + (int64_t)to + (s + to == line);
	meet(w, cnt_format("output: %.*s", (int)cnt_text_prefix(shown.p, shown.n, SHOWN), shown.p));
}

/* Lines are matched when they are whole; what stands at the log's end without a newline as it is: a
 * prompt. */
static void
match_lines(struct wait *w, bool last)
{
	struct cnt_buf *b = &w->lines;
	const char *end = memrchr(b->p, '\n', b->n);
	size_t whole = end != NULL ? (size_t)(end - b->p) + 1 : 0, from = 0, to = 0;

	if (b->n - whole >= LINE_MAX_BYTES)
		whole = b->n;
	if (cnt_pattern_find(&w->pattern, b->p, last ? b->n : whole, &from, &to)) {
		meet_match(w, from, to);
		return;
	}
	if (w->pattern.late)
		return;
	b->n -= whole;
	memmove(b->p, b->p + whole, b->n);
}

static int
look_at_output(struct wait *w)
{
	for (;;) {
		struct cnt_log_part part = { 0 };
		struct cnt_buf bytes CNT_BUF = { 0 };

		if (cnt_log_read(w->p.dir, w->seen, CHUNK, w->p.r.log_bytes, &part) == -1)
			return cnt_fail_sys(w->call->err, "%s: log", w->p.r.id);
		bytes = part.bytes;
		if (bytes.n == 0)
			return 0;
		if (!w->has_pattern) {
			meet(w, cnt_format("output: %lld bytes", (long long)part.end -
			    (long long)w->seen));
			w->next = part.end;
			return 0;
		}
		if (part.gone > 0)
			w->lines.n = 0;
		cnt_buf_add(&w->lines, bytes.p, bytes.n);
		w->seen = part.from + (int64_t)bytes.n;
		match_lines(w, w->seen == part.end);
		if (w->met || w->pattern.late)
			return 0;
	}
}

static void
look_at_ports(struct wait *w)
{
	size_t n = (size_t)w->told.left < nitems(w->told.pids) ? (size_t)w->told.left :
	    nitems(w->told.pids);
	int port = cnt_port_of(w->told.pids, n, w->port);

	if (port != 0)
		meet(w, cnt_format("listens on port %d", port));
	else if (w->port != 0 && cnt_port_connects(&w->local, w->deadline) && w->foreign++ > 0)
		meet(w, cnt_format("port %d takes connections, but no process of %s is seen to "
		    "listen on it", w->port, w->p.r.id));
}

static void
look_at_rest(struct wait *w)
{
	int64_t now = cnt_ticks_us();
	int64_t used = w->told.cpu_us - w->cpu_us;

	if (w->quiet == 0 || w->told.bytes != w->bytes || used > (now - w->quiet) / IDLE_SHARE) {
		w->quiet = now;
		w->bytes = w->told.bytes;
		w->cpu_us = w->told.cpu_us;
	} else if (now - w->quiet >= IDLE_US) {
		meet(w, cnt_strdup("no output and no CPU for 1 s"));
	}
}

static void
tell_progress(struct wait *w)
{
	int64_t now = cnt_ticks_us();
	char *text CNT_FREE = NULL;

	if (w->call->progress == NULL || now < w->next_progress)
		return;
	text = cnt_format("%s, %lld B of output", w->p.state, (long long)cnt_log_end(w->p.dir));
	cnt_progress(w->call, (double)(now - w->started) / 1e6, 0, text);
	w->next_progress = now + PROGRESS_US;
}

/* Asks and waits: 1 told, 0 a pause is over, -1 its keeper is gone. */
static int
ask(struct wait *w, int keeper, int op)
{
	struct cnt_ask q = { .op = op, .bytes = INT64_MAX };
	int64_t until = cnt_ticks_us() + PROGRESS_US;
	int r = 0;

	/* What could not be kept is told of, but never seen. */
	if (strcmp(w->until, "output") == 0)
		q.bytes = w->seen > w->told.bytes ? w->seen : w->told.bytes;
	if (cnt_keep_ask(keeper, &q) == -1)
		return -1;
	while (r == 0 && cnt_ticks_us() < w->deadline) {
		r = cnt_keep_hear(keeper, until < w->deadline ? until : w->deadline, &w->told,
		    NULL);
		tell_progress(w);
		until = cnt_ticks_us() + PROGRESS_US;
	}
	return r;
}

static void
pause_until_next_look(const struct wait *w)
{
	int64_t left = w->deadline - cnt_ticks_us();

	left = left < LOOK_US ? left : LOOK_US;
	if (left > 0)
		nanosleep(&(struct timespec){ 0, left * 1000 }, NULL);
}

static int
look(struct wait *w)
{
	if (strcmp(w->until, "output") == 0)
		return look_at_output(w);
	if (strcmp(w->until, "exit") == 0)
		w->met = w->p.r.ended != 0;
	if (strcmp(w->until, "port") == 0)
		look_at_ports(w);
	if (strcmp(w->until, "idle") == 0)
		look_at_rest(w);
	return 0;
}

/* Its keeper is gone: what the record says is final as soon as the lock is free. */
static int
look_at_end(struct wait *w)
{
	for (int i = 0; i < 100; i++) {
		if (cnt_process_look(&w->p, w->call->err) == -1)
			return -1;
		if (!w->p.kept)
			break;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	return 0;
}

/* -1 with the call's error made. */
static int
wait_for_it(struct wait *w)
{
	bool polls = strcmp(w->until, "port") == 0 || strcmp(w->until, "idle") == 0;
	bool tree = strcmp(w->until, "port") == 0;	/* it may outlive the command */
	int keeper CNT_CLOSE = cnt_keep_connect(w->p.dir);

	for (;;) {
		bool gone = keeper == -1 || (polls && ask(w, keeper, CNT_ASK_NOW) == -1);

		if ((gone ? look_at_end(w) : cnt_process_look(&w->p, w->call->err)) == -1 ||
		    (!(polls && gone) && look(w) == -1))
			return -1;
		if (w->met || gone || (w->p.r.ended != 0 && !tree) ||
		    cnt_ticks_us() >= w->deadline)
			return 0;
		if (polls)
			pause_until_next_look(w);
		else if (ask(w, keeper, CNT_ASK_OUTPUT) == -1)
			close(take_fd(&keeper));
		tell_progress(w);
	}
}

/* Can it be met by waiting on? What a command left running may still listen. */
static bool
is_open(const struct wait *w)
{
	return w->pattern.late ||
	    (w->p.kept && (w->p.r.ended == 0 || strcmp(w->until, "port") == 0));
}

static char *
reason_of(const struct wait *w)
{
	if (w->reason != NULL)
		return cnt_strdup(w->reason);
	if (w->pattern.late && !w->met)
		return cnt_strdup("the time was over before all output was searched: wait again "
		    "with since=next");
	if (w->met || !is_open(w))
		return cnt_process_shown(&w->p);
	return cnt_format("timed out after %g s",
	    cnt_json_num(w->call->in, "timeout_seconds", 0));
}

static void
answer(struct wait *w)
{
	cJSON *out = w->call->out;
	char *reason CNT_FREE = reason_of(w);

	/* Where matching stands: what was not matched yet may be met by a later call. */
	if (w->next == -1)
		w->next = strcmp(w->until, "output") == 0 ? w->seen - (int64_t)w->lines.n :
		    cnt_log_end(w->p.dir);
	cnt_json_set_bool(out, "met", w->met);
	cnt_process_facts(&w->p, out, false);
	cnt_json_set_str(out, "reason", reason);
	cnt_json_set_int(out, "next", w->next);
	w->call->status = w->met ? 0 : cnt_code_exit(is_open(w) ? CNT_TIMEOUT : CNT_NO);
}

static int
process_wait(struct cnt_call *c)
{
	struct wait w = { .call = c, .p.dir = -1, .until = cnt_json_str(c->in, "until"),
	    .port = (int)cnt_json_int(c->in, "port", 0), .started = cnt_ticks_us(), .next = -1,
	    .seen = cnt_json_int(c->in, "since", 0) };
	int r = cnt_process_find(cnt_json_str(c->in, "id"), &w.p, c->err);

	w.deadline = w.started + (int64_t)(cnt_json_num(c->in, "timeout_seconds", 30) * 1e6);
	w.next_progress = w.started + PROGRESS_US;
	if (r == 0)
		r = compile(&w);
	if (r == 0 && w.port != 0)
		r = cnt_port_resolve("localhost", w.port, &w.local, c->err);
	if (r == 0)
		r = wait_for_it(&w);
	if (r == 0)
		answer(&w);
	cnt_pattern_free(&w.pattern);
	cnt_buf_free(&w.lines);
	free(w.reason);
	cnt_process_free(&w.p);
	return r;
}

const struct cnt_verb cnt_box_process_wait = {
	.name = "process_wait", .tool = "process_wait", .title = "Wait for a process",
	.group = "Commands",
	.summary = "wait until a process ends, writes, listens or rests",
	.about = "Wait until a background process exits, writes a line, listens on a port or is "
	    "idle.",
	.effects = CNT_READS, .storeless = true,
	.params = wait_params, .results = wait_results, .run = process_wait,
};
