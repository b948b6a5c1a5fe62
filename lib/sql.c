/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that speaks to SQLite: the connection, its waits for others and its log, and the
 * statements that lib/store*.c put through it.
 */
#include "lib/sql.h"

#include <sys/stat.h>

#include <errno.h>
#include <time.h>

#include <sqlite3.h>

#include "lib/store-own.h"

#define BUSY_US		10000000	/* a disk may take seconds for one fsync */
/* Each process reads the log whole when it opens and leaves it when it ends: keep it short. */
#define LOG_PAGES	32

static const char *const states[] = { "creating", "ready", "deleting" };

struct cnt_store {
	sqlite3	*db;
	int64_t	 busy_since;
	int64_t	 files_changed;	/* ns, of both together */
};

/* The last error of SQLite's. */
static int
fail(sqlite3 *db, struct cnt_err *e)
{
	const char *why = db == NULL ? "out of memory" : sqlite3_errmsg(db);
	int rc = sqlite3_errcode(db) & 0xff, sys = 0;

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		cnt_fail(e, CNT_BUSY, "cnt.db: locked by another process");
		return cnt_hint(e, "try again");
	}
	/* cnt's own statements are right: one that cannot be compiled lacks its table. */
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR) {
		cnt_fail(e, CNT_SYSTEM, "cnt.db: damaged (%s)", why);
		return cnt_hint(e, CNT_STORE_REPLACE);
	}
	if (rc == SQLITE_CONSTRAINT) {
		cnt_fail(e, CNT_BUG, "cnt.db: %s", why);
		return cnt_hint(e, "`cnt doctor` tells whether the database is damaged");
	}
	sys = db == NULL ? 0 : sqlite3_system_errno(db);
	cnt_fail(e, CNT_SYSTEM, "cnt.db: %s%s%s", why, rc == SQLITE_IOERR && sys != 0 ?
	    ": " : "", rc == SQLITE_IOERR && sys != 0 ? strerror(sys) : "");
	e->sys = sys;
	if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN)
		return cnt_hint(e, "see whether its disk is mounted read-only (findmnt) or it is "
		    "immutable (lsattr)");
	return rc == SQLITE_FULL || sys == ENOSPC ?
	    cnt_hint(e, "free space on the disk that holds it") : -1;
}

/* Has another process written, or copied the log into the database, since this was asked last? */
static bool
others_get_on(struct cnt_store *s)
{
	const char *path = sqlite3_db_filename(s->db, "main");
	const char *const files[] = { path, sqlite3_filename_wal(path) };
	int64_t last = s->files_changed;
	struct stat st;

	s->files_changed = 0;
	for (size_t i = 0; i < nitems(files); i++)
		if (stat(files[i], &st) == 0)
			s->files_changed += st.st_mtim.tv_sec * INT64_C(1000000000) +
			    st.st_mtim.tv_nsec;
	return s->files_changed != last;
}

/* SQLite's own waits grow up to a tenth of a second, so that whoever came last is served first and
 * some of many never are. These stay the same, each a little different. It is in vain when nobody
 * gets on: many writers on a slow disk may keep one that has no luck for longer. */
static int
wait_for_turn(void *arg, int waits)
{
	struct cnt_store *s = arg;
	int64_t now = cnt_ticks_us();

	if (others_get_on(s) || waits == 0)
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

int
cnt_sql_open(struct cnt_store **out, const char *path, struct cnt_err *e)
{
	struct cnt_store *s CNT_STORE = cnt_alloc(sizeof(*s));

	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(s->db, e);
	sqlite3_busy_handler(s->db, wait_for_turn, s);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_wal_hook(s->db, trim_log, s);
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

int
cnt_sql_script(struct cnt_store *s, const char *text, struct cnt_err *e)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s->db, e);
}

int
cnt_sql_copy(struct cnt_store *s, struct cnt_buf *out, struct cnt_err *e)
{
	sqlite3_int64 n = 0;
	unsigned char *bytes = sqlite3_serialize(s->db, "main", &n, 0);

	if (bytes == NULL)
		return fail(s->db, e);
	cnt_buf_add(out, (const char *)bytes, (size_t)n);
	sqlite3_free(bytes);
	return 0;
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
cnt_sql_number(struct cnt_store *s, int64_t *n, struct cnt_err *e, const char *sql,
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
	*n = r == 1 ? sqlite3_column_int64(st, 0) : 0;
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
