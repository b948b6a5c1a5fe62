/* SPDX-License-Identifier: Apache-2.0
 *
 * process_kill: the keeper knows the tree, signals it, and says what is left of it. A keeper that
 * was stopped is continued first; one that was killed is replaced by orphans.c.
 */
#include "mcp/box/box.h"

#include <sys/syscall.h>

#include <signal.h>

#include "lib/proc.h"
#include "mcp/box/process/keep.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/text.h"

#define ANSWER_US	10000000	/* a keeper's, beyond the grace */

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
	{ .name = "survivors", .type = CNT_INTEGERS },
	{ 0 },
};

/* "TERM", "SIGTERM", "term", "15", "RTMIN+3". -1 with e made. */
static int
parse_signal(const char *s, struct cnt_err *e)
{
	const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
	char *end = NULL, known[32];
	long n = strtol(s, &end, 10);

	if (*end == '\0' && end != s && n >= 1 && n < NSIG)
		return (int)n;
	for (int sig = 1; sig < NSIG; sig++) {
		cnt_text_signal(sig, known);
		if (strcasecmp(known, name) == 0)
			return sig;
	}
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
static void
send_to(pid_t pid, uint64_t start, int sig)
{
	int fd CNT_CLOSE = (int)syscall(SYS_pidfd_open, pid, 0);
	struct cnt_proc now = { 0 };

	if (fd != -1 && cnt_proc_read(pid, &now) == 0 && now.start == start)
		syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
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
		cnt_orphans_kill(&p.r, &ask, &told);
	cnt_process_facts(&p, c->out, true);
	cnt_json_set_bool(c->out, "escalated", told.escalated);
	survivors = cJSON_AddArrayToObject(c->out, "survivors");
	for (int i = 0; i < told.left && i < (int)nitems(told.pids); i++)
		cJSON_AddItemToArray(survivors, cJSON_CreateNumber(told.pids[i]));
	return 0;
}

const struct cnt_verb cnt_box_process_kill = {
	.name = "process_kill", .tool = "process_kill", .title = "End a process",
	.group = "Commands",
	.summary = "send a signal to a process and all it started",
	.about = "Stop a background process: the signal goes to it and all it started.",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = kill_params, .results = kill_results, .run = process_kill,
};
