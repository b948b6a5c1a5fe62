/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree below one directory in an order that does not depend on the file system: by name, what
 * is in a directory after itself. Nothing is followed, and nothing opened, but by one name below
 * a descriptor.
 */
#ifndef CNT_MCP_BOX_SEARCH_WALK_H
#define CNT_MCP_BOX_SEARCH_WALK_H

#include "mcp/box/search/gitignore.h"
#include "lib/verb.h"

struct cnt_found {
	const char	*path;		/* below the directory */
	const char	*name;		/* its last part */
	int		 dir;		/* where that stands */
	unsigned char	 type;		/* DT_... */
};

#define CNT_WALK_US	30000000		/* after this a page of an answer ends */

/* Who asks for no more paths than is usual is given so many bytes of them, in both of an answer's
 * forms together. */
#define CNT_PAGE_USUAL	1000
#define CNT_PAGE_BYTES	((size_t)2 * 20000)

#define CNT_SAID_MAX	5

/* The first CNT_SAID_MAX paths that something is to be said about, and how many there were. */
struct cnt_said {
	char	*path[CNT_SAID_MAX];
	int64_t	 n;
};
void	cnt_said_add(struct cnt_said *s, const char *path);
/* Adds a line with them, or nothing. */
void	cnt_said_text(const struct cnt_said *s, const char *what, struct cnt_buf *to);
void	cnt_said_free(struct cnt_said *s);

struct cnt_walk {
	/* gitignore: leave out .git and what gitignore(5) says. */
	bool		 gitignore;
	const char	*after;		/* NULL, or begin behind this path; again: with it */
	bool		 again;
	int64_t		 since;		/* when what came before was given (cnt_walk_clock) */
	int64_t		 until;		/* of cnt_ticks_us */
	/* Called for each entry, "." and ".." left out. false ends the walk. */
	bool		(*visit)(struct cnt_walk *w, const struct cnt_found *f);
	void		*arg;

	/* What came of it. */
	bool		 late;		/* the time was over */
	struct cnt_buf	 last;		/* the path visited last */
	struct cnt_said	 changed;	/* directories before `after` that changed since `since` */
	/* Not looked at: unreadable, another file system of the kernel's, too deep or too large. */
	struct cnt_said	 skipped;

	/* Its own. */
	struct cnt_buf	 path;		/* below the repository's root */
	size_t		 prefix;	/* of it: what is above the walk's own root */
	unsigned	 looked;
	bool		 done;
};

/* dir is borrowed; path is its name to the wall, for .gitignore files above it. */
void	cnt_walk(struct cnt_walk *w, int dir, const char *path);
void	cnt_walk_free(struct cnt_walk *w);

/* A line for each thing that the caller should know of: `late`, `changed`, `skipped`. */
void	cnt_walk_note(const struct cnt_walk *w, struct cnt_buf *to);

/* What stands before a found path to make it one that every tool takes: as `path` was written,
 * with a slash, or nothing for ".". The caller frees. */
char	*cnt_walk_prefix(const char *path);

/* The order in which paths come: `/` before every other byte. */
int	cnt_walk_order(const char *a, const char *b);

/* Nanoseconds since 1970 by the clock that stamps files. */
int64_t	cnt_walk_clock(void);

/* outer.c: the patterns that the repository around the directory has above it, NULL where there
 * are none or they ignore the directory itself. *prefix becomes the directory's path below the
 * repository's root, with a slash behind it where it is not empty. */
struct cnt_ignore	*cnt_ignore_outer(int dir, const char *path, struct cnt_buf *prefix);

/* outer.c: the patterns of the file `name` in dir, where there is one. Returns them, or up. */
struct cnt_ignore	*cnt_ignore_read(struct cnt_ignore *up, int dir, const char *name,
			    size_t base);

/* outer.c: those of the user for all repositories, and of the repository whose root dir is for all
 * its directories; NULL where there are none. */
struct cnt_ignore	*cnt_ignore_repository(int dir, size_t base);

#endif
