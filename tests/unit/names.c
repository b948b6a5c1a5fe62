/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of a directory: sorted, and no more of them than are asked for.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mcp/box/search/names.h"

static const char *const made[] = { "c", ".git", "b", "aa" };

static char *
names(const char *dir, bool hidden, size_t max, bool more)
{
	DIR *d CNT_DIR = opendir(dir);
	struct cnt_names all = { 0 };
	struct cnt_buf b = { 0 };

	assert_non_null(d);
	cnt_names_read(&all, d, hidden, max);
	assert_int_equal(all.more, more);
	assert_int_equal(cnt_names_have(&all, ".git"), hidden && max > 3);
	assert_false(cnt_names_have(&all, "a"));
	cnt_buf_adds(&b, "");
	for (size_t i = 0; i < all.n; i++)
		cnt_buf_addf(&b, "%s%c ", all.p[i], all.p[i][-1] == DT_DIR ? '/' : ' ');
	cnt_names_free(&all);
	return b.p;
}

static void
test_names(void **state CNT_UNUSED)
{
	char dir[] = "/tmp/cnt-names.XXXXXX";
	int fd CNT_CLOSE = mkdtemp(dir) != NULL ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
	char *none CNT_FREE = names(dir, false, 9, false), *all = NULL, *few = NULL;

	assert_string_equal(none, "");
	for (size_t i = 0; i < nitems(made); i++)
		assert_int_equal(mkdirat(fd, made[i], 0700), 0);
	all = names(dir, true, 4, false);
	assert_string_equal(all, ".git/ aa/ b/ c/ ");
	free(all);
	all = names(dir, false, 3, false);
	assert_string_equal(all, "aa/ b/ c/ ");
	few = names(dir, false, 2, true);
	assert_true(strlen(few) < strlen(all));
	free(few);
	free(all);
	for (size_t i = 0; i < nitems(made); i++)
		unlinkat(fd, made[i], AT_REMOVEDIR);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
