/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on three descriptors or four, in a process group of its own. Its zombie is kept until
 * it is freed, so that the group's number cannot become another's before its last signal.
 */
#include "mcp/program.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "mcp/child.h"

CNT_NORETURN static void
become(const struct cnt_program *p, const char *path, char *const argv[], const int fds[3])
{
	const int all[] = { fds[0], fds[1], fds[2], p->extra };
	const int n = p->extra != 0 ? 4 : 3;
	int high[4];

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	for (int i = 0; i < n; i++)
		if ((high[i] = fcntl(all[i], F_DUPFD, n)) == -1)
			_exit(CNT_PROGRAM_NO_EXEC);
	for (int i = 0; i < n; i++)
		if (dup2(high[i], i) == -1)
			_exit(CNT_PROGRAM_NO_EXEC);
	if (syscall(SYS_close_range, n, ~0U, 0) == -1 || (p->env != NULL && chdir("/") == -1))
		_exit(CNT_PROGRAM_NO_EXEC);
	execve(path, argv, p->env != NULL ? p->env : environ);
	_exit(CNT_PROGRAM_NO_EXEC);
}

static void
on_end(int fd CNT_UNUSED, short revents CNT_UNUSED, void *arg)
{
	struct cnt_program *p = arg;

	cnt_loop_unwatch(take(&p->watch));
	p->exited = true;
	p->ended(p->arg);
}

int
cnt_program_start(struct cnt_program *p, struct cnt_loop *l, const char *path, char *const argv[],
    const int fds[3], int death_signal, struct cnt_err *e)
{
	pid_t pid = cnt_child_fork(death_signal);

	if (pid == 0)
		become(p, path, argv, fds);
	if (pid == -1)
		return cnt_fail_sys(e, "fork");
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pidfd == -1) {
		cnt_fail_sys(e, "pidfd_open");
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	p->pid = pid;
	p->loop = l;
	p->exited = false;
	p->watch = cnt_loop_watch(l, p->pidfd, POLLIN, on_end, p);
	return 0;
}

/* To its whole group. */
static void
signal_it(const struct cnt_program *p, int signo)
{
	if (p->pid > 0)
		kill(-p->pid, signo);
}

static void
on_kill(void *arg)
{
	struct cnt_program *p = arg;

	p->timer = NULL;
	signal_it(p, SIGKILL);
}

static void
on_term(void *arg)
{
	struct cnt_program *p = arg;

	signal_it(p, SIGTERM);
	p->timer = cnt_loop_timer(p->loop, p->kill_us, on_kill, p);
}

void
cnt_program_stop(struct cnt_program *p, int64_t term_us, int64_t kill_us)
{
	if (p->pid == 0 || p->exited)
		return;
	if (p->timer != NULL)
		cnt_loop_untimer(p->timer);
	p->kill_us = kill_us > term_us ? kill_us - term_us : 0;
	p->timer = cnt_loop_timer(p->loop, term_us, on_term, p);
}

int
cnt_program_status(const struct cnt_program *p)
{
	siginfo_t si = { 0 };

	(void)waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOWAIT);
	return si.si_code == CLD_EXITED ? si.si_status : -si.si_status;
}

char *
cnt_program_how(const struct cnt_program *p)
{
	int status = cnt_program_status(p);

	if (status < 0)
		return cnt_format("signal %d", -status);
	return cnt_format("exit status %d%s", status,
	    status == CNT_PROGRAM_NO_EXEC ? ": something could not be executed" : "");
}

void
cnt_program_free(struct cnt_program *p)
{
	if (p->pid == 0)
		return;
	if (p->watch != NULL)
		cnt_loop_unwatch(p->watch);
	if (p->timer != NULL)
		cnt_loop_untimer(p->timer);
	kill(-p->pid, SIGKILL);
	close(p->pidfd);
	waitpid(p->pid, NULL, 0);
	*p = (struct cnt_program){ .pidfd = -1 };
}
