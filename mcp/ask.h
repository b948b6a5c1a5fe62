/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs say when they are asked: some at a time, each bounded in time and bytes. One that
 * hangs, babbles or crashes has said nothing.
 */
#ifndef CNT_MCP_ASK_H
#define CNT_MCP_ASK_H

#include "lib/base.h"

struct cnt_question {
	char		*argv[4];	/* argv[0]: a path */
	char *const	*env;		/* NULL: ours; else it runs in / */
	int64_t		 within_us;	/* for its end; a program that gets no processor has
					 * five times that. Then its process group is killed */
	bool		 heard;		/* what it says on standard error goes to ours */
	struct cnt_buf	 said;		/* its standard output, when it ended with 0 */
	char		*why;		/* malloc'd: why it has said nothing; NULL: it has */
};

/* Fills said and why of all n. */
void	cnt_ask(struct cnt_question *q, size_t n);
void	cnt_question_free(struct cnt_question *q);	/* argv too */

#endif
