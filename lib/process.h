/* SPDX-License-Identifier: Apache-2.0
 *
 * Which process was it? A pid is used again, a pid with its start time is not. And its limits.
 */
#ifndef CNT_PROCESS_H
#define CNT_PROCESS_H

#include <sys/types.h>

#include "lib/base.h"

/* Clock ticks from boot to its start (proc(5), stat, field 22); -1 when there is no such process,
 * or it is dead and waits for its parent. */
int64_t	cnt_process_start(pid_t pid);

/* Gives the calling process the resource limits of another one, and its processors as far as that
 * can be. A hard limit that cannot be raised for want of CAP_SYS_RESOURCE stays below: sudo(8)
 * lowers some, and root of a host that is itself a container lacks the capability. */
int	cnt_process_limits(pid_t like);

#endif
