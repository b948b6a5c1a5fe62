/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program of the host: fixed argv, no shell, clean environment.
 */
#ifndef CNT_RUN_H
#define CNT_RUN_H

#include "lib/err.h"

/* Feeds n bytes of in to its standard input, collects standard output into out (NULL: /dev/null)
 * and at most the last 1 KiB of standard error into the error's text. Exit status not 0:
 * CNT_SYSTEM. Not installed: CNT_UNAVAILABLE naming the program. The program dies with us. */
int	cnt_run(char *const argv[], const char *in, size_t n, struct cnt_buf *out,
	    struct cnt_err *e);

#endif
