/* SPDX-License-Identifier: Apache-2.0
 *
 * A child that is signalled right after fork must not run the parent's handlers: they write to the
 * parent's own event descriptor. So signals are blocked until the child has none of those.
 */
#include "mcp/child.h"

#include <sys/prctl.h>

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

pid_t
cnt_child_fork(int death_signal)
{
	static const int reset[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t all, old;
	pid_t parent = getpid(), pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
			signal(reset[i], SIG_DFL);
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, death_signal);
		if (death_signal != 0 && getppid() != parent)
			_exit(1);
		sigemptyset(&old);
	} else if (pid > 0) {
		setpgid(pid, pid);		/* whoever is first */
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}
