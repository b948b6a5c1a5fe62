/* SPDX-License-Identifier: Apache-2.0
 *
 * What the harnesses share. Each is one subject of agent-box under libFuzzer: it states what must
 * hold of any input, not only that nothing crashes. The first bytes of an input choose options, the
 * rest is the subject's; a harness keeps nothing from one input to the next.
 */
#ifndef CNT_TESTS_FUZZ_H
#define CNT_TESTS_FUZZ_H

#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define must(what)	((what) ? (void)0 : broken(#what, __FILE__, __LINE__))

CNT_NORETURN static inline void
broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* The next byte as a number from 0 to most; 0 when there is none. */
static inline unsigned
pick(const uint8_t **data, size_t *n, unsigned most)
{
	if (*n == 0)
		return 0;
	--*n;
	return *(*data)++ % (most + 1);
}

/* The bytes up to the next NUL as a string, which the caller frees. */
static inline char *
pick_text(const uint8_t **data, size_t *n)
{
	size_t len = *n > 0 ? strnlen((const char *)*data, *n) : 0;
	char *s = cnt_alloc(len + 1);

	if (len > 0)
		memcpy(s, *data, len);
	*data += len + (len < *n);
	*n -= len + (len < *n);
	return s;
}

#endif
