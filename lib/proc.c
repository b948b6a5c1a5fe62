/* SPDX-License-Identifier: Apache-2.0
 *
 * A process from /proc (its name stands in the same line, in parentheses, and is the process's own
 * to choose: what counts begins after the last one), its resource limits and its precedence.
 */
#include "lib/proc.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <sched.h>

static int64_t
ticks_us(long long ticks)
{
	long hertz = sysconf(_SC_CLK_TCK);

	return ticks * 1000000 / (hertz > 0 ? hertz : 100);
}

int
cnt_proc_read(pid_t pid, struct cnt_proc *p)
{
	char path[32], line[1024];
	const char *end = NULL;
	unsigned long long user = 0, kernel = 0, start = 0;
	long long theirs = 0, in_kernel = 0;
	int parent = 0, session = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n == -1)
		return -1;
	line[n] = '\0';
	end = strrchr(line, ')');
	if (end == NULL || sscanf(end, ") %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld "
	    "%lld %*d %*d %*d %*d %llu", &p->state, &parent, &session, &user, &kernel, &theirs,
	    &in_kernel, &start) != 8) {
		errno = ESRCH;
		return -1;
	}
	p->parent = parent;
	p->session = session;
	p->start = start;
	p->cpu_us = ticks_us((long long)(user + kernel));
	p->reaped_us = ticks_us(theirs + in_kernel);
	return 0;
}

int64_t
cnt_proc_start(pid_t pid)
{
	struct cnt_proc p;

	return cnt_proc_read(pid, &p) == -1 || p.state == 'Z' || p.state == 'X' ? -1 :
	    (int64_t)p.start;
}

int
cnt_proc_reap(pid_t pid)
{
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return status;
}

int
cnt_proc_limits(pid_t like)
{
	cpu_set_t cpus;

	if (sched_getaffinity(like, sizeof(cpus), &cpus) == 0)
		sched_setaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l, own;

		if (prlimit(like, i, NULL, &l) == -1 || getrlimit(i, &own) == -1)
			return -1;
		if (setrlimit(i, &l) == 0)
			continue;
		l.rlim_max = l.rlim_max < own.rlim_max ? l.rlim_max : own.rlim_max;
		l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
		if (setrlimit(i, &l) == -1)
			return -1;
	}
	return 0;
}

void
cnt_proc_precedence(pid_t like)
{
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, (id_t)like));
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
}
