/* SPDX-License-Identifier: Apache-2.0
 *
 * Which limit of the box it was. The box's control groups are read as the box sees them, version 2
 * or 1. A session that came in from outside is beside the box's own group, not in it: that group
 * then shows the limits, which are the same, but not the events. So the machine's count of
 * processes killed for memory serves too, together with what the command's end and words say, and
 * words alone for a process that could not be made.
 */
#include "mcp/box/process/cause.h"

#include <sys/utsname.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <signal.h>

#include "lib/verb.h"
#include "mcp/box/text.h"

#define NO_LIMIT	(INT64_C(1) << 60)	/* version 1 says "none" by a number above */

static const char *const killed_words[] = { "Killed", "killed", NULL };

static const char *const fork_words[] = {
	"Cannot fork", "cannot fork", "can't fork", "Unable to fork", "unable to fork",
	"fork failed",
	"fork: Resource temporarily unavailable", "fork: retry", "can't start new thread",
	"clone: Resource temporarily unavailable", "pthread_create failed", "spawn EAGAIN", NULL,
};

/* The number behind the name in a file of "NAME NUMBER" lines; with "" the first word of it. -1:
 * no file, no such line, no number. */
static int64_t
number(const char *dir, const char *file, const char *name)
{
	char *path CNT_FREE = cnt_format("%s%s%s", dir, *file != '\0' ? "/" : "", file);
	FILE *f CNT_FILE = fopen(path, "re");
	char line[128];
	size_t n = strlen(name);
	int64_t value = -1;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, n) == 0 && (n == 0 || line[n] == ' ') &&
		    sscanf(line + n, "%" SCNd64, &value) == 1)
			break;
	return value;
}

static int64_t
either(int64_t a, int64_t b)
{
	return a != -1 ? a : b;
}

void
cnt_cause_look(struct cnt_cause *c)
{
	c->group_kills = either(number(c->groups, "memory.events", "oom_kill"),
	    number(c->groups, "memory/memory.oom_control", "oom_kill"));
	c->pids_refused = either(number(c->groups, "pids.events", "max"),
	    number(c->groups, "pids/pids.events", "max"));
	c->machine_kills = number(c->machine, "", "oom_kill");
}

/* -1: there is none, or it cannot be seen. */
static int64_t
memory_limit(const struct cnt_cause *c)
{
	int64_t limit = either(number(c->groups, "memory.max", ""),
	    number(c->groups, "memory/memory.limit_in_bytes", ""));

	if (limit == -1 || limit >= NO_LIMIT)
		limit = number(c->groups, "memory/memory.stat", "hierarchical_memory_limit");
	return limit < NO_LIMIT ? limit : -1;
}

static int64_t
pids_limit(const struct cnt_cause *c)
{
	return either(number(c->groups, "pids.max", ""), number(c->groups, "pids/pids.max", ""));
}

static bool
says(const char *said, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strstr(said, *words) != NULL)
			return true;
	return false;
}

static const char *
tell_memory(const struct cnt_cause *c, const char *box, struct cnt_buf *line)
{
	int64_t limit = memory_limit(c);
	char size[32], *more CNT_FREE = cnt_print_size(limit * 2);

	if (limit == -1) {
		cnt_buf_adds(line, "killed: the machine was out of memory");
		return "memory";
	}
	cnt_text_size(limit, size);
	cnt_buf_addf(line, "killed: memory limit %s; cnt resize %s --memory %s", size, box, more);
	return "memory";
}

const char *
cnt_cause_tell(const struct cnt_cause *before, int status, const char *said, struct cnt_buf *line)
{
	struct cnt_cause now = { .groups = before->groups, .machine = before->machine };
	bool killed = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	    (WIFEXITED(status) && (WEXITSTATUS(status) == 128 + SIGKILL ||
	    (WEXITSTATUS(status) != 0 && says(said, killed_words))));
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	struct utsname u = { 0 };
	int64_t pids = 0;

	if (!failed && !says(said, fork_words))
		return NULL;
	cnt_cause_look(&now);
	uname(&u);
	if ((failed && now.group_kills > before->group_kills) ||
	    (killed && now.machine_kills > before->machine_kills))
		return tell_memory(&now, u.nodename, line);
	pids = pids_limit(&now);
	if (pids <= 0 || (now.pids_refused <= before->pids_refused && !says(said, fork_words)))
		return NULL;
	cnt_buf_addf(line, "refused a process: pids limit %lld; cnt resize %s --pids %lld",
	    (long long)pids, u.nodename, (long long)pids * 2);
	return "pids";
}
