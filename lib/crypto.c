/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, HMAC with it, and random bytes. libcrypto's low-level SHA256_* calls are used on
 * purpose, though OpenSSL 3 calls them deprecated: agent-box is static and links this file, and
 * they bring 16 kB where EVP and HMAC bring megabytes and fetch a provider at every start.
 */
#include "lib/crypto.h"

#define OPENSSL_API_COMPAT 0x10101000L

#include <sys/random.h>

#include <errno.h>
#include <sysexits.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

/* Where libcrypto is static, the linker (Makefile) has its start call the first of these, so that
 * the processor is asked what it can before the first hash and not at every start: in a virtual
 * machine each question takes 5 us. Elsewhere there is no second. */
void start_asks(void) __asm__("__wrap_OPENSSL_cpuid_setup");
extern void ask_processor(void) __asm__("__real_OPENSSL_cpuid_setup") __attribute__((weak));

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct cnt_sha256), "state too small");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct cnt_sha256), "state not aligned");

void
start_asks(void)
{
}

void
cnt_sha256_start(struct cnt_sha256 *c)
{
	static bool asked;

	if (!asked && ask_processor != NULL)
		ask_processor();
	asked = true;
	SHA256_Init((SHA256_CTX *)c->state.bytes);
}

void
cnt_sha256_add(struct cnt_sha256 *c, const void *bytes, size_t n)
{
	SHA256_Update((SHA256_CTX *)c->state.bytes, bytes, n);
}

void
cnt_sha256_end(struct cnt_sha256 *c, uint8_t digest[32])
{
	SHA256_Final(digest, (SHA256_CTX *)c->state.bytes);
}

void
cnt_sha256(const void *bytes, size_t n, uint8_t digest[32])
{
	struct cnt_sha256 c;

	cnt_sha256_start(&c);
	cnt_sha256_add(&c, bytes, n);
	cnt_sha256_end(&c, digest);
}

void
cnt_sha256_hex(const void *bytes, size_t n, char hex[65])
{
	uint8_t digest[32];

	cnt_sha256(bytes, n, digest);
	cnt_hex(digest, sizeof(digest), hex);
}

/* One of the two hashes of RFC 2104: the padded key, then the bytes. */
static void
keyed(const uint8_t *key, uint8_t pad, const void *bytes, size_t n, uint8_t digest[32])
{
	struct cnt_sha256 c;
	uint8_t block[64];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < 32; i++)
		block[i] ^= key[i];
	cnt_sha256_start(&c);
	cnt_sha256_add(&c, block, sizeof(block));
	cnt_sha256_add(&c, bytes, n);
	cnt_sha256_end(&c, digest);
	explicit_bzero(block, sizeof(block));
}

void
cnt_hmac_sha256(const uint8_t *key, const void *bytes, size_t n, uint8_t mac[32])
{
	uint8_t inner[32];

	keyed(key, 0x36, bytes, n, inner);
	keyed(key, 0x5c, inner, sizeof(inner), mac);
}

bool
cnt_same(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void
cnt_hex(const uint8_t *bytes, size_t n, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * n] = '\0';
}

void
cnt_random(void *bytes, size_t n)
{
	uint8_t *p = bytes;

	while (n > 0) {
		ssize_t r = getrandom(p, n, 0);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1) {
			perror("getrandom");
			exit(EX_OSERR);
		}
		p += r;
		n -= (size_t)r;
	}
}
