/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery of what a killed verb left: its box, its intents, and nothing of a living verb's.
 */
#include "lib/recover.h"

#include "tests/unit/root.h"

#include <sys/file.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <time.h>

#include "lib/box.h"

#define IMAGE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct cnt_err e;

static int
fresh_root(void **state)
{
	struct cnt_instance i = { .tag = "cntunit", .id_base = 1879048192, .id_count = 3 * 65536,
	    .subnet = 0x0a570000, .prefix = 16 };
	struct cnt_image image = { .id = IMAGE, .name = "tiny" };
	struct cnt_store *s CNT_STORE = NULL;

	return make_root(state) != 0 || cnt_store_open(&s, true, &e) == -1 ||
	    cnt_store_set_instance(s, &i, &e) == -1 || cnt_store_image_add(s, &image, &e) == -1 ||
	    cnt_store_image_state(s, IMAGE, CNT_READY, &e) == -1;
}

/* A box with a directory, as far as a killed create got. */
static void
half_a_box(struct cnt_store *s, const char *name)
{
	struct cnt_box b = { .owner = "root", .image = IMAGE, .image_name = "tiny" };
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", name);

	snprintf(b.name, sizeof(b.name), "%s", name);
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	assert_int_equal(mkdir(dir, 0711), 0);
}

static bool
is_there(const char *dir, const char *name)
{
	char *path CNT_FREE = cnt_format("%s%s/%s", cnt_root(), dir, name);

	return access(path, F_OK) == 0;
}

static void
recover(struct cnt_store *s)
{
	if (cnt_recover(s, &e) != 0)
		fail_msg("%s", e.text);
}

static void
half_a_box_is_removed_with_all_it_has(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b;

	half_a_box(s, "left");
	half_a_box(s, "gone");
	half_a_box(s, "whole");
	assert_int_equal(cnt_store_box_state(s, "gone", CNT_DELETING, &e), 0);
	assert_int_equal(cnt_store_box_state(s, "whole", CNT_READY, &e), 0);
	recover(s);
	assert_int_equal(cnt_store_box_get(s, "left", &b, &e), -1);
	assert_int_equal(cnt_store_box_get(s, "gone", &b, &e), -1);
	assert_int_equal(cnt_store_box_get(s, "whole", &b, &e), 0);
	assert_false(is_there(CNT_BOXES, "left") || is_there(CNT_BOXES, "gone"));
	assert_true(is_there(CNT_BOXES, "whole"));
	assert_false(is_there(CNT_LOCKS, "left") || is_there(CNT_LOCKS, "gone"));
	assert_int_equal(cnt_store_unfinished(s, &e), 0);
}

static void
a_box_that_somebody_works_on_is_left_to_him(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b;
	int lock CNT_CLOSE = -1;

	half_a_box(s, "mine");
	assert_int_equal(cnt_box_lock("mine", 0, &lock, &e), 0);
	recover(s);
	assert_int_equal(cnt_store_box_get(s, "mine", &b, &e), 0);
	assert_true(is_there(CNT_BOXES, "mine"));
	close(take_fd(&lock));
	recover(s);
	assert_int_equal(cnt_store_box_get(s, "mine", &b, &e), -1);
}

static int64_t
intend(struct cnt_store *s, const char *box)
{
	struct cnt_audit r = { .kind = CNT_INTENT, .subject = "root", .verb = "stop", .box = box };

	assert_int_equal(cnt_store_audit(s, &r, &e), 0);
	return r.seq;
}

static void
intents_of_dead_processes_are_closed(void **state CNT_UNUSED)
{
	struct cnt_pending *p = NULL;
	int64_t records, own;
	size_t n;
	pid_t pid = fork();

	if (pid == 0) {
		struct cnt_store *s = opened();

		_exit(intend(s, "") == 1 ? 0 : 1);
	}
	/* A process that is dead and not waited for is dead enough. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	struct cnt_store *s CNT_STORE = opened();
	own = intend(s, "");
	recover(s);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cnt_store_pending(s, &p, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(p[0].seq, own);
	free(p);
	recover(s);
	assert_int_equal(cnt_store_audit_verify(s, &records, &e), 0);
	assert_int_equal(records, 3);
}

static void
an_intent_stays_open_while_its_box_is_in_other_hands(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	int lock CNT_CLOSE = -1;
	pid_t pid;

	half_a_box(s, "busy");
	assert_int_equal(cnt_store_box_state(s, "busy", CNT_READY, &e), 0);
	assert_int_equal(cnt_box_lock("busy", 0, &lock, &e), 0);
	pid = fork();
	if (pid == 0) {
		struct cnt_store *its = opened();

		_exit(intend(its, "busy") == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	recover(s);
	assert_int_equal(cnt_store_unfinished(s, &e), 1);
	close(take_fd(&lock));
	recover(s);
	assert_int_equal(cnt_store_unfinished(s, &e), 0);
	assert_true(is_there(CNT_BOXES, "busy"));
}

static size_t
open_intents(struct cnt_store *s)
{
	CNT_FREE struct cnt_pending *p = NULL;
	size_t n = 0;

	assert_int_equal(cnt_store_pending(s, &p, &n, &e), 0);
	return n;
}

/* The lock stays with a child of the killed one's for a moment. */
static void
half_a_box_is_removed_before_its_intent_is_closed(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = NULL;
	struct cnt_box b;
	pid_t pid = fork();

	if (pid == 0) {
		struct cnt_store *its = opened();
		int lock = -1;

		if (intend(its, "half") != 1 || cnt_box_lock("half", 0, &lock, &e) == -1)
			_exit(1);
		half_a_box(its, "half");
		if (fork() == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	s = opened();
	do
		recover(s);
	while (open_intents(s) > 0);
	assert_int_equal(cnt_store_box_get(s, "half", &b, &e), -1);
	assert_false(is_there(CNT_BOXES, "half") || is_there(CNT_LOCKS, "half"));
}

static void
an_image_under_way_keeps_no_box_from_recovery(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	char *path CNT_FREE = cnt_path(CNT_IMAGES "/.tmp-0");
	CNT_CLOSE int tmp = -1;
	pid_t pid;

	assert_int_equal(cnt_paths_make(&e), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	tmp = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(tmp, LOCK_EX), 0);
	half_a_box(s, "whole");
	assert_int_equal(cnt_store_box_state(s, "whole", CNT_READY, &e), 0);
	pid = fork();
	if (pid == 0) {
		struct cnt_store *its = opened();

		_exit(intend(its, "whole") == 1 && intend(its, "") == 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	recover(s);
	assert_int_equal(open_intents(s), 1);	/* which may be what leads to the image's rest */
	close(take_fd(&tmp));
	recover(s);
	assert_int_equal(open_intents(s), 0);
	assert_false(is_there(CNT_IMAGES, ".tmp-0"));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fresh_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(half_a_box_is_removed_with_all_it_has),
		TEST(a_box_that_somebody_works_on_is_left_to_him),
		TEST(intents_of_dead_processes_are_closed),
		TEST(an_intent_stays_open_while_its_box_is_in_other_hands),
		TEST(half_a_box_is_removed_before_its_intent_is_closed),
		TEST(an_image_under_way_keeps_no_box_from_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
