/* SPDX-License-Identifier: Apache-2.0
 *
 * The names in one directory, sorted: a page of an answer begins where the last one ended, whatever
 * the file system's own order.
 */
#ifndef CNT_MCP_BOX_SEARCH_NAMES_H
#define CNT_MCP_BOX_SEARCH_NAMES_H

#include "lib/base.h"

#define CNT_NAMES_MAX	1000000		/* 40 MB or so */

struct cnt_names {
	const char	**p;		/* before each stands a byte with its type, DT_... */
	size_t		  n;
	bool		  more;		/* there are others: which of them were read is chance */
	struct cnt_buf	  text;		/* its own */
};

/* At most max of them, without "." and ".."; hidden: also what else begins with a dot. To be
 * freed. */
void	cnt_names_read(struct cnt_names *all, DIR *d, bool hidden, size_t max);
bool	cnt_names_have(const struct cnt_names *all, const char *name);
void	cnt_names_free(struct cnt_names *all);

#endif
