/* SPDX-License-Identifier: Apache-2.0
 *
 * syncfs(2) in a child, which dies with its parent and keeps no descriptor of it: no lock outlives
 * the verb that holds it.
 */
#include "lib/flush.h"

#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>

#include "lib/cancel.h"

static CNT_NORETURN void
flush(int fd, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(EINTR);
	if (fd > 0)
		close_range(0, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0U, 0);
	_exit(syncfs(fd) == -1 ? errno : 0);
}

int
cnt_flush_start(const char *path, pid_t *pid, struct cnt_err *e)
{
	CNT_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t parent = getpid();

	*pid = -1;
	if (fd == -1)
		return cnt_fail_sys(e, "%s", path);
	*pid = fork();
	if (*pid == -1)
		return cnt_fail_sys(e, "fork");
	if (*pid == 0)
		flush(fd, parent);
	return 0;
}

int
cnt_flush_wait(pid_t pid, struct cnt_err *e)
{
	int status = 0;

	if (pid != -1 && cnt_cancel_waitpid(pid, &status, e) == -1)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return status == 0 ? 0 : cnt_fail_sys(e, "syncfs");
}
