/* SPDX-License-Identifier: Apache-2.0
 *
 * Serves verbs. Each call runs in a forked child, leader of its own process group (mcp/worker.h).
 * A verb that crashes is one failed call; one that is cancelled gets TERM at once and KILL after
 * the grace, with its whole group.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>

#include "mcp/child.h"
#include "mcp/server.h"
#include "mcp/starved.h"
#include "mcp/undertaker.h"
#include "mcp/wire.h"
#include "mcp/worker.h"

#define GRACE_US	2000000
#define TERM_US		200000	/* from TERM to a child until the server has it too */
#define RESULT_MAX	((size_t)64 << 20)
#define STARVED_MAX	64			/* so many are looked at */
/* So much of what is freed stays: an answer of a MiB in new pages takes twice as long. */
#define HEAP_KEPT	(4 << 20)
#define GREAT		((size_t)256 << 10)	/* an answer that leaves holes in the heap */
#define PIPE_BYTES	(1 << 20)		/* the usual 64 KiB are some forty wake-ups more */

struct verbs {
	struct cnt_verbs_offer	*o;
	struct work		*all;
};

struct work {
	struct work		*prev, *next;
	struct verbs		*vs;
	const struct cnt_verb	*verb;
	struct cnt_request	*r;		/* NULL: answered or dropped */
	pid_t			 pid;
	int			 pidfd, pipe;
	struct cnt_reader	 reader;
	struct cnt_watch	*pid_watch, *pipe_watch;
	struct cnt_timer	*timer;		/* cancelled: until KILL; else on_unanswered's */
	bool			 exited;
	void			*note;		/* for o->ended */
};

static void
tell_ended(const struct verbs *vs, void *note, const char *outcome)
{
	if (vs->o->ended != NULL)
		vs->o->ended(note, outcome);
}

static void
work_free(struct work *w)
{
	*(w->prev != NULL ? &w->prev->next : &w->vs->all) = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	if (w->pipe_watch != NULL)
		cnt_loop_unwatch(w->pipe_watch);
	if (w->pid_watch != NULL)
		cnt_loop_unwatch(w->pid_watch);
	if (w->timer != NULL)
		cnt_loop_untimer(w->timer);
	close(w->pidfd);
	close(w->pipe);
	cnt_reader_free(&w->reader);
	waitpid(w->pid, NULL, w->exited ? 0 : WNOHANG);
	free(w);
}

static void
fail(struct work *w, const char *what)
{
	struct cnt_err e = { 0 };

	if (w->r == NULL)
		return;
	cnt_fail(&e, CNT_BUG, "%s: %s", w->verb->name, what);
	tell_ended(w->vs, w->note, cnt_code_name(e.code));
	cnt_request_error(take(&w->r), &e);
}

/* "R CODE RESULT" */
static void
on_result(struct work *w, struct cnt_span line)
{
	const char *result = line.n > 2 ? memchr(line.p + 2, ' ', line.n - 2) : NULL;
	char *code CNT_FREE = NULL;

	if (result == NULL) {
		fail(w, "wrote what is no result");
		return;
	}
	code = cnt_format("%.*s", (int)(result - line.p - 2), line.p + 2);
	tell_ended(w->vs, w->note, code);
	result++;
	cnt_request_answer_raw(take(&w->r), result, (size_t)(line.p + line.n - result));
}

static void
on_line(struct work *w, struct cnt_span line)
{
	char *text CNT_FREE = NULL;
	double done, total;
	int at = 0;

	if (w->r == NULL)
		return;
	if (line.n > 2 && memcmp(line.p, "R ", 2) == 0) {
		on_result(w, line);
	} else if (*line.p == 'P') {
		text = cnt_format("%.*s", (int)(line.n > 4096 ? 4096 : line.n), line.p);
		if (sscanf(text, "P %lf %lf %n", &done, &total, &at) == 2 && at != 0)
			cnt_request_progress(w->r, done, total,
			    text[at] != '\0' ? text + at : NULL);
	} else {
		fail(w, "wrote what is no result");
	}
}

/* False when nothing more will come. */
static bool
drain(struct work *w)
{
	struct cnt_span line;
	enum cnt_got got;
	ssize_t n;

	while ((n = cnt_reader_fill(&w->reader, w->pipe)) > 0)
		while ((got = cnt_reader_next(&w->reader, false, &line)) != CNT_LINE_MORE) {
			if (got == CNT_LINE_READY)
				on_line(w, line);
			else
				fail(w, "result too large");
		}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static void
on_pipe(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct work *w = arg;

	if (!drain(w))
		cnt_loop_unwatch(take(&w->pipe_watch));
}

/* Who ends every process ends this server too, in its turn: nobody is to be told of a bug then. */
static void
on_unanswered(void *arg)
{
	struct work *w = arg;
	siginfo_t si = { 0 };
	char *what CNT_FREE = NULL;

	waitid(P_PID, (id_t)w->pid, &si, WEXITED | WNOWAIT);
	if (w->timer == NULL && si.si_code == CLD_KILLED && si.si_status == SIGTERM) {
		w->timer = cnt_loop_timer(cnt_request_loop(w->r), TERM_US, on_unanswered, w);
		return;
	}
	w->timer = NULL;
	what = cnt_format("ended without an answer (%s %d)",
	    si.si_code == CLD_EXITED ? "exit status" : "signal", si.si_status);
	fail(w, what);
	work_free(w);
}

static void
on_exit_of(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct work *w = arg;

	cnt_loop_unwatch(take(&w->pid_watch));
	w->exited = true;
	drain(w);
	if (w->r != NULL)
		on_unanswered(w);
	else if (w->timer == NULL)	/* else its group keeps its number by the unreaped leader */
		work_free(w);
}

static void
on_grace_over(void *arg)
{
	struct work *w = arg;

	w->timer = NULL;
	kill(-w->pid, SIGKILL);
	if (w->exited)
		work_free(w);
}

static struct cnt_loop *
watch(struct work *w)
{
	struct cnt_loop *l = cnt_request_loop(w->r);

	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd == -1)
		return NULL;
	w->pid_watch = cnt_loop_watch(l, w->pidfd, POLLIN, on_exit_of, w);
	w->pipe_watch = cnt_loop_watch(l, w->pipe, POLLIN, on_pipe, w);
	w->next = w->vs->all;
	if (w->next != NULL)
		w->next->prev = w;
	w->vs->all = w;
	return l;
}

static int
start(struct verbs *vs, struct cnt_request *r, const struct cnt_verb *v, const cJSON *in,
    void *note, struct cnt_err *e)
{
	struct work *w;
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	fcntl(p[0], F_SETPIPE_SZ, PIPE_BYTES);		/* the user may have too many already */
	pid = cnt_child_fork(vs->o->death_signal != 0 ? vs->o->death_signal : SIGKILL);
	if (pid == 0)
		cnt_worker_run(v, in, vs->o->run, p[1], cnt_request_wants_progress(r));
	if (pid == -1)
		cnt_fail_sys(e, "fork");
	close(p[1]);
	if (pid == -1) {
		close(p[0]);
		return e->sys != EAGAIN ? -1 :
		    cnt_hint(e, "too many processes: end some, or raise the limit (pids)");
	}
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	w = cnt_alloc(sizeof(*w));
	*w = (struct work){ .vs = vs, .verb = v, .r = r, .pid = pid, .pipe = p[0],
	    .reader.max = RESULT_MAX, .note = note };
	if (watch(w) == NULL) {
		cnt_fail_sys(e, "pidfd_open");
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(p[0]);
		free(w);
		return -1;
	}
	cnt_request_set(r, w);
	return 0;
}

static void
report_progress(struct cnt_call *c, double done, double total, const char *text)
{
	cnt_request_progress(c->arg, done, total, text);
}

/* Returns the size of the result. */
static size_t
run_here(struct verbs *vs, struct cnt_request *r, const struct cnt_verb *v, const cJSON *in,
    void *note)
{
	cJSON *out CNT_JSON = cJSON_CreateObject();
	struct cnt_err e = { 0 };
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_call c = { .verb = v, .in = in, .out = out, .err = &e, .arg = r,
	    .progress = report_progress };
	int done = vs->o->run(&c);

	cnt_call_result(&c, done, &b);
	tell_ended(vs, note, cnt_code_name(done == -1 ? e.code : CNT_OK));
	cnt_buf_free(&c.head);
	cnt_buf_free(&c.body);
	cnt_buf_free(&c.foot);
	cnt_request_answer_raw(r, b.p, b.n);
	return b.n;
}

static const struct cnt_verb *
find(const struct verbs *vs, const char *tool)
{
	for (const struct cnt_verb *const *v = vs->o->verbs; *v != NULL; v++)
		if ((*v)->tool != NULL && strcmp((*v)->tool, tool) == 0)
			return *v;
	return NULL;
}

static cJSON *
tools(void *arg)
{
	const struct verbs *vs = arg;
	cJSON *all = cJSON_CreateArray();

	for (const struct cnt_verb *const *v = vs->o->verbs; *v != NULL; v++)
		if ((*v)->tool != NULL)
			cJSON_AddItemToArray(all, cnt_describe_tool(*v));
	return all;
}

static int
call(struct cnt_request *r, const char *tool, const cJSON *arguments, void *arg)
{
	struct verbs *vs = arg;
	const struct cnt_verb *v = find(vs, tool);
	struct cnt_err e = { 0 };
	cJSON *in CNT_JSON = NULL;
	void *note = NULL;

	if (v == NULL)
		return -1;
	if (vs->o->began != NULL)
		note = vs->o->began(v->tool, arguments);
	in = cnt_check_args(v, arguments, &e);
	if (in != NULL && vs->o->in_process != NULL && vs->o->in_process(v)) {
		if (run_here(vs, r, v, in, note) > GREAT && mallinfo2().fordblks > HEAP_KEPT)
			malloc_trim(0);
	} else if (in == NULL || start(vs, r, v, in, note, &e) == -1) {
		tell_ended(vs, note, cnt_code_name(e.code));
		cnt_request_error(r, &e);
	}
	return 0;
}

static void
cancel(struct cnt_request *r, void *arg)
{
	const struct verbs *vs = arg;
	struct work *w = cnt_request_get(r);

	w->r = NULL;
	tell_ended(vs, w->note, "cancelled");
	kill(-w->pid, SIGTERM);
	if (w->timer != NULL)
		cnt_loop_untimer(w->timer);
	w->timer = cnt_loop_timer(cnt_request_loop(r),
	    vs->o->grace_us != 0 ? vs->o->grace_us : GRACE_US, on_grace_over, w);
	cnt_request_drop(r);
}

static bool
ending(void *arg)
{
	const struct verbs *vs = arg;

	for (const struct work *w = vs->all; w != NULL; w = w->next)
		if (!w->exited)
			return true;
	return false;
}

static bool
starved(void *arg)
{
	const struct verbs *vs = arg;
	pid_t pids[STARVED_MAX];
	size_t n = 0;

	for (const struct work *w = vs->all; w != NULL && n < nitems(pids); w = w->next)
		if (!w->exited && w->r != NULL)
			pids[n++] = w->pid;
	return cnt_starved(pids, n);
}

int
cnt_serve_verbs(struct cnt_verbs_offer *o, struct cnt_err *e)
{
	struct verbs vs = { .o = o };
	pid_t *groups CNT_FREE = NULL;
	size_t n = 0;

	o->base.tools = tools;
	o->base.call = call;
	o->base.cancel = cancel;
	o->base.ending = ending;
	o->base.starved = starved;
	o->base.arg = &vs;
	mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	if (cnt_serve(&o->base, e) == -1)
		return -1;
	for (const struct work *w = vs.all; w != NULL; w = w->next)
		n++;
	groups = cnt_alloc((n + 1) * sizeof(*groups));
	n = 0;
	for (struct work *w = vs.all, *next; w != NULL; w = next) {	/* their watches are gone */
		next = w->next;
		waitpid(w->pid, NULL, WNOHANG);	/* its zombie would look like a process */
		if (kill(-w->pid, 0) == 0)
			groups[n++] = w->pid;
		cnt_reader_free(&w->reader);
		free(w);
	}
	cnt_undertaker(groups, n, o->grace_us != 0 ? o->grace_us : GRACE_US);
	return 0;
}
