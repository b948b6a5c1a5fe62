/* SPDX-License-Identifier: Apache-2.0
 *
 * process_write and process_kill. Its keeper knows the tree and signals it. Where the keeper itself
 * was killed, the tree is looked for: from the command, when its pid and start time are those of
 * the record, and in its session, which nobody else can have while it lives. What is not certain to
 * be of the tree is not signalled.
 */
#include "mcp/box/keep.h"

#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "mcp/box/tree.h"

#define STALL_US	3000000		/* a write ends when nothing is taken for so long */
#define ANSWER_US	10000000	/* a keeper's, beyond the grace */
#define LOOK_NS		20000000

struct orphans {			/* held by pidfd; pids.n is n too */
	struct cnt_pids	pids;
	int		fd[256];
	size_t		n;
};

static const struct cnt_field write_params[] = {
	{ .name = "id", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "text", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "eof", .type = CNT_BOOLEAN, .def = "false" },
	{ 0 },
};

static const struct cnt_field write_results[] = {
	{ .name = "bytes_written", .type = CNT_INTEGER },
	{ 0 },
};

static const struct cnt_field kill_params[] = {
	{ .name = "id", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "signal", .type = CNT_STRING, .def = "TERM", .help = "name or number" },
	{ .name = "grace_seconds", .type = CNT_NUMBER, .def = "5", .min = 0, .max = 60,
	    .help = "then KILL (TERM, INT, QUIT, ABRT)" },
	{ 0 },
};

static const struct cnt_field kill_results[] = {
	{ .name = "state", .type = CNT_STRING },
	{ .name = "exit_code", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "signal", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "reason", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "escalated", .type = CNT_BOOLEAN },
	{ .name = "survivors", .type = CNT_STRINGS },
	{ 0 },
};

static int
open_input(const struct cnt_process *p, int keeper, struct cnt_err *e)
{
	struct cnt_ask ask = { .op = CNT_ASK_INPUT };
	struct cnt_told told;
	int fd = -1, r = keeper != -1 && cnt_keep_ask(keeper, &ask) == 0 ?
	    cnt_keep_hear(keeper, cnt_ticks_us() + ANSWER_US, &told, &fd) : -1;

	if (!p->r.input) {
		cnt_fail(e, CNT_NO, "%s: has no standard input", p->r.id);
		return cnt_hint(e, "process_start it with stdin=true");
	}
	if (r == 0)
		return cnt_fail(e, CNT_TIMEOUT, "%s: its keeper does not answer", p->r.id);
	if (r == -1 || told.ended)
		return cnt_fail(e, CNT_NO, "%s: has ended", p->r.id);
	if (fd == -1)
		return cnt_fail(e, CNT_NO, "%s: its standard input has been closed", p->r.id);
	return fd;
}

/* All of it, unless nothing is taken for STALL_US. -1 and errno. */
static int
write_all(int fd, const char *text, size_t n, size_t *done)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (*done < n) {
		ssize_t w = write(fd, text + *done, n - *done);

		if (w > 0)
			*done += (size_t)w;
		else if (w == -1 && errno == EAGAIN && poll(&p, 1, STALL_US / 1000) == 0)
			return -1;
		else if (w == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
	}
	return 0;
}

static int
process_write(struct cnt_call *c)
{
	const char *text = cnt_json_str(c->in, "text");
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	struct cnt_ask eof = { .op = CNT_ASK_EOF };
	struct cnt_told told;
	size_t n = strlen(text), done = 0;
	int keeper CNT_CLOSE = -1, fd CNT_CLOSE = -1;

	if (cnt_process_find(cnt_json_str(c->in, "id"), &p, c->err) == -1)
		return -1;
	keeper = cnt_keep_connect(p.dir);
	fd = open_input(&p, keeper, c->err);
	if (fd == -1)
		return -1;
	if (write_all(fd, text, n, &done) == -1 && errno == EPIPE)
		return cnt_fail(c->err, CNT_NO, "%s: took %zu of %zu bytes and has closed its "
		    "standard input", p.r.id, done, n);
	if (done < n) {
		cnt_fail(c->err, CNT_TIMEOUT, "%s: took %zu of %zu bytes and then read nothing for "
		    "%d s", p.r.id, done, n, STALL_US / 1000000);
		return cnt_hint(c->err, "the rest begins at byte %zu of text", done);
	}
	if (cnt_json_bool(c->in, "eof") && (cnt_keep_ask(keeper, &eof) == -1 ||
	    cnt_keep_hear(keeper, cnt_ticks_us() + ANSWER_US, &told, NULL) == 0))
		return cnt_fail(c->err, CNT_TIMEOUT, "%s: its keeper does not answer", p.r.id);
	cnt_json_set_int(c->out, "bytes_written", (int64_t)done);
	return 0;
}

/* "TERM", "SIGTERM", "term", "15". -1 with e made. */
static int
parse_signal(const char *s, struct cnt_err *e)
{
	const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s, *known = NULL;
	char *end = NULL;
	long n = strtol(s, &end, 10);

	if (*end == '\0' && end != s && n >= 1 && n < NSIG)
		return (int)n;
	for (int sig = 1; sig < NSIG; sig++)
		if ((known = sigabbrev_np(sig)) != NULL && strcasecmp(known, name) == 0)
			return sig;
	cnt_fail(e, CNT_INVALID, "signal: expected a name or a number, got \"%.32s\"", s);
	return cnt_hint(e, "TERM, INT, HUP, KILL, USR1, STOP, CONT ...");
}

/* One that is sent to make a process reload or stop for a while must not end in its death. */
static bool
escalates(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT || sig == SIGABRT;
}

/* Sends it when the pid is still the process that began then. */
static bool
send_to(pid_t pid, uint64_t start, int sig)
{
	int fd CNT_CLOSE = (int)syscall(SYS_pidfd_open, pid, 0);
	struct cnt_proc now = { 0 };

	return fd != -1 && cnt_proc_read(pid, &now) == 0 && now.start == start &&
	    now.state != 'Z' && syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0;
}

static bool
is_of_session(const struct cnt_record *r, pid_t pid)
{
	struct cnt_proc p = { 0 };

	return cnt_proc_read(pid, &p) == 0 && p.session == r->pid && p.start >= r->pid_start;
}

static int
by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* What is left of a tree without a keeper. True: the command itself lives, so its session and its
 * descendants are its own; else the session's number may have been given again. */
static bool
find_orphans(const struct cnt_record *r, struct cnt_pids *all)
{
	struct cnt_proc p = { 0 };
	bool lives = r->pid_start != 0 && cnt_proc_read(r->pid, &p) == 0 &&
	    p.start == r->pid_start;
	DIR *d CNT_DIR = opendir("/proc");
	struct dirent *entry = NULL;

	if (lives && p.state != 'Z')
		cnt_pids_add(all, r->pid);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != r->pid && is_of_session(r, pid))
			cnt_pids_add(all, pid);
	}
	cnt_pids_descend(all, 0);
	if (all->n > 0)
		qsort(all->p, all->n, sizeof(*all->p), by_pid);
	for (size_t i = 0, n = all->n; i < n; i++) {
		if (i == 0)
			all->n = 0;
		if (all->n == 0 || all->p[all->n - 1] != all->p[i])
			all->p[all->n++] = all->p[i];
	}
	return lives;
}

/* Takes hold of those that are of the tree now; what has gone meanwhile, or has come under the
 * number of one that has, is left out. */
static void
hold(struct orphans *o, const struct cnt_record *r, const struct cnt_pids *found)
{
	struct cnt_proc p = { 0 };

	for (size_t i = 0; i < found->n && o->n < nitems(o->fd); i++) {
		int fd CNT_CLOSE = cnt_pids_have(&o->pids, found->p[i]) ? -1 :
		    (int)syscall(SYS_pidfd_open, found->p[i], 0);

		if (fd == -1 || cnt_proc_read(found->p[i], &p) == -1 || p.state == 'Z' ||
		    (p.session != r->pid && !cnt_pids_have(found, p.parent)))
			continue;
		cnt_pids_add(&o->pids, found->p[i]);
		o->fd[o->n++] = take_fd(&fd);
	}
}

static size_t
let_go_of_ended(struct orphans *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		struct pollfd p = { .fd = o->fd[i], .events = POLLIN };

		if (poll(&p, 1, 0) == 1) {
			close(o->fd[i]);
			continue;
		}
		o->fd[n] = o->fd[i];
		o->pids.p[n++] = o->pids.p[i];
	}
	o->n = o->pids.n = n;
	return n;
}

static void
send_all(const struct orphans *o, int sig)
{
	for (size_t i = 0; i < o->n; i++)
		syscall(SYS_pidfd_send_signal, o->fd[i], sig, NULL, 0);
}

static void
end_orphans(struct orphans *o, const struct cnt_record *r, const struct cnt_ask *ask,
    struct cnt_told *t)
{
	int64_t until = cnt_ticks_us() + (ask->escalates ? ask->grace_us : LOOK_NS / 1000);
	int64_t last = until + STALL_US;
	bool killing = ask->signal == SIGKILL;

	send_all(o, ask->signal);
	while (let_go_of_ended(o) > 0 && cnt_ticks_us() < last) {
		struct cnt_pids now = { 0 };

		if (cnt_ticks_us() >= until && !killing) {
			if (!ask->escalates)
				break;
			killing = t->escalated = true;
		}
		for (size_t i = 0; i < o->n; i++)
			cnt_pids_add(&now, o->pids.p[i]);
		cnt_pids_descend(&now, 0);
		hold(o, r, &now);
		free(now.p);
		if (killing)
			send_all(o, SIGKILL);
		nanosleep(&(struct timespec){ 0, LOOK_NS }, NULL);
	}
}

static void
kill_orphans(const struct cnt_process *p, const struct cnt_ask *ask, struct cnt_told *t)
{
	struct cnt_pids found = { 0 };
	struct orphans o = { .n = 0 };
	const struct cnt_pids *left = &found;

	if (find_orphans(&p->r, &found)) {
		hold(&o, &p->r, &found);
		end_orphans(&o, &p->r, ask, t);
		left = &o.pids;
	}
	for (; t->left < (int)left->n && t->left < (int)nitems(t->pids); t->left++)
		t->pids[t->left] = left->p[t->left];
	for (size_t i = 0; i < o.n; i++)
		close(o.fd[i]);
	free(o.pids.p);
	free(found.p);
}

/* A command may have stopped its keeper. */
static int
kill_by_keeper(const struct cnt_process *p, const struct cnt_ask *ask, struct cnt_told *t)
{
	int keeper CNT_CLOSE = -1;

	if (p->r.keeper_start != 0)
		send_to(p->r.keeper, p->r.keeper_start, SIGCONT);
	keeper = cnt_keep_connect(p->dir);
	return keeper == -1 || cnt_keep_ask(keeper, ask) == -1 ? -1 :
	    cnt_keep_hear(keeper, cnt_ticks_us() + ask->grace_us + ANSWER_US, t, NULL);
}

static int
process_kill(struct cnt_call *c)
{
	struct cnt_process p CNT_PROCESS = { .dir = -1 };
	struct cnt_ask ask = { .op = CNT_ASK_KILL,
	    .grace_us = (int64_t)(cnt_json_num(c->in, "grace_seconds", 5) * 1e6) };
	struct cnt_told told = { 0 };
	cJSON *survivors = NULL;

	ask.signal = parse_signal(cnt_json_str(c->in, "signal"), c->err);
	ask.escalates = escalates(ask.signal);
	if (ask.signal == -1 || cnt_process_find(cnt_json_str(c->in, "id"), &p, c->err) == -1)
		return -1;
	if (p.kept && kill_by_keeper(&p, &ask, &told) == 0)
		return cnt_fail(c->err, CNT_TIMEOUT, "%s: its keeper does not answer", p.r.id);
	if (cnt_process_look(&p, c->err) == -1)
		return -1;
	if (!p.kept && p.r.ended == 0 && cnt_record_is_here(&p.r))
		kill_orphans(&p, &ask, &told);
	cnt_process_facts(&p, c->out, true);
	cnt_json_set_bool(c->out, "escalated", told.escalated);
	survivors = cJSON_AddArrayToObject(c->out, "survivors");
	for (int i = 0; i < told.left && i < (int)nitems(told.pids); i++)
		cJSON_AddItemToArray(survivors, cJSON_CreateNumber(told.pids[i]));
	return 0;
}

const struct cnt_verb cnt_box_process_write = {
	.name = "process_write", .tool = "process_write", .title = "Write to a process",
	.group = "Commands",
	.summary = "write to a process's standard input",
	.about = "Write text to the stdin of a process started with stdin=true. Add \\n to send a "
	    "line.",
	.effects = CNT_OPEN_WORLD, .storeless = true,
	.params = write_params, .results = write_results, .run = process_write,
};

const struct cnt_verb cnt_box_process_kill = {
	.name = "process_kill", .tool = "process_kill", .title = "End a process",
	.group = "Commands",
	.summary = "send a signal to a process and all it started",
	.about = "Stop a background process: the signal goes to it and all it started.",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = kill_params, .results = kill_results, .run = process_kill,
};
