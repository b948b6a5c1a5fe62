/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a script. It is root's own program, but may crash, hang, babble or leave others
 * behind: what it says is bounded, and its process group ends with it.
 */
#include "mcp/script-own.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "lib/cancel.h"
#include "lib/paths.h"
#include "lib/run.h"

#define ERROR_KEPT	((size_t)1024)
#define LINE_LONGEST	((size_t)4096)		/* of progress */
#define CHUNK		16384			/* a read takes so much, if it is there */
#define KILL_US		1500000			/* after TERM; whoever cancels us waits 2 s */

char *const *
cnt_script_env(void)
{
	static char *env[8];
	size_t n = 0;

	if (env[0] != NULL)
		return env;
	for (char *const *v = cnt_run_env; *v != NULL; v++)
		env[n++] = *v;
	if (*cnt_root() != '\0')
		env[n++] = cnt_format("CNT_ROOT=%s", cnt_root());
	return env;
}

/* "DONE TOTAL TEXT"; what is not so is passed over. */
static void
on_told(struct script *s, struct cnt_span line)
{
	char *text CNT_FREE = cnt_format("%.*s", (int)line.n, line.p);
	double done, total;
	int at = 0;

	if (sscanf(text, "%lf %lf %n", &done, &total, &at) >= 2 && at != 0)
		cnt_progress(s->c, done, total, text + at);
}

void
cnt_script_stop(struct script *s, enum cnt_script_end why, int64_t term_us)
{
	if (s->end == CNT_SCRIPT_RUNS)
		s->end = why;
	cnt_program_stop(&s->program, term_us, KILL_US);
}

static void
keep(struct script *s, int i, const char *bytes, size_t n)
{
	struct cnt_buf *b = i == 0 ? &s->out : &s->err;

	if (i == 0 && b->n + n > CNT_SCRIPT_OUTPUT) {
		cnt_script_stop(s, CNT_SCRIPT_BABBLED, 0);
		return;
	}
	cnt_buf_add(b, bytes, n);
	if (i == 1 && b->n > ERROR_KEPT) {
		memmove(b->p, b->p + b->n - ERROR_KEPT, ERROR_KEPT + 1);
		b->n = ERROR_KEPT;
	}
}

static void
told(struct script *s)
{
	struct cnt_span line;
	enum cnt_got got;

	while ((got = cnt_reader_next(&s->told, false, &line)) != CNT_LINE_MORE)
		if (got == CNT_LINE_READY)
			on_told(s, line);
}

/* One read; false when there is nothing to be read now. *more: there may be something later. */
static bool
read_some(struct script *s, int i, bool *more)
{
	struct cnt_reader *lines = i == 2 ? &s->told : i == 0 && s->mcp ? &s->lines : NULL;
	char chunk[CHUNK];
	ssize_t n = lines != NULL ? cnt_reader_fill(lines, s->fd[i]) :
	    read(s->fd[i], chunk, sizeof(chunk));

	*more = n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
	if (n <= 0)
		return false;
	if (lines == NULL)
		keep(s, i, chunk, (size_t)n);
	else if (i == 2)
		told(s);
	else
		cnt_script_hear(s);
	return s->end == CNT_SCRIPT_RUNS;
}

static void
on_output(int fd, short revents CNT_UNUSED, void *arg)
{
	struct script *s = arg;
	int i = fd == s->fd[0] ? 0 : fd == s->fd[1] ? 1 : 2;
	bool more = false;

	(void)read_some(s, i, &more);
	if (!more || s->end != CNT_SCRIPT_RUNS)
		cnt_loop_unwatch(take(&s->watch[i]));
}

/* What it wrote before is still in the pipes, into which others may write on without end. */
static void
on_ended(void *arg)
{
	struct script *s = arg;
	bool more;

	for (int i = 0; i < 3; i++) {
		int left = 0;

		(void)ioctl(s->fd[i], FIONREAD, &left);
		while (s->watch[i] != NULL && left > 0 && read_some(s, i, &more))
			left -= CHUNK;
	}
	cnt_loop_stop(s->loop);
}

static void
on_cancel(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct script *s = arg;

	cnt_loop_unwatch(take(&s->cancel));	/* it stays readable */
	cnt_script_hang_up(s);
	cnt_script_stop(s, CNT_SCRIPT_CANCELLED, 0);
}

static int
open_pipes(struct script *s, int theirs[3], struct cnt_err *e)
{
	for (int i = 0; i < 3; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) == -1)
			return cnt_fail_sys(e, "pipe");
		s->fd[i] = p[0];
		theirs[i] = p[1];
		fcntl(p[0], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

/* in: its standard input, a pipe's two ends or /dev/null and -1. */
static int
start(struct script *s, const char *path, char *const words[], const int in[2], const int theirs[3])
{
	s->program.ended = on_ended;
	s->program.arg = s;
	s->program.env = cnt_script_env();
	s->program.extra = theirs[2];
	if (cnt_program_start(&s->program, s->loop, path, words,
	    (int[]){ in[0], theirs[0], theirs[1] }, SIGKILL, s->c->err) == -1)
		return -1;
	for (int i = 0; i < 3; i++)
		s->watch[i] = cnt_loop_watch(s->loop, s->fd[i], POLLIN, on_output, s);
	if (cnt_cancel_fd() != -1)
		s->cancel = cnt_loop_watch(s->loop, cnt_cancel_fd(), POLLIN, on_cancel, s);
	if (in[1] != -1)
		cnt_script_ask(s, in[1]);
	return 0;
}

static enum cnt_code
code_of(int status)
{
	static const enum cnt_code codes[] = { CNT_NO, CNT_INVALID, CNT_UNAVAILABLE, CNT_BUG,
		CNT_SYSTEM, CNT_BUSY, CNT_DENIED };

	for (size_t i = 0; i < nitems(codes); i++)
		if (cnt_code_exit(codes[i]) == status)
			return codes[i];
	return CNT_BUG;
}

/* The last line that says something becomes the text; "hint: ..." behind it the hint. */
static int
failed(struct script *s, int status)
{
	struct cnt_buf said CNT_BUF = { 0 };
	char *how CNT_FREE = cnt_program_how(&s->program), *hint = NULL, *line = NULL;
	const char *name = s->c->verb->name;

	cnt_utf8_add(&said, s->err.p != NULL ? s->err.p : "", s->err.n);
	cnt_buf_adds(&said, "");
	for (char *rest = said.p, *one; (one = strsep(&rest, "\n")) != NULL; ) {
		if (strncmp(one, "hint: ", 6) == 0)
			hint = one + 6;
		else if (*one != '\0')
			line = one;
	}
	if (line != NULL && strncmp(line, "cnt: ", 5) == 0)
		line += 5;
	if (status < 0)
		cnt_fail(s->c->err, CNT_BUG, "%s: %s%s%s", name, how, line != NULL ? ": " : "",
		    line != NULL ? line : "");
	else
		cnt_fail(s->c->err, code_of(status), "%s: %s", name, line != NULL ? line : how);
	return hint != NULL ? cnt_hint(s->c->err, "%s", hint) : -1;
}

/* The result as text, or as the object that was promised; the frame holds it to its table. */
static int
take_result(struct script *s)
{
	cJSON *j CNT_JSON = NULL, *m = NULL;
	struct cnt_err inner = { 0 };

	if (s->c->verb->bulk) {
		cnt_buf_adds(&s->c->body, "");
		cnt_utf8_add(&s->c->body, s->out.p != NULL ? s->out.p : "", s->out.n);
		return 0;
	}
	j = cnt_json_parse(s->out.p != NULL ? s->out.p : "", s->out.n, &inner);
	if (!cJSON_IsObject(j)) {
		cnt_fail(s->c->err, CNT_BUG, "%s: its output is not the JSON object that it "
		    "promised%s%s", s->c->verb->name, j == NULL ? ": " : "", inner.text);
		return cnt_hint(s->c->err, "cnt-verbs(7) has what standard output may hold");
	}
	while ((m = cJSON_DetachItemFromArray(j, 0)) != NULL)
		cJSON_AddItemToObject(s->c->out, m->string, m);
	return 0;
}

static int
outcome(struct script *s)
{
	const char *name = s->c->verb->name;
	int status = cnt_program_status(&s->program);

	switch (s->end) {
	case CNT_SCRIPT_ANSWERED:
		return s->r;
	case CNT_SCRIPT_CANCELLED:
		return cnt_fail(s->c->err, CNT_CANCELLED, "%s: cancelled", name);
	case CNT_SCRIPT_BABBLED:
		cnt_fail(s->c->err, CNT_BUG, "%s: more than %zu KiB of output", name,
		    CNT_SCRIPT_OUTPUT >> 10);
		return cnt_hint(s->c->err, "what is longer belongs into a file whose name it says");
	default:
		if (status == 0 && s->mcp)
			return cnt_fail(s->c->err, CNT_BUG, "%s: ended without an answer", name);
		return status != 0 ? failed(s, status) : take_result(s);
	}
}

static void
script_free(struct script *s)
{
	cnt_script_hang_up(s);
	cnt_program_free(&s->program);
	for (int i = 0; i < 3; i++)
		if (s->fd[i] != -1)
			close(s->fd[i]);
	cnt_reader_free(&s->told);
	cnt_reader_free(&s->lines);
	cnt_buf_free(&s->out);
	cnt_buf_free(&s->err);
	cnt_loop_free(s->loop);
}

static int
open_input(int in[2], bool mcp, struct cnt_err *e)
{
	if (mcp)
		return pipe2(in, O_CLOEXEC) == -1 ? cnt_fail_sys(e, "pipe") : 0;
	in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return in[0] == -1 ? cnt_fail_sys(e, "/dev/null") : 0;
}

int
cnt_script_run(struct cnt_call *c, const char *path, bool mcp)
{
	struct script s = { .c = c, .mcp = mcp, .loop = cnt_loop_new(), .told.max = LINE_LONGEST,
	    .lines.max = CNT_SCRIPT_OUTPUT, .in_fd = -1, .fd = { -1, -1, -1 } };
	int ends[5] = { -1, -1, -1, -1, -1 }, r = -1;	/* 1, 2, 3; its input, ours to that */
	char **words = mcp ? NULL : cnt_script_words(c, path);
	char *speak[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)"--mcp", NULL };

	if ((mcp || words != NULL) && cnt_cancel_catch(c->err) == 0 &&
	    open_pipes(&s, ends, c->err) == 0 && open_input(ends + 3, mcp, c->err) == 0)
		r = start(&s, path, mcp ? speak : words, ends + 3, ends);
	for (int i = 0; i < 4; i++)
		if (ends[i] != -1)
			close(ends[i]);
	if (r == 0) {
		cnt_loop_run(s.loop);
		r = outcome(&s);
	} else if (ends[4] != -1) {
		close(ends[4]);
	}
	script_free(&s);
	if (words != NULL)
		cnt_script_words_free(words);
	return r;
}
