/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens, makes, migrates and checks the database. One that is not marked as cnt's, is damaged or
 * from a newer version is refused and never replaced. A change is one BEGIN IMMEDIATE transaction,
 * on the disk when the function returns.
 */
#include "lib/store-own.h"

#include "lib/paths.h"
#include "lib/sql.h"

/* Each finds what is wrong with it, as one text, or nothing. SQLite takes a box for whole that has
 * a name or a slot as no box can have. */
static const char *const flaws[] = {
	"SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
	"SELECT 'a ' || \"table\" || ' without its ' || parent FROM pragma_foreign_key_check",
	("SELECT 'box ' || name FROM box WHERE name NOT GLOB '[a-z]*' OR length(name) > 31 OR"
	" name GLOB '*[^a-z0-9-]*' OR slot >= (SELECT id_count / 65536 FROM instance)"),
};

/* All that a new database has, in memory. */
static int
model(struct cnt_store **out, struct cnt_err *e)
{
	return cnt_sql_open(out, ":memory:", e) == -1 ? -1 :
	    cnt_sql_script(*out, cnt_store_schema, e);
}

static int
make_new(const char *dir, const char *path, struct cnt_err *e)
{
	struct cnt_store *m CNT_STORE = NULL;
	struct cnt_buf bytes CNT_BUF = { 0 };

	return model(&m, e) == -1 || cnt_sql_copy(m, &bytes, e) == -1 ? -1 :
	    cnt_store_files_make(dir, path, bytes.p, bytes.n, e);
}

/* A version that this cnt knows; less than CNT_STORE_VERSION: to be migrated. */
static int
read_version(struct cnt_store *s, int64_t *version, struct cnt_err *e)
{
	if (cnt_sql_number(s, version, e, "PRAGMA user_version", "") == -1)
		return -1;
	if (*version >= 1 && *version <= CNT_STORE_VERSION)
		return 0;
	cnt_fail(e, CNT_UNAVAILABLE, "cnt.db: of version %lld, this cnt knows %d",
	    (long long)*version, CNT_STORE_VERSION);
	return cnt_hint(e, "install the cnt that wrote it, or a newer one");
}

/* From 1 to 2. Another process may have done it meanwhile; and a cnt of version 1 that was at work
 * then writes its own number again when it trims the log, so the column is asked about too. */
static int
migrate(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;
	int64_t version, has;

	if (cnt_sql_begin(s, &tx, e) == -1 || read_version(s, &version, e) == -1 ||
	    cnt_sql_number(s, &has, e, "SELECT 1 FROM pragma_table_info('box')"
	    " WHERE name = 'autostart'", "") == -1 ||
	    (!has && cnt_sql_change(s, e, "ALTER TABLE box ADD COLUMN " CNT_STORE_AUTOSTART,
	    "") == -1) ||
	    cnt_sql_change(s, e, "PRAGMA user_version = 2", "") == -1)
		return -1;
	return cnt_sql_commit(s, e);
}

static int
check_marks(struct cnt_store *s, struct cnt_err *e)
{
	int64_t application = 0, version = 0;

	if (cnt_sql_number(s, &application, e, "PRAGMA application_id", "") == -1)
		return -1;
	if (application != CNT_STORE_APPLICATION) {
		cnt_fail(e, CNT_SYSTEM, "cnt.db: not a database of cnt's");
		return cnt_hint(e, CNT_STORE_REPLACE);
	}
	if (read_version(s, &version, e) == -1)
		return -1;
	return version < CNT_STORE_VERSION ? migrate(s, e) : 0;
}

int
cnt_store_not_set_up(struct cnt_err *e)
{
	cnt_fail(e, CNT_UNAVAILABLE, "cnt.db: this host has not been set up");
	return cnt_hint(e, "run `cnt setup`");
}

int
cnt_store_open(struct cnt_store **out, bool create, struct cnt_err *e)
{
	char *state_dir CNT_FREE = cnt_path(CNT_STATE), *dir CNT_FREE = NULL, *path CNT_FREE = NULL;
	struct cnt_store *s CNT_STORE = NULL;
	int there = -1;

	*out = NULL;
	if (create && cnt_paths_make(e) == -1)
		return -1;
	/* An administrator may have moved the directory by a link; SQLite is to follow none. */
	if ((dir = realpath(state_dir, NULL)) == NULL)
		dir = take(&state_dir);
	path = cnt_format("%s/cnt.db", dir);
	there = cnt_store_files_check(dir, path, e);
	if (there == 0 && !create)
		return cnt_store_not_set_up(e);
	if (there == -1 || (there == 0 && make_new(dir, path, e) == -1))
		return -1;
	if (cnt_sql_open(&s, path, e) == -1 || check_marks(s, e) == -1 ||
	    cnt_sql_durable(s, true, e) == -1)
		return -1;
	*out = take(&s);
	return 0;
}

static int
damaged(const char *why, const char *what, struct cnt_err *e)
{
	cnt_fail(e, CNT_SYSTEM, "cnt.db: damaged (%s%s)", why, what);
	return cnt_hint(e, CNT_STORE_REPLACE);
}

/* Is all there that the schema makes? A trigger that is gone is missed by no statement. */
static int
check_schema(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_store *m CNT_STORE = NULL;
	struct sqlite3_stmt *st CNT_STMT = NULL;
	int r = model(&m, e);

	if (r == 0)
		r = cnt_sql_ask(m, &st, e, "SELECT type, name FROM sqlite_schema", "");
	while (r != -1 && (r = cnt_sql_next(m, st, e)) == 1) {
		const char *type = cnt_sql_text(st, 0), *name = cnt_sql_text(st, 1);
		int64_t there = 0;

		if (cnt_sql_number(s, &there, e, "SELECT 1 FROM sqlite_schema"
		    " WHERE type = ? AND name = ?", "ss", type, name) == -1)
			return -1;
		if (!there)
			return damaged("missing: ", name, e);
	}
	return r;
}

int
cnt_store_check(struct cnt_store *s, struct cnt_err *e)
{
	int r = check_schema(s, e);

	for (size_t i = 0; r == 0 && i < nitems(flaws); i++) {
		struct sqlite3_stmt *st CNT_STMT = NULL;

		r = cnt_sql_ask(s, &st, e, flaws[i], "");
		if (r == 0 && (r = cnt_sql_next(s, st, e)) == 1)
			return damaged("", cnt_sql_text(st, 0), e);
	}
	return r;
}
