/* SPDX-License-Identifier: Apache-2.0
 *
 * With AGENTBOX_ENFORCE=1 the kernel (Landlock) holds what commands do to AGENTBOX_ROOT.
 */
#ifndef CNT_MCP_BOX_PROCESS_ENFORCE_H
#define CNT_MCP_BOX_PROCESS_ENFORCE_H

#include "lib/err.h"

/* Called once, after cnt_wall_init. Asked for and not to be had: CNT_UNAVAILABLE. */
int	cnt_enforce_init(struct cnt_err *e);

/* Its second half. version: the kernel's Landlock ABI, -1: it has none. CNT_UNAVAILABLE where that
 * is too old to hold anything. */
int	cnt_enforce_take(long version, struct cnt_err *e);

/* Are commands held? */
bool	cnt_enforce_holds(void);

/* The rules as a descriptor, in *fd: -1 when nothing is enforced. -1 and errno: the command must
 * not be run. */
int	cnt_enforce_open(int *fd);

/* The calling thread, and all that descends from it, keeps to the rules from now on. System calls
 * only. -1 and errno. */
int	cnt_enforce_enter(int fd);

/* The directory for temporary files that commands may write to, malloc'd; NULL when nothing is
 * enforced or there is none. */
char	*cnt_enforce_tmpdir(void);

#endif
