/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest init for a box: it reaps, and ends when asked to power off as systemd is asked
 * (SIGRTMIN+3). As any other program of the image it does nothing and succeeds.
 */
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

int
main(void)
{
	sigset_t set;
	int sig = 0;

	if (getpid() != 1)
		return 0;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (sigwait(&set, &sig) == 0 && sig == SIGCHLD)
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	return 0;
}
