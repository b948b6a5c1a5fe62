/* SPDX-License-Identifier: Apache-2.0
 *
 * Which process was it? A pid is used again, a pid with its start time is not.
 */
#ifndef CNT_PROCESS_H
#define CNT_PROCESS_H

#include <sys/types.h>

#include "lib/base.h"

/* Clock ticks from boot to its start (proc(5), stat, field 22); -1 when there is no such process,
 * or it is dead and waits for its parent. */
int64_t	cnt_process_start(pid_t pid);

#endif
