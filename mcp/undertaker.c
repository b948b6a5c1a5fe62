/* SPDX-License-Identifier: Apache-2.0
 *
 * A forked process that outlives its server by the grace at most. A group's number could be given
 * again when the group is empty: it is looked at often, and let go at the first sight of that.
 */
#include "mcp/undertaker.h"

#include <sys/syscall.h>

#include <signal.h>
#include <time.h>

#include "lib/base.h"
#include "mcp/child.h"

#define LOOK_NS	20000000

void
cnt_undertaker(const pid_t *groups, size_t n, int64_t grace_us)
{
	int64_t until = cnt_ticks_us() + grace_us;
	bool *gone CNT_FREE = NULL;
	size_t left = n;

	if (n == 0)
		return;
	if (cnt_child_fork(0) != 0)	/* in a group of its own: ours may be killed */
		return;
	syscall(SYS_close_range, 0, ~0U, 0);
	gone = cnt_alloc(n * sizeof(*gone));
	while (left > 0 && cnt_ticks_us() < until) {
		for (size_t i = 0; i < n; i++)
			if (!gone[i] && kill(-groups[i], 0) == -1) {
				gone[i] = true;
				left--;
			}
		nanosleep(&(struct timespec){ 0, LOOK_NS }, NULL);
	}
	for (size_t i = 0; i < n; i++)
		if (!gone[i])
			kill(-groups[i], SIGKILL);
	_exit(0);
}
