/* SPDX-License-Identifier: Apache-2.0
 *
 * Files by descriptor: what a hostile tree may try, and that nothing outside of it changes.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"

static char base[64];
static int root = -1;

static int
make(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/var/tmp/cnt-unit-XXXXXX");
	if (mkdtemp(base) == NULL || (root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	return mkdirat(root, "tree", 0755) == -1 || mkdirat(root, "outside", 0755) == -1;
}

static int
unmake(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	close(root);
	return cnt_file_remove_tree(base, &e);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
remove_tree(const char *name)
{
	char *path CNT_FREE = cnt_format("%s/%s", base, name);
	struct cnt_err e = { 0 };

	return cnt_file_remove_tree(path, &e);
}

static void
a_link_means_what_it_means_inside(void **state)
{
	CNT_CLOSE int tree = openat(root, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(symlinkat("/../../outside", tree, "up"), 0);
	assert_int_equal(cnt_file_mkdirs_in(tree, "up", 0755, 0, 0, &e), 0);
	assert_int_equal(cnt_file_write_in(tree, "up/f", "x", 1, 0600, 0, 0, &e), -1);
	assert_int_equal(cnt_file_mkdirs_in(tree, "outside", 0755, 0, 0, &e), 0);
	assert_int_equal(cnt_file_write_in(tree, "up/f", "x", 1, 0600, 0, 0, &e), 0);
	assert_true(is_there("tree/outside/f"));
	assert_false(is_there("outside/f"));
	assert_int_equal(symlinkat("/proc/self/root", tree, "magic"), 0);
	assert_int_equal(cnt_file_read_in(tree, "magic/etc/passwd", 4096, &b, &e), -1);
}

static void
writing_replaces_a_link(void **state)
{
	CNT_CLOSE int tree = openat(root, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e = { 0 };
	char temporary[32];
	struct stat st;

	(void)state;
	assert_int_equal(cnt_file_write_in(tree, "target", "old", 3, 0644, 0, 0, &e), 0);
	assert_int_equal(symlinkat("target", tree, "link"), 0);
	assert_int_equal(cnt_file_write_in(tree, "link", "new", 3, 0640, 0, 0, &e), 0);
	assert_int_equal(cnt_file_read_in(tree, "target", 16, &b, &e), 0);
	assert_string_equal(b.p, "old");
	assert_int_equal(fstatat(tree, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	snprintf(temporary, sizeof(temporary), "tree/.cnt-%d", (int)getpid());
	assert_int_equal(mkdirat(tree, "dir", 0700), 0);
	assert_int_equal(cnt_file_write_in(tree, "dir", "x", 1, 0600, 0, 0, &e), -1);
	assert_false(is_there(temporary));
}

static void
only_bounded_regular_files_are_read(void **state)
{
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	assert_int_equal(cnt_file_read_in(root, "fifo", 16, &b, &e), -1);
	assert_int_equal(cnt_file_read_in(root, "tree", 16, &b, &e), -1);
	assert_int_equal(cnt_file_write_in(root, "five", "12345", 5, 0600, 0, 0, &e), 0);
	assert_int_equal(cnt_file_read_in(root, "five", 4, &b, &e), -1);
	assert_int_equal(cnt_file_read_in(root, "five", 5, &b, &e), 0);
}

/* Deeper than a path, a stack or a table of descriptors can be. */
static void
a_deep_tree_goes(void **state)
{
	int dir = openat(root, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (int n = 0; n < 4000; n++) {
		int next;

		assert_int_equal(mkdirat(dir, "d", n % 3 == 0 ? 0 : 0755), 0);
		assert_int_equal(symlinkat("../..", dir, "l"), 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
	assert_int_equal(remove_tree("tree"), 0);
	assert_false(is_there("tree"));
	assert_true(is_there("outside"));
}

static void
names_of_our_own_making_may_be_taken(void **state)
{
	struct cnt_err e = { 0 };
	char path[256] = "tree";

	(void)state;
	for (int n = 0; n < 40; n++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
	assert_int_equal(cnt_file_mkdirs_in(root, path, 0755, 0, 0, &e), 0);
	assert_int_equal(cnt_file_mkdirs_in(root, "tree/.cnt-deep-0/x/y", 0755, 0, 0, &e), 0);
	assert_int_equal(cnt_file_write_in(root, "tree/.cnt-deep-1", "", 0, 0600, 0, 0, &e), 0);
	assert_int_equal(remove_tree("tree"), 0);
	assert_false(is_there("tree"));
}

static void
a_link_for_a_tree_is_refused(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("outside", root, "link"), 0);
	assert_int_equal(remove_tree("link"), -1);
	assert_true(is_there("outside"));
	assert_int_equal(remove_tree("nothing"), 0);
}

/* What is the host root's there was left on the way by a process that was killed. */
static void
a_directory_half_made_gets_its_owner_and_mode(void **state)
{
	struct cnt_err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(root, "tree/left", 0700), 0);
	assert_int_equal(mkdirat(root, "tree/own", 0700), 0);
	assert_int_equal(fchownat(root, "tree/own", 70000, 70000, 0), 0);
	assert_int_equal(cnt_file_mkdirs_in(root, "tree/left/new", 0755, 70000, 70001, &e), 0);
	assert_int_equal(cnt_file_mkdirs_in(root, "tree/own", 0755, 70000, 70001, &e), 0);
	assert_int_equal(fstatat(root, "tree/left", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_true(st.st_uid == 70000 && st.st_gid == 70001);
	assert_int_equal(fstatat(root, "tree/own", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_gid, 70000);
	assert_int_equal(mkdirat(root, "tree/linked", 0700), 0);
	assert_int_equal(symlinkat("linked", root, "tree/to"), 0);
	assert_int_equal(cnt_file_mkdirs_in(root, "tree/to", 0755, 70000, 70001, &e), 0);
	assert_int_equal(fstatat(root, "tree/linked", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_link_means_what_it_means_inside, make, unmake),
		cmocka_unit_test_setup_teardown(writing_replaces_a_link, make, unmake),
		cmocka_unit_test_setup_teardown(only_bounded_regular_files_are_read, make, unmake),
		cmocka_unit_test_setup_teardown(a_deep_tree_goes, make, unmake),
		cmocka_unit_test_setup_teardown(names_of_our_own_making_may_be_taken, make, unmake),
		cmocka_unit_test_setup_teardown(a_link_for_a_tree_is_refused, make, unmake),
		cmocka_unit_test_setup_teardown(a_directory_half_made_gets_its_owner_and_mode,
		    make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
