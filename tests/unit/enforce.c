/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kernels' Landlock is enough. What it then holds is tests/box/landlock.t's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "mcp/box/process/enforce.h"

static void
is_refused(long version, const char *why)
{
	struct cnt_err e = { 0 };
	int fd = 0;

	assert_int_equal(cnt_enforce_take(version, &e), -1);
	assert_int_equal(e.code, CNT_UNAVAILABLE);
	assert_string_equal(e.text, why);
	assert_non_null(strstr(e.hint, "Linux 6.2 or later"));
	assert_int_equal(cnt_enforce_open(&fd), 0);
	assert_int_equal(fd, -1);
}

static void
too_old(void **state CNT_UNUSED)
{
	is_refused(-1, "AGENTBOX_ENFORCE: this kernel has no Landlock");
	is_refused(1, "AGENTBOX_ENFORCE: this kernel's Landlock is too old");
	is_refused(2, "AGENTBOX_ENFORCE: this kernel's Landlock is too old");
}

static void
enough(void **state CNT_UNUSED)
{
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_enforce_take(3, &e), 0);
	assert_int_equal(cnt_enforce_take(6, &e), 0);
	assert_int_equal(cnt_enforce_take(99, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(too_old), cmocka_unit_test(enough) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
