/* SPDX-License-Identifier: Apache-2.0
 *
 * Have processes had their turn?
 */
#ifndef CNT_MCP_STARVED_H
#define CNT_MCP_STARVED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Is one of these children, or of what they started, ready to run, and have all of them together
 * hardly run yet? Then it is the machine that is slow. False too where /proc does not say. */
bool	cnt_starved(const pid_t *pids, size_t n);

#endif
