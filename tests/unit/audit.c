/* SPDX-License-Identifier: Apache-2.0
 *
 * The canonical form and the hash of an audit record: byte for byte, and no two records alike.
 */
#include "lib/audit.h"

#include <setjmp.h>

#include <cmocka.h>

#include "lib/crypto.h"

static struct cnt_audit
sample(void)
{
	struct cnt_audit r = { .seq = 2, .time_us = 0x0102030405060708, .kind = CNT_OUTCOME,
	    .intent = 1, .subject = "root", .via = "root", .verb = "create", .box = "web",
	    .args = "{}", .result = "ok", .text = "" };

	memset(r.prev, 0xab, sizeof(r.prev));
	return r;
}

/* Written out by hand from the rule in lib/audit.h. */
static const char form[] =
    "01" "0000000000000002" "0102030405060708" "0000000000000002" "0000000000000001"
    "00000004" "726f6f74" "00000004" "726f6f74" "00000006" "637265617465" "00000003" "776562"
    "00000002" "7b7d" "00000002" "6f6b" "00000000"
    "00000020" "abababababababababababababababababababababababababababababababab";

static void
the_canonical_form_is_as_specified(void **state CNT_UNUSED)
{
	struct cnt_audit r = sample();
	struct cnt_buf b CNT_BUF = { 0 };
	char hex[2 * 200 + 1];

	cnt_audit_canonical(&r, &b);
	assert_true(b.n < 200);
	cnt_hex((const uint8_t *)b.p, b.n, hex);
	assert_string_equal(hex, form);
}

static void
the_hash_is_sha256_of_the_form(void **state CNT_UNUSED)
{
	struct cnt_audit r = sample();
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_sha256 c;
	uint8_t digest[32];

	cnt_audit_canonical(&r, &b);
	cnt_sha256_start(&c);
	cnt_sha256_add(&c, b.p, b.n);
	cnt_sha256_end(&c, digest);
	cnt_audit_hash(&r);
	assert_memory_equal(r.hash, digest, 32);
}

#define CHANGED(change) do {						\
	struct cnt_audit a = sample(), b = sample();			\
									\
	b.change;							\
	cnt_audit_hash(&a);						\
	cnt_audit_hash(&b);						\
	assert_memory_not_equal(a.hash, b.hash, 32);			\
} while (0)

static void
every_field_is_in_the_hash(void **state CNT_UNUSED)
{
	CHANGED(seq = 3);
	CHANGED(time_us = 1);
	CHANGED(kind = CNT_INTENT);
	CHANGED(intent = 0);
	CHANGED(subject = "toor");
	CHANGED(via = "ssh");
	CHANGED(verb = "delete");
	CHANGED(box = "");
	CHANGED(args = "");
	CHANGED(result = "busy");
	CHANGED(text = "x");
	CHANGED(prev[31] = 0);
}

static void
bytes_cannot_move_from_one_field_to_the_next(void **state CNT_UNUSED)
{
	struct cnt_audit a = sample(), b = sample();

	a.verb = "ab";
	a.box = "c";
	b.verb = "a";
	b.box = "bc";
	cnt_audit_hash(&a);
	cnt_audit_hash(&b);
	assert_memory_not_equal(a.hash, b.hash, 32);
}

static void
no_text_is_the_empty_text(void **state CNT_UNUSED)
{
	struct cnt_audit a = sample(), b = sample();

	a.text = NULL;
	b.text = "";
	cnt_audit_hash(&a);
	cnt_audit_hash(&b);
	assert_memory_equal(a.hash, b.hash, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_canonical_form_is_as_specified),
		cmocka_unit_test(the_hash_is_sha256_of_the_form),
		cmocka_unit_test(every_field_is_in_the_hash),
		cmocka_unit_test(bytes_cannot_move_from_one_field_to_the_next),
		cmocka_unit_test(no_text_is_the_empty_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
