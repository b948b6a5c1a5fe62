/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of shell_exec share: exec.c runs the command, exec-answer.c says what came of it.
 * Nobody else includes it.
 */
#ifndef CNT_MCP_BOX_PROCESS_EXEC_OWN_H
#define CNT_MCP_BOX_PROCESS_EXEC_OWN_H

#include "mcp/box/process/background.h"
#include "mcp/box/process/cause.h"
#include "mcp/box/process/stream.h"
#include "mcp/box/process/supervise.h"

struct run {
	struct cnt_call		*call;
	struct cnt_stream	 out, err;
	struct cnt_supervised	 ended;
	struct cnt_cause	 before;
	pid_t			 supervisor;
	int			 control;
	int64_t			 started, deadline, next_progress, duration;
	bool			 timed_out, over, lost;
	struct cnt_keep		 keep;		/* dir -1: it is not to go on */
	int			 handed;	/* 1: it goes on as a process; -1: it could not */
};

extern const struct cnt_field cnt_exec_results[];

/* It is over, or its time is: fills the call's answer, lets the supervisor go, and returns as the
 * verb does. */
int	cnt_exec_answer(struct run *r);

#endif
