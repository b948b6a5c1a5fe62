/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the next page of an answer begins.
 */
#ifndef CNT_MCP_BOX_CURSOR_H
#define CNT_MCP_BOX_CURSOR_H

#include "lib/err.h"

/* The caller frees what is made. A cursor of another tool or path is refused. */
char	*cnt_cursor_make(const char *tool, const char *path, const char *place);
int	 cnt_cursor_read(char **place, const char *cursor, const char *tool, const char *path,
	    struct cnt_err *e);

#endif
