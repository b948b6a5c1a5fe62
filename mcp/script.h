/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb whose work another program does: a script that an operator wrote. It gets nothing but
 * checked arguments, and whatever it says becomes a result or an error here. cnt-verbs(7) is the
 * contract.
 */
#ifndef CNT_MCP_SCRIPT_H
#define CNT_MCP_SCRIPT_H

#include "lib/verb.h"

/* PATH, LC_ALL, HOME, and CNT_ROOT where this instance has one; the strings live as long as the
 * process. */
char *const	*cnt_script_env(void);

/* Runs the program at path for the call and waits for its end: arguments as --name=value in the
 * table's order, operands behind "--"; its standard output is the result, its standard error the
 * error's text, lines on descriptor 3 its progress. mcp: it is started with --mcp instead, and is
 * asked and answers as MCP has it. When this process is asked to end, the program's process group
 * gets TERM, 1.5 s later KILL. 0, or -1 with c->err made. */
int	cnt_script_run(struct cnt_call *c, const char *path, bool mcp);

#endif
