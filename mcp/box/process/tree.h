/* SPDX-License-Identifier: Apache-2.0
 *
 * All that descends from this process, which is a child subreaper; shared by the supervisor of
 * shell_exec and the keeper of process_start.
 */
#ifndef CNT_MCP_BOX_PROCESS_TREE_H
#define CNT_MCP_BOX_PROCESS_TREE_H

#include "lib/base.h"

struct cnt_pids {
	pid_t	*p;			/* the caller frees */
	size_t	 n, cap;
};

void	cnt_pids_add(struct cnt_pids *s, pid_t pid);
bool	cnt_pids_have(const struct cnt_pids *s, pid_t pid);

/* Appends their children, and theirs, as far as /proc shows them. */
void	cnt_pids_descend(struct cnt_pids *s);

/* Every descendant of this process, as far as /proc shows them; without /proc its children, which
 * takes seconds. */
void	cnt_tree_find(struct cnt_pids *s);

/* Sends it to every descendant: one that is no child of ours by pidfd, when its parent is of the
 * tree at that moment. No other process is ever signalled. */
void	cnt_tree_signal(int sig);

/* SIGKILL to the children alone: what they leave becomes a child. Repeat until none is left. */
void	cnt_tree_kill_children(void);

bool	cnt_tree_has_children(void);

/* Kills and reaps every descendant of this process, which is a subreaper. */
void	cnt_end_descendants(void);

#endif
