/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a box share: box.c (its directory, lock and row), box-running.c (whether it
 * runs), box-end.c (its end). Nobody else includes it.
 */
#ifndef CNT_BOX_OWN_H
#define CNT_BOX_OWN_H

#include "lib/box.h"

#define CNT_BOX_STEP_US	2000	/* between two looks at what has no descriptor to wait on */

/* Ticks so many seconds from now; a pause of less than a second. */
int64_t	cnt_box_deadline(double seconds);
void	cnt_box_pause(long us);

/* The monitor and init of a running box, held: no recycled number is taken for one of them. */
struct cnt_running {
	pid_t	init, monitor;
	int	init_fd, monitor_fd;	/* pidfds; -1 before they are found */
	int	error;			/* errno of what kept from looking, or 0 */
};
#define CNT_RUNNING	__attribute__((cleanup(cnt_running_let_go)))

void	cnt_running_let_go(struct cnt_running *r);

/* 1: running and r filled in, to be let go; 0: not; -1: it cannot be told. */
int	cnt_running_find(const char *tag, const char *name, struct cnt_running *r,
	    struct cnt_err *e);

/* The same of a box that has executed its program; one that starts or reboots is about to, and is
 * waited for: until then at most (CNT_BUSY), or until the verb is cancelled. to_enter: its exec is
 * at its end too. */
int	cnt_running_await(const char *tag, const char *name, bool to_enter, int64_t until,
	    struct cnt_running *r, struct cnt_err *e);

bool	cnt_running_has_ended(int pidfd);

/* What is in the cgroup that holds the monitor, of one that reboots too: pids, "" when none is. */
const char *cnt_running_monitors(const char *tag, const char *name, int *error, char *to,
	    size_t size);

/* Reads a small file of the kernel's; "" when it is not there. *error: errno of another reason. */
const char *cnt_running_small(int *error, char *to, size_t size, const char *fmt, ...)
	    CNT_PRINTF(4, 5);

#endif
