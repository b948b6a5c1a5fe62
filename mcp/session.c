/* SPDX-License-Identifier: Apache-2.0
 *
 * One session a box: `cnt-mcp --box BOX` (it enters the box; its standard input is ours), and the
 * relay (it reads the box's output; ours are its lines). Either may end at any time, in any order;
 * what is under way then fails, and the next call starts a new session.
 */
#include "mcp/session-own.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/entry.h"

#define SELF		"/proc/self/exe"
#define SESSIONS	32			/* at once; then one that is idle makes room */
#define ENDING		8			/* of one box */
#define RELAY_US	1000000			/* after agent-box's end: the relay's last lines */
#define LEAF_US		8000000			/* after end of input: agent-box and its leaf */

struct cnt_sessions *
cnt_sessions_new(const struct cnt_ways *w)
{
	struct cnt_sessions *bs = cnt_alloc(sizeof(*bs));

	bs->ways = *w;
	return bs;
}

static void
session_free(void *arg)
{
	struct session *s = arg;
	struct session **at = &s->all->sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
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

void
cnt_session_end(struct session *s, struct cnt_span result, bool at_once)
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

		cnt_session_call_free(s->calls);
		if (result.p != NULL)
			cnt_request_answer_raw(r, result.p, result.n);
		else
			cnt_request_error(r, &e);
	}
	close_writer(&s->in, &s->in_fd);
	close_writer(&s->told, &s->told_fd);
	if (s->watch != NULL)
		cnt_loop_unwatch(take(&s->watch));
	if (s->pause != NULL)
		cnt_loop_untimer(take(&s->pause));
	close(take_fd(&s->out_fd));
	cnt_program_stop(&s->entry, at_once ? 0 : LEAF_US, LEAF_US + RELAY_US);
	cnt_program_stop(&s->relay, 0, RELAY_US);
	settle(s);
}

/* agent-box has ended. Its entry may still wait to see what became of the box. */
static void
on_deaf(void *arg)
{
	struct session *s = arg;

	s->deaf = true;
}

static void
on_broken(void *arg CNT_UNUSED)
{
	/* The end of the relay is seen by its pidfd. */
}

/* An entry passes the end of its agent-box on as shells do: 128 and the signal. */
static char *
how_ended(const struct cnt_program *entry)
{
	int status = cnt_program_status(entry);

	return status > 128 ? cnt_format("signal %d", status - 128) : cnt_program_how(entry);
}

static void
on_entry_ended(void *arg)
{
	struct session *s = arg;

	if (s->how == NULL)
		s->how = how_ended(&s->entry);
	close_writer(&s->told, &s->told_fd);
	if (!s->over)
		cnt_program_stop(&s->relay, RELAY_US, RELAY_US);
	settle(s);
}

static void
on_relay_ended(void *arg)
{
	struct session *s = arg;

	while (!s->over && cnt_session_read(s))
		;
	if (s->how == NULL && cnt_program_status(&s->relay) != 0)
		s->how = cnt_strdup(CNT_UNREADABLE);
	cnt_session_end(s, (struct cnt_span){ 0 }, true);
	settle(s);
}

static void on_relay(int fd, short revents, void *arg);

static void
resume(void *arg)
{
	struct session *s = arg;

	s->pause = NULL;
	s->watch = cnt_loop_watch(s->loop, s->out_fd, POLLIN, on_relay, s);
}

static void
on_relay(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct session *s = arg;

	if (s->calls != NULL && cnt_request_unread(s->calls->r) > CNT_UNREAD_MAX) {
		cnt_loop_unwatch(take(&s->watch));
		s->unheard = cnt_ticks_us();
		s->pause = cnt_loop_timer(s->loop, CNT_UNREAD_US, resume, s);
	} else if (!cnt_session_read(s) && !s->over) {
		cnt_loop_unwatch(take(&s->watch));	/* the relay ends, or is ended: */
		cnt_program_stop(&s->relay, 0, RELAY_US);
	}
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
start_both(struct session *s, const struct cnt_verb *v, int pipes[4][2], int null,
    struct cnt_err *e)
{
	char *relay[] = { (char *)(uintptr_t)"cnt-mcp-relay", s->box, NULL };
	char *entry[] = { (char *)(uintptr_t)"cnt-mcp", (char *)(uintptr_t)"--json",
	    (char *)(uintptr_t)"--box", s->box, (char *)(uintptr_t)(v == &cnt_entry_reads ?
	    "--read-only" : s->all->ways.start ? "--start" : NULL), NULL };
	struct cnt_loop *l = s->loop;

	s->relay.ended = on_relay_ended;
	s->entry.ended = on_entry_ended;
	s->relay.arg = s->entry.arg = s;
	if (cnt_program_start(&s->relay, l, SELF, relay,
	    (int[]){ pipes[1][0], pipes[2][1], pipes[3][0] }, SIGKILL, e) == -1)
		return -1;
	return cnt_program_start(&s->entry, l, SELF, entry,
	    (int[]){ pipes[0][0], pipes[1][1], null }, 0, e);
}

/* pipes: to agent-box, from it to the relay, from the relay, to the relay. */
static struct session *
session_start(struct cnt_sessions *bs, struct cnt_loop *l, const char *box,
    const struct cnt_verb *v, struct cnt_err *e)
{
	int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int null CNT_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct session *s = cnt_alloc(sizeof(*s));
	int r = -1;

	*s = (struct session){ .all = bs, .next = bs->sessions, .loop = l, .box = cnt_strdup(box),
	    .reader.max = CNT_RELAY_OUT, .in_fd = -1, .told_fd = -1, .out_fd = -1 };
	bs->sessions = s;
	if (open_pipes(pipes, e) == 0)
		r = start_both(s, v, pipes, null, e);
	if (r == 0) {
		s->in_fd = take_fd(&pipes[0][1]);
		s->out_fd = take_fd(&pipes[2][0]);
		s->told_fd = take_fd(&pipes[3][1]);
		s->in = cnt_writer_new(l, s->in_fd, on_deaf, s);
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

static bool
takes_calls(const struct session *s)
{
	return !s->over && !s->deaf && !s->entry.exited;
}

/* One that no call uses, for the longest time. */
static struct session *
idlest(const struct cnt_sessions *bs)
{
	struct session *idle = NULL;

	for (struct session *s = bs->sessions; s != NULL; s = s->next)
		if (takes_calls(s) && s->calls == NULL && (idle == NULL || s->used < idle->used))
			idle = s;
	return idle;
}

/* A place for one more. A box whose agent-boxes do not end takes nobody else's. */
static int
make_room(struct cnt_sessions *bs, const char *box, struct cnt_err *e)
{
	size_t live = 0, ending = 0;
	struct session *idle;

	for (const struct session *s = bs->sessions; s != NULL; s = s->next) {
		live += takes_calls(s);
		ending += !takes_calls(s) && strcmp(s->box, box) == 0;
	}
	if (ending >= ENDING) {
		cnt_fail(e, CNT_BUSY, "%s: its agent-boxes of before have not ended yet", box);
		return cnt_hint(e, "try again in some seconds");
	}
	if (live < SESSIONS)
		return 0;
	idle = idlest(bs);
	if (idle == NULL) {
		cnt_fail(e, CNT_BUSY, "%d boxes are at work for this connection", SESSIONS);
		return cnt_hint(e, "wait for calls in one of them to end");
	}
	cnt_session_end(idle, (struct cnt_span){ 0 }, false);
	return 0;
}

struct session *
cnt_session_of(struct cnt_sessions *bs, struct cnt_loop *l, const char *box, bool reads,
    struct cnt_err *e)
{
	const struct cnt_verb *v = bs->ways.read_only ? &cnt_entry_reads :
	    cnt_entry_for(bs->ways.caller, reads, e);

	if (v == NULL)
		return NULL;
	for (struct session *s = bs->sessions; s != NULL; s = s->next)
		if (takes_calls(s) && strcmp(s->box, box) == 0)
			return s;
	return make_room(bs, box, e) == -1 ? NULL : session_start(bs, l, box, v, e);
}

void
cnt_sessions_end(struct cnt_sessions *bs)
{
	for (struct session *s = bs->sessions; s != NULL; s = s->next)
		cnt_session_end(s, (struct cnt_span){ 0 }, false);
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
