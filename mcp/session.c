/* SPDX-License-Identifier: Apache-2.0
 *
 * One session a box: `cnt-mcp --box BOX` (it enters the box; its standard input is ours), and the
 * relay (it reads the box's output; ours are its lines). Nothing that comes from a box is parsed
 * here: a line of the relay's is looked at for its prefix, a number of a call that is under way, and
 * bytes that JSON text may have; the rest is spliced.
 */
#include "mcp/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/frame.h"
#include "mcp/program.h"
#include "mcp/relay.h"

#define SELF		"/proc/self/exe"
#define SESSIONS	64
#define DEADLINE_US	((int64_t)3600 * 1000000)
#define RELAY_US	1000000			/* after agent-box has ended: the relay's last lines */
#define LEAF_US		8000000			/* after end of input: agent-box, its leaf, the entry */
#define QUEUE_MAX	((size_t)64 << 20)	/* for a box that does not read */

struct box_call {
	struct box_call		*next;
	struct session		*session;
	struct cnt_request	*r;
	struct cnt_timer	*deadline;
	long long		 number;
};

struct session {
	struct session		*next;
	struct cnt_sessions	*all;
	struct box_call		*calls;
	char			*box, *how;
	struct cnt_program	 entry, relay;
	struct cnt_writer	*in, *told;
	struct cnt_reader	 reader;
	struct cnt_watch	*watch;
	int			 in_fd, told_fd, out_fd;
	long long		 last;		/* number given */
	struct cnt_loop		*loop;
	struct cnt_timer	*freeing;
	bool			 over;		/* takes no calls; is freed when both have ended */
};

struct cnt_sessions {
	struct session	*sessions;
	size_t		 n;
};

struct cnt_sessions *
cnt_sessions_new(void)
{
	return cnt_alloc(sizeof(struct cnt_sessions));
}

static void
call_free(struct box_call *c)
{
	struct box_call **at = &c->session->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	cnt_loop_untimer(c->deadline);
	free(c);
}

static void
session_free(void *arg)
{
	struct session *s = arg;
	struct session **at = &s->all->sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->all->n--;
	cnt_program_free(&s->entry);
	cnt_program_free(&s->relay);
	cnt_reader_free(&s->reader);
	free(s->box);
	free(s->how);
	free(s);
}

/* From the loop, so that whoever is at work on it now may go on. */
static void
settle(struct session *s)
{
	if (s->over && s->entry.exited && s->relay.exited && s->freeing == NULL)
		s->freeing = cnt_loop_timer(s->loop, 0, session_free, s);
}

static void
close_writer(struct cnt_writer **w, int *fd)
{
	if (*w != NULL)
		cnt_writer_free(take(w));
	if (*fd != -1)
		close(take_fd(fd));
}

/* No more calls. result: what every call under way is answered with, or NULL: made here. */
static void
session_end(struct session *s, struct cnt_span result)
{
	struct cnt_err e = { 0 };

	if (s->over)
		return;
	s->over = true;
	cnt_fail(&e, CNT_NO, "%s: its agent-box ended%s%s", s->box, s->how != NULL ? ": " : "",
	    s->how != NULL ? s->how : "");
	cnt_hint(&e, "the next call starts a new one");
	while (s->calls != NULL) {
		struct cnt_request *r = s->calls->r;

		call_free(s->calls);
		if (result.p != NULL)
			cnt_request_answer_raw(r, result.p, result.n);
		else
			cnt_request_error(r, &e);
	}
	close_writer(&s->in, &s->in_fd);
	close_writer(&s->told, &s->told_fd);
	if (s->watch != NULL)
		cnt_loop_unwatch(take(&s->watch));
	close(take_fd(&s->out_fd));
	cnt_program_stop(&s->entry, LEAF_US, LEAF_US + RELAY_US);
	cnt_program_stop(&s->relay, 0, RELAY_US);
	settle(s);
}

static void
on_broken(void *arg CNT_UNUSED)
{
	/* The end is seen by pidfd and by the relay. */
}

static void
on_entry_ended(void *arg)
{
	struct session *s = arg;

	s->how = cnt_program_how(&s->entry);
	close_writer(&s->told, &s->told_fd);
	if (!s->over)
		cnt_program_stop(&s->relay, RELAY_US, RELAY_US);
	settle(s);
}

static bool drain(struct session *s);

static void
on_relay_ended(void *arg)
{
	struct session *s = arg;

	while (!s->over && drain(s))
		;
	session_end(s, (struct cnt_span){ 0 });
	settle(s);
}

/* Digits and a space, from *at on; -1 when it is something else. */
static long long
number_at(struct cnt_span line, size_t *at)
{
	long long v = 0;
	size_t from = *at;

	for (; *at < line.n && line.p[*at] >= '0' && line.p[*at] <= '9' && *at - from < 18; (*at)++)
		v = v * 10 + (line.p[*at] - '0');
	if (*at == from || *at >= line.n || line.p[*at] != ' ')
		return -1;
	++*at;
	return v;
}

static void
progress(struct cnt_request *r, struct cnt_span rest)
{
	char *text CNT_FREE = cnt_format("%.*s", (int)(rest.n > 1000 ? 1000 : rest.n), rest.p);
	double done = 0, total = 0;
	int at = 0;

	if (sscanf(text, "%lf %lf %n", &done, &total, &at) == 2 && at != 0)
		cnt_request_progress(r, done, total, text[at] != '\0' ? text + at : NULL);
}

static bool
is_clean(struct cnt_span line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < 0x20)
			return false;
	return cnt_utf8_valid(line.p, line.n) == line.n;
}

/* False: the relay is not to be believed any more. */
static bool
on_line(struct session *s, struct cnt_span line)
{
	struct box_call *c = s->calls;
	size_t at = 2;
	long long number;

	if (line.n < 4 || line.p[1] != ' ' || !is_clean(line))
		return false;
	if (*line.p == 'F') {
		session_end(s, (struct cnt_span){ line.p + 2, line.n - 2 });
		return true;
	}
	number = number_at(line, &at);
	if (number == -1 || (*line.p != 'R' && *line.p != 'P'))
		return false;
	while (c != NULL && c->number != number)
		c = c->next;
	if (c == NULL)
		return true;
	if (*line.p == 'P') {
		progress(c->r, (struct cnt_span){ line.p + at, line.n - at });
	} else {
		struct cnt_request *r = c->r;

		call_free(c);
		cnt_request_answer_raw(r, line.p + at, line.n - at);
	}
	return true;
}

/* One read; false when nothing more will come. */
static bool
drain(struct session *s)
{
	ssize_t n = cnt_reader_fill(&s->reader, s->out_fd);
	struct cnt_span line;
	enum cnt_line got;

	while (n > 0 && !s->over &&
	    (got = cnt_reader_next(&s->reader, false, &line)) != CNT_LINE_MORE)
		if (got == CNT_LINE_LONG || !on_line(s, line))
			return false;
	return n > 0;
}

static void
on_relay(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct session *s = arg;

	if (!drain(s) && s->watch != NULL)
		cnt_loop_unwatch(take(&s->watch));	/* the relay ends, or is ended: */
	if (!s->over && s->watch == NULL)
		cnt_program_stop(&s->relay, 0, RELAY_US);
}

static int
open_pipes(int pipes[4][2], struct cnt_err *e)
{
	for (int i = 0; i < 4; i++)
		if (pipe2(pipes[i], O_CLOEXEC) == -1)
			return cnt_fail_sys(e, "pipe");
	return 0;
}

static int
start_both(struct session *s, struct cnt_loop *l, int pipes[4][2], int null, struct cnt_err *e)
{
	char *relay[] = { (char *)(uintptr_t)"cnt-mcp-relay", s->box, NULL };
	char *entry[] = { (char *)(uintptr_t)"cnt-mcp", (char *)(uintptr_t)"--json",
	    (char *)(uintptr_t)"--box", s->box, NULL };

	s->relay.ended = on_relay_ended;
	s->entry.ended = on_entry_ended;
	s->relay.arg = s->entry.arg = s;
	if (cnt_program_start(&s->relay, l, SELF, relay,
	    (int[]){ pipes[1][0], pipes[2][1], pipes[3][0] }, SIGKILL, e) == -1)
		return -1;
	return cnt_program_start(&s->entry, l, SELF, entry, (int[]){ pipes[0][0], pipes[1][1], null },
	    0, e);
}

/* pipes: to agent-box, from it to the relay, from the relay, to the relay. */
static struct session *
session_start(struct cnt_sessions *bs, struct cnt_loop *l, const char *box, struct cnt_err *e)
{
	int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int null CNT_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct session *s = cnt_alloc(sizeof(*s));
	int r = -1;

	*s = (struct session){ .all = bs, .next = bs->sessions, .loop = l, .box = cnt_strdup(box),
	    .reader.max = CNT_RELAY_OUT, .in_fd = -1, .told_fd = -1, .out_fd = -1 };
	bs->sessions = s;
	bs->n++;
	if (open_pipes(pipes, e) == 0)
		r = start_both(s, l, pipes, null, e);
	if (r == 0) {
		s->in_fd = take_fd(&pipes[0][1]);
		s->out_fd = take_fd(&pipes[2][0]);
		s->told_fd = take_fd(&pipes[3][1]);
		s->in = cnt_writer_new(l, s->in_fd, on_broken, s);
		s->told = cnt_writer_new(l, s->told_fd, on_broken, s);
		s->watch = cnt_loop_watch(l, s->out_fd, POLLIN, on_relay, s);
	}
	for (int i = 0; i < 8; i++)
		if (pipes[i / 2][i % 2] != -1)
			close(pipes[i / 2][i % 2]);
	if (r == -1) {
		session_free(s);
		return NULL;
	}
	return s;
}

static struct session *
session_of(struct cnt_sessions *bs, struct cnt_loop *l, const char *box, struct cnt_err *e)
{
	for (struct session *s = bs->sessions; s != NULL; s = s->next)
		if (!s->over && !s->entry.exited && strcmp(s->box, box) == 0)
			return s;
	if (bs->n < SESSIONS)
		return session_start(bs, l, box, e);
	cnt_fail(e, CNT_BUSY, "%d boxes are in use by this connection already", SESSIONS);
	return NULL;
}

static void
put(struct cnt_writer *w, char *text)
{
	struct cnt_buf b = { .p = text, .n = strlen(text), .cap = strlen(text) + 1 };

	if (w == NULL) {
		free(text);
		return;
	}
	cnt_writer_add(w, &b);
	cnt_writer_flush(w);
}

static void
forget(struct session *s, long long number)
{
	put(s->in, cnt_format("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
	    "{\"requestId\":%lld}}\n", number));
	put(s->told, cnt_format("-%lld\n", number));
}

static void
on_deadline(void *arg)
{
	struct box_call *c = arg;
	struct session *s = c->session;
	struct cnt_request *r = c->r;
	struct cnt_err e = { 0 };

	forget(s, c->number);
	call_free(c);
	cnt_fail(&e, CNT_TIMEOUT, "%s: no answer for an hour", s->box);
	cnt_request_error(r, &e);
}

void
cnt_session_call(struct cnt_sessions *bs, struct cnt_request *r, const char *box, const char *tool,
    const cJSON *arguments)
{
	struct cnt_loop *l = cnt_request_loop(r);
	struct cnt_err e = { 0 };
	struct session *s = session_of(bs, l, box, &e);
	struct box_call *c;
	char *args CNT_FREE = NULL, *token CNT_FREE = NULL;

	if (s != NULL && s->in != NULL && cnt_writer_queued(s->in) > QUEUE_MAX) {
		cnt_fail(&e, CNT_BUSY, "%s: its agent-box does not read", box);
		s = NULL;
	}
	if (s == NULL) {
		cnt_request_error(r, &e);
		return;
	}
	c = cnt_alloc(sizeof(*c));
	*c = (struct box_call){ .next = s->calls, .session = s, .r = r, .number = ++s->last };
	s->calls = c;
	c->deadline = cnt_loop_timer(l, DEADLINE_US, on_deadline, c);
	args = cnt_json_print(arguments);
	token = cnt_request_wants_progress(r) ? cnt_format(",\"progressToken\":%lld", c->number) :
	    cnt_strdup("");
	put(s->told, cnt_format("+%lld\n", c->number));
	put(s->in, cnt_format("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"tools/call\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	    "\"io.modelcontextprotocol/clientCapabilities\":{}%s},\"name\":\"%s\","
	    "\"arguments\":%s}}\n", c->number, token, tool, args));
}

bool
cnt_session_cancel(struct cnt_sessions *bs, struct cnt_request *r)
{
	struct box_call *c = NULL;

	for (struct session *s = bs->sessions; s != NULL && c == NULL; s = s->next)
		for (c = s->calls; c != NULL && c->r != r; )
			c = c->next;
	if (c == NULL)
		return false;
	forget(c->session, c->number);
	call_free(c);
	cnt_request_drop(r);
	return true;
}

void
cnt_sessions_end(struct cnt_sessions *bs)
{
	for (struct session *s = bs->sessions; s != NULL; s = s->next)
		session_end(s, (struct cnt_span){ 0 });
}

void
cnt_sessions_free(struct cnt_sessions *bs)
{
	for (struct session *s = bs->sessions, *next; s != NULL; s = next) {
		next = s->next;
		cnt_reader_free(&s->reader);
		free(s->box);
		free(s->how);
		free(s);
	}
	free(bs);
}
