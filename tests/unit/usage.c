/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a command's peak of memory comes from: files as the kernels have them in a control group of
 * version 2. How a kernel counts anew for each descriptor is not shown by files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "mcp/box/process/usage.h"

static char leaf[32], *peak;

static void
put(const char *text)
{
	FILE *f CNT_FILE = fopen(peak, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(leaf, sizeof(leaf), "/var/tmp/cnt-unit-usage.XXXXXX");
	assert_non_null(mkdtemp(leaf));
	peak = cnt_format("%s/memory.peak", leaf);
	return 0;
}

static int
teardown(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	free(peak);
	return cnt_file_remove_tree(leaf, &e);
}

/* What the facts of a command say that ran between begin and end; the group's peak becomes `after`,
 * unless NULL. */
static void
says(const char *after, int64_t bytes, const char *from)
{
	cJSON *out CNT_JSON = cJSON_CreateObject();
	struct cnt_usage u = { 0 };
	const cJSON *usage = NULL;
	int fd CNT_CLOSE = -1;

	cnt_usage_group(leaf);
	fd = cnt_usage_begin();
	if (after != NULL)
		put(after);
	cnt_usage_end(fd, &u);
	cnt_usage_facts(&u, out);
	usage = cnt_json_get(out, "usage");
	assert_string_equal(cnt_json_str(usage, "peak_memory_from"), from);
	if (bytes != 0)
		assert_int_equal(cnt_json_int(usage, "peak_memory_bytes", -1), bytes);
}

static void
group_is_counted_anew(void **state CNT_UNUSED)
{
	struct cnt_buf text CNT_BUF = { 0 };
	struct cnt_err e = { 0 };

	put("99999999999\n");
	says(NULL, 0, "largest process");	/* a file keeps the 0 that was written */
	assert_int_equal(cnt_file_read(peak, 64, &text, &e), 0);
	assert_int_equal(strncmp(text.p, "0\n", 2), 0);
	says("4831838208\n", INT64_C(4831838208), "cgroup");
}

static void
kernel_before_5_19_has_none(void **state CNT_UNUSED)
{
	says(NULL, 0, "largest process");
}

/* Root may open what it may not write: the write is refused. */
static void
kernel_before_6_12_does_not_reset(void **state CNT_UNUSED)
{
	assert_int_equal(symlink("/dev/full", peak), 0);
	cnt_usage_group(leaf);
	assert_int_equal(cnt_usage_begin(), -1);
	says(NULL, 0, "largest process");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(group_is_counted_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(kernel_before_5_19_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(kernel_before_6_12_does_not_reset, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
