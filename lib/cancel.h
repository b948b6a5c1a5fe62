/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb's polite end: TERM, INT and HUP ask it to take back what it has begun. What waits looks
 * here; what takes back does not, and so comes to its end.
 */
#ifndef CNT_CANCEL_H
#define CNT_CANCEL_H

#include <sys/types.h>

#include <signal.h>

#include "lib/err.h"

/* These signals, but for those that whoever started us has ignored: blocked, they would wait. */
void	cnt_cancel_signals(sigset_t *set);

/* From now on they wait to be looked for. lib/run.h, lib/unpack.h and a box's start give programs
 * signals as usual. */
int	cnt_cancel_catch(struct cnt_err *e);

/* -1 with CNT_CANCELLED from the first such signal on; 0 before, and where none are caught. */
int	cnt_cancel_check(struct cnt_err *e);

/* Becomes readable by such a signal, and is not to be read: a place in poll(2); -1: none. */
int	cnt_cancel_fd(void);

/* Waits for a child's end and reaps it. -1 without that when the verb is cancelled meanwhile. */
int	cnt_cancel_waitpid(pid_t pid, int *status, struct cnt_err *e);

/* Ends this process by the signal that has come, as whoever sent it expects; returns when none
 * has. */
void	cnt_cancel_die(void);

#endif
