/* SPDX-License-Identifier: Apache-2.0
 *
 * Subnets beside the routes there are, and lines in a subuid and a subgid of the test's own: other
 * lines byte for byte, shadow-utils' locks, owner and mode.
 */
#include "lib/instance.h"

#include "tests/unit/root.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <glob.h>
#include <signal.h>

#include "lib/subid.h"

#define HEADER "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow" \
	"\tIRTT\n"
#define DEFAULT "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

static struct cnt_err e;

static char *
subnet(const char *tag, const char *routes)
{
	uint32_t at = 0;
	unsigned prefix = 0;

	if (cnt_instance_subnet(tag, routes, &at, &prefix, &e) == -1)
		return cnt_strdup(cnt_code_name(e.code));
	return cnt_format("%u.%u.%u.%u/%u", at >> 24, at >> 16 & 255, at >> 8 & 255, at & 255,
	    prefix);
}

#define GIVES(tag, routes, expected) do {					\
	char *got CNT_FREE = subnet(tag, routes);				\
	assert_string_equal(got, expected);					\
} while (0)

static void
the_first_instance_has_its_own_block(void **state CNT_UNUSED)
{
	GIVES("cnt", HEADER DEFAULT, "10.87.0.0/16");
	GIVES("cnt", HEADER "eth0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
	    "10.87.0.0/16");
	GIVES("cnt", HEADER "eth0\t0505570A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
	    "10.88.0.0/20");
}

static void
others_move_on_until_nothing_overlaps(void **state CNT_UNUSED)
{
	GIVES("cnt00001", HEADER DEFAULT, "10.88.16.0/20");
	GIVES("cnt00001", HEADER "a\t0012580A\t0\t1\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
	    "10.88.32.0/20");
	GIVES("cnt0027f", HEADER "a\t00F07F0A\t0\t1\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n", "10.88.0.0/20");
	GIVES("cntfffff", HEADER, "10.103.240.0/20");
	GIVES("cnt00001", HEADER "a\t0000000A\t0\t1\t0\t0\t0\t000000FF\t0\t0\t0\n", "unavailable");
}

static void
put(const char *name, const char *text)
{
	char *path CNT_FREE = cnt_format("%s/%s", cnt_root(), name);
	FILE *f CNT_FILE = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static void
holds(const char *name, const char *text)
{
	char *path CNT_FREE = cnt_format("%s/%s", cnt_root(), name);
	struct cnt_buf b CNT_BUF = { 0 };

	if (cnt_file_read(path, 4096, &b, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(b.p == NULL ? "" : b.p, text);
}

static int
set(uint32_t base, uint32_t count, bool present)
{
	struct cnt_subid s CNT_SUBID = { 0 };

	e = (struct cnt_err){ 0 };
	return cnt_subid_begin(&s, cnt_root(), &e) == -1 ? -1 :
	    cnt_subid_set(&s, base, count, present, &e);
}

static uint32_t
chosen(uint32_t count)
{
	struct cnt_subid s CNT_SUBID = { 0 };
	uint32_t base = 0;

	e = (struct cnt_err){ 0 };
	assert_int_equal(cnt_subid_begin(&s, cnt_root(), &e), 0);
	return cnt_subid_choose(&s, count, &base, &e) == -1 ? 0 : base;
}

static int
taken(uint32_t base, uint32_t count)
{
	struct cnt_subid s CNT_SUBID = { 0 };

	assert_int_equal(cnt_subid_begin(&s, cnt_root(), &e), 0);
	return cnt_subid_taken(&s, base, count, &e);
}

static void
absent_files_are_made(void **state CNT_UNUSED)
{
	char *path CNT_FREE = cnt_format("%s/subgid", cnt_root());
	struct stat st;

	assert_int_equal(chosen(65536), CNT_SUBID_FIRST);
	assert_int_equal(set(1879048192, 65536, true), 2);
	holds("subuid", "root:1879048192:65536\n");
	holds("subgid", "root:1879048192:65536\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(set(1879048192, 65536, true), 0);
	assert_int_equal(set(1879048192, 65536, false), 2);
	holds("subuid", "");
	assert_int_equal(set(1879048192, 65536, false), 0);
}

static void
other_lines_owner_and_mode_stay(void **state CNT_UNUSED)
{
	static const char other[] = "joe:100000:65536\n\n# note\nroot:1879048192:655360\n"
	    " bad line\r\n";
	char *path CNT_FREE = cnt_format("%s/subuid", cnt_root());
	char *with CNT_FREE = cnt_format("%sroot:1879048192:65536\n", other);
	struct stat st;

	put("subuid", other);
	put("subgid", "");
	assert_int_equal(chmod(path, 0640) | chown(path, 3, 4), 0);
	assert_int_equal(set(1879048192, 65536, true), 2);
	holds("subuid", with);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid * 10 + st.st_gid, 34);
	assert_int_equal(set(1879048192, 65536, false), 2);
	holds("subuid", other);
}

static void
a_last_line_without_an_end_gets_one(void **state CNT_UNUSED)
{
	put("subuid", "joe:100000:65536");
	put("subgid", "root:1879048192:65536\n");
	assert_int_equal(set(1879048192, 65536, true), 1);
	holds("subuid", "joe:100000:65536\nroot:1879048192:65536\n");
	holds("subgid", "root:1879048192:65536\n");
}

static void
an_own_last_line_without_an_end_is_an_own_line(void **state CNT_UNUSED)
{
	put("subuid", "root:1879048192:65536");
	put("subgid", "root:1879048192:65536\n");
	assert_int_equal(taken(1879048192, 65536), 0);
	assert_int_equal(set(1879048192, 65536, true), 0);
	assert_int_equal(set(1879048192, 65536, false), 2);
	holds("subuid", "");
}

static void
a_range_that_a_line_overlaps_is_not_chosen(void **state CNT_UNUSED)
{
	put("subuid", "a:100000:65536\nb:1879048100:93\nc:1879179264:1\n");
	put("subgid", "d:1879048192:5\n:::\ne:x:y\n");
	assert_int_equal(chosen(65536), 1879048192 + 65536);
	assert_int_equal(chosen(2 * 65536), 1879048192 + 3 * 65536);
	put("subgid", "root:1879048192:268304383\n");
	assert_int_equal(chosen(65536), 0);
	assert_int_equal(e.code, CNT_UNAVAILABLE);
	assert_non_null(strstr(e.hint, "an instance that is gone out of"));
	put("subgid", "root:1879048192:268238848\n");
	assert_int_equal(chosen(65536), 2147287040);
	assert_int_equal(chosen(65537), 0);
}

static void
an_own_line_is_not_an_overlap(void **state CNT_UNUSED)
{
	put("subuid", "root:1879048192:131072\njoe:1879179264:65536\n");
	put("subgid", "");
	assert_int_equal(taken(1879048192, 131072), 0);
	assert_int_equal(taken(1879048192, 196608), 1);
	assert_int_equal(taken(1879048192, 65536), 1);
	assert_int_equal(taken(1879310336, 65536), 0);
}

/* Files beside subuid and subgid. */
static size_t
beside(void)
{
	char *pattern CNT_FREE = cnt_format("%s/sub?id?*", cnt_root());
	glob_t g = { 0 };
	size_t n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;

	globfree(&g);
	return n;
}

/* Room for no byte: not even a lock; for 20: no whole file. */
static void
a_full_disk_leaves_nothing_behind(void **state CNT_UNUSED)
{
	int status;

	put("subuid", "joe:100000:65536\n");
	for (rlim_t room = 0; room <= 20; room += 20) {
		if (fork() == 0) {
			signal(SIGXFSZ, SIG_IGN);
			_exit(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ room, room }) == -1 ||
			    set(1879048192, 65536, true) != -1);
		}
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_int_equal(beside(), 0);
	}
	holds("subuid", "joe:100000:65536\n");
}

static pid_t
a_dead_process(void)
{
	pid_t dead = fork();

	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	return dead;
}

/* As it locked, and as it wrote the file. Nobody else's file goes, whatever its number. */
static void
what_a_killed_process_left_goes(void **state CNT_UNUSED)
{
	int dead = a_dead_process();
	char *empty CNT_FREE = cnt_format("subuid.%d", dead);
	char *full CNT_FREE = cnt_format("subgid.%d", dead);
	char *pid CNT_FREE = cnt_format("%d", dead);
	char *alive CNT_FREE = cnt_format("subgid.%d", (int)getppid());
	char *other CNT_FREE = cnt_format("subgid.%dx", dead);

	put(empty, "");
	put(full, pid);
	put("subuid.cnt", "root:1879048192:65536\njoe:1:2\n");
	assert_int_equal(set(1879048192, 65536, true), 2);
	assert_int_equal(beside(), 0);
	holds("subuid", "root:1879048192:65536\n");
	put(empty, "root:0:0\n");
	put(alive, "");
	put(other, "");
	assert_int_equal(set(1879048192, 65536, true), 0);
	assert_int_equal(beside(), 3);
}

static void
a_lock_of_a_living_process_is_respected(void **state CNT_UNUSED)
{
	char *pid CNT_FREE = cnt_format("%d", (int)getpid());

	put("subgid.lock", pid);
	put("subuid", "joe:1:2\n");
	assert_int_equal(set(1879048192, 65536, true), -1);
	assert_int_equal(e.code, CNT_BUSY);
	holds("subgid.lock", pid);
	holds("subuid", "joe:1:2\n");
	char *ours CNT_FREE = cnt_format("%s/subuid.lock", cnt_root());
	assert_int_equal(access(ours, F_OK), -1);
}

static void
a_lock_of_a_dead_process_is_taken_away(void **state CNT_UNUSED)
{
	char *lock CNT_FREE = cnt_format("%s/subuid.lock", cnt_root());
	char *pid CNT_FREE = cnt_format("%d", (int)a_dead_process());

	put("subuid.lock", pid);
	assert_int_equal(set(1879048192, 65536, true), 2);
	assert_int_equal(access(lock, F_OK), -1);
}

/* Ten writers with a line each: none is lost. */
static void
writers_do_not_lose_each_others_lines(void **state CNT_UNUSED)
{
	int status;

	for (uint32_t i = 0; i < 10; i++) {
		if (fork() == 0)
			_exit(set(1879048192 + i * 65536, 65536, true) != 2);
	}
	for (int i = 0; i < 10; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(chosen(65536), 1879048192 + 10 * 65536);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_instance_has_its_own_block),
		cmocka_unit_test(others_move_on_until_nothing_overlaps),
		TEST(absent_files_are_made),
		TEST(other_lines_owner_and_mode_stay),
		TEST(a_last_line_without_an_end_gets_one),
		TEST(an_own_last_line_without_an_end_is_an_own_line),
		TEST(a_range_that_a_line_overlaps_is_not_chosen),
		TEST(an_own_line_is_not_an_overlap),
		TEST(a_full_disk_leaves_nothing_behind),
		TEST(what_a_killed_process_left_goes),
		TEST(a_lock_of_a_living_process_is_respected),
		TEST(a_lock_of_a_dead_process_is_taken_away),
		TEST(writers_do_not_lose_each_others_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
