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
	bool		 wide;		/* with utf8 it would be another one */
};

/* utf8: for lines that are valid UTF-8, where `.` is a code point; without, it is a byte. -1 with
 * CNT_INVALID and a hint. The caller frees ere and literal. */
int	cnt_expression_read(struct cnt_expression *x, const char *text, bool utf8,
	    struct cnt_err *e);

#endif
