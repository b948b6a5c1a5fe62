/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that speaks to SQLite; lib/store-*.c put their statements through it. A database
 * that is not marked as cnt's, is damaged or from a newer version is refused and never replaced. A
 * change is one BEGIN IMMEDIATE transaction, on the disk when the function returns.
 */
#include "lib/store-own.h"

#include <errno.h>
#include <time.h>

#include <sqlite3.h>

#include "lib/paths.h"
#include "lib/sql.h"

#define BUSY_US		5000000
/* Each process reads the log whole when it opens and leaves it when it ends: keep it short. */
#define LOG_PAGES	32

static const char *const states[] = { "creating", "ready", "deleting" };

struct cnt_store {
	sqlite3	*db;
	int64_t	 busy_since;
};

/* The last error of SQLite's. */
static int
fail(sqlite3 *db, struct cnt_err *e)
{
	const char *why = db == NULL ? "out of memory" : sqlite3_errmsg(db);
	int rc = sqlite3_errcode(db) & 0xff, sys = 0;

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		(void)cnt_fail(e, CNT_BUSY, "cnt.db: locked by another process");
		return cnt_hint(e, "try again");
	}
	/* cnt's own statements are right: one that cannot be compiled lacks its table. */
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR) {
		(void)cnt_fail(e, CNT_SYSTEM, "cnt.db: damaged (%s)", why);
		return cnt_hint(e, CNT_STORE_REPLACE);
	}
	if (rc == SQLITE_CONSTRAINT) {
		(void)cnt_fail(e, CNT_BUG, "cnt.db: %s", why);
		return cnt_hint(e, "`cnt doctor` tells whether the database is damaged");
	}
	sys = db == NULL ? 0 : sqlite3_system_errno(db);
	(void)cnt_fail(e, CNT_SYSTEM, "cnt.db: %s%s%s", why, rc == SQLITE_IOERR && sys != 0 ?
	    ": " : "", rc == SQLITE_IOERR && sys != 0 ? strerror(sys) : "");
	e->sys = sys;
	if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN)
		return cnt_hint(e, "see whether its disk is mounted read-only (findmnt) or it is "
		    "immutable (lsattr)");
	return rc == SQLITE_FULL || sys == ENOSPC ?
	    cnt_hint(e, "free space on the disk that holds it") : -1;
}

/* cnt_sql_ask, from a list. */
static int
vask(struct cnt_store *s, sqlite3_stmt **st, struct cnt_err *e, const char *sql, const char *types,
    va_list ap)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, st, NULL);

	for (int i = 1; rc == SQLITE_OK && types[i - 1] != '\0'; i++) {
		if (types[i - 1] == 's') {
			const char *text = va_arg(ap, const char *);

			rc = sqlite3_bind_text(*st, i, text == NULL ? "" : text, -1, SQLITE_STATIC);
		} else if (types[i - 1] == 'i')
			rc = sqlite3_bind_int64(*st, i, va_arg(ap, int64_t));
		else if (types[i - 1] == 'd')
			rc = sqlite3_bind_double(*st, i, va_arg(ap, double));
		else
			rc = sqlite3_bind_blob(*st, i, va_arg(ap, const void *), 32, SQLITE_STATIC);
	}
	return rc == SQLITE_OK ? 0 : fail(s->db, e);
}

int
cnt_sql_ask(struct cnt_store *s, sqlite3_stmt **st, struct cnt_err *e, const char *sql,
    const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int r = vask(s, st, e, sql, types, ap);
	va_end(ap);
	return r;
}

void
cnt_sql_finish(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
}

int
cnt_sql_next(struct cnt_store *s, sqlite3_stmt *st, struct cnt_err *e)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : fail(s->db, e);
}

const char *
cnt_sql_text(sqlite3_stmt *st, int column)
{
	const unsigned char *t = sqlite3_column_text(st, column);

	return t == NULL ? "" : (const char *)t;
}

int64_t
cnt_sql_int(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

double
cnt_sql_double(sqlite3_stmt *st, int column)
{
	return sqlite3_column_double(st, column);
}

size_t
cnt_sql_bytes(sqlite3_stmt *st, int column)
{
	return (size_t)sqlite3_column_bytes(st, column);
}

void
cnt_sql_hash(sqlite3_stmt *st, int column, uint8_t hash[32])
{
	const void *bytes = sqlite3_column_blob(st, column);

	memset(hash, 0, 32);
	if (bytes != NULL && sqlite3_column_bytes(st, column) == 32)
		memcpy(hash, bytes, 32);
}

enum cnt_state
cnt_sql_state(sqlite3_stmt *st, int column)
{
	for (size_t at = 0; at < nitems(states); at++)
		if (strcmp(states[at], cnt_sql_text(st, column)) == 0)
			return (enum cnt_state)at;
	return CNT_READY;	/* damaged, and nothing is removed for that; doctor sees it */
}

const char *
cnt_sql_state_name(enum cnt_state state)
{
	return states[state];
}

int
cnt_sql_change(struct cnt_store *s, struct cnt_err *e, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st CNT_STMT = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = vask(s, &st, e, sql, types, ap);
	va_end(ap);
	while (r != -1 && (r = cnt_sql_next(s, st, e)) == 1)
		continue;
	return r == -1 ? -1 : sqlite3_changes(s->db);
}

int
cnt_sql_number(struct cnt_store *s, int64_t *n, int64_t def, struct cnt_err *e, const char *sql,
    const char *types, ...)
{
	sqlite3_stmt *st CNT_STMT = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = vask(s, &st, e, sql, types, ap);
	va_end(ap);
	if (r == 0)
		r = cnt_sql_next(s, st, e);
	*n = r == 1 ? sqlite3_column_int64(st, 0) : def;
	return r == -1 ? -1 : 0;
}

int
cnt_sql_all(struct cnt_store *s, const char *sql, size_t size,
    void (*read_row)(sqlite3_stmt *st, void *row), void **rows, size_t *n, struct cnt_err *e)
{
	char *all CNT_FREE = NULL;
	sqlite3_stmt *st CNT_STMT = NULL;
	size_t count = 0;
	int r = cnt_sql_ask(s, &st, e, sql, "");

	while (r != -1 && (r = cnt_sql_next(s, st, e)) == 1) {
		if ((count & (count - 1)) == 0)
			all = cnt_realloc(all, (count == 0 ? 1 : 2 * count) * size);
		memset(all + count * size, 0, size);
		read_row(st, all + count++ * size);
	}
	if (r == -1)
		return -1;
	*rows = take(&all);
	*n = count;
	return 0;
}

int
cnt_sql_begin(struct cnt_store *s, struct cnt_store **tx, struct cnt_err *e)
{
	*tx = s;
	return cnt_sql_change(s, e, "BEGIN IMMEDIATE", "") == -1 ? -1 : 0;
}

int
cnt_sql_durable(struct cnt_store *s, bool durable, struct cnt_err *e)
{
	return cnt_sql_change(s, e, durable ? "PRAGMA synchronous = FULL" :
	    "PRAGMA synchronous = NORMAL", "") == -1 ? -1 : 0;
}

int
cnt_sql_commit(struct cnt_store *s, struct cnt_err *e)
{
	return cnt_sql_change(s, e, "COMMIT", "") == -1 ? -1 : 0;
}

void
cnt_sql_roll_back(struct cnt_store **tx)
{
	if (*tx != NULL && sqlite3_get_autocommit((*tx)->db) == 0)
		sqlite3_exec((*tx)->db, "ROLLBACK", NULL, NULL, NULL);
}

static int
make_new(const char *dir, const char *path, struct cnt_err *e)
{
	sqlite3 *db = NULL;
	unsigned char *bytes = NULL;
	sqlite3_int64 n = 0;
	int r = -1;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_exec(db, cnt_store_schema, NULL, NULL, NULL) != SQLITE_OK)
		(void)fail(db, e);
	else if ((bytes = sqlite3_serialize(db, "main", &n, 0)) == NULL)
		(void)cnt_fail(e, CNT_SYSTEM, "cnt.db: SQLite cannot serialize");
	else
		r = cnt_store_files_make(dir, path, bytes, (size_t)n, e);
	sqlite3_free(bytes);
	sqlite3_close(db);
	return r;
}

/* SQLite's own waits grow up to a tenth of a second, so that whoever came last is served first and
 * some of many never are. These stay the same, each a little different. */
static int
wait_for_turn(void *arg, int waits)
{
	struct cnt_store *s = arg;
	int64_t now = cnt_ticks_us();

	if (waits == 0)
		s->busy_since = now;
	nanosleep(&(struct timespec){ 0, 1000000 + now % 1000 * 1000 }, NULL);
	return now - s->busy_since < BUSY_US;
}

/* A process that opens a log cannot tell that it was copied into the database and would go on
 * after its end: a change right after the copying begins the log anew; a header written as it is
 * will do. A row would not: one that stays as it is, is not written, and sqlite3_changes() tells of
 * it instead of the change that brought us here. The log is not cut, since a file that grows again
 * makes every change slower. Readers are not waited for; the next change tries again. */
static int
trim_log(void *arg, sqlite3 *db, const char *name, int pages)
{
	if (pages < LOG_PAGES)
		return SQLITE_OK;
	sqlite3_busy_handler(db, NULL, NULL);
	if (sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_RESTART, NULL, NULL) == SQLITE_OK)
		sqlite3_exec(db, CNT_STORE_MARK, NULL, NULL, NULL);
	sqlite3_busy_handler(db, wait_for_turn, arg);
	return SQLITE_OK;
}

/* A version that this cnt knows; less than CNT_STORE_VERSION: to be migrated. */
static int
read_version(struct cnt_store *s, int64_t *version, struct cnt_err *e)
{
	if (cnt_sql_number(s, version, 0, e, "PRAGMA user_version", "") == -1)
		return -1;
	if (*version >= 1 && *version <= CNT_STORE_VERSION)
		return 0;
	(void)cnt_fail(e, CNT_UNAVAILABLE, "cnt.db: of version %lld, this cnt knows %d",
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
	    cnt_sql_number(s, &has, 0, e, "SELECT 1 FROM pragma_table_info('box')"
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

	if (cnt_sql_number(s, &application, 0, e, "PRAGMA application_id", "") == -1)
		return -1;
	if (application != CNT_STORE_APPLICATION) {
		(void)cnt_fail(e, CNT_SYSTEM, "cnt.db: not a database of cnt's");
		return cnt_hint(e, CNT_STORE_REPLACE);
	}
	if (read_version(s, &version, e) == -1)
		return -1;
	return version < CNT_STORE_VERSION ? migrate(s, e) : 0;
}

static int
configure(struct cnt_store *s, struct cnt_err *e)
{
	sqlite3_busy_handler(s->db, wait_for_turn, s);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_wal_hook(s->db, trim_log, s);
	if (check_marks(s, e) == -1)
		return -1;
	return cnt_sql_durable(s, true, e);
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
	if (there == 0 && !create) {
		(void)cnt_fail(e, CNT_UNAVAILABLE, "cnt.db: this host has not been set up");
		return cnt_hint(e, "run `cnt setup`");
	}
	if (there == -1 || (there == 0 && make_new(dir, path, e) == -1))
		return -1;
	s = cnt_alloc(sizeof(*s));
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(s->db, e);
	if (configure(s, e) == -1)
		return -1;
	*out = take(&s);
	return 0;
}

void
cnt_store_close(struct cnt_store **s)
{
	if (*s != NULL)
		sqlite3_close((*s)->db);
	free(*s);
	*s = NULL;
}

/* Each finds what is wrong with it, as one text, or nothing. SQLite takes a box for whole that has
 * a name or a slot as no box can have. */
static const char *const flaws[] = {
	"SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
	"SELECT 'a ' || \"table\" || ' without its ' || parent FROM pragma_foreign_key_check",
	("SELECT 'box ' || name FROM box WHERE name NOT GLOB '[a-z]*' OR length(name) > 31 OR"
	" name GLOB '*[^a-z0-9-]*' OR slot >= (SELECT id_count / 65536 FROM instance)"),
};

static int
damaged(const char *why, const char *what, struct cnt_err *e)
{
	(void)cnt_fail(e, CNT_SYSTEM, "cnt.db: damaged (%s%s)", why, what);
	return cnt_hint(e, CNT_STORE_REPLACE);
}

/* Is all there that the schema makes? A trigger that is gone is missed by no statement. */
static int
check_schema(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_store *model CNT_STORE = cnt_alloc(sizeof(*model));
	sqlite3_stmt *st CNT_STMT = NULL;
	int r = -1;

	if (sqlite3_open(":memory:", &model->db) != SQLITE_OK ||
	    sqlite3_exec(model->db, cnt_store_schema, NULL, NULL, NULL) != SQLITE_OK)
		return fail(model->db, e);
	r = cnt_sql_ask(model, &st, e, "SELECT type, name FROM sqlite_schema", "");
	while (r != -1 && (r = cnt_sql_next(model, st, e)) == 1) {
		const char *type = cnt_sql_text(st, 0), *name = cnt_sql_text(st, 1);
		int64_t there = 0;

		if (cnt_sql_number(s, &there, 0, e, "SELECT 1 FROM sqlite_schema"
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
		sqlite3_stmt *st CNT_STMT = NULL;

		r = cnt_sql_ask(s, &st, e, flaws[i], "");
		if (r == 0 && (r = cnt_sql_next(s, st, e)) == 1)
			return damaged("", cnt_sql_text(st, 0), e);
	}
	return r;
}
