/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of search_files share: search.c reads files, search-page.c writes the page.
 * Nobody else includes it.
 */
#ifndef CNT_MCP_BOX_SEARCH_SEARCH_OWN_H
#define CNT_MCP_BOX_SEARCH_SEARCH_OWN_H

#include "lib/verb.h"
#include "mcp/box/search/glob.h"
#include "mcp/box/search/lines.h"
#include "mcp/box/search/walk.h"

/* Where a page begins or ended. line 0: with the file's first; -1: behind the file. */
struct place {
	char	*path;
	int64_t	 line, size, mtime;
};

struct search {
	struct cnt_call		*call;
	struct cnt_pattern	 pattern;
	struct cnt_lines	 lines;
	struct cnt_glob		 glob;
	struct cnt_walk		 walk;
	const char		*prefix;
	int64_t			 limit, given, in_files, searched, binary, told;
	size_t			 budget, listed;
	struct place		 from, last;
	struct place		 now;		/* the file being read; path is borrowed */
	bool			 more, inexact, changed, gone;
	const char		*shown;		/* the file whose matches stand in the text last */
	cJSON			*matches, *match;
	struct cnt_buf		 before, after;
};

extern const struct cnt_field cnt_search_results[];

/* Of cnt_lines: one line of the page; NULL: is there to be another? */
bool	cnt_search_on_line(struct cnt_lines *l, const struct cnt_line *line);

/* A file has been read: what comes now is no context of its last match. */
void	cnt_search_end_match(struct search *s);

/* Where the page before ended; cursor may be NULL. */
int	cnt_search_read_cursor(struct search *s, const char *cursor);

/* Where this one ended; began: when (cnt_walk_clock). And its first lines. */
void	cnt_search_set_cursor(struct search *s, int64_t began);
void	cnt_search_state_facts(struct search *s, int64_t us);

#endif
