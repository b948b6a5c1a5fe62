/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server leaves behind when it has to be gone before its cancelled work is.
 */
#ifndef CNT_MCP_UNDERTAKER_H
#define CNT_MCP_UNDERTAKER_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/* Starts a process of its own that kills these process groups when grace_us is over, and ends as
 * soon as none is left. It holds no descriptor. n 0: nothing. */
void	cnt_undertaker(const pid_t *groups, size_t n, int64_t grace_us);

#endif
