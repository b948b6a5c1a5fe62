/* SPDX-License-Identifier: Apache-2.0
 *
 * process_start: makes the directory and the pipes, forks the keeper (keep.c), and answers when the
 * command runs or could not be started. process_list: every record there is, newest first; it
 * asks nobody, so it never waits.
 */
#include "mcp/box/box.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/box/process/keep.h"
#include "mcp/box/process/launch.h"
#include "mcp/box/process/process.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/state.h"
#include "mcp/box/text.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

#define LOOK_AGAIN_MS	200
#define COMMAND_SHOWN	100		/* bytes of a command in a list */

static const struct cnt_field start_params[] = {
	{ .name = "command", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "name", .type = CNT_STRING, .flags = CNT_PLAIN, .min = 1, .max = 64 },
	{ .name = "cwd", .type = CNT_STRING },
	{ .name = "env", .type = CNT_MAP },
	{ .name = "stdin", .type = CNT_BOOLEAN, .def = "false", .help = "for process_write" },
	{ 0 },
};

static const struct cnt_field start_results[] = {
	{ .name = "id", .type = CNT_STRING },
	{ .name = "name", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "pid", .type = CNT_INTEGER },
	{ .name = "log_path", .type = CNT_STRING },
	{ 0 },
};

static const struct cnt_field listed_fields[] = {
	{ .name = "id", .type = CNT_STRING },
	{ .name = "name", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "pid", .type = CNT_INTEGER },
	{ .name = "command", .type = CNT_STRING },
	{ .name = "state", .type = CNT_STRING },
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "signal", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "reason", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "left_running", .type = CNT_BOOLEAN, .flags = CNT_OPTIONAL },
	{ .name = "started", .type = CNT_STRING },
	{ .name = "ended", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "log_bytes", .type = CNT_INTEGER },
	{ .name = "cpu_ms", .type = CNT_INTEGER, .flags = CNT_OPTIONAL },
	{ .name = "peak_memory_bytes", .type = CNT_INTEGER, .flags = CNT_OPTIONAL },
	{ 0 },
};

static const struct cnt_field list_results[] = {
	{ .name = "processes", .type = CNT_OBJECTS, .of = listed_fields },
	{ 0 },
};

struct pipes {
	int	out[2], in[2], report[2];
};

static int
open_pipes(struct pipes *p, bool input, struct cnt_err *e)
{
	if (pipe2(p->out, O_CLOEXEC) == -1 || fcntl(p->out[0], F_SETFL, O_NONBLOCK) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->report) == -1)
		return cnt_fail_sys(e, "pipe");
	if (input && (pipe2(p->in, O_CLOEXEC) == -1 ||
	    fcntl(p->in[1], F_SETFL, O_NONBLOCK) == -1))
		return cnt_fail_sys(e, "pipe");
	if (!input)
		p->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!input && p->in[0] == -1) {		/* no /dev: a pipe at its end */
		if (pipe2(p->in, O_CLOEXEC) == -1)
			return cnt_fail_sys(e, "pipe");
		close(p->in[1]);
		p->in[1] = -1;
	}
	return 0;
}

static void
close_pipes(struct pipes *p)
{
	const int all[] = { p->out[0], p->out[1], p->in[0], p->in[1], p->report[0], p->report[1] };

	for (size_t i = 0; i < nitems(all); i++)
		if (all[i] != -1)
			close(all[i]);
}

static void CNT_NORETURN
become_keeper(struct cnt_keep *k, const struct cnt_command *c)
{
	int *const mine[] = { &k->dir, &k->out[0], &k->in, &k->signals, &k->report };
	sigset_t chld;

	setsid();
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	k->signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	errno = cnt_launch(c, &k->shell);
	if (errno != 0) {
		struct cnt_kept told = { .error = errno };

		(void)send(k->report, &told, sizeof(told), MSG_NOSIGNAL);
		_exit(1);
	}
	cnt_launch_keep_only(mine, nitems(mine));
	cnt_log_open(&k->log, k->dir);
	cnt_keep(k);
}

/* Every signal is blocked in the child from its first instruction on. */
static pid_t
fork_keeper(struct cnt_keep *k, const struct cnt_command *c)
{
	sigset_t all, old;
	pid_t pid = 0;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		become_keeper(k, c);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* The command may at once stop its keeper, or kill it. */
static void
hear_from_keeper(int report, pid_t keeper, struct cnt_kept *kept)
{
	struct pollfd p = { .fd = report, .events = POLLIN };

	*kept = (struct cnt_kept){ .error = ECHILD };
	while (poll(&p, 1, LOOK_AGAIN_MS) < 1)
		kill(keeper, SIGCONT);
	(void)recv(report, kept, sizeof(*kept), MSG_DONTWAIT);
}

static int
start(struct cnt_keep *k, struct cnt_command *c, struct cnt_kept *kept, struct cnt_err *e)
{
	struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t pid = -1;

	prctl(PR_SET_CHILD_SUBREAPER, 1);	/* what a killed keeper leaves falls to us */
	if (open_pipes(&p, k->r.input, e) == 0) {
		c->in = p.in[0];
		c->out = c->err = p.out[1];
		k->out[0] = p.out[0];
		k->in = p.in[1];
		k->report = p.report[1];
		pid = fork_keeper(k, c);
		if (pid == -1)
			cnt_fail_sys(e, "fork");
		close(take_fd(&p.report[1]));
	}
	if (pid != -1)
		hear_from_keeper(p.report[0], pid, kept);
	close_pipes(&p);
	if (pid != -1 && kept->error != 0) {
		cnt_end_descendants();
		errno = kept->error;
		cnt_fail_sys(e, "process_start: /bin/sh or its record");
		e->code = CNT_UNAVAILABLE;
		if (e->sys == ENOSPC || e->sys == EDQUOT)
			cnt_wall_hint_full(e, e->sys);
	}
	if (pid == -1 || kept->error != 0)
		cnt_process_remove(k->dir, k->r.id);
	return pid == -1 || kept->error != 0 ? -1 : 0;
}

static int
answer(struct cnt_call *c, const struct cnt_record *r, pid_t pid)
{
	char *path CNT_FREE = cnt_process_log_path(r->id);

	cnt_json_set_str(c->out, "id", r->id);
	if (r->name != NULL)
		cnt_json_set_str(c->out, "name", r->name);
	else
		cnt_json_set_null(c->out, "name");
	cnt_json_set_int(c->out, "pid", pid);
	cnt_json_set_str(c->out, "log_path", path);
	return 0;
}

static int
process_start(struct cnt_call *c)
{
	const char *name = cnt_json_str(c->in, "name"), *where = cnt_json_str(c->in, "cwd");
	int cwd CNT_CLOSE = cnt_launch_cwd(where, c->err), dir CNT_CLOSE = -1, result = -1;
	struct cnt_keep k = { .dir = -1, .out = { -1, -1 }, .in = -1, .signals = -1, .report = -1,
	    .r = { .started = cnt_now_us(), .input = cnt_json_bool(c->in, "stdin"),
	    .log_stopped = -1 } };
	struct cnt_command command = { .text = cnt_json_str(c->in, "command"), .cwd = cwd };
	struct cnt_kept kept;

	if (cwd == -1)
		return -1;
	command.env = cnt_launch_environment(cnt_json_get(c->in, "env"), c->err);
	if (command.env == NULL)
		return -1;
	k.r.command = cnt_strdup(command.text);
	k.r.cwd = cnt_strdup(where != NULL ? where : cnt_user_self()->home);
	k.r.name = name != NULL ? cnt_strdup(name) : NULL;
	k.dir = dir = cnt_process_create(&k.r, c->err);
	if (dir != -1 && start(&k, &command, &kept, c->err) == 0)
		result = answer(c, &k.r, kept.pid);
	cnt_launch_free(command.env);
	cnt_record_free(&k.r);
	return result;
}

static void
set_time(cJSON *j, const char *name, int64_t us)
{
	char text[32];

	cnt_text_time((struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 },
	    text);
	cnt_json_set_str(j, name, text);
}

static void
set_command(cJSON *j, const char *command)
{
	size_t n = strlen(command), shown = cnt_text_prefix(command, n, COMMAND_SHOWN);
	char *text CNT_FREE = cnt_format("%.*s%s", (int)shown, command, shown < n ? " ..." : "");

	cnt_json_set_str(j, "command", text);
}

static void
list_one(const struct cnt_process *p, cJSON *j)
{
	int64_t bytes = p->kept || p->r.ended == 0 ? cnt_log_end(p->dir) : p->r.log_bytes;

	cnt_json_set_str(j, "id", p->r.id);
	if (p->r.name != NULL)
		cnt_json_set_str(j, "name", p->r.name);
	else
		cnt_json_set_null(j, "name");
	cnt_json_set_int(j, "pid", p->r.pid);
	set_command(j, p->r.command);
	cnt_process_facts(p, j, true);
	if (cnt_process_left_running(p))
		cnt_json_set_bool(j, "left_running", true);
	set_time(j, "started", p->r.started);
	if (p->r.ended != 0)
		set_time(j, "ended", p->r.ended);
	else
		cnt_json_set_null(j, "ended");
	cnt_json_set_int(j, "log_bytes", bytes > p->r.log_bytes ? bytes : p->r.log_bytes);
	if (p->r.cpu_us >= 0)
		cnt_json_set_int(j, "cpu_ms", p->r.cpu_us / 1000);
	if (p->r.peak_bytes >= 0)
		cnt_json_set_int(j, "peak_memory_bytes", p->r.peak_bytes);
}

static int
process_list(struct cnt_call *c)
{
	int root CNT_CLOSE = cnt_state_processes(false, c->err);
	cJSON *all = cJSON_AddArrayToObject(c->out, "processes");
	unsigned *ids CNT_FREE = NULL;
	size_t n = root != -1 ? cnt_process_ids(root, &ids) : 0;

	if (root == -1 && c->err->code != CNT_OK)
		return -1;
	for (size_t i = n; i > 0; i--) {
		struct cnt_process p CNT_PROCESS = { .dir = -1 };
		struct cnt_err ignored = { 0 };

		if (cnt_process_open(root, ids[i - 1], &p, &ignored) == 0)
			list_one(&p, cnt_json_add_object(all));
	}
	return 0;
}

const struct cnt_verb cnt_box_process_start = {
	.name = "process_start", .tool = "process_start", .title = "Start a process",
	.group = "Commands",
	.summary = "start a command that outlives the connection",
	.about = "Start a server or long job in the background. It outlives this connection; "
	    "output and exit status are kept.",
	.effects = CNT_OPEN_WORLD, .storeless = true,
	.params = start_params, .results = start_results, .run = process_start,
};

const struct cnt_verb cnt_box_process_list = {
	.name = "process_list", .tool = "process_list", .title = "List processes",
	.group = "Commands",
	.summary = "list what process_start started",
	.about = "Background processes of process_start, newest first, running and ended, with "
	    "exit status.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true,
	.results = list_results, .run = process_list,
};
