/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit table: appended to and read, nothing else. Which intents wait for their outcome stands
 * in a table of its own, outside the chain, with the process that will write it.
 */
#include "lib/store.h"

#include "lib/proc.h"
#include "lib/sql.h"

#define COLUMNS "seq, time_us, kind, intent, subject, via, verb, box, args, result, text, prev," \
	" hash"

static void
read_record(struct sqlite3_stmt *st, struct cnt_audit *r)
{
	memset(r, 0, sizeof(*r));
	r->seq = cnt_sql_int(st, 0);
	r->time_us = cnt_sql_int(st, 1);
	r->kind = (enum cnt_audit_kind)cnt_sql_int(st, 2);
	r->intent = cnt_sql_int(st, 3);
	r->subject = cnt_sql_text(st, 4);
	r->via = cnt_sql_text(st, 5);
	r->verb = cnt_sql_text(st, 6);
	r->box = cnt_sql_text(st, 7);
	r->args = cnt_sql_text(st, 8);
	r->result = cnt_sql_text(st, 9);
	r->text = cnt_sql_text(st, 10);
	cnt_sql_hash(st, 11, r->prev);
	cnt_sql_hash(st, 12, r->hash);
}

/* Within a transaction: number, time, hashes, the record, and the intent opened or closed. */
static int
append(struct cnt_store *s, struct cnt_audit *r, struct cnt_err *e)
{
	struct sqlite3_stmt *st CNT_STMT = NULL;
	int n = cnt_sql_ask(s, &st, e, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", "");

	if (n == -1 || (n = cnt_sql_next(s, st, e)) == -1)
		return -1;
	r->seq = n == 0 ? 1 : cnt_sql_int(st, 0) + 1;
	r->time_us = cnt_now_us();
	memset(r->prev, 0, sizeof(r->prev));
	if (n == 1)
		cnt_sql_hash(st, 1, r->prev);
	cnt_audit_hash(r);
	if (cnt_sql_change(s, e, "INSERT INTO audit (" COLUMNS ")"
	    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", "iiiissssssshh", r->seq, r->time_us,
	    (int64_t)r->kind, r->intent, r->subject, r->via, r->verb, r->box, r->args, r->result,
	    r->text, r->prev, r->hash) == -1)
		return -1;
	if (r->kind == CNT_INTENT)
		return cnt_sql_change(s, e, "INSERT INTO pending VALUES (?, ?, ?)", "iii", r->seq,
		    (int64_t)getpid(), cnt_proc_start(getpid()));
	n = cnt_sql_change(s, e, "DELETE FROM pending WHERE seq = ?", "i", r->intent);
	return n == 0 ? cnt_fail(e, CNT_BUG, "audit: record %lld is no open intent",
	    (long long)r->intent) : n;
}

int
cnt_store_audit(struct cnt_store *s, struct cnt_audit *r, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;

	return cnt_sql_begin(s, &tx, e) == -1 || append(s, r, e) == -1 ? -1 : cnt_sql_commit(s, e);
}

int
cnt_store_audit_interrupted(struct cnt_store *s, int64_t seq, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;
	struct sqlite3_stmt *st CNT_STMT = NULL;
	struct cnt_audit r;
	int n = cnt_sql_begin(s, &tx, e);

	if (n == -1 || cnt_sql_ask(s, &st, e, "SELECT " COLUMNS " FROM audit NATURAL JOIN pending"
	    " WHERE seq = ?", "i", seq) == -1 || (n = cnt_sql_next(s, st, e)) <= 0)
		return n;
	read_record(st, &r);
	r.kind = CNT_OUTCOME;
	r.intent = seq;
	r.args = "";
	r.result = "interrupted";
	r.text = "the process ended without an outcome";
	return append(s, &r, e) == -1 || cnt_sql_commit(s, e) == -1 ? -1 : 1;
}

static void
read_pending(struct sqlite3_stmt *st, void *row)
{
	struct cnt_pending *p = row;

	p->seq = cnt_sql_int(st, 0);
	p->pid = (pid_t)cnt_sql_int(st, 1);
	p->start = cnt_sql_int(st, 2);
	p->time_us = cnt_sql_int(st, 3);
	snprintf(p->verb, sizeof(p->verb), "%s", cnt_sql_text(st, 4));
	snprintf(p->box, sizeof(p->box), "%s", cnt_sql_text(st, 5));
}

int
cnt_store_pending(struct cnt_store *s, struct cnt_pending **p, size_t *n, struct cnt_err *e)
{
	void *rows = NULL;

	if (cnt_sql_all(s, "SELECT seq, pid, start, time_us, verb, box FROM pending"
	    " NATURAL JOIN audit ORDER BY seq", sizeof(**p), read_pending, &rows, n, e) == -1)
		return -1;
	*p = rows;
	return 0;
}

int
cnt_store_is_pending(struct cnt_store *s, int64_t seq, struct cnt_err *e)
{
	int64_t n;

	if (cnt_sql_number(s, &n, e, "SELECT 1 FROM pending WHERE seq = ?", "i", seq) == -1)
		return -1;
	return (int)n;
}

int
cnt_store_unfinished(struct cnt_store *s, struct cnt_err *e)
{
	int64_t n;

	if (cnt_sql_number(s, &n, e, "SELECT EXISTS (SELECT 1 FROM box WHERE state <> 'ready')"
	    " OR EXISTS (SELECT 1 FROM image WHERE state <> 'ready')"
	    " OR EXISTS (SELECT 1 FROM pending)", "") == -1)
		return -1;
	return (int)n;
}

/* What is wrong with the record in this row, or NULL. What a C string or an enum cannot show would
 * escape the hash: a NUL inside a text, a kind out of range. */
static const char *
flaw(struct sqlite3_stmt *st, struct cnt_audit *r, int64_t seq, uint8_t last[32])
{
	uint8_t stored[32];

	read_record(st, r);
	if (r->seq != seq)
		return "missing";
	if (cnt_sql_int(st, 2) != CNT_INTENT && cnt_sql_int(st, 2) != CNT_OUTCOME)
		return "changed";
	for (int i = 4; i <= 10; i++) {
		if (cnt_sql_bytes(st, i) != strlen(cnt_sql_text(st, i)))
			return "changed";
	}
	if (memcmp(r->prev, last, 32) != 0)
		return "not chained to the one before";
	memcpy(stored, r->hash, 32);
	cnt_audit_hash(r);
	memcpy(last, r->hash, 32);
	return memcmp(stored, last, 32) == 0 ? NULL : "changed";
}

int
cnt_store_audit_verify(struct cnt_store *s, int64_t *records, struct cnt_err *e)
{
	struct sqlite3_stmt *st CNT_STMT = NULL;
	struct cnt_audit rec;
	uint8_t last[32] = { 0 };
	int64_t seq = 0;
	int r = cnt_sql_ask(s, &st, e, "SELECT " COLUMNS " FROM audit ORDER BY seq", "");

	while (r != -1 && (r = cnt_sql_next(s, st, e)) == 1) {
		const char *wrong = flaw(st, &rec, ++seq, last);

		if (wrong != NULL)
			return cnt_fail(e, CNT_NO, "audit: record %lld: %s", (long long)seq, wrong);
	}
	*records = seq;
	return r;
}
