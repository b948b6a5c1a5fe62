/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions as models write them, made into what regcomp(3) takes.
 */
#ifndef CNT_MCP_BOX_SEARCH_EXPRESSION_H
#define CNT_MCP_BOX_SEARCH_EXPRESSION_H

#include "lib/base.h"
#include "lib/err.h"

struct cnt_expression {
	char		*ere;		/* POSIX extended */
	struct cnt_buf	 literal;	/* every match holds it; empty: none is known */
	bool		 plain;		/* the literal is all there is */
	bool		 ignore_case;	/* (?i) sets it */
};

/* -1 with CNT_INVALID and a hint. The caller frees ere and literal. */
int	cnt_expression_read(struct cnt_expression *x, const char *text, struct cnt_err *e);

#endif
