/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens at a fault point; no part of a program that is installed. A fault happens once in a
 * process: what is done about it meets a system that works, but for a disk that is full.
 */
#include "lib/fault.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "lib/paths.h"

static const char *wanted, *trace, *root;
static bool no_memory;

/* Before main: a box's starter clears its environment. */
__attribute__((constructor)) static void
read_environment(void)
{
	wanted = getenv("CNT_FAULT");
	trace = getenv("CNT_FAULT_TRACE");
	root = cnt_root();
}

static void
note(const char *name)
{
	CNT_CLOSE int fd = trace == NULL ? -1 :
	    open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd != -1)
		dprintf(fd, "%s\n", name);
}

static void
fill(void)
{
	char *path CNT_FREE = cnt_format("%s/full", root);
	char *above CNT_FREE = cnt_format("%s/..", root);
	CNT_CLOSE int fd = -1;
	struct stat own, other;
	off_t at = 0;

	if (stat(root, &own) == -1 || stat(above, &other) == -1 || own.st_dev == other.st_dev)
		abort();
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (off_t n = 1 << 26; n >= 1024; n /= 2)
		while (fallocate(fd, 0, at, n) == 0)
			at += n;
}

static void
lower_files(void)
{
	struct rlimit r = { 0 };
	CNT_CLOSE int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = (rlim_t)next;
	setrlimit(RLIMIT_NOFILE, &r);
}

int
cnt_fault_step(const char *name, struct cnt_err *e)
{
	size_t n = strlen(name);
	const char *action = wanted;

	note(name);
	if (wanted == NULL || strncmp(wanted, name, n) != 0 || wanted[n] != ':')
		return 0;
	action += n + 1;
	wanted = NULL;
	if (strcmp(action, "kill") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(action, "enospc") == 0)
		fill();
	else if (strcmp(action, "emfile") == 0)
		lower_files();
	else if (strcmp(action, "nomem") == 0)
		no_memory = true;
	else if (strcmp(action, "eio") != 0)
		abort();
	if (strcmp(action, "eio") != 0)
		return 0;
	errno = EIO;
	if (e != NULL)
		cnt_fail_sys(e, "%s", name);
	errno = EIO;
	return -1;
}

bool
cnt_fault_no_memory(void)
{
	return no_memory;
}
