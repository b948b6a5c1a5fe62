/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of one file that hold a pattern, read piece by piece.
 */
#ifndef CNT_MCP_BOX_SEARCH_LINES_H
#define CNT_MCP_BOX_SEARCH_LINES_H

#include "mcp/box/search/pattern.h"

struct cnt_line {
	int64_t		 number;	/* from 1 */
	const char	*text;		/* without its end; not NUL-terminated */
	size_t		 n;
	size_t		 from, to;	/* what matches in it; a context line has none */
	bool		 match, gap;	/* gap: lines were left out before it */
};

struct cnt_lines {
	struct cnt_pattern	*pattern;
	int			 context;
	int64_t			 skip;	/* matches up to this line are not given */
	/* Called for matches and the context around them, in order. false ends the file; asked
	 * before a match is given, with no line: is one more wanted? */
	bool			(*line)(struct cnt_lines *l, const struct cnt_line *line);
	void			*arg;
	/* The pattern's time was over: `number` is the line that is next. */
	bool			 late;

	/* Its own, kept from file to file. */
	char			*buf;
	size_t			 cap, n, from;	/* from: where the search goes on */
	size_t			 counted;	/* offset of the line that is `number` */
	ptrdiff_t		 given;		/* up to which lines have been given */
	int64_t			 number;
	int			 pending;	/* context lines after the last match to come */
	bool			 any;
};

enum cnt_lines_kind { CNT_LINES_TEXT, CNT_LINES_BINARY, CNT_LINES_FAILED };

/* Reads the file of a descriptor, size being what fstat(2) says, or 0. Binary is what has a NUL
 * in its first 8 KiB. */
enum cnt_lines_kind	cnt_lines_read(struct cnt_lines *l, int fd, int64_t size);
void	cnt_lines_free(struct cnt_lines *l);

#endif
