/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that an older cnt made: it becomes the present one with all that is in it, whoever is
 * first, and also while processes of the older cnt are at work on it.
 */
#include "lib/store.h"

#include "tests/unit/root.h"

#include <sys/wait.h>

#include <sqlite3.h>

#define IMAGE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Version 1 as it was. */
static const char version_1[] =
"PRAGMA application_id = 0x636e7431; PRAGMA user_version = 1;"
"CREATE TABLE instance ("
"  one INTEGER PRIMARY KEY CHECK (one = 1),"
"  tag TEXT NOT NULL, id_base INTEGER NOT NULL, id_count INTEGER NOT NULL,"
"  subnet INTEGER NOT NULL, prefix INTEGER NOT NULL) STRICT;"
"CREATE TABLE image ("
"  id TEXT PRIMARY KEY CHECK (length(id) = 64),"
"  name TEXT NOT NULL,"
"  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),"
"  bytes INTEGER NOT NULL, created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
"CREATE UNIQUE INDEX image_name ON image (name) WHERE state = 'ready' AND name <> '';"
"CREATE TABLE box ("
"  slot INTEGER PRIMARY KEY CHECK (slot >= 0),"
"  name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
"  image TEXT NOT NULL REFERENCES image (id), image_name TEXT NOT NULL,"
"  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),"
"  memory INTEGER NOT NULL, swap INTEGER NOT NULL, pids INTEGER NOT NULL, cpu REAL NOT NULL,"
"  created_us INTEGER NOT NULL) STRICT;"
"CREATE INDEX box_image ON box (image);"
"CREATE INDEX box_unfinished ON box (state) WHERE state <> 'ready';"
"CREATE TABLE audit ("
"  seq INTEGER PRIMARY KEY CHECK (seq > 0), time_us INTEGER NOT NULL,"
"  kind INTEGER NOT NULL CHECK (kind IN (1, 2)), intent INTEGER NOT NULL,"
"  subject TEXT NOT NULL, via TEXT NOT NULL, verb TEXT NOT NULL, box TEXT NOT NULL,"
"  args TEXT NOT NULL, result TEXT NOT NULL, text TEXT NOT NULL,"
"  prev BLOB NOT NULL CHECK (length(prev) = 32),"
"  hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;"
"CREATE TRIGGER audit_append BEFORE INSERT ON audit"
"  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are appended in order'); END;"
"CREATE TRIGGER audit_update BEFORE UPDATE ON audit"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are never changed'); END;"
"CREATE TRIGGER audit_delete BEFORE DELETE ON audit"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are never removed'); END;"
"CREATE TABLE pending ("
"  seq INTEGER PRIMARY KEY, pid INTEGER NOT NULL, start INTEGER NOT NULL) STRICT;"
"INSERT INTO instance VALUES (1, 'cnt', 1879048192, 196608, 173473792, 16);"
"INSERT INTO image VALUES ('" IMAGE "', 'debian-12', 'ready', 5, 6);";

#define ADD_BOX(slot, name) "INSERT INTO box (slot, name, owner, image, image_name, state," \
	" memory, swap, pids, cpu, created_us) VALUES (" slot ", '" name "', 'me', '" IMAGE "'," \
	" 'debian-12', 'ready', 7, 8, 9, 1.5, 10);"

static struct cnt_err e;

static sqlite3 *
older(void)
{
	char *path CNT_FREE = cnt_path(CNT_DB);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

static void
sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
}

static int
old_root(void **state)
{
	char *path CNT_FREE = NULL;
	sqlite3 *db = NULL;

	if (make_root(state) != 0 || cnt_paths_make(&e) == -1)
		return -1;
	path = cnt_path(CNT_DB);
	db = older();
	sql(db, "PRAGMA journal_mode = WAL");
	sql(db, version_1);
	sql(db, ADD_BOX("0", "web"));
	sqlite3_close(db);
	return chmod(path, 0600);
}

static int64_t
number(const char *question)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = older();
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, question, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static void
what_was_in_it_stays_and_boxes_start_with_the_host(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_audit r = { .kind = CNT_INTENT };
	struct cnt_box b;

	assert_int_equal(cnt_store_box_get(s, "web", &b, &e), 0);
	assert_string_equal(b.owner, "me");
	assert_int_equal(b.created_us, 10);
	assert_true(b.limits.memory == 7 && b.limits.pids == 9 && b.limits.cpu == 1.5);
	assert_true(b.autostart);
	assert_int_equal(cnt_store_box_autostart(s, "web", false, &e), 0);
	assert_int_equal(cnt_store_box_get(s, "web", &b, &e), 0);
	assert_false(b.autostart);
	assert_int_equal(cnt_store_audit(s, &r, &e), 0);
	assert_int_equal(cnt_store_check(s, &e), 0);
	assert_int_equal(number("PRAGMA user_version"), 2);
}

static void
it_ends_with_the_schema_of_a_new_one(void **state)
{
	const char *columns = "SELECT group_concat(name || type || \"notnull\" || dflt_value)"
	    " = 'autostartINTEGER11' FROM pragma_table_info('box') WHERE name = 'autostart'";

	cnt_store_close(&(struct cnt_store *){ opened() });
	assert_int_equal(number(columns), 1);
	assert_int_equal(remove_root(state) | make_root(state), 0);
	struct cnt_store *s CNT_STORE = NULL;
	assert_int_equal(cnt_store_open(&s, true, &e), 0);
	assert_int_equal(number(columns), 1);
}

static void
eight_at_once_migrate_once(void **state CNT_UNUSED)
{
	int status;

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct cnt_store *s CNT_STORE = NULL;
			struct cnt_box b = { 0 };

			_exit(cnt_store_open(&s, false, &e) == -1 ||
			    cnt_store_box_get(s, "web", &b, &e) == -1 || !b.autostart);
		}
	}
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(number("SELECT count(*) FROM pragma_table_info('box')"), 12);
}

/* It has the database open, adds a box, and writes its version again when it trims the log. */
static void
an_older_cnt_at_work_meanwhile_changes_nothing(void **state CNT_UNUSED)
{
	sqlite3 *db = older();
	struct cnt_box b;

	sql(db, "SELECT * FROM box");
	cnt_store_close(&(struct cnt_store *){ opened() });
	sql(db, ADD_BOX("1", "blog") "PRAGMA user_version = 1");
	sqlite3_close(db);
	struct cnt_store *s CNT_STORE = opened();
	assert_int_equal(cnt_store_box_get(s, "blog", &b, &e), 0);
	assert_true(b.autostart);
	assert_int_equal(number("PRAGMA user_version"), 2);
}

static void
one_that_cannot_be_changed_now_is_left_as_it_is(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = NULL;
	sqlite3 *db = older();

	sql(db, "BEGIN IMMEDIATE");
	assert_int_equal(cnt_store_open(&s, false, &e), -1);
	assert_int_equal(e.code, CNT_BUSY);
	sqlite3_close(db);
	assert_int_equal(number("PRAGMA user_version"), 1);
	assert_int_equal(number("SELECT count(*) FROM pragma_table_info('box')"), 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_OLD(test) cmocka_unit_test_setup_teardown(test, old_root, remove_root)
		ON_OLD(what_was_in_it_stays_and_boxes_start_with_the_host),
		ON_OLD(it_ends_with_the_schema_of_a_new_one),
		ON_OLD(eight_at_once_migrate_once),
		ON_OLD(an_older_cnt_at_work_meanwhile_changes_nothing),
		ON_OLD(one_that_cannot_be_changed_now_is_left_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
