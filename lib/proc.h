/* SPDX-License-Identifier: Apache-2.0
 *
 * Which process was it? A pid is used again, a pid with its start time is not. And its limits.
 */
#ifndef CNT_PROC_H
#define CNT_PROC_H

#include <sys/types.h>

#include "lib/base.h"

/* A process as /proc shows it (proc(5), stat). */
struct cnt_proc {
	pid_t		parent, session;
	char		state;			/* 'R', 'S', 'Z' ... */
	uint64_t	start;			/* ticks since the machine's start */
	int64_t		cpu_us, reaped_us;	/* its own, of whom it reaped; by clock ticks */
};

/* -1 and errno; ESRCH: there is none any more. */
int	cnt_proc_read(pid_t pid, struct cnt_proc *p);

/* Its start alone; -1 when there is no such process,
 * or it is dead and waits for its parent. */
int64_t	cnt_proc_start(pid_t pid);

/* Waits for the end of a child; its status as waitpid(2) gives it, -1 and errno. pid -1: there is
 * none to wait for. */
int	cnt_proc_reap(pid_t pid);

/* Gives the calling process the resource limits of another one, and its processors as far as that
 * can be. A hard limit that cannot be raised for want of CAP_SYS_RESOURCE stays below: sudo(8)
 * lowers some, and root of a host that is itself a container lacks the capability. */
int	cnt_proc_limits(pid_t like);

/* Gives the calling process the nice value of another one and the usual classes of scheduling and
 * of input and output, as far as that can be: a box's share of the processors does not hold a
 * real-time class, and a v1 cgroup may refuse it. */
void	cnt_proc_precedence(pid_t like);

#endif
