/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits for a processor, and who for anything else: a child of the lowest class beside a busy
 * one on the same processor gets hardly any of it.
 */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base.h"
#include "mcp/starved.h"

#define LONG_US	20000000

/* A test that fails leaves nobody behind. */
static void
burn(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (volatile unsigned n = 0;; n++)
		continue;
}

static void
rest(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		poll(NULL, 0, -1);
}

/* Its child does it, while it rests itself. */
static void
leave_it_to_a_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fork() == 0)
		burn();
	rest();
}

/* idle: only what nobody else wants of processor 0. */
static pid_t
start(void (*work)(void), bool idle)
{
	const struct sched_param none = { 0 };
	pid_t pid = fork();
	cpu_set_t first;

	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	setpgid(0, 0);
	if (sched_setaffinity(0, sizeof(first), &first) == -1 ||
	    (idle && sched_setscheduler(0, SCHED_IDLE, &none) == -1))
		_exit(1);
	work();
	_exit(0);
}

static void
end(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Are they so at some time? */
static bool
become(const pid_t *pids, size_t n, bool starved)
{
	int64_t until = cnt_ticks_us() + LONG_US;

	do
		if (cnt_starved(pids, n) == starved)
			return true;
	while (poll(NULL, 0, 1) == 0 && cnt_ticks_us() < until);
	return false;
}

static void
who_sleeps_is_not(void **state CNT_UNUSED)
{
	pid_t pid = start(rest, false);

	assert_true(become(&pid, 1, false));
	end(pid);
	assert_false(cnt_starved(&pid, 1));
}

static void
who_has_had_a_turn_is_not(void **state CNT_UNUSED)
{
	pid_t pid = start(burn, false), parent = start(leave_it_to_a_child, false);

	poll(NULL, 0, 50);		/* they begin */
	assert_true(become(&pid, 1, false));
	assert_true(become(&parent, 1, false));
	end(pid);
	end(parent);
}

/* Each has had but a part of a turn, all of them together have had what there is. */
static void
who_waits_for_his_like_is_not(void **state CNT_UNUSED)
{
	size_t n = 4 * (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	pid_t *pids CNT_FREE = cnt_alloc(n * sizeof(*pids));
	size_t alone = 0;

	for (size_t i = 0; i < n; i++)
		pids[i] = start(burn, false);
	assert_true(become(pids, n, false));
	for (size_t i = 0; i < n; i++)
		alone += cnt_starved(&pids[i], 1);
	assert_true(alone > n / 2);
	for (size_t i = 0; i < n; i++)
		end(pids[i]);
}

static void
who_waits_for_a_processor_is(void **state CNT_UNUSED)
{
	pid_t busy = start(burn, false), also = start(burn, false);
	pid_t pid = start(burn, true), parent = start(leave_it_to_a_child, true);

	assert_true(become(&pid, 1, true));
	assert_true(become(&parent, 1, true));
	end(pid);
	end(parent);
	end(busy);
	end(also);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sleeps_is_not),
		cmocka_unit_test(who_has_had_a_turn_is_not),
		cmocka_unit_test(who_waits_for_his_like_is_not),
		cmocka_unit_test(who_waits_for_a_processor_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
