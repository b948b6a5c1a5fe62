/* SPDX-License-Identifier: Apache-2.0
 *
 * Which lines differ between two texts.
 */
#ifndef CNT_MCP_BOX_FILE_CHANGES_H
#define CNT_MCP_BOX_FILE_CHANGES_H

#include "mcp/box/file/diff.h"

struct cnt_change {			/* in lines: an of them from a on became bn from b on */
	size_t	a, an, b, bn;
};

struct cnt_changes {
	struct cnt_change	*p;	/* the caller frees */
	size_t			 n, cap;
};

/* Bytes of the first line, its newline included. */
size_t	cnt_line_length(const char *p, size_t n);

/* Appends what has to be changed in a, of an lines, to make b of it, in order. Time and memory are
 * linear in the texts: where they differ too much, it is more than had to be. */
void	cnt_changes_find(struct cnt_changes *all, struct cnt_text a, size_t an, struct cnt_text b,
	    size_t bn);

#endif
