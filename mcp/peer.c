/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of a verb in its own program. Result bytes are passed on as they came, after a walk over
 * the line that checks its grammar; only progress is read into a tree.
 */
#include "mcp/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/frame.h"
#include "mcp/program.h"
#include "mcp/rpc.h"

#define AT_ONCE		16
#define OUTPUT_MAX	((size_t)64 << 20)
#define DEADLINE_US	((int64_t)3600 * 1000000)
#define TERM_US		200000		/* after cancelling; it ends by itself before */
#define KILL_US		2000000

struct peer {
	struct peer		*prev, *next;
	struct cnt_peers	*all;
	struct cnt_request	*r;		/* NULL: answered or dropped */
	char			*program;
	struct cnt_buf		 line;		/* the request, until it is written */
	struct cnt_program	 process;
	struct cnt_writer	*in;
	struct cnt_reader	 reader;
	struct cnt_watch	*out_watch;
	struct cnt_timer	*deadline;
	int			 in_fd, out_fd;
	size_t			 seen;		/* bytes of output */
};

struct cnt_peers {
	struct peer	*first, *last;		/* in the order they came */
	size_t		 running;
};

static void start_waiting(struct cnt_peers *ps);

struct cnt_peers *
cnt_peers_new(void)
{
	return cnt_alloc(sizeof(struct cnt_peers));
}

static void
close_input(struct peer *p)
{
	if (p->in != NULL)
		cnt_writer_free(take(&p->in));
	if (p->in_fd != -1)
		close(take_fd(&p->in_fd));
}

static void
peer_free(struct peer *p)
{
	struct cnt_peers *ps = p->all;

	*(p->prev != NULL ? &p->prev->next : &ps->first) = p->next;
	*(p->next != NULL ? &p->next->prev : &ps->last) = p->prev;
	if (p->process.pid != 0)
		ps->running--;
	close_input(p);
	if (p->out_watch != NULL)
		cnt_loop_unwatch(p->out_watch);
	if (p->deadline != NULL)
		cnt_loop_untimer(p->deadline);
	if (p->out_fd != -1)
		close(p->out_fd);
	cnt_program_free(&p->process);
	cnt_reader_free(&p->reader);
	free(p->program);
	cnt_buf_free(&p->line);
	free(p);
}

/* Answers with an error, and ends the program. */
static void
fail(struct peer *p, enum cnt_code code, const char *what)
{
	const char *name = strrchr(p->program, '/');
	struct cnt_err e = { 0 };

	close_input(p);
	cnt_program_stop(&p->process, 0, KILL_US);
	if (p->r == NULL)
		return;
	cnt_fail(&e, code, "%s: %s", name != NULL ? name + 1 : p->program, what);
	cnt_request_error(take(&p->r), &e);
}

static void
on_deadline(void *arg)
{
	struct peer *p = arg;

	p->deadline = NULL;
	fail(p, CNT_TIMEOUT, "no answer for an hour");
}

static void
progress(const struct peer *p, struct cnt_span line)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(line.p, line.n, &e);
	const cJSON *params = cnt_json_get(j, "params");

	if (j != NULL)
		cnt_request_progress(p->r, cnt_json_num(params, "progress", 0),
		    cnt_json_num(params, "total", 0), cnt_json_str(params, "message"));
}

static void
on_line(struct peer *p, struct cnt_span line)
{
	struct cnt_span result = { 0 }, method = { 0 }, id = { 0 };
	struct cnt_raw it;
	int more = -1;

	if (cnt_utf8_valid(line.p, line.n) == line.n && cnt_raw_walk(&it, line)) {
		while ((more = cnt_raw_next(&it)) == 1) {
			if (cnt_raw_is(it.name, "result"))
				result = it.value;
			else if (cnt_raw_is(it.name, "method"))
				method = it.value;
			else if (cnt_raw_is(it.name, "id"))
				id = it.value;
		}
	}
	if (more == -1) {
		fail(p, CNT_BUG, "what it sent is not JSON");
	} else if (method.p != NULL) {
		if (cnt_raw_is(method, "notifications/progress"))
			progress(p, line);
	} else if (result.p != NULL && id.n == 1 && *id.p == '1') {
		cnt_request_answer_raw(take(&p->r), result.p, result.n);
		close_input(p);
		cnt_program_stop(&p->process, KILL_US, 2L * KILL_US);
	} else {
		fail(p, CNT_BUG, "it did not take the call");
	}
}

/* False when nothing more will come. */
static bool
drain(struct peer *p)
{
	struct cnt_span line;
	ssize_t n;

	while ((n = cnt_reader_fill(&p->reader, p->out_fd)) > 0) {
		p->seen += (size_t)n;
		if (p->seen > OUTPUT_MAX)
			fail(p, CNT_BUG, "more than 64 MiB of output");
		while (p->r != NULL &&
		    cnt_reader_next(&p->reader, false, &line) == CNT_LINE_READY)
			on_line(p, line);
		if (p->r == NULL)
			return false;		/* it may babble on; nobody listens */
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static void
on_output(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct peer *p = arg;

	if (!drain(p))
		cnt_loop_unwatch(take(&p->out_watch));
}

static void
on_ended(void *arg)
{
	struct peer *p = arg;
	struct cnt_peers *ps = p->all;
	char *how CNT_FREE = NULL, *what CNT_FREE = NULL;

	if (p->out_watch != NULL)
		drain(p);
	if (p->r != NULL) {
		how = cnt_program_how(&p->process);
		what = cnt_format("ended without an answer (%s)", how);
		fail(p, CNT_BUG, what);
	}
	peer_free(p);
	start_waiting(ps);
}

static void
on_input_broken(void *arg CNT_UNUSED)
{
	/* Its end is seen by the pidfd. */
}

static int
start(struct peer *p, struct cnt_err *e)
{
	struct cnt_loop *l = cnt_request_loop(p->r);
	char *argv[] = { p->program, (char *)(uintptr_t)"--mcp", NULL };
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	if (pipe2(in, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	if (pipe2(out, O_CLOEXEC) == -1) {
		cnt_fail_sys(e, "pipe");
		close(in[0]);
		close(in[1]);
		return -1;
	}
	p->in_fd = in[1];
	p->out_fd = out[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	p->process.ended = on_ended;
	p->process.arg = p;
	r = cnt_program_start(&p->process, l, p->program, argv,
	    (int[]){ in[0], out[1], STDERR_FILENO }, SIGTERM, e);
	close(in[0]);
	close(out[1]);
	if (r == -1)
		return -1;
	p->all->running++;
	p->out_watch = cnt_loop_watch(l, p->out_fd, POLLIN, on_output, p);
	p->deadline = cnt_loop_timer(l, DEADLINE_US, on_deadline, p);
	p->in = cnt_writer_new(l, p->in_fd, on_input_broken, p);
	cnt_writer_add(p->in, &p->line);
	cnt_writer_flush(p->in);
	return 0;
}

static void
start_waiting(struct cnt_peers *ps)
{
	struct peer *next;

	for (struct peer *p = ps->first; p != NULL && ps->running < AT_ONCE; p = next) {
		struct cnt_err e = { 0 };

		next = p->next;
		if (p->process.pid != 0 || start(p, &e) == 0)
			continue;
		cnt_request_error(take(&p->r), &e);
		peer_free(p);
	}
}

void
cnt_peer_call(struct cnt_peers *ps, struct cnt_request *r, const char *program, const char *tool,
    const cJSON *arguments)
{
	struct peer *p = cnt_alloc(sizeof(*p));

	*p = (struct peer){ .all = ps, .r = r, .program = cnt_strdup(program), .prev = ps->last,
	    .line = cnt_rpc_call(1, cnt_request_wants_progress(r), tool, arguments),
	    .in_fd = -1, .out_fd = -1, .reader.max = OUTPUT_MAX };
	*(ps->last != NULL ? &ps->last->next : &ps->first) = p;
	ps->last = p;
	start_waiting(ps);
}

bool
cnt_peer_cancel(struct cnt_peers *ps, struct cnt_request *r)
{
	struct peer *p = ps->first;
	struct cnt_buf b = { 0 };

	while (p != NULL && p->r != r)
		p = p->next;
	if (p == NULL)
		return false;
	p->r = NULL;
	cnt_request_drop(r);
	if (p->process.pid == 0) {
		peer_free(p);
		return true;
	}
	if (p->in != NULL) {
		b = cnt_rpc_cancel(1);
		cnt_writer_add(p->in, &b);
		cnt_writer_flush(p->in);
	}
	close_input(p);
	cnt_program_stop(&p->process, TERM_US, KILL_US);
	return true;
}

bool
cnt_peers_ending(const struct cnt_peers *ps)
{
	for (const struct peer *p = ps->first; p != NULL; p = p->next)
		if (p->process.pid != 0 && !p->process.exited)
			return true;
	return false;
}

pid_t *
cnt_peers_free(struct cnt_peers *ps, size_t *n)
{
	pid_t *groups;
	struct peer *next;

	*n = 0;
	groups = cnt_alloc((ps->running + 1) * sizeof(*groups));
	for (struct peer *p = ps->first; p != NULL; p = next) {
		next = p->next;
		if (p->process.pid != 0)
			groups[(*n)++] = p->process.pid;
		free(p->program);
		cnt_buf_free(&p->line);
		cnt_reader_free(&p->reader);
		free(p);
	}
	free(ps);
	return groups;
}
