/* SPDX-License-Identifier: Apache-2.0
 *
 * Did a limit of the box end a command, or refuse it a process?
 */
#ifndef CNT_MCP_BOX_PROCESS_CAUSE_H
#define CNT_MCP_BOX_PROCESS_CAUSE_H

#include "lib/base.h"

#define CNT_CAUSE_GROUPS	"/sys/fs/cgroup"
#define CNT_CAUSE_MACHINE	"/proc/vmstat"

/* Counters of the box's control groups and of the machine; -1: not to be had. */
struct cnt_cause {
	const char	*groups, *machine;	/* CNT_CAUSE_GROUPS, CNT_CAUSE_MACHINE */
	int64_t		 group_kills, machine_kills, pids_refused;
};

/* Taken when the command has been started. */
void	cnt_cause_look(struct cnt_cause *c);

/* Taken when it has ended, not by us, with this status (as waitpid(2) gives it), having said this:
 * "memory", "pids" or NULL. In `line`, when there is one: what happened and how to give more. */
const char *cnt_cause_tell(const struct cnt_cause *before, int status, const char *said,
	    struct cnt_buf *line);

#endif
