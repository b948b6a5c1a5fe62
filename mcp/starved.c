/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that is all but done gets a moment at the end of input. On a machine with more to do than
 * processors, that moment is one of its own time and not of the clock's: as long as it waits for
 * nothing but a processor. Work that sleeps, or that has run for as long already, is no such work.
 */
#include "mcp/starved.h"

#include "lib/proc.h"

#define TURN_MS		20	/* less is not counted by the kernel's clock ticks */
#define TREE_MAX	64

struct tree {
	pid_t	pids[TREE_MAX];
	int	n;
	uint64_t ticks;			/* of all, with those they have reaped */
	bool	ready;
};

static void
look(struct tree *t, pid_t pid)
{
	struct cnt_proc p;

	if (cnt_proc_read(pid, &p) == -1)
		return;
	t->ticks += p.ticks + p.reaped;
	t->ready = t->ready || p.state == 'R';
}

static void
add_children(struct tree *t, pid_t pid)
{
	char *path CNT_FREE = cnt_format("/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f CNT_FILE = fopen(path, "re");
	int child = 0;

	while (f != NULL && t->n < TREE_MAX && fscanf(f, "%d", &child) == 1)
		t->pids[t->n++] = child;
}

bool
cnt_starved(pid_t pid)
{
	struct tree t = { .pids = { pid }, .n = 1 };

	for (int i = 0; i < t.n; i++) {
		look(&t, t.pids[i]);
		add_children(&t, t.pids[i]);
	}
	return t.ready && t.ticks * 1000 < TURN_MS * (uint64_t)sysconf(_SC_CLK_TCK);
}
