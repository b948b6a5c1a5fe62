/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of a verb in a forked child.
 */
#ifndef CNT_MCP_WORKER_H
#define CNT_MCP_WORKER_H

#include "lib/verb.h"

/* In the child: closes all but 0, 1, 2 and out, runs the verb, and writes to out, one a line, "P
 * DONE TOTAL TEXT" as it goes (with progress) and "R CODE RESULT", the name of its outcome's code
 * and the result of tools/call, at the end. */
CNT_NORETURN void	cnt_worker_run(const struct cnt_verb *v, const cJSON *in,
			    int (*run)(struct cnt_call *c), int out, bool progress);

#endif
