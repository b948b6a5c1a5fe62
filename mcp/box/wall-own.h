/* SPDX-License-Identifier: Apache-2.0
 *
 * What wall.c and wall-error.c share.
 */
#ifndef CNT_MCP_BOX_WALL_OWN_H
#define CNT_MCP_BOX_WALL_OWN_H

#include "mcp/box/wall.h"

/* AGENTBOX_ROOT without a slash at its end; "" where that is `/` or not set. */
const char	*cnt_wall_root(void);

/* Length of the path without its last part and the slashes before that. */
size_t	 cnt_wall_parent_length(const char *path);

#endif
