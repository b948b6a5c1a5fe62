/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 against FIPS 180-4's examples, whole and in pieces.
 */
#include "lib/crypto.h"

#include <setjmp.h>

#include <cmocka.h>

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char two_blocks[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void
expect(const char *text, size_t piece, const char *hex)
{
	struct cnt_sha256 c;
	uint8_t digest[32];
	char got[65];

	cnt_sha256_start(&c);
	for (size_t n = strlen(text); n > 0; n -= piece < n ? piece : n, text += piece)
		cnt_sha256_add(&c, text, piece < n ? piece : n);
	cnt_sha256_end(&c, digest);
	cnt_hex(digest, sizeof(digest), got);
	assert_string_equal(got, hex);
}

static void
sha256_gives_the_published_digests(void **state CNT_UNUSED)
{
	expect("", 1, empty);
	expect("abc", 3, abc);
	expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, two_blocks);
}

static void
pieces_give_the_same_digest(void **state CNT_UNUSED)
{
	expect("abc", 1, abc);
	expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7, two_blocks);
}

static void
hex_is_lower_case_and_ended(void **state CNT_UNUSED)
{
	const uint8_t bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char hex[9];

	memset(hex, 'x', sizeof(hex));
	cnt_hex(bytes, sizeof(bytes), hex);
	assert_string_equal(hex, "000fa5ff");
}

/* RFC 4231, 4.2 to 4.4; shorter keys are filled up with zeros. */
static void
hmac_gives_the_published_codes(void **state CNT_UNUSED)
{
	static const struct {
		uint8_t		 key[32];
		const char	*data, *hex;
	} cases[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		    "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
		    "Hi There",
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", "what do ya want for nothing?",
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
		    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa",
		    "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
		    "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
		    "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
		    "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
		    "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd",
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	};

	for (size_t i = 0; i < nitems(cases); i++) {
		uint8_t mac[32];
		char hex[65];

		cnt_hmac_sha256(cases[i].key, cases[i].data, strlen(cases[i].data), mac);
		cnt_hex(mac, sizeof(mac), hex);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void
same_is_the_same(void **state CNT_UNUSED)
{
	assert_true(cnt_same("abc", "abc", 3));
	assert_true(cnt_same("abx", "aby", 2));
	assert_false(cnt_same("abc", "bbc", 3));
	assert_false(cnt_same("abc", "abd", 3));
}

static void
random_fills_all_and_differs(void **state CNT_UNUSED)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	size_t zeros = 0;

	cnt_random(a, sizeof(a));
	cnt_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_published_digests),
		cmocka_unit_test(pieces_give_the_same_digest),
		cmocka_unit_test(hex_is_lower_case_and_ended),
		cmocka_unit_test(hmac_gives_the_published_codes),
		cmocka_unit_test(same_is_the_same),
		cmocka_unit_test(random_fills_all_and_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
