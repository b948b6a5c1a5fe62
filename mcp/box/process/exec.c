/* SPDX-License-Identifier: Apache-2.0
 *
 * shell_exec: runs in the call's own process, beside the supervisor (supervise.c) that holds
 * the command. Here its output is collected and the time is watched; the call ends when the
 * command ends, not when its pipes close. What is answered is exec-answer.c's.
 */
#include "mcp/box/box.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "lib/file.h"
#include "mcp/box/process/exec-own.h"
#include "mcp/box/process/launch.h"
#include "mcp/box/process/supervise.h"
#include "mcp/box/text.h"

#define DOT		" \xc2\xb7 "
#define PROGRESS_US	500000
#define SURVIVE_US	5000000		/* an answer waits no longer for a kill */

static const char *const timeout_ways[] = { "kill", "background", NULL };

static const struct cnt_field exec_params[] = {
	{ .name = "command", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "timeout_seconds", .type = CNT_NUMBER, .def = "30", .min = 0.1, .max = 600 },
	{ .name = "cwd", .type = CNT_STRING },
	{ .name = "env", .type = CNT_MAP },
	{ .name = "stdin", .type = CNT_STRING },
	{ .name = "max_output_bytes", .type = CNT_INTEGER, .def = "20000", .min = 1, .max = 1048576,
	    .help = "head and tail shown; all is kept in a file" },
	{ .name = "merge_stderr", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "raw", .type = CNT_BOOLEAN, .def = "false",
	    .help = "keep terminal escapes" },
	{ .name = "on_timeout", .type = CNT_STRING, .def = "kill", .choices = timeout_ways,
	    .help = "background: it goes on, process_id is given" },
	{ 0 },
};

/* Its standard input as a file in memory: nothing to pump, and a command that does not read it
 * blocks nobody. */
static int
open_input(const char *text, struct cnt_err *e)
{
	int fd CNT_CLOSE = text != NULL ? memfd_create("stdin", MFD_CLOEXEC) :
	    open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* No /dev in an empty root: end of file all the same. */
	if (fd == -1 && text == NULL)
		fd = memfd_create("stdin", MFD_CLOEXEC);
	if (fd == -1)
		return cnt_fail_sys(e, "standard input");
	if (text != NULL && (cnt_file_write(fd, text, strlen(text)) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1))
		return cnt_fail_sys(e, "standard input");
	return take_fd(&fd);
}

static int
open_stream(struct cnt_stream *s, int *end, struct cnt_err *e)
{
	int p[2] = { -1, -1 };

	if (pipe2(p, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "pipe");
	s->fd = p[0];
	*end = p[1];
	return fcntl(p[0], F_SETFL, O_NONBLOCK) == -1 ? cnt_fail_sys(e, "pipe") : 0;
}

static int
start(struct run *r)
{
	const cJSON *in = r->call->in;
	struct cnt_err *e = r->call->err;
	bool merged = cnt_json_bool(in, "merge_stderr");
	int cwd CNT_CLOSE = cnt_launch_cwd(cnt_json_str(in, "cwd"), e);
	int input CNT_CLOSE = cwd != -1 ? open_input(cnt_json_str(in, "stdin"), e) : -1;
	int out CNT_CLOSE = -1, err CNT_CLOSE = -1;
	struct cnt_command command = { .text = cnt_json_str(in, "command"), .cwd = cwd,
	    .in = input };

	if (input == -1 || open_stream(&r->out, &out, e) == -1 ||
	    (!merged && open_stream(&r->err, &err, e) == -1))
		return -1;
	if (strcmp(cnt_json_str(in, "on_timeout"), "background") == 0) {
		if (cnt_background_prepare(&r->keep, command.text, cnt_json_str(in, "cwd"),
		    e) == -1)
			return -1;
		command.keep = &r->keep;
		r->out.log = r->err.log = &r->keep.log;
	}
	command.env = cnt_launch_environment(cnt_json_get(in, "env"), e);
	if (command.env == NULL)
		return -1;
	command.out = out;
	command.err = merged ? out : err;
	command.drain[0] = r->out.fd;
	command.drain[1] = r->err.fd;
	r->started = cnt_ticks_us();
	r->deadline = r->started + (int64_t)(cnt_json_num(in, "timeout_seconds", 30) * 1e6);
	r->next_progress = r->started + PROGRESS_US;
	r->supervisor = cnt_supervise(&command, &r->control, e);
	cnt_launch_free(command.env);
	cnt_cause_look(&r->before);
	return r->supervisor == -1 ? -1 : 0;
}

/* What is in the pipe now, and no more: a process that runs on may fill it for ever. */
static void
drain(struct cnt_stream *s)
{
	int left = 0;

	if (s->fd == -1 || ioctl(s->fd, FIONREAD, &left) == -1)
		return;
	for (int64_t before = s->total; left > 0 && cnt_stream_read(s, (size_t)left);
	    before = s->total)
		left -= (int)(s->total - before);
}

static void
note_end(struct run *r)
{
	r->over = true;
	r->duration = cnt_ticks_us() - r->started;
	drain(&r->out);
	drain(&r->err);
}

static void
read_report(struct run *r)
{
	ssize_t n = recv(r->control, &r->ended, sizeof(r->ended), 0);

	if (n == -1 && errno == EINTR)
		return;
	r->lost = n != (ssize_t)sizeof(r->ended);
	note_end(r);
}

static void
go_on_without(struct run *r)
{
	r->handed = cnt_background_hand_over(&r->keep, r->supervisor, r->control, &r->ended,
	    r->call->err);
	r->timed_out = r->handed == 1;
	r->over = true;
	r->duration = cnt_ticks_us() - r->started;
	if (r->handed == 0)
		note_end(r);
}

static void
look_at_clock(struct run *r, int64_t now)
{
	char took[32];

	if (now >= r->deadline && r->keep.dir != -1) {
		go_on_without(r);
	} else if (now >= r->deadline && !r->timed_out) {
		r->timed_out = true;
		r->deadline = now + SURVIVE_US;
		send(r->control, "K", 1, MSG_NOSIGNAL);
		kill(r->supervisor, SIGCONT);	/* a command may have stopped it */
	} else if (now >= r->deadline) {
		r->over = true;
		r->duration = now - r->started;
	}
	if (r->call->progress != NULL && now >= r->next_progress) {
		char *text CNT_FREE = NULL;

		cnt_text_duration(now - r->started, took);
		text = cnt_format("%s" DOT "%lld B", took,
		    (long long)r->out.total + (long long)r->err.total);
		cnt_progress(r->call, (double)(now - r->started) / 1e6, 0, text);
		r->next_progress = now + PROGRESS_US;
	}
}

static void
collect(struct run *r)
{
	while (!r->over) {
		int64_t now = cnt_ticks_us(), until = r->deadline;
		struct pollfd p[] = {
			{ .fd = r->control, .events = POLLIN },
			{ .fd = r->out.fd, .events = POLLIN },
			{ .fd = r->err.fd, .events = POLLIN },
		};

		if (r->call->progress != NULL && r->next_progress < until)
			until = r->next_progress;
		if (poll(p, nitems(p), until > now ? (int)((until - now) / 1000) + 1 : 0) == -1)
			continue;
		if (p[1].revents != 0)
			cnt_stream_read(&r->out, SIZE_MAX);
		if (p[2].revents != 0)
			cnt_stream_read(&r->err, SIZE_MAX);
		if (p[0].revents != 0)
			read_report(r);
		else
			look_at_clock(r, cnt_ticks_us());
	}
}

static int
shell_exec(struct cnt_call *c)
{
	struct run r = { .call = c, .control = -1, .keep.dir = -1,
	    .before = { .groups = CNT_CAUSE_GROUPS, .machine = CNT_CAUSE_MACHINE },
	    .out = { .name = "stdout", .fd = -1, .spill = -1 },
	    .err = { .name = "stderr", .fd = -1, .spill = -1 } };
	sigset_t none;
	int result = -1;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	r.out.max = r.err.max = (size_t)cnt_json_int(c->in, "max_output_bytes", 20000);
	if (start(&r) == 0) {
		collect(&r);
		result = cnt_exec_answer(&r);
		close(r.control);
	}
	cnt_background_end(&r.keep, r.handed == 1);
	cnt_stream_free(&r.out);
	cnt_stream_free(&r.err);
	return result;
}

const struct cnt_verb cnt_box_shell_exec = {
	.name = "shell_exec", .tool = "shell_exec", .title = "Run a shell command",
	.group = "Commands",
	.summary = "run a command with /bin/sh",
	.about = "Run a shell command (/bin/sh -c) and wait. First line: exit status, time, "
	    "bytes; then stdout, then stderr. For servers use process_start.",
	.effects = CNT_DESTROYS | CNT_OPEN_WORLD, .bulk = true, .storeless = true,
	.params = exec_params, .results = cnt_exec_results, .run = shell_exec,
};
