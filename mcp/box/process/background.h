/* SPDX-License-Identifier: Apache-2.0
 *
 * A command of shell_exec that may go on as a process of process_start's when its time is over.
 * From its first byte on its output is logged too, in the order in which it came; then its
 * supervisor becomes its keeper.
 */
#ifndef CNT_MCP_BOX_PROCESS_BACKGROUND_H
#define CNT_MCP_BOX_PROCESS_BACKGROUND_H

#include "mcp/box/process/keep.h"
#include "mcp/box/process/supervise.h"

/* What the supervisor is sent: 'K' or 'D' (supervise.h), then only op, or 'B', then all of it. */
struct cnt_handover {
	char	op;
	int64_t	start, total, stopped;	/* the log's */
};

/* Makes its directory and log; k is filled for cnt_command's `keep`. -1 with e made. */
int	cnt_background_prepare(struct cnt_keep *k, const char *command, const char *cwd,
	    struct cnt_err *e);

/* Makes the supervisor its keeper. Nothing may be read from the command's pipes after this. 1:
 * done; 0: the command had ended, and *ended is its report; -1: with e made, all is killed. */
int	cnt_background_hand_over(const struct cnt_keep *k, pid_t supervisor, int control,
	    struct cnt_supervised *ended, struct cnt_err *e);

/* The supervisor's side; it has the descriptors and the pid of the command in k. */
void	cnt_background_take_over(struct cnt_keep *k, const struct cnt_handover *h) CNT_NORETURN;

/* Lets go of it; not handed over, its directory is removed. */
void	cnt_background_end(struct cnt_keep *k, bool handed_over);

#endif
