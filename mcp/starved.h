/* SPDX-License-Identifier: Apache-2.0
 *
 * Has a process had its turn?
 */
#ifndef CNT_MCP_STARVED_H
#define CNT_MCP_STARVED_H

#include <sys/types.h>

#include <stdbool.h>

/* Is this child, or what it started, ready to run and has all of it together hardly run yet? Then
 * it is the machine that is slow. False too where /proc does not say. */
bool	cnt_starved(pid_t pid);

#endif
