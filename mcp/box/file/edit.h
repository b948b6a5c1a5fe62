/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing exact text, and what to say when it is not there.
 */
#ifndef CNT_MCP_BOX_FILE_EDIT_H
#define CNT_MCP_BOX_FILE_EDIT_H

#include "mcp/box/file/diff.h"
#include "lib/err.h"

#define CNT_EDITED_MAX	((size_t)64 << 20)	/* bytes of a file, before and after */

/* Replaces each occurrence of old in the text, when there are as many as expected: else an error
 * that says where they are, or what is most like it. crlf: every line of the text ends with \r\n,
 * so that the line ends of old and new are taken for that. what: the error's object. */
int	cnt_edit(struct cnt_buf *text, const char *old, const char *new, int64_t expect, bool crlf,
	    const char *what, struct cnt_err *e);

/* Do all lines end with \r\n, and is there one? */
bool	cnt_edit_is_crlf(struct cnt_text t);

/* near.c: appends which lines are most like `old`, for a hint; in linear time. */
void	cnt_near(struct cnt_buf *to, struct cnt_text text, struct cnt_text old);

#endif
