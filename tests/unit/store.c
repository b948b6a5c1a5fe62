/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: when it is made, slots, states, names of images. A damaged file is
 * tests/fail/damage.t's.
 */
#include "lib/store.h"

#include "lib/sql.h"
#include "tests/unit/root.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "aaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct cnt_err e;

static int
fresh_root(void **state)
{
	struct cnt_instance i = { .tag = "cnt", .id_base = 1879048192, .id_count = 3 * 65536,
	    .subnet = 0x0a570000, .prefix = 16 };
	struct cnt_store *s CNT_STORE = NULL;

	return make_root(state) != 0 || cnt_store_open(&s, true, &e) == -1 ||
	    cnt_store_set_instance(s, &i, &e) == -1;
}

static void
refuses_to_open(enum cnt_code code, const char *why)
{
	struct cnt_store *s CNT_STORE = NULL;

	e = (struct cnt_err){ 0 };
	assert_int_equal(cnt_store_open(&s, true, &e), -1);
	assert_null(s);
	if (e.code != code || strstr(e.text, why) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", cnt_code_name(e.code), e.text, why);
}

static void
a_missing_database_is_made_only_when_asked(void **state CNT_UNUSED)
{
	char *path CNT_FREE = cnt_path(CNT_DB);
	struct cnt_store *s CNT_STORE = NULL;
	struct stat st;

	assert_int_equal(cnt_store_open(&s, false, &e), -1);
	assert_int_equal(e.code, CNT_UNAVAILABLE);
	assert_non_null(strstr(e.hint, "cnt setup"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(cnt_store_open(&s, true, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void
eight_at_once_make_one_database(void **state CNT_UNUSED)
{
	int status;

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct cnt_store *s CNT_STORE = NULL;
			struct cnt_audit r = { .kind = CNT_INTENT };

			_exit(cnt_store_open(&s, true, &e) == -1 ||
			    cnt_store_audit(s, &r, &e) == -1);
		}
	}
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	struct cnt_store *s CNT_STORE = opened();
	int64_t n;
	assert_int_equal(cnt_store_audit_verify(s, &n, &e), 0);
	assert_int_equal(n, 8);
	assert_int_equal(cnt_store_check(s, &e), 0);
}

/* As it is when the file was moved away. */
static void
a_database_that_is_gone_from_boxes_or_images_is_not_made_anew(void **state CNT_UNUSED)
{
	static const char *const left[] = { CNT_BOXES "/web", CNT_IMAGES "/" A };
	char *path CNT_FREE = cnt_path(CNT_DB), *log CNT_FREE = cnt_path(CNT_DB "-wal");
	char *hidden CNT_FREE = cnt_path(CNT_BOXES "/.try");
	struct cnt_store *s CNT_STORE = NULL;

	assert_int_equal(unlink(path) | unlink(log) | mkdir(hidden, 0700), 0);
	for (size_t i = 0; i < nitems(left); i++) {
		char *dir CNT_FREE = cnt_path("%s", left[i]);

		assert_int_equal(mkdir(dir, 0700), 0);
		refuses_to_open(CNT_SYSTEM, "cnt.db: gone, but there are boxes or images");
		assert_non_null(strstr(e.hint, "put it back"));
		assert_int_equal(cnt_store_open(&s, false, &e), -1);
		assert_int_equal(e.code, CNT_SYSTEM);
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(rmdir(dir), 0);
	}
	assert_int_equal(cnt_store_open(&s, true, &e), 0);
}

static void
ready_image(struct cnt_store *s, const char *id, const char *name)
{
	struct cnt_image i = { .bytes = 1 };

	strlcpy(i.id, id, sizeof(i.id));
	strlcpy(i.name, name, sizeof(i.name));
	assert_int_equal(cnt_store_image_add(s, &i, &e), 0);
	assert_int_equal(cnt_store_image_state(s, id, CNT_READY, &e), 0);
}

static struct cnt_box
box(const char *name, const char *image)
{
	struct cnt_box b = { .owner = "root", .image_name = "debian",
	    .limits = { 1LL << 40, 2, 3, 0.5 } };

	strlcpy(b.name, name, sizeof(b.name));
	strlcpy(b.image, image, sizeof(b.image));
	return b;
}

static void
a_box_is_as_it_was_added(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A), got;

	ready_image(s, A, "debian");
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	assert_true(b.created_us > 0);
	assert_int_equal(cnt_store_box_get(s, "web", &got, &e), 0);
	assert_memory_equal(&b, &got, sizeof(b));
	assert_int_equal(cnt_store_box_state(s, "web", CNT_READY, &e), 0);
	assert_int_equal(cnt_store_box_get(s, "web", &got, &e), 0);
	assert_int_equal(got.state, CNT_READY);
	assert_int_equal(cnt_store_box_add(s, &b, &e), -1);
	assert_int_equal(e.code, CNT_EXISTS);
}

static void
a_ready_box_is_removed_only_when_marked(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A);

	ready_image(s, A, "debian");
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	assert_int_equal(cnt_store_refuse_box(s, "web", &e), 0);
	assert_int_equal(cnt_store_box_state(s, "web", CNT_READY, &e), 0);
	assert_int_equal(cnt_store_refuse_box(s, "web", &e), -1);
	assert_int_equal(e.code, CNT_EXISTS);
	assert_int_equal(cnt_store_box_remove(s, "web", &e), -1);
	assert_int_equal(e.code, CNT_BUG);
	assert_int_equal(cnt_store_box_get(s, "web", &b, &e), 0);
	assert_int_equal(cnt_store_box_state(s, "web", CNT_DELETING, &e), 0);
	assert_int_equal(cnt_store_box_remove(s, "web", &e), 0);
	assert_int_equal(cnt_store_box_get(s, "web", &b, &e), -1);
}

static void
missing_boxes_are_not_found(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A);

	assert_int_equal(cnt_store_box_get(s, "web", &b, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
	assert_string_equal(e.text, "web: no such box");
	assert_int_equal(cnt_store_box_state(s, "web", CNT_READY, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
	assert_int_equal(cnt_store_box_remove(s, "web", &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
	assert_int_equal(cnt_store_box_add(s, &b, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
}

static void
the_smallest_free_slot_is_taken_and_then_busy(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b[] = { box("c", A), box("a", A), box("b", A), box("d", A) }, *all = NULL;
	size_t n;

	ready_image(s, A, "debian");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cnt_store_box_add(s, &b[i], &e), 0);
		assert_int_equal(b[i].slot, i);
	}
	assert_int_equal(cnt_store_box_add(s, &b[3], &e), -1);
	assert_int_equal(e.code, CNT_BUSY);
	assert_int_equal(cnt_store_box_remove(s, "a", &e), 0);
	assert_int_equal(cnt_store_box_add(s, &b[3], &e), 0);
	assert_int_equal(b[3].slot, 1);
	assert_int_equal(cnt_store_boxes(s, &all, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_string_equal(all[0].name, "b");
	assert_string_equal(all[2].name, "d");
	free(all);
}

/* The change that fills the log trims it too, which writes something else. */
static void
each_change_counts_its_own_rows(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b[] = { box("a", A), box("b", A), box("c", A) };

	ready_image(s, A, "debian");
	for (int i = 0; i < 3; i++)
		assert_int_equal(cnt_store_box_add(s, &b[i], &e), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(cnt_sql_change(s, &e, "UPDATE box SET pids = pids + 1", ""), 3);
}

static void
an_instance_changes_only_without_boxes(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A);
	struct cnt_instance i, got;

	assert_int_equal(cnt_store_instance(s, &i, &e), 0);
	i.subnet = 0xfffffff0;
	assert_int_equal(cnt_store_set_instance(s, &i, &e), 0);
	ready_image(s, A, "debian");
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	i.prefix = 24;
	assert_int_equal(cnt_store_set_instance(s, &i, &e), -1);
	assert_int_equal(e.code, CNT_NO);
	assert_int_equal(cnt_store_instance(s, &got, &e), 0);
	assert_int_equal(got.subnet, 0xfffffff0);
	assert_int_equal(got.prefix, 16);
}

static void
an_image_takes_its_name_from_the_older_one(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	ready_image(s, A, "debian");
	ready_image(s, B, "debian");
	assert_int_equal(cnt_store_image_get(s, "debian", &i, &e), 0);
	assert_string_equal(i.id, B);
	assert_int_equal(cnt_store_image_get(s, A, &i, &e), 0);
	assert_string_equal(i.name, "");
	assert_int_equal(cnt_store_image_name(s, A, "debian", &e), 0);
	assert_int_equal(cnt_store_image_get(s, "debian", &i, &e), 0);
	assert_string_equal(i.id, A);
}

static void
an_image_is_found_by_the_first_digits_of_its_id(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i = { .id = A, .name = "debian" };

	assert_int_equal(cnt_store_image_add(s, &i, &e), 0);
	assert_int_equal(cnt_store_image_get(s, A, &i, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
	ready_image(s, B, "bbbbbbbb");
	assert_int_equal(cnt_store_image_get(s, "aaaaaaaa", &i, &e), 0);
	assert_string_equal(i.id, B);
	assert_int_equal(cnt_store_image_state(s, A, CNT_READY, &e), 0);
	assert_int_equal(cnt_store_image_get(s, "aaaaaaaa", &i, &e), -1);
	assert_int_equal(e.code, CNT_INVALID);
	assert_int_equal(cnt_store_image_get(s, "aaaaaaaaa", &i, &e), 0);
	assert_int_equal(cnt_store_image_get(s, "aaaaaaa", &i, &e), -1);
	assert_int_equal(cnt_store_image_get(s, "", &i, &e), -1);
	assert_int_equal(cnt_store_image_get(s, "bbbbbbbb", &i, &e), 0);
	assert_string_equal(i.id, B);
}

static void
an_image_in_use_stays(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A);
	struct cnt_image i;

	ready_image(s, A, "debian");
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	assert_int_equal(cnt_store_image_state(s, A, CNT_DELETING, &e), -1);
	assert_int_equal(e.code, CNT_NO);
	assert_int_equal(cnt_store_image_remove(s, A, &e), -1);
	assert_int_equal(e.code, CNT_NO);
	assert_int_equal(cnt_store_image_get(s, "debian", &i, &e), 0);
	assert_int_equal(cnt_store_box_remove(s, "web", &e), 0);
	assert_int_equal(cnt_store_image_state(s, A, CNT_DELETING, &e), 0);
	assert_int_equal(cnt_store_box_add(s, &b, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
	assert_int_equal(cnt_store_image_remove(s, A, &e), 0);
	assert_int_equal(cnt_store_image_remove(s, A, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
}

static void
what_is_half_done_is_seen(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_box b = box("web", A);

	ready_image(s, A, "debian");
	assert_int_equal(cnt_store_unfinished(s, &e), 0);
	assert_int_equal(cnt_store_box_add(s, &b, &e), 0);
	assert_int_equal(cnt_store_unfinished(s, &e), 1);
	assert_int_equal(cnt_store_box_state(s, "web", CNT_READY, &e), 0);
	assert_int_equal(cnt_store_unfinished(s, &e), 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fresh_root, remove_root)
#define BARE(f)	cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(a_missing_database_is_made_only_when_asked),
		BARE(eight_at_once_make_one_database),
		TEST(a_database_that_is_gone_from_boxes_or_images_is_not_made_anew),
		TEST(a_box_is_as_it_was_added),
		TEST(a_ready_box_is_removed_only_when_marked),
		TEST(missing_boxes_are_not_found),
		TEST(the_smallest_free_slot_is_taken_and_then_busy),
		TEST(each_change_counts_its_own_rows),
		TEST(an_instance_changes_only_without_boxes),
		TEST(an_image_takes_its_name_from_the_older_one),
		TEST(an_image_is_found_by_the_first_digits_of_its_id),
		TEST(an_image_in_use_stays),
		TEST(what_is_half_done_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
