/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit chain in the store: many writers at once, and somebody at work on it with SQLite's own
 * tools.
 */
#include "lib/store.h"

#include "lib/sql.h"
#include "tests/unit/root.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include <sqlite3.h>

static struct cnt_err e;

static int
fresh_store(void **state)
{
	struct cnt_store *s CNT_STORE = NULL;

	return make_root(state) != 0 || cnt_store_open(&s, true, &e) == -1;
}

/* As somebody with root and SQLite would. */
static int
sql(const char *text)
{
	char *path CNT_FREE = cnt_path(CNT_DB);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

/* -> its number; -1. */
static int64_t
intends(struct cnt_store *s, const char *verb)
{
	struct cnt_audit r = { .kind = CNT_INTENT, .subject = "root", .via = "root", .verb = verb,
	    .box = "web", .args = "{\"memory\":1}" };

	return cnt_store_audit(s, &r, &e) == -1 ? -1 : r.seq;
}

static int64_t
intend(struct cnt_store *s, const char *verb)
{
	int64_t seq = intends(s, verb);

	assert_int_not_equal(seq, -1);
	return seq;
}

/* Whoever came last is not served first: two dozen writers write about as much in two seconds. */
static void
each_of_many_writers_gets_its_turn(void **state CNT_UNUSED)
{
	enum { WRITERS = 24 };
	int *wrote = mmap(NULL, WRITERS * sizeof(*wrote), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0), least = INT_MAX, all = 0, status;
	int64_t until = cnt_ticks_us() + 2000000, n;

	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			while (cnt_ticks_us() < until) {
				struct cnt_store *s CNT_STORE = NULL;

				if (cnt_store_open(&s, true, &e) == -1 ||
				    intends(s, "create") == -1)
					errx(1, "%s", e.text);
				wrote[i]++;
			}
			_exit(0);
		}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		least = wrote[i] < least ? wrote[i] : least;
		all += wrote[i];
	}
	munmap(wrote, WRITERS * sizeof(*wrote));
	struct cnt_store *s CNT_STORE = opened();
	assert_int_equal(cnt_store_audit_verify(s, &n, &e), 0);
	assert_int_equal(n, all);
	if (least < all / WRITERS / 4)
		fail_msg("one wrote %d of %d", least, all);
}

/* Eleven changes of a second each, with no time between two; a byte to ready as each begins. */
static _Noreturn void
hog(int ready)
{
	struct cnt_store *s = NULL, *tx = NULL;
	int r = cnt_store_open(&s, false, &e);

	for (int i = 0; i < 11 && r == 0; i++) {
		r = cnt_sql_begin(s, &tx, &e);
		if (write(ready, "", 1) != 1)
			r = -1;
		poll(NULL, 0, 1000);
		if (cnt_sql_change(s, &e, "PRAGMA user_version = 2", "") == -1)
			r = -1;
		r = cnt_sql_commit(s, &e) == -1 ? -1 : r;
	}
	_exit(r == 0 ? 0 : 1);
}

/* The database counts as locked when nothing moves, not when others are quicker. */
static void
a_writer_waits_while_others_get_on(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	int ready[2], status;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		hog(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	intend(s, "create");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static int
outcome(struct cnt_store *s, int64_t intent)
{
	struct cnt_audit r = { .kind = CNT_OUTCOME, .intent = intent, .subject = "root",
	    .via = "root", .verb = "create", .box = "web", .result = "ok" };

	return cnt_store_audit(s, &r, &e);
}

static void
an_intent_has_one_outcome(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_pending *p = NULL;
	int64_t first = intend(s, "create"), second = intend(s, "stop"), n;
	size_t open_intents;

	assert_int_equal(first, 1);
	assert_int_equal(outcome(s, first), 0);
	assert_int_equal(outcome(s, first), -1);
	assert_int_equal(e.code, CNT_BUG);
	assert_int_equal(cnt_store_pending(s, &p, &open_intents, &e), 0);
	assert_int_equal(open_intents, 1);
	assert_int_equal(p[0].seq, second);
	assert_int_equal(p[0].pid, getpid());
	free(p);
	assert_int_equal(cnt_store_audit_interrupted(s, second, &e), 1);
	assert_int_equal(cnt_store_audit_interrupted(s, second, &e), 0);
	assert_int_equal(outcome(s, second), -1);
	assert_int_equal(cnt_store_unfinished(s, &e), 0);
	assert_int_equal(cnt_store_audit_verify(s, &n, &e), 0);
	assert_int_equal(n, 4);
}

/* A chain longer than the log may get, so that it was copied into the database on the way. */
static void
the_chain_verifies_and_lasts(void **state CNT_UNUSED)
{
	int64_t n;

	for (int i = 0; i < 10; i++) {
		struct cnt_store *s CNT_STORE = opened();

		for (int k = 0; k < 20; k++)
			assert_int_equal(outcome(s, intend(s, "create")), 0);
	}
	struct cnt_store *s CNT_STORE = opened();
	assert_int_equal(cnt_store_audit_verify(s, &n, &e), 0);
	assert_int_equal(n, 400);
}

static void
tampered(const char *text, const char *why)
{
	struct cnt_store *s CNT_STORE = NULL;
	int64_t n;

	assert_int_equal(sql(text), SQLITE_OK);
	s = opened();
	assert_int_equal(cnt_store_audit_verify(s, &n, &e), -1);
	assert_int_equal(e.code, CNT_NO);
	assert_string_equal(e.text, why);
}

#define UNLOCK "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; DROP TRIGGER audit_append;"

static void
three_records(void)
{
	struct cnt_store *s CNT_STORE = opened();

	intend(s, "create");
	intend(s, "stop");
	intend(s, "delete");
}

static void
a_changed_record_is_named(void **state CNT_UNUSED)
{
	three_records();
	tampered(UNLOCK "UPDATE audit SET verb = 'list' WHERE seq = 2", "audit: record 2: changed");
}

static void
text_behind_a_nul_is_seen(void **state CNT_UNUSED)
{
	three_records();
	tampered(UNLOCK "UPDATE audit SET box = CAST(x'77656200' || 'x' AS TEXT) WHERE seq = 2",
	    "audit: record 2: changed");
}

static void
a_removed_record_is_named(void **state CNT_UNUSED)
{
	three_records();
	tampered("PRAGMA foreign_keys = OFF;" UNLOCK "DELETE FROM audit WHERE seq = 2",
	    "audit: record 2: missing");
}

static void
a_new_hash_does_not_help(void **state CNT_UNUSED)
{
	three_records();
	tampered(UNLOCK "UPDATE audit SET hash = zeroblob(32) WHERE seq = 2",
	    "audit: record 2: changed");
}

static void
a_chain_that_was_joined_again_is_named(void **state CNT_UNUSED)
{
	three_records();
	tampered("PRAGMA foreign_keys = OFF;" UNLOCK "DELETE FROM audit WHERE seq = 2;"
	    "UPDATE audit SET seq = 2 WHERE seq = 3",
	    "audit: record 2: not chained to the one before");
}

#define COPY "time_us, kind, intent, subject, via, verb, box, args, result, text, prev"
#define LAST " FROM audit WHERE seq = 3"

static void
the_table_takes_nothing_but_appending(void **state CNT_UNUSED)
{
	three_records();
	assert_int_equal(sql("UPDATE audit SET verb = 'list'"), SQLITE_CONSTRAINT);
	assert_int_equal(sql("DELETE FROM audit"), SQLITE_CONSTRAINT);
	assert_int_equal(sql("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2"),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sql("INSERT INTO audit SELECT 9, " COPY ", hash" LAST),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sql("INSERT INTO audit SELECT 4, " COPY ", NULL" LAST),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sql("INSERT INTO audit SELECT 4, " COPY ", x'00'" LAST),
	    SQLITE_CONSTRAINT);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fresh_store, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_of_many_writers_gets_its_turn),
		TEST(a_writer_waits_while_others_get_on),
		TEST(an_intent_has_one_outcome),
		TEST(the_chain_verifies_and_lasts),
		TEST(a_changed_record_is_named),
		TEST(text_behind_a_nul_is_seen),
		TEST(a_removed_record_is_named),
		TEST(a_new_hash_does_not_help),
		TEST(a_chain_that_was_joined_again_is_named),
		TEST(the_table_takes_nothing_but_appending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
