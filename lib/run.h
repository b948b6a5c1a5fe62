/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program of the host: fixed argv, no shell, clean environment.
 */
#ifndef CNT_RUN_H
#define CNT_RUN_H

#include "lib/err.h"

/* The fixed environment, ended by NULL. */
extern char *const cnt_run_env[];

/* The path of a program of the host; malloc'd, NULL when there is none. */
char	*cnt_run_find(const char *name);

/* Its standard input is empty, its standard output is collected into out (NULL: /dev/null), and at
 * most the last 1 KiB of its standard error into the error's text. Exit status not 0: CNT_SYSTEM.
 * Not installed: CNT_UNAVAILABLE naming the program. The program dies with us. */
int	cnt_run(char *const argv[], struct cnt_buf *out, struct cnt_err *e);

/* The same in two halves, with n bytes of input and something else done between them. A start that
 * failed is told by the end as well, and each that succeeded must come to its end: there is a
 * process to be reaped. */
struct cnt_run {
	const char	*program;
	pid_t		 pid;		/* -1: there is none */
	int		 out, err;	/* descriptors */
	int		 error;		/* errno of what kept it from running, or 0 */
};

void	cnt_run_start(struct cnt_run *r, char *const argv[], const char *in, size_t n);
int	cnt_run_end(struct cnt_run *r, struct cnt_buf *out, struct cnt_err *e);

#endif
