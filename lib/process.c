/* SPDX-License-Identifier: Apache-2.0
 *
 * A process's start time from /proc (its name stands in the same line, in parentheses, and is the
 * process's own to choose: what counts begins after the last one), and its resource limits.
 */
#include "lib/process.h"

#include <sys/resource.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>

int64_t
cnt_process_start(pid_t pid)
{
	char path[32], line[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return -1;
	line[n] = '\0';
	const char *p = strrchr(line, ')');
	if (p == NULL || p[1] == '\0' || p[2] == 'Z' || p[2] == 'X')
		return -1;
	for (int field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	return p == NULL ? -1 : strtoll(p + 1, NULL, 10);
}

int
cnt_process_limits(pid_t like)
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
