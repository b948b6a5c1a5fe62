/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs say when they are asked: some at a time, each bounded in time and bytes. One that
 * hangs, babbles or crashes has said nothing. TERM, INT and HUP end the asking: they wait until
 * what was asked has ended, and then do what they do.
 */
#ifndef CNT_MCP_ASK_H
#define CNT_MCP_ASK_H

#include "lib/base.h"

struct cnt_question {
	char		*argv[4];	/* argv[0]: a path */
	char *const	*env;		/* NULL: ours; else it runs in / */
	int64_t		 within_us;	/* for its end; a program that gets no processor has
					 * five times that. Then its process group is killed */
	bool		 heard;		/* what it says on standard error goes to ours; and it may
					 * ask others, so TERM ends it */
	struct cnt_buf	 said;		/* its standard output, when it ended with 0 */
	char		*why;		/* malloc'd: why it has said nothing; NULL: it has */
	bool		 unasked;	/* and that is not its own doing: it could not be begun, or
					 * not end, and may have something to say next time */
};

/* Fills said, why and unasked of all n. */
void	cnt_ask(struct cnt_question *q, size_t n);
void	cnt_question_free(struct cnt_question *q);	/* argv too */

#endif
