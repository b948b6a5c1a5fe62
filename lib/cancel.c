/* SPDX-License-Identifier: Apache-2.0
 *
 * The signals are blocked and never read: one that is pending is the flag, which no handler and no
 * race can lose, and at last what the process ends by. A child that is only forked has them blocked
 * too: it ends with its parent.
 */
#include "lib/cancel.h"

#include <sys/pidfd.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>

#include "lib/proc.h"

static int pending = -1;		/* a signalfd */

void
cnt_cancel_signals(sigset_t *set)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction now;

	sigemptyset(set);
	for (size_t i = 0; i < nitems(signals); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
}

int
cnt_cancel_catch(struct cnt_err *e)
{
	sigset_t set;

	if (pending != -1)
		return 0;
	cnt_cancel_signals(&set);
	pending = signalfd(-1, &set, SFD_CLOEXEC);
	if (pending == -1)
		return cnt_fail_sys(e, "signalfd");
	sigprocmask(SIG_BLOCK, &set, NULL);
	return 0;
}

int
cnt_cancel_fd(void)
{
	return pending;
}

int
cnt_cancel_check(struct cnt_err *e)
{
	struct pollfd p = { pending, POLLIN, 0 };

	return poll(&p, 1, 0) == 1 ? cnt_fail(e, CNT_CANCELLED, "cancelled") : 0;
}

int
cnt_cancel_waitpid(pid_t pid, int *status, struct cnt_err *e)
{
	int fd CNT_CLOSE = pidfd_open(pid, 0);
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { pending, POLLIN, 0 } };

	if (fd == -1)
		return cnt_fail_sys(e, "pidfd_open");
	while (poll(p, nitems(p), -1) == -1 && errno == EINTR)
		continue;
	if (p[0].revents == 0)
		return cnt_cancel_check(e);
	*status = cnt_proc_reap(pid);
	return *status == -1 ? cnt_fail_sys(e, "wait") : 0;
}

void
cnt_cancel_die(void)
{
	sigset_t none;

	sigemptyset(&none);
	if (pending != -1)
		sigprocmask(SIG_SETMASK, &none, NULL);
}
