/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault points: names for the moments between two effects of a verb. Built with FAULTS=1 a verb
 * breaks at the one that CNT_FAULT names, for tests/fail/faults.t; otherwise there is nothing of
 * this in any program.
 */
#ifndef CNT_FAULT_H
#define CNT_FAULT_H

#include "lib/err.h"

/* 0, or -1 with errno and e (when it is not NULL) as a failed system call leaves them. A name
 * stands in the sources once and is true when the step is reached. */
#ifdef CNT_FAULTS
#define CNT_STEP(name, e)	cnt_fault_step(name, e)
#define CNT_NO_MEMORY		cnt_fault_no_memory()
#else
#define CNT_STEP(name, e)	((void)(e), 0)
#define CNT_NO_MEMORY		false
#endif

/* CNT_FAULT=STEP:ACTION, where ACTION is kill, eio, enospc (fills CNT_ROOT's file system, which
 * must be one of its own, by a file `full` in it), emfile (the next descriptor is one too many) or
 * nomem (the next allocation fails). CNT_FAULT_TRACE=FILE gets the name of each step reached. */
int	cnt_fault_step(const char *name, struct cnt_err *e);
bool	cnt_fault_no_memory(void);

#endif
