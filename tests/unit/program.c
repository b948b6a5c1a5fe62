/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that is freed while it runs is gone, with its process group, and is no zombie.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcp/program.h"

static void
freed_while_it_runs(void **state CNT_UNUSED)
{
	char *words[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
	    (char *)(uintptr_t)"sleep 60 & wait", NULL };
	struct cnt_loop *l = cnt_loop_new();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct cnt_program p = { 0 };
	struct cnt_err e = { 0 };

	for (int i = 0; i < 20; i++) {
		assert_int_equal(cnt_program_start(&p, l, "/bin/sh", words,
		    (int[]){ null, null, null }, SIGKILL, &e), 0);
		cnt_program_free(&p);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
	close(null);
	cnt_loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(freed_while_it_runs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
