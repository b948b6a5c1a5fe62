/* SPDX-License-Identifier: Apache-2.0
 *
 * attacker COMM [UID]: as root of a box, or as UID and the group of that number, stops every
 * process that appears with the name COMM, which is what a program of the host is still called
 * before its exec in the box, and tries to take what it holds. Prints "ready", "enough" when it has
 * caught ten, "missed" when ten have run through unstopped, and at the end of its input what it
 * caught; also every attempt that was let through. Exit 0 when none was.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS		40	/* looks at one process */
#define ENOUGH		10	/* processes caught */
#define LOOKAHEAD	3	/* pids that may come next */

static int caught, looks, missed, breaches;

/* Its name and its state; state 0: gone. */
static char
look(pid_t pid, char comm[64])
{
	char path[32], line[256] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (read(fd, line, sizeof(line) - 1) == -1)
		line[0] = '\0';
	close(fd);
	end = strrchr(line, ')');
	if (end == NULL || end[1] == '\0' || sscanf(line, "%*d (%63[^)]", comm) != 1)
		return 0;
	return end[2];
}

static void
tell(const char *what, pid_t pid)
{
	printf("breach: %s of %d\n", what, (int)pid);
	breaches++;
}

/* A call that this box does not have would make the whole test say nothing. */
static void
judge(long r, const char *what, pid_t pid)
{
	if (r != -1 || (errno != EPERM && errno != EACCES && errno != ESRCH && errno != ENOENT))
		tell(what, pid);
}

static void
try_all(pid_t pid)
{
	char path[48], byte;
	struct iovec here = { .iov_base = &byte, .iov_len = 1 };
	struct iovec there = { .iov_base = try_all, .iov_len = 1 };
	static const char *const files[] = { "mem", "environ", "maps", "fd/0", "fd/3", "root/etc" };
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	for (int fd = 0; fd < 10; fd++) {
		int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		judge(got, "pidfd_getfd", pid);
		if (got != -1)
			close(got);
	}
	close(pidfd);
	judge(process_vm_readv(pid, &here, 1, &there, 1, 0), "process_vm_readv", pid);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		judge(fd, files[i], pid);
		if (fd != -1)
			close(fd);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		tell("ptrace", pid);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	} else if (errno != EPERM && errno != ESRCH)
		tell("ptrace without EPERM", pid);
}

static void
say(const char *line)
{
	printf("%s\n", line);
	(void)fflush(stdout);
}

/* By the kernel, or by AppArmor. */
static bool
is_denial(int error)
{
	return error == EPERM || error == EACCES;
}

/* Stopped again and again on its way to exec, so that more than one moment of it is seen. */
static void
hunt(pid_t pid, const char *name)
{
	char comm[64] = "";
	int was = caught;
	bool met = false;

	for (int n = 0; n < STEPS && look(pid, comm) != 0 && strcmp(comm, name) == 0; n++) {
		char state = 0;

		met = true;
		while (kill(pid, SIGSTOP) == -1 && is_denial(errno))
			;		/* until it has changed its uid to ours */
		for (int k = 0; k < 10000 && (state = look(pid, comm)) != 'T' && state != 0; k++)
			;
		if (state == 'T' && strcmp(comm, name) == 0) {
			try_all(pid);
			looks++;
			caught = was + 1;
		}
		kill(pid, SIGCONT);
	}
	kill(pid, SIGCONT);
	if (caught == ENOUGH && was < ENOUGH)
		say("enough");
	if (met && caught == was && ++missed == ENOUGH)
		say("missed");
}

/* The pid that was given last. */
static pid_t
newest(void)
{
	FILE *f = fopen("/proc/loadavg", "re");
	int pid = 0;

	if (f == NULL || fscanf(f, "%*f %*f %*f %*d/%*d %d", &pid) != 1)
		pid = 0;
	if (f != NULL)
		(void)fclose(f);
	return pid;
}

int
main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	pid_t seen = newest();

	if (argc < 2 || seen == 0)
		return 2;
	if (argc > 2 && (setgid((gid_t)atoi(argv[2])) == -1 || setuid((uid_t)atoi(argv[2])) == -1))
		return 2;
	say("ready");
	while (poll(&in, 1, 0) == 0) {
		for (pid_t pid = seen + 1; pid <= seen + LOOKAHEAD; pid++)
			if (kill(pid, SIGSTOP) == 0 || is_denial(errno)) {
				hunt(pid, argv[1]);
				seen = pid;
				break;
			}
		if (newest() > seen + LOOKAHEAD)
			seen = newest() - 1;
	}
	printf("caught %d in %d looks, missed %d, %d breaches\n", caught, looks, missed, breaches);
	return breaches != 0;
}
