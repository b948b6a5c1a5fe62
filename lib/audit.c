/* SPDX-License-Identifier: Apache-2.0
 *
 * The canonical form of an audit record and its hash. Everything that a record says is inside,
 * with its length, the version of the form first: no two records share one form.
 */
#include "lib/audit.h"

#include "lib/crypto.h"

static void
add_number(struct cnt_buf *b, int64_t number, int bytes)
{
	uint8_t be[8];

	for (int i = 0; i < bytes; i++)
		be[i] = (uint8_t)((uint64_t)number >> (8 * (bytes - 1 - i)));
	cnt_buf_add(b, be, (size_t)bytes);
}

static void
add_bytes(struct cnt_buf *b, const void *bytes, size_t n)
{
	add_number(b, (int64_t)n, 4);
	cnt_buf_add(b, bytes, n);
}

static void
add_text(struct cnt_buf *b, const char *s)
{
	add_bytes(b, s == NULL ? "" : s, s == NULL ? 0 : strlen(s));
}

void
cnt_audit_canonical(const struct cnt_audit *r, struct cnt_buf *b)
{
	add_number(b, CNT_AUDIT_VERSION, 1);
	add_number(b, r->seq, 8);
	add_number(b, r->time_us, 8);
	add_number(b, r->kind, 8);
	add_number(b, r->intent, 8);
	add_text(b, r->subject);
	add_text(b, r->via);
	add_text(b, r->verb);
	add_text(b, r->box);
	add_text(b, r->args);
	add_text(b, r->result);
	add_text(b, r->text);
	add_bytes(b, r->prev, sizeof(r->prev));
}

void
cnt_audit_hash(struct cnt_audit *r)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_audit_canonical(r, &b);
	cnt_sha256(b.p, b.n, r->hash);
}
