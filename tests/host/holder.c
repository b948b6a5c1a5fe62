/* SPDX-License-Identifier: Apache-2.0
 *
 * holder PID: as root of a box, traces a process and holds it on the last step of its end, where no
 * KILL reaches it, until the holder itself is killed. Prints "holds" when that is so.
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
	int status = 0;

	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) == -1)
		return 1;
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	    status >> 16 != PTRACE_EVENT_EXIT)
		ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(status));
	printf("holds\n");
	(void)fflush(stdout);
	for (;;)
		pause();
}
