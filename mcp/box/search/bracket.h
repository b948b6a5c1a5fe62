/* SPDX-License-Identifier: Apache-2.0
 *
 * Bracket expressions of a pattern, [a-z\d_], as regcomp(3) takes them.
 */
#ifndef CNT_MCP_BOX_SEARCH_BRACKET_H
#define CNT_MCP_BOX_SEARCH_BRACKET_H

#include "lib/err.h"

/* Reads the one that begins at *p, which moves behind it, and appends what means the same to
 * regcomp(3), in lines of bytes or of UTF-8. *wide: these may differ. Returns its size, the number
 * of sets and bytes; -1 with CNT_INVALID when it is none. */
int	cnt_bracket_read(const char **p, struct cnt_buf *to, bool utf8, bool *wide,
	    struct cnt_err *e);

#endif
