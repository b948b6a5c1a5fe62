/* SPDX-License-Identifier: Apache-2.0
 *
 * How a verb is asked to end: each test in a child of its own, since what is caught stays caught.
 */
#include "lib/cancel.h"

#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <signal.h>

#include <cmocka.h>

#include "lib/run.h"

static struct cnt_err e;

/* Wait status of a child that runs it. */
static int
in_child(int (*test)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(test());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
not_caught(void)
{
	return cnt_cancel_fd() != -1 || cnt_cancel_check(&e) != 0;
}

static int
caught(void)
{
	struct pollfd p = { 0 };

	for (int i = 0; i < 2; i++)	/* again is nothing new */
		if (cnt_cancel_catch(&e) == -1 || cnt_cancel_check(&e) != 0)
			return 1;
	p = (struct pollfd){ cnt_cancel_fd(), POLLIN, 0 };
	raise(SIGHUP);
	for (int i = 0; i < 2; i++)	/* it stays */
		if (cnt_cancel_check(&e) != -1 || e.code != CNT_CANCELLED || poll(&p, 1, 0) != 1)
			return 2;
	cnt_cancel_die();
	return 3;
}

static int
ignored_before(void)
{
	signal(SIGINT, SIG_IGN);
	if (cnt_cancel_catch(&e) == -1)
		return 1;
	raise(SIGINT);
	if (cnt_cancel_check(&e) != 0)
		return 2;
	cnt_cancel_die();
	return 0;
}

static int
waits(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	if (cnt_cancel_catch(&e) == -1 || cnt_cancel_waitpid(pid, &status, &e) == -1 ||
	    !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		return 1;
	pid = fork();
	if (pid == 0)
		pause();
	raise(SIGTERM);
	if (cnt_cancel_waitpid(pid, &status, &e) != -1 || e.code != CNT_CANCELLED)
		return 2;
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL ? 0 : 3;
}

static int
runs_a_program(void)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"kill -INT $$; exit 0", NULL };

	if (cnt_cancel_catch(&e) == -1)
		return 1;
	return cnt_run(argv, NULL, &e) == -1 && strstr(e.text, "signal 2") != NULL ? 0 : 2;
}

static void
nothing_is_caught_unasked(void **state CNT_UNUSED)
{
	assert_int_equal(in_child(not_caught), 0);
}

static void
a_signal_waits_and_is_died_of(void **state CNT_UNUSED)
{
	int status = in_child(caught);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGHUP);
}

static void
what_was_ignored_stays_ignored(void **state CNT_UNUSED)
{
	assert_int_equal(in_child(ignored_before), 0);
}

static void
a_wait_ends_with_the_child_or_the_signal(void **state CNT_UNUSED)
{
	assert_int_equal(in_child(waits), 0);
}

static void
a_program_gets_signals_as_usual(void **state CNT_UNUSED)
{
	assert_int_equal(in_child(runs_a_program), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_caught_unasked),
		cmocka_unit_test(a_signal_waits_and_is_died_of),
		cmocka_unit_test(what_was_ignored_stays_ignored),
		cmocka_unit_test(a_wait_ends_with_the_child_or_the_signal),
		cmocka_unit_test(a_program_gets_signals_as_usual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
