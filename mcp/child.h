/* SPDX-License-Identifier: Apache-2.0
 *
 * fork(2) for a process that has an event loop and signal handlers.
 */
#ifndef CNT_MCP_CHILD_H
#define CNT_MCP_CHILD_H

#include <sys/types.h>

/* The child leads a process group of its own, has no signal blocked, TERM, INT and HUP by default,
 * and gets death_signal when the parent ends (0: nothing). No handler that the parent has for these
 * ever runs in it; of SIGPIPE it keeps the parent's. */
pid_t	cnt_child_fork(int death_signal);

#endif
