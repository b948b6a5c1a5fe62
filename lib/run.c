/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program of the host. Input and outputs are memory files, so neither side can block the
 * other. The program gets a fixed environment, default signals and no descriptor but 0, 1 and 2,
 * and is killed when this process ends before it does (a daemon that it forked is not).
 */
#include "lib/run.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>

#include "lib/file.h"
#include "lib/proc.h"

#define STDERR_KEPT 1024

#define PATH_OF_HOST "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

char *const cnt_run_env[] = {
	(char *)"PATH=" PATH_OF_HOST, (char *)"LC_ALL=C.UTF-8", (char *)"HOME=/root", NULL,
};

/* All of f[0..2] are above 2, so that no dup2 takes away what a later one needs. */
static int
memory_file(const char *bytes, size_t n)
{
	CNT_CLOSE int low = memfd_create("cnt-run", MFD_CLOEXEC);
	CNT_CLOSE int fd = low == -1 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 3);

	if (fd == -1 || cnt_file_write(fd, bytes, n) == -1 || lseek(fd, 0, SEEK_SET) == -1)
		return -1;
	return take_fd(&fd);
}

static int
collect(int fd, off_t from, struct cnt_buf *b)
{
	char chunk[16384];
	ssize_t r;

	while ((r = pread(fd, chunk, sizeof(chunk), from)) > 0) {
		cnt_buf_add(b, chunk, (size_t)r);
		from += r;
	}
	return r == -1 ? -1 : 0;
}

/* execvpe(3) would search the caller's own PATH. */
char *
cnt_run_find(const char *name)
{
	size_t n = 0;

	for (const char *dir = PATH_OF_HOST; *dir != '\0'; dir += n + (dir[n] == ':')) {
		char *path CNT_FREE = NULL;

		n = strcspn(dir, ":");
		path = cnt_format("%.*s/%s", (int)n, dir, name);
		if (access(path, X_OK) == 0)
			return take(&path);
	}
	return NULL;
}

/* Between vfork and exec: shares the parent's memory. Handlers are reset before signals are
 * unblocked, so that none of ours runs here. */
static CNT_NORETURN void
become(const char *path, char *const argv[], const int f[3], pid_t parent, volatile int *error)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(127);
	for (int i = 0; i < 3; i++)
		if (dup2(f[i], i) == -1)
			_exit(127);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execve(path, argv, cnt_run_env);
	*error = errno;
	_exit(127);
}

static pid_t
start(char *const argv[], const int f[3], volatile int *error)
{
	char *path CNT_FREE = strchr(argv[0], '/') == NULL ? cnt_run_find(argv[0]) :
	    cnt_strdup(argv[0]);
	sigset_t all, old;
	pid_t parent = getpid(), pid;

	if (path == NULL) {
		*error = ENOENT;
		return -1;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = vfork();
	if (pid == 0)
		become(path, argv, f, parent, error);
	if (pid == -1)
		*error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* The end of standard error on one line. */
static int
failed(const char *program, int status, int fd, struct cnt_err *e)
{
	CNT_BUF struct cnt_buf b = { 0 };
	off_t size = lseek(fd, 0, SEEK_END);

	collect(fd, size > STDERR_KEPT ? size - STDERR_KEPT : 0, &b);
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.p[--b.n] = '\0';
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == '\n' || b.p[i] == '\t')
			b.p[i] = b.p[i] == '\n' ? ';' : ' ';
	if (WIFSIGNALED(status))
		return cnt_fail(e, CNT_SYSTEM, "%s: killed by signal %d%s%s", program,
		    WTERMSIG(status), b.n > 0 ? ": " : "", b.n > 0 ? b.p : "");
	return cnt_fail(e, CNT_SYSTEM, "%s: exit status %d%s%s", program, WEXITSTATUS(status),
	    b.n > 0 ? ": " : "", b.n > 0 ? b.p : "");
}

void
cnt_run_start(struct cnt_run *r, char *const argv[], const char *in, size_t n)
{
	CNT_CLOSE int in_fd = memory_file(in, n);
	volatile int error = 0;

	*r = (struct cnt_run){ argv[0], -1, memory_file(NULL, 0), memory_file(NULL, 0), 0 };
	if (in_fd == -1 || r->out == -1 || r->err == -1)
		r->error = errno;
	else
		r->pid = start(argv, (int[]){ in_fd, r->out, r->err }, &error);
	r->error = error != 0 ? error : r->error;
}

int
cnt_run_end(struct cnt_run *r, struct cnt_buf *out, struct cnt_err *e)
{
	CNT_CLOSE int out_fd = r->out, err_fd = r->err;
	int status = r->pid == -1 ? 0 : cnt_proc_reap(r->pid);

	r->pid = r->out = r->err = -1;
	if (status == -1)
		return cnt_fail_sys(e, "%s: wait", r->program);
	if (r->error == ENOENT)
		return cnt_fail(e, CNT_UNAVAILABLE, "%s: not installed", r->program);
	errno = r->error;
	if (r->error != 0)
		return cnt_fail_sys(e, "%s", r->program);
	if (status != 0)
		return failed(r->program, status, err_fd, e);
	if (out != NULL && collect(out_fd, 0, out) == -1)
		return cnt_fail_sys(e, "%s: output", r->program);
	return 0;
}

int
cnt_run(char *const argv[], struct cnt_buf *out, struct cnt_err *e)
{
	struct cnt_run r;

	cnt_run_start(&r, argv, NULL, 0);
	return cnt_run_end(&r, out, e);
}
