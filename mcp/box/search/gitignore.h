/* SPDX-License-Identifier: Apache-2.0
 *
 * gitignore(5): the patterns of one file, above them those of its parents' files.
 */
#ifndef CNT_MCP_BOX_SEARCH_GITIGNORE_H
#define CNT_MCP_BOX_SEARCH_GITIGNORE_H

#include "lib/base.h"

struct cnt_ignore;

/* The patterns of a .gitignore file. up: asked when none of these decides, borrowed, or NULL.
 * base: length of the file's directory in the paths that will be asked about, its slash
 * included. */
struct cnt_ignore	*cnt_ignore_parse(const struct cnt_ignore *up, const char *text, size_t n,
			    size_t base);
struct cnt_ignore	*cnt_ignore_free(struct cnt_ignore *i);		/* returns up */

/* Is this path, whose parents are not, ignored? The path is one below the repository's root. */
bool	cnt_ignore_decides(const struct cnt_ignore *i, const char *path, const char *name,
	    bool dir);

#endif
