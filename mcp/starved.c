/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that is all but done gets a moment at the end of input. On a machine with more to do than
 * processors, that moment is one of its own time and not of the clock's: as long as it waits for
 * nothing but a processor. Work that sleeps, or that has run for as long already, is no such
 * work; nor is that which waits for its like alone, more of it than there are processors.
 */
#include "mcp/starved.h"

#include <time.h>
#include <unistd.h>

#include "lib/proc.h"

#define TURN_US		20000		/* of each processor that they can keep busy */
#define TREE_MAX	64

struct had {
	int64_t	us;			/* of processors, with those that were reaped */
	bool	ready;
};

/* To the microsecond: many that wait for each other have but a part of a clock tick each. */
static int64_t
processor_us(pid_t pid)
{
	struct timespec t = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) == -1)
		return 0;
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
look(struct had *h, pid_t pid)
{
	struct cnt_proc p;

	if (cnt_proc_read(pid, &p) == -1)
		return;
	h->us += processor_us(pid) + p.reaped_us;
	h->ready = h->ready || p.state == 'R';
}

static int
add_children(pid_t *tree, int n, pid_t pid)
{
	char *path CNT_FREE = cnt_format("/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f CNT_FILE = fopen(path, "re");
	int child = 0;

	while (f != NULL && n < TREE_MAX && fscanf(f, "%d", &child) == 1)
		tree[n++] = child;
	return n;
}

static void
look_below(struct had *h, pid_t pid)
{
	pid_t tree[TREE_MAX] = { pid };

	for (int i = 0, n = 1; i < n; i++) {
		look(h, tree[i]);
		n = add_children(tree, n, tree[i]);
	}
}

bool
cnt_starved(const pid_t *pids, size_t n)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	size_t processors = online > 1 ? (size_t)online : 1;
	struct had h = { 0 };

	for (size_t i = 0; i < n; i++)
		look_below(&h, pids[i]);
	return h.ready && h.us < TURN_US * (int64_t)(n < processors ? n : processors);
}
