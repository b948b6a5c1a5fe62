/* SPDX-License-Identifier: Apache-2.0
 *
 * ~/.local/state/agent-box, 0700, the user's own.
 */
#ifndef CNT_MCP_BOX_STATE_H
#define CNT_MCP_BOX_STATE_H

#include "lib/err.h"

/* A new file in it for the whole output of a command; *path is its name, the caller frees it. */
int	 cnt_state_spill(char **path, struct cnt_err *e);

/* Where processes that outlive the connection have their directories; make: it, when it is not
 * there, and else there are none: -1 without a word in e. */
int	 cnt_state_processes(bool make, struct cnt_err *e);

/* A directory in it, made when it is not there: its descriptor, or -1. */
int	 cnt_state_directory(const char *name);

#endif
