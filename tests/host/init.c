/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest init for a box: it leaves nothing to reap, and ends when asked to power off as
 * systemd is asked (SIGRTMIN+3). As any other program of the image it does nothing and succeeds.
 */
#include <signal.h>
#include <unistd.h>

static void
end(int sig)
{
	_exit(sig == 0);
}

int
main(void)
{
	if (getpid() != 1)
		return 0;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGRTMIN + 3, end);
	for (;;)
		pause();
}
