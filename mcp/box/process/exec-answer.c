/* SPDX-License-Identifier: Apache-2.0
 *
 * What shell_exec answers: facts in the first line, standard output, standard error, what was cut.
 * A status other than 0 is an answer; a time that is over and a command that could not be started
 * are errors.
 */
#include "mcp/box/process/exec-own.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>

#include "mcp/box/process/tree.h"
#include "mcp/box/process/usage.h"
#include "mcp/box/text.h"

#define DOT	" \xc2\xb7 "

static pid_t ended_supervisor;		/* has no more to do; not reaped yet */

static const struct cnt_field stream_fields[] = {
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "encoding", .type = CNT_STRING },
	{ .name = "replaced", .type = CNT_BOOLEAN },
	{ .name = "total_bytes", .type = CNT_INTEGER },
	{ .name = "truncated", .type = CNT_BOOLEAN },
	{ .name = "spill_path", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ 0 },
};

const struct cnt_field cnt_exec_results[] = {
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "signal", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "timed_out", .type = CNT_BOOLEAN },
	{ .name = "duration_ms", .type = CNT_INTEGER },
	{ .name = "stdout", .type = CNT_OBJECT, .of = stream_fields },
	{ .name = "stderr", .type = CNT_OBJECT, .of = stream_fields },
	{ .name = "left_running", .type = CNT_INTEGERS },
	{ .name = "limit", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "process_id", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "usage", .type = CNT_OBJECT, .flags = CNT_OPTIONAL, .of = cnt_usage_fields },
	{ 0 },
};

static void
show_end(const struct run *r, struct cnt_buf *head)
{
	int status = r->ended.status;
	char name[32];

	cnt_text_signal(WTERMSIG(status), name);
	if (r->handed == 1)
		cnt_buf_addf(head, "runs on as %s (process_read since %lld)", r->keep.r.id,
		    (long long)r->keep.log.total);
	else if (r->timed_out)
		cnt_buf_addf(head, "timed out after %g s, killed",
		    cnt_json_num(r->call->in, "timeout_seconds", 0));
	else if (WIFSIGNALED(status))
		cnt_buf_addf(head, "signal %s", name);
	else
		cnt_buf_addf(head, "exit %d", WEXITSTATUS(status));
}

static void
show_left(const struct run *r, struct cnt_buf *head)
{
	for (int i = 0; i < r->ended.left && i < (int)nitems(r->ended.pids); i++)
		cnt_buf_addf(head, "%s%d", i == 0 ? DOT "left running: " : " ",
		    (int)r->ended.pids[i]);
	if (r->ended.left > (int)nitems(r->ended.pids))
		cnt_buf_addf(head, " and %d more", r->ended.left - (int)nitems(r->ended.pids));
}

/* A limit of the box that ended it, in a line of its own. */
static void
show_limit(const struct run *r, const char *said)
{
	struct cnt_buf *head = &r->call->head;
	const char *limit = r->timed_out ? NULL :
	    cnt_cause_tell(&r->before, r->ended.status, said, head);

	if (limit == NULL)
		return;
	cnt_buf_adds(head, "\n");
	cnt_json_set_str(r->call->out, "limit", limit);
}

/* Where all of it is stands here as well as at the end: some clients show a model only the head. */
static void
show_size(const struct cnt_stream *s, struct cnt_buf *head)
{
	cnt_buf_addf(head, DOT "%s %lld B", s->name, (long long)s->total);
	if (s->cut && s->path != NULL && !s->spill_failed)
		cnt_buf_addf(head, " (cut; all in %s)", s->path);
	else if (s->cut)
		cnt_buf_adds(head, " (cut)");
}

static void
show(struct run *r)
{
	struct cnt_call *c = r->call;
	bool raw = cnt_json_bool(c->in, "raw");
	int64_t max = cnt_json_int(c->in, "max_output_bytes", 20000), err_part = 0;
	struct cnt_buf err CNT_BUF = { 0 };
	size_t escapes = CNT_ESCAPED_MAX;
	char took[32];

	/* Standard error gets what standard output leaves, a quarter at least. */
	err_part = r->out.total + max / 4 > max ? max / 4 : max - r->out.total;
	err_part = r->err.total < err_part ? r->err.total : err_part;
	cnt_stream_show(&r->err, &err, (size_t)err_part, &escapes, raw);
	cnt_stream_show(&r->out, &c->body, (size_t)(max - err_part), &escapes, raw);
	cnt_text_duration(r->duration, took);
	show_end(r, &c->head);
	cnt_buf_addf(&c->head, DOT "%s", took);
	show_size(&r->out, &c->head);
	show_size(&r->err, &c->head);
	if (r->handed != 1)
		cnt_usage_show(&r->ended.usage, &c->head);
	show_left(r, &c->head);
	cnt_buf_adds(&c->head, "\n");
	show_limit(r, err.n > 0 ? err.p : c->body.n > 0 ? c->body.p : "");
	if (c->body.n > 0 && c->body.p[c->body.n - 1] != '\n' &&
	    (err.n > 0 || r->out.cut || r->out.inexact))
		cnt_buf_adds(&c->foot, "\n");
	if (err.n > 0)
		cnt_buf_addf(&c->foot, "[stderr]\n%s%s", err.p,
		    err.p[err.n - 1] == '\n' ? "" : "\n");
	cnt_stream_note(&r->out, &c->foot);
	cnt_stream_note(&r->err, &c->foot);
	cnt_stream_facts(&r->out, &c->body, c->out);
	cnt_stream_facts(&r->err, &err, c->out);
}

static void
state_facts(const struct run *r)
{
	cJSON *out = r->call->out, *left = NULL;
	int status = r->ended.status;
	char name[32];

	cnt_text_signal(WTERMSIG(status), name);
	if (WIFEXITED(status) && !r->timed_out)
		cnt_json_set_int(out, "exit_code", WEXITSTATUS(status));
	else
		cnt_json_set_null(out, "exit_code");
	if (WIFSIGNALED(status))
		cnt_json_set_str(out, "signal", name);
	else
		cnt_json_set_null(out, "signal");
	cnt_json_set_bool(out, "timed_out", r->timed_out);
	cnt_json_set_int(out, "duration_ms", r->duration / 1000);
	if (r->handed == 1)
		cnt_json_set_str(out, "process_id", r->keep.r.id);
	else
		cnt_usage_facts(&r->ended.usage, out);
	left = cJSON_AddArrayToObject(out, "left_running");
	for (int i = 0; i < r->ended.left && i < (int)nitems(r->ended.pids); i++)
		cJSON_AddItemToArray(left, cJSON_CreateNumber(r->ended.pids[i]));
	r->call->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The answer does not wait for it. A box whose init reaps nobody is not to fill with zombies. */
static void
reap_supervisor(void)
{
	waitpid(ended_supervisor, NULL, 0);
}

static int
not_started(int error, struct cnt_err *e)
{
	errno = error;
	cnt_fail_sys(e, "/bin/sh");
	e->code = CNT_UNAVAILABLE;
	if (error == E2BIG)
		return cnt_hint(e, "a command and each variable may have 128 KiB, all variables 2 "
		    "MiB: write_file a script and run that");
	if (error == EAGAIN)
		return cnt_hint(e, "too many processes: end some, or raise the limit (pids)");
	return -1;
}

int
cnt_exec_answer(struct run *r)
{
	struct cnt_err *e = r->call->err;

	if (r->handed == -1)
		return -1;
	if (r->lost) {
		cnt_end_descendants();
		return cnt_fail(e, CNT_SYSTEM, "its supervisor was killed, and with it all it had "
		    "started");
	}
	if (r->ended.error != 0)
		return not_started(r->ended.error, e);
	state_facts(r);
	show(r);
	if (r->handed == 1)
		return 0;
	send(r->control, "D", 1, MSG_NOSIGNAL);
	if (r->ended.left == 0) {
		ended_supervisor = r->supervisor;
		r->call->after = reap_supervisor;
	}
	if (!r->timed_out)
		return 0;
	cnt_fail(e, CNT_TIMEOUT, "timed out after %g s; everything it started was killed",
	    cnt_json_num(r->call->in, "timeout_seconds", 0));
	return cnt_hint(e, "give a higher timeout_seconds (at most 600), on_timeout=background, "
	    "or process_start");
}
