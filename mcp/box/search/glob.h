/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns for paths, as git's: `*` and `?` stay within a name, `**` between slashes is any
 * number of directories, sets in brackets, `\` before what shall mean itself.
 */
#ifndef CNT_MCP_BOX_SEARCH_GLOB_H
#define CNT_MCP_BOX_SEARCH_GLOB_H

#include "lib/base.h"
#include "lib/err.h"

/* Does the whole text match? Takes time of at most the product of the lengths for each `**`. */
bool	cnt_glob_match(const char *pattern, const char *text);

/* A pattern as a caller writes it: with {a,b}, with or without `./` before it. Without a slash
 * it is about names, with one about paths. */
struct cnt_glob {
	char	**p;
	size_t	 n;
};

#define CNT_GLOB	__attribute__((cleanup(cnt_glob_free)))
#define CNT_GLOB_MAX	4096		/* bytes of a pattern */

/* pattern: NULL matches everything. path: the directory whose entries it is about; an absolute
 * pattern may say it again. -1 with CNT_INVALID. */
int	cnt_glob_make(struct cnt_glob *g, const char *pattern, const char *path,
	    struct cnt_err *e);
bool	cnt_glob_takes(const struct cnt_glob *g, const char *path, const char *name);
void	cnt_glob_free(struct cnt_glob *g);

#endif
