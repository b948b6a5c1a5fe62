/* SPDX-License-Identifier: Apache-2.0
 *
 * tail_log: the last lines of a log, or what was written since the call before, waiting for it
 * if need be. Without `until` the wait ends with the first new text; with it, with a line that
 * matches. What was rotated away meanwhile is read where it can be found, and where not the
 * answer says so.
 */
#include "mcp/box/box.h"

#include <sys/inotify.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "mcp/box/search/pattern.h"
#include "mcp/box/search/trail.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define LIMIT_MAX	1048576
#define CODE_POINT	4		/* bytes: with less nothing would ever be given */
#define SETTLE_MS	50		/* for the rest of what is being written */
#define WATCHED_MS	500		/* looked at anyway: not every file system tells */
#define UNWATCHED_MS	50
#define PROGRESS_US	1000000

static const struct cnt_field tail_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "since", .type = CNT_STRING, .help = "next of the call before" },
	{ .name = "follow_seconds", .type = CNT_NUMBER, .def = "10", .max = 60,
	    .help = "wait this long for new text" },
	{ .name = "until", .type = CNT_STRING, .min = 1, .max = CNT_PATTERN_MAX,
	    .help = "regex: wait for a line that matches" },
	{ .name = "limit", .type = CNT_INTEGER, .def = "20000", .min = 1, .max = LIMIT_MAX },
	{ 0 },
};

static const struct cnt_field tail_results[] = {
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "next", .type = CNT_STRING },
	{ .name = "rotated", .type = CNT_BOOLEAN },
	{ .name = "matched", .type = CNT_BOOLEAN },
	{ .name = "truncated", .type = CNT_BOOLEAN },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 },
};

struct tail {
	struct cnt_call		*call;
	struct cnt_trail	 trail;
	struct cnt_pattern	 until;
	bool			 is_first, waits_for, matched, more;
	size_t			 limit, tested;	/* tested: offset of the first line not known */
	struct cnt_buf		 bytes;
	int			 events;	/* inotify, or -1 */
	int64_t			 start, end, told;
	int64_t			 first;		/* where the text begins, of a first call */
};

/* Watches the log's directory; without /proc there is no way to name a descriptor. */
static int
watch(const char *path)
{
	struct cnt_err e = { 0 };
	char *whole CNT_FREE = cnt_strdup(path), *name CNT_FREE = NULL;
	int dir CNT_CLOSE = cnt_wall_target(&whole, false, &name, &e);
	char *proc CNT_FREE = cnt_format("/proc/self/fd/%d", dir);
	int fd = dir != -1 ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;

	if (fd != -1 && inotify_add_watch(fd, proc, IN_MODIFY | IN_CREATE | IN_MOVED_TO) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Until something happens in the directory, or a moment has passed. */
static void
pause_a_moment(const struct tail *t, int64_t now)
{
	struct pollfd p = { .fd = t->events, .events = POLLIN };
	int64_t left = (t->end - now) / 1000 + 1;
	int most = t->events != -1 ? WATCHED_MS : UNWATCHED_MS;
	char events[4096];

	poll(&p, 1, left < most ? (int)left : most);
	while (t->events != -1 && read(t->events, events, sizeof(events)) > 0)
		continue;
}

static void
test_lines(struct tail *t)
{
	size_t from = 0, to = 0;
	const char *end = NULL;

	if (!t->waits_for || t->bytes.n == t->tested)
		return;
	t->until.until = t->end + PROGRESS_US;
	t->matched |= cnt_pattern_find(&t->until, t->bytes.p + t->tested, t->bytes.n - t->tested,
	    &from, &to);
	end = memrchr(t->bytes.p, '\n', t->bytes.n);
	if (end != NULL && (size_t)(end - t->bytes.p) + 1 > t->tested)
		t->tested = (size_t)(end - t->bytes.p) + 1;
}

/* All there is, up to the limit; one byte more tells whether there is more. */
static int
read_on(struct tail *t)
{
	ssize_t n = 1;

	while (n > 0 && t->bytes.n <= t->limit) {
		size_t room = t->limit + 1 - t->bytes.n;

		n = cnt_trail_read(&t->trail, &t->bytes, room < 65536 ? room : 65536);
		if (n == -1)
			return cnt_wall_fail(t->call->err, t->trail.path);
	}
	test_lines(t);
	return 0;
}

static int
follow(struct tail *t)
{
	int64_t now = 0;

	while (!t->matched && !t->trail.more && t->bytes.n <= t->limit &&
	    (t->waits_for ||
	    t->bytes.n == cnt_text_unfinished(t->bytes.p, t->bytes.n))) {
		size_t before = t->bytes.n;

		now = cnt_ticks_us();
		if (cnt_trail_again(&t->trail, t->call->err) == -1 || read_on(t) == -1)
			return -1;
		if (t->bytes.n > before) {
			if (!t->waits_for)
				poll(NULL, 0, SETTLE_MS);
			if (read_on(t) == -1)
				return -1;
			continue;
		}
		if (now >= t->end)
			return 0;
		if (now >= t->told + PROGRESS_US) {
			t->told = now;
			cnt_progress(t->call, (double)(now - t->start) / 1e6,
			    (double)(t->end - t->start) / 1e6, "waiting for the log");
		}
		pause_a_moment(t, now);
	}
	return 0;
}

/* Takes back what does not fit and half a code point or escape at the end: the next call gives
 * them. What was waited for in vain is given. */
static void
cut(struct tail *t, size_t limit)
{
	size_t n = t->bytes.n < limit ? t->bytes.n : limit;

	t->more |= n < t->bytes.n || t->trail.more;
	n -= cnt_text_unfinished(t->bytes.p, n);
	if (n == 0 && (t->more || (t->end > t->start && cnt_ticks_us() >= t->end)))
		n = t->bytes.n;
	if ((int64_t)(t->bytes.n - n) <= t->trail.offset) {
		t->trail.offset -= (int64_t)(t->bytes.n - n);
		t->bytes.n = n;
	}
}

/* Takes away what is before the last lines of at most `most` bytes. */
static void
keep_last(struct tail *t, size_t most)
{
	size_t from = t->bytes.n > most ? t->bytes.n - most : 0;
	const char *end = from > 0 ? memchr(t->bytes.p + from - 1, '\n', most) : NULL;

	from = end != NULL ? (size_t)(end - t->bytes.p) + 1 :
	    cnt_text_start(t->bytes.p, t->bytes.n, from);
	t->first += (int64_t)from;
	t->bytes.n -= from;
	memmove(t->bytes.p, t->bytes.p + from, t->bytes.n);
}

/* U+FFFD takes three bytes where one stood: then fewer are shown. */
static bool
show(struct tail *t)
{
	struct cnt_buf *body = &t->call->body;
	bool last = t->is_first && !t->trail.rotated;
	size_t some = 0;

	cut(t, t->limit);
	if (cnt_text_add(body, t->bytes.p, t->bytes.n, false))
		return true;
	if (body->n <= t->limit)
		return false;
	body->n = 0;
	some = cnt_text_some(t->bytes.p, t->bytes.n, t->limit, last, false);
	if (last)
		keep_last(t, some);
	else
		cut(t, some);
	return cnt_text_add(body, t->bytes.p, t->bytes.n, false);
}

static void
note(const struct tail *t, bool exact, struct cnt_buf *to)
{
	const struct cnt_trail *trail = &t->trail;

	if (trail->lost)
		cnt_buf_adds(to, "the log was rotated, and the rest of the old file is not beside "
		    "it: lines are missing here");
	if (trail->lost && trail->packed != NULL) {
		cnt_buf_adds(to, " (");
		cnt_text_add(to, trail->packed, strlen(trail->packed), false);
		cnt_buf_adds(to, " may hold them)");
	}
	cnt_buf_adds(to, trail->lost ? "\n" : "");
	if (!trail->current)
		cnt_buf_adds(to, "the log is gone; this is the rest of it\n");
	if (t->first > 0)
		cnt_buf_addf(to, "earlier lines left out: this begins at byte %lld\n",
		    (long long)t->first);
	if (!exact)
		cnt_buf_adds(to, "bytes that are not UTF-8 are shown as U+FFFD\n");
}

static void
answer(struct tail *t)
{
	struct cnt_call *c = t->call;
	struct cnt_mark m = { 0 };
	struct cnt_buf said CNT_BUF = { 0 };
	char *next CNT_FREE = NULL;
	bool exact = show(t);

	cnt_trail_mark(&t->trail, &m);
	next = cnt_mark_text(&m);
	cnt_buf_addf(&c->head, "%zu bytes \xc2\xb7 next %s%s%s\n", t->bytes.n, next,
	    t->trail.rotated ? " \xc2\xb7 rotated" : "",
	    t->matched ? " \xc2\xb7 matched" : t->waits_for ? " \xc2\xb7 no match" : "");
	note(t, exact, &said);
	if (said.n > 0) {
		cnt_buf_add(&c->head, said.p, said.n);
		said.p[said.n - 1] = '\0';
		cnt_json_set_str(c->out, "note", said.p);
	}
	if (t->more)
		cnt_buf_addf(&c->foot, "%s[more follows: since %s]\n",
		    c->body.n > 0 && c->body.p[c->body.n - 1] != '\n' ? "\n" : "", next);
	cnt_text_fact(c->out, "text", &c->body);
	cnt_json_set_str(c->out, "next", next);
	cnt_json_set_bool(c->out, "rotated", t->trail.rotated);
	cnt_json_set_bool(c->out, "matched", t->matched);
	cnt_json_set_bool(c->out, "truncated", t->more);
}

static int
run(struct tail *t)
{
	const cJSON *in = t->call->in;
	const char *path = cnt_json_str(in, "path"), *since = cnt_json_str(in, "since"),
	    *until = cnt_json_str(in, "until");
	struct cnt_err *e = t->call->err, bad = { 0 };
	struct cnt_mark m = { 0 };

	if (since != NULL && !cnt_mark_parse(since, &m))
		return cnt_fail(e, CNT_INVALID, "since: expected the next of an earlier tail_log");
	if (until != NULL && cnt_pattern_make(&t->until, until, false, false, &bad) == -1) {
		cnt_fail(e, bad.code, "until: %s", bad.text);
		return cnt_hint(e, "%s", bad.hint);
	}
	t->waits_for = until != NULL;
	if (cnt_trail_open(&t->trail, path, since != NULL ? &m : NULL, (int64_t)t->limit, e) == -1)
		return -1;
	t->is_first = since == NULL;
	t->first = t->is_first ? t->trail.offset : 0;
	t->events = watch(path);
	if (read_on(t) == -1)
		return -1;
	if (follow(t) == -1)
		return -1;
	answer(t);
	return 0;
}

static int
tail_log(struct cnt_call *c)
{
	struct tail t = { .call = c, .limit = (size_t)cnt_json_int(c->in, "limit", LIMIT_MAX),
	    .events = -1, .start = cnt_ticks_us() };
	int r = 0;

	t.limit = t.limit < CODE_POINT ? CODE_POINT : t.limit;
	t.end = t.start + (int64_t)(cnt_json_num(c->in, "follow_seconds", 0) * 1e6);
	t.told = t.start;
	r = run(&t);
	if (t.events != -1)
		close(t.events);
	cnt_trail_close(&t.trail);
	cnt_pattern_free(&t.until);
	cnt_buf_free(&t.bytes);
	return r;
}

const struct cnt_verb cnt_box_tail_log = {
	.name = "tail_log", .tool = "tail_log", .title = "Read on in a log",
	.group = "Files",
	.summary = "last lines of a log, and what is written next",
	.about = "Last lines of a log file; with since, only what was written after it, also "
	    "across rotation. Waits for new text, or with until for a line that matches.",
	.effects = CNT_READS, .bulk = true, .storeless = true,
	.params = tail_params, .results = tail_results, .run = tail_log,
};
