/* SPDX-License-Identifier: Apache-2.0
 *
 * What was written goes to the disk beside other work: syncfs(2) waits for everything that the file
 * system has to write, which on a busy host is more than ours.
 */
#ifndef CNT_FLUSH_H
#define CNT_FLUSH_H

#include <sys/types.h>

#include "lib/err.h"

/* Begins for the file system that holds path; *pid is the child that does it. */
int	cnt_flush_start(const char *path, pid_t *pid, struct cnt_err *e);

/* Waits for its end. 0: all that was written before the start is on the disk. -1 as pid: 0. A verb
 * that is cancelled meanwhile leaves it to end with the verb, when the disk lets it. */
int	cnt_flush_wait(pid_t pid, struct cnt_err *e);

#endif
