/* SPDX-License-Identifier: Apache-2.0
 *
 * A process's start time from /proc. Its name stands in the same line, in parentheses, and is the
 * process's own to choose: what counts begins after the last one.
 */
#include "lib/process.h"

#include <fcntl.h>
#include <limits.h>

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
