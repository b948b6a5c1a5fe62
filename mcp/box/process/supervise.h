/* SPDX-License-Identifier: Apache-2.0
 *
 * The process above a command of shell_exec.
 */
#ifndef CNT_MCP_BOX_PROCESS_SUPERVISE_H
#define CNT_MCP_BOX_PROCESS_SUPERVISE_H

#include "mcp/box/process/launch.h"
#include "mcp/box/process/usage.h"

struct cnt_supervised {
	int	error;			/* errno when it could not be started */
	int	status;			/* as waitpid(2) gives it */
	struct cnt_usage usage;
	int	left;			/* how many processes run on */
	pid_t	pids[64];		/* the first of them */
};

/* Said once before serving: processes left running by a command live as long as this process. */
void	cnt_supervise_for_server(void);

/* Starts the command below a supervisor of its own, which finds and ends all that descends from
 * it. Returns the supervisor's pid; *control speaks with it: it sends one struct cnt_supervised; it
 * takes 'K' (kill all now), 'D' (answered: what is left may run until the connection ends) and
 * 'B' (background.h). Its closing before 'D' cancels: TERM, and KILL after two seconds. */
pid_t	 cnt_supervise(const struct cnt_command *c, int *control, struct cnt_err *e);

#endif
