/* SPDX-License-Identifier: Apache-2.0
 *
 * The database, for the lib/store*.c files alone: lib/sql.c has SQLite, the others have this.
 */
#ifndef CNT_SQL_H
#define CNT_SQL_H

#include "lib/store.h"

struct sqlite3_stmt;

#define CNT_STMT	__attribute__((cleanup(cnt_sql_finish)))
#define CNT_TX		__attribute__((cleanup(cnt_sql_roll_back)))

/* A connection, as yet without a look at what the database is; ":memory:" makes a new one. What
 * others have locked is waited for. cnt_store_close ends it. */
int	cnt_sql_open(struct cnt_store **out, const char *path, struct cnt_err *e);

/* Statements, one after the other. */
int	cnt_sql_script(struct cnt_store *s, const char *text, struct cnt_err *e);

/* All of the database, as it is in its file. */
int	cnt_sql_copy(struct cnt_store *s, struct cnt_buf *out, struct cnt_err *e);

/* Prepares and binds what types says: s text (NULL: ""), i int64_t, d double, h 32 bytes. Text and
 * bytes must stay as they are until the statement is finished. */
int	cnt_sql_ask(struct cnt_store *s, struct sqlite3_stmt **st, struct cnt_err *e,
	    const char *sql, const char *types, ...);
void	cnt_sql_finish(struct sqlite3_stmt **st);

/* 1: a row, 0: no more, -1. */
int	cnt_sql_next(struct cnt_store *s, struct sqlite3_stmt *st, struct cnt_err *e);

/* Columns of the row, from 0; text and bytes live until the next row. Text is never NULL; a hash
 * that is not of 32 bytes is zeros. */
const char	*cnt_sql_text(struct sqlite3_stmt *st, int column);
int64_t		 cnt_sql_int(struct sqlite3_stmt *st, int column);
double		 cnt_sql_double(struct sqlite3_stmt *st, int column);
size_t		 cnt_sql_bytes(struct sqlite3_stmt *st, int column);
void		 cnt_sql_hash(struct sqlite3_stmt *st, int column, uint8_t hash[32]);
enum cnt_state	 cnt_sql_state(struct sqlite3_stmt *st, int column);
const char	*cnt_sql_state_name(enum cnt_state state);

/* Runs a statement to its end: rows changed, or -1. */
int	cnt_sql_change(struct cnt_store *s, struct cnt_err *e, const char *sql,
	    const char *types, ...);

/* The first column of the first row, or 0 when there is no row. */
int	cnt_sql_number(struct cnt_store *s, int64_t *n, struct cnt_err *e, const char *sql,
	    const char *types, ...);

/* All rows of a statement without parameters, each read into size bytes, zeroed, of an array that
 * the caller frees. */
int	cnt_sql_all(struct cnt_store *s, const char *sql, size_t size,
	    void (*read)(struct sqlite3_stmt *st, void *row), void **rows, size_t *n,
	    struct cnt_err *e);

/* Does a commit reach the disk before it returns? It does unless this said otherwise. */
int	cnt_sql_durable(struct cnt_store *s, bool durable, struct cnt_err *e);

/* A transaction that is rolled back at the end of the scope unless it was committed:
 * struct cnt_store *tx CNT_TX = NULL; */
int	cnt_sql_begin(struct cnt_store *s, struct cnt_store **tx, struct cnt_err *e);
int	cnt_sql_commit(struct cnt_store *s, struct cnt_err *e);
void	cnt_sql_roll_back(struct cnt_store **tx);

#endif
