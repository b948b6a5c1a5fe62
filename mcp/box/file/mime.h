/* SPDX-License-Identifier: Apache-2.0
 *
 * What kind of content a file has, by its first bytes and its name.
 */
#ifndef CNT_MCP_BOX_FILE_MIME_H
#define CNT_MCP_BOX_FILE_MIME_H

#include <stddef.h>

#define CNT_MIME_BYTES	4096		/* that many first bytes are enough */

/* A media type, never NULL. n 0: an empty file, or one that could not be read: by its name. */
const char *cnt_mime(const char *name, const char *bytes, size_t n);

#endif
