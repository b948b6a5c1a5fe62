/* SPDX-License-Identifier: Apache-2.0
 *
 * What is left to the relay when it has given up everything, and what Landlock holds by itself.
 * Each attempt is a child's.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/landlock.h"
#include "mcp/relay.h"

static int
confined(void)
{
	struct cnt_err e = { 0 };

	return cnt_relay_confine(&e);
}

static int
landlocked(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -1 : cnt_landlock_nothing();
}

/* How a child ends that does this to itself, then tries that: its wait status. */
static int
after(int (*wall)(void), int (*attempt)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) == -1 || dup2(p[0], 0) == -1 || dup2(p[1], 1) == -1 ||
		    dup2(p[0], 2) == -1 || wall() == -1)
			_exit(99);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The number of the error, or 0. */
static int
code(long r)
{
	return r == -1 ? errno : 0;
}

#define TRY(name, call)	static int name(void) { return code(call); }

TRY(try_open, open("/etc/passwd", O_RDONLY | O_CLOEXEC))
TRY(try_write, open("/tmp/cnt-relay", O_WRONLY | O_CREAT | O_CLOEXEC, 0600))
TRY(try_mkdir, mkdir("/tmp/cnt-relay", 0700))
TRY(try_socket, socket(AF_INET, SOCK_STREAM, 0))
TRY(try_exec, execl("/bin/true", "true", (char *)NULL))
TRY(try_fork, fork())
TRY(try_trace, ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
TRY(try_kill, kill(getppid(), 0))
TRY(try_self, raise(0))
TRY(try_uid, setuid(0))
TRY(try_dup, fcntl(0, F_DUPFD_CLOEXEC, 0))
TRY(try_prctl, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))

static int
try_run(void)
{
	return code((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0));
}

static int
try_protect(void)
{
	return code(mprotect((void *)((uintptr_t)&try_protect & ~(uintptr_t)4095), 4096,
	    PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int
try_connect(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };

	return code(connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&to,
	    sizeof(to)));
}

static int
try_bind(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };

	return code(bind(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&at,
	    sizeof(at)));
}

/* What it is for: malloc small and large, wait, read, write. */
static int
work(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char *text CNT_FREE = cnt_alloc((size_t)4 << 20), byte = 0;
	char *small CNT_FREE = cnt_alloc(100);

	text = cnt_realloc(text, (size_t)8 << 20);
	return text[0] == small[0] && poll(&p, 1, 0) == 0 && write(1, "x", 1) == 1 &&
	    poll(&p, 1, -1) == 1 && read(0, &byte, 1) == 1 && byte == 'x' ? 0 : 1;
}

#ifndef __SANITIZE_ADDRESS__
/* As much as a whole answer may need, and no end. */
static int
hoard(void)
{
	for (size_t n = 0; n < 1024; n++) {
		char *p = malloc((size_t)1 << 20);

		if (p == NULL)
			return n > 80 && n < 160 ? 0 : 1;
		memset(p, 1, (size_t)1 << 20);
	}
	return 2;
}
#endif

static void
relay_works(void **state CNT_UNUSED)
{
	assert_int_equal(after(confined, work), 0);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(after(confined, hoard), 0);
#endif
}

static void
relay_dies_of_the_rest(void **state CNT_UNUSED)
{
	static int (*const attempts[])(void) = { try_open, try_write, try_mkdir, try_socket,
	    try_exec, try_fork, try_trace, try_kill, try_self, try_uid, try_dup, try_prctl, try_run,
	    try_protect };

	for (size_t i = 0; i < nitems(attempts); i++) {
		int status = after(confined, attempts[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("attempt %zu ends with status %#x", i, (unsigned)status);
	}
}

/* Each right from the ABI on that has it; before, the kernel lets it through. */
static void
landlock_holds(void **state CNT_UNUSED)
{
	static const struct {
		int	(*attempt)(void);
		int	 since, error;
	} rows[] = {
		{ try_open, 1, EACCES }, { try_write, 1, EACCES }, { try_mkdir, 1, EACCES },
		{ try_exec, 1, EACCES }, { try_connect, CNT_ABI_NET, EACCES },
		{ try_bind, CNT_ABI_NET, EACCES }, { try_kill, CNT_ABI_SCOPES, EPERM },
		{ try_trace, 1, EPERM },
	};
	int abi = cnt_landlock_abi();

	assert_true(abi > 0);
	for (size_t i = 0; i < nitems(rows); i++)
		if (abi >= rows[i].since)
			assert_int_equal(after(landlocked, rows[i].attempt), rows[i].error << 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_works), cmocka_unit_test(relay_dies_of_the_rest),
		cmocka_unit_test(landlock_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
