/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of files, in hex.
 */
#include "mcp/box/digest.h"

#include <errno.h>

#include "lib/crypto.h"

int
cnt_digest_file(int fd, char hex[65])
{
	static char chunk[65536];
	struct cnt_sha256 sha;
	uint8_t digest[32];
	off_t at = 0;
	ssize_t n = 0;

	cnt_sha256_start(&sha);
	while (at <= CNT_HASHED_MAX && (n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		cnt_sha256_add(&sha, chunk, (size_t)n);
		at += n;
	}
	if (n == -1)
		return -1;
	if (at > CNT_HASHED_MAX) {
		errno = EFBIG;
		return -1;
	}
	cnt_sha256_end(&sha, digest);
	cnt_hex(digest, sizeof(digest), hex);
	return 0;
}
