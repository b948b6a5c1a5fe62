/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit record and the chain it stands in. Each verb that changes something writes an intent
 * before it acts and an outcome after; both name each other. A record's hash covers its sequence
 * number, the hash before it and every field, each with its length, so that no two records have
 * one canonical form.
 */
#ifndef CNT_AUDIT_H
#define CNT_AUDIT_H

#include "lib/base.h"

#define CNT_AUDIT_VERSION 1

enum cnt_audit_kind { CNT_INTENT = 1, CNT_OUTCOME = 2 };

struct cnt_audit {
	int64_t			seq;		/* 1, 2, 3 … without gaps */
	int64_t			time_us;	/* since 1970 */
	enum cnt_audit_kind	kind;
	int64_t			intent;		/* outcome: seq of its intent; intent: 0 */
	const char		*subject;	/* who: "root", an account, a token's subject */
	const char		*via;		/* what they came through: root, socket … */
	const char		*verb;
	const char		*box;		/* "" when none */
	const char		*args;		/* JSON, secrets left out; outcome: "" */
	const char		*result;	/* outcome: "ok" or the error's code; intent: "" */
	const char		*text;		/* outcome: the error's text, or "" */
	uint8_t			prev[32];	/* hash of record seq - 1; zeros for the first */
	uint8_t			hash[32];
};

/* The canonical form: version byte, then each field in the order above without hash; integers as 8
 * bytes big endian, strings and prev as 4 bytes length big endian and the bytes. Appended to b. */
void	cnt_audit_canonical(const struct cnt_audit *r, struct cnt_buf *b);

/* SHA-256 of it, into r->hash. */
void	cnt_audit_hash(struct cnt_audit *r);

#endif
