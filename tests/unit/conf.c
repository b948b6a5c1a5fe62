/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt.conf: what is built in, what each key takes, and that a wrong line is named.
 */
#include "lib/conf.h"

#include "tests/unit/root.h"

static int
parse(const char *text, struct cnt_conf *c, struct cnt_err *e)
{
	FILE *f CNT_FILE = fmemopen((char *)text, strlen(text), "r");

	*e = (struct cnt_err){ 0 };
	return cnt_conf_parse(c, f, "cnt.conf", e);
}

static void
refused(const char *text, const char *why)
{
	struct cnt_conf c;
	struct cnt_err e;

	assert_int_equal(parse(text, &c, &e), -1);
	assert_int_equal(e.code, CNT_INVALID);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void
without_a_file_there_are_limits(void **state CNT_UNUSED)
{
	struct cnt_conf c CNT_CONF_END = { 0 };
	struct cnt_err e = { 0 };
	char *own CNT_FREE = cnt_conf_release();

	assert_int_equal(cnt_conf_read(&c, &e), 0);
	assert_true(c.limits.memory > 0 && c.limits.swap > 0 && c.limits.pids > 0 &&
	    c.limits.cpu > 0);
	assert_string_equal(c.image, own);
	assert_int_equal(c.prefix, 0);
}

static void
every_key_is_taken(void **state CNT_UNUSED)
{
	struct cnt_conf c CNT_CONF_END = { 0 };
	struct cnt_err e;

	assert_int_equal(parse("# limits\nmemory 512m\n\tswap\t64m  \npids 99 # few\ncpu 0.5\n\n"
	    "image debian-13\nsubnet 10.9.0.0/16\nmcp-calls 3\nmcp-deadline 90s\n", &c, &e), 0);
	assert_int_equal(c.limits.memory, 512 << 20);
	assert_int_equal(c.limits.swap, 64 << 20);
	assert_int_equal(c.limits.pids, 99);
	assert_true(c.limits.cpu == 0.5);
	assert_string_equal(c.image, "debian-13");
	assert_int_equal(c.subnet, 0x0a090000);
	assert_int_equal(c.prefix, 16);
	assert_int_equal(c.mcp_calls, 3);
	assert_true(c.mcp_deadline == 90);
}

static void
no_limit_is_zero(void **state CNT_UNUSED)
{
	struct cnt_conf c CNT_CONF_END = { 0 };
	struct cnt_err e;

	assert_int_equal(parse("memory 0\nswap unlimited\npids 0\ncpu 0\n", &c, &e), 0);
	assert_int_equal(c.limits.memory, 0);
	assert_int_equal(c.limits.swap, -1);
	assert_int_equal(c.limits.pids, 0);
	assert_true(c.limits.cpu == 0);
}

static void
a_wrong_line_is_named(void **state CNT_UNUSED)
{
	refused("memory 1g\nmemroy 2g\n", "cnt.conf:2: unknown key \"memroy\"");
	refused("memory\n", "cnt.conf:1: memory: no value");
	refused("\n\npids 20\npids 20\n", "cnt.conf:4: pids: is there twice");
	refused("memory lots\n", "cnt.conf:1: memory: ");
	refused("pids 4194305\n", "pids");
	refused("pids -1\n", "pids");
	refused("pids 1\n", "cnt.conf:1: pids: expected 16 to 4194304, got \"1\"");
	refused("memory 2\n", "cnt.conf:1: memory: expected 16m to 16t, got \"2\"");
	refused("swap 17t\n", "swap: expected 0 to 16t");
	refused("cpu 0.001\n", "cpu");
	refused("cpu 1025\n", "cpu");
	refused("cpu -1\n", "cpu");
	refused("cpu 0x1\n", "cpu");
	refused("cpu nan\n", "cpu");
	refused("cpu 1 2\n", "cpu");
}

static void
a_subnet_is_a_whole_block(void **state CNT_UNUSED)
{
	refused("subnet 10.9.0.0\n", "subnet");
	refused("subnet 10.9.0.0/7\n", "subnet");
	refused("subnet 10.9.0.0/29\n", "subnet");
	refused("subnet 10.9.0.1/24\n", "subnet");
	refused("subnet 10.9.0/24\n", "subnet");
	refused("subnet fd00::/24\n", "subnet");
	refused("subnet 10.9.0.0/24/24\n", "subnet");
}

static void
a_file_that_others_can_write_is_refused(void **state CNT_UNUSED)
{
	char *dir CNT_FREE = cnt_path("/etc"), *cnt CNT_FREE = cnt_path("/etc/cnt");
	char *path CNT_FREE = cnt_path(CNT_CONF);
	struct cnt_conf c CNT_CONF_END = { 0 };
	struct cnt_err e = { 0 };

	assert_int_equal(mkdir(dir, 0755) | mkdir(cnt, 0755), 0);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("pids 77\n", f) >= 0);
	assert_int_equal(fclose(f) | chmod(path, 0644), 0);
	assert_int_equal(cnt_conf_read(&c, &e), 0);
	assert_int_equal(c.limits.pids, 77);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(cnt_conf_read(&c, &e), -1);
	assert_int_equal(chmod(path, 0644) | chown(path, 1, 0), 0);
	assert_int_equal(cnt_conf_read(&c, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_limits),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(no_limit_is_zero),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(a_subnet_is_a_whole_block),
		cmocka_unit_test(a_file_that_others_can_write_is_refused),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
