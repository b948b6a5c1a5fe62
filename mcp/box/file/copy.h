/* SPDX-License-Identifier: Apache-2.0
 *
 * A regular file's bytes into another file, on the same file system or across.
 */
#ifndef CNT_MCP_BOX_FILE_COPY_H
#define CNT_MCP_BOX_FILE_COPY_H

#include "mcp/box/file/place.h"

/* Fills the new file p with what `from` holds, whose stat is st: by reference where the file
 * system can share blocks, else what is not a hole. Refused before writing where there is no
 * room. path: what errors name. */
int	cnt_copy(int from, const struct stat *st, struct cnt_place *p, const char *path,
	    struct cnt_err *e);

#endif
