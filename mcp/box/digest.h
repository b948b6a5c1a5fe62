/* SPDX-License-Identifier: Apache-2.0
 *
 * What tells one content of a file from another.
 */
#ifndef CNT_MCP_BOX_DIGEST_H
#define CNT_MCP_BOX_DIGEST_H

#include "lib/base.h"

/* SHA-256 of what is left to read in a descriptor's file, from offset 0, as hex. -1
 * and errno. */
#define CNT_HASHED_MAX	(64 << 20)
int	 cnt_digest_file(int fd, char hex[65]);

#endif
