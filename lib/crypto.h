/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4), HMAC with it (RFC 2104), and random bytes.
 */
#ifndef CNT_CRYPTO_H
#define CNT_CRYPTO_H

#include "lib/base.h"

struct cnt_sha256 {
	union { uint64_t align; uint8_t bytes[128]; } state;	/* OpenSSL's, checked at build */
};

void	cnt_sha256_start(struct cnt_sha256 *c);
void	cnt_sha256_add(struct cnt_sha256 *c, const void *bytes, size_t n);
void	cnt_sha256_end(struct cnt_sha256 *c, uint8_t digest[32]);
void	cnt_sha256(const void *bytes, size_t n, uint8_t digest[32]);
void	cnt_sha256_hex(const void *bytes, size_t n, char hex[65]);

/* key: 32 bytes. */
void	cnt_hmac_sha256(const uint8_t *key, const void *bytes, size_t n, uint8_t mac[32]);

/* Are these n bytes the same? In a time that does not depend on them. */
bool	cnt_same(const void *a, const void *b, size_t n);

/* Lower-case hex of n bytes into hex[2n + 1]. */
void	cnt_hex(const uint8_t *bytes, size_t n, char *hex);

/* Random bytes of the kernel's (getrandom(2)); cannot fail once the kernel is up. */
void	cnt_random(void *bytes, size_t n);

#endif
