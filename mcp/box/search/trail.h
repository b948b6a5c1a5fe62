/* SPDX-License-Identifier: Apache-2.0
 *
 * A log and what it was before it was rotated, as one text that is read on from a cursor.
 */
#ifndef CNT_MCP_BOX_SEARCH_TRAIL_H
#define CNT_MCP_BOX_SEARCH_TRAIL_H

#include <sys/stat.h>

#include "lib/base.h"
#include "lib/err.h"

/* Where reading stopped: a file, a byte of it, and a check of the bytes before that. Where there
 * are none it is the time when the file was written last, in nanoseconds. */
struct cnt_mark {
	ino_t		inode;
	int64_t		offset;
	uint64_t	check;
};

/* "inode:offset:check". parse: false when it is none. */
char	*cnt_mark_text(const struct cnt_mark *m);
bool	 cnt_mark_parse(const char *s, struct cnt_mark *m);

#define CNT_TRAIL_MAX	64

struct cnt_trail {
	const char	*path;
	int		 fd[CNT_TRAIL_MAX];	/* oldest first */
	size_t		 n, at;			/* at: the one that is read */
	int64_t		 offset;		/* in it */
	uint64_t	 check;			/* of the bytes before that, as in a mark */
	bool		 current;		/* the last one is the log itself */
	bool		 rotated;		/* since the mark */
	bool		 more;			/* reading ended before the next file */
	bool		 lost;			/* what followed the mark is not there any more */
	char		*packed;		/* the compressed file that may hold it, or NULL */
};

/* Opens the log, and from the mark on (NULL: at its last `last` bytes) what was written since,
 * in files beside it too. -1 when there is nothing to read, -1 again for what is no regular
 * file. */
int	cnt_trail_open(struct cnt_trail *t, const char *path, const struct cnt_mark *m,
	    int64_t last, struct cnt_err *e);

/* Appends at most n bytes. 0: at the end for now. -1 and errno. */
ssize_t	cnt_trail_read(struct cnt_trail *t, struct cnt_buf *b, size_t n);

/* At the end: has the log been rotated meanwhile? Then what there is to read is opened. */
int	cnt_trail_again(struct cnt_trail *t, struct cnt_err *e);

void	cnt_trail_mark(const struct cnt_trail *t, struct cnt_mark *m);
void	cnt_trail_close(struct cnt_trail *t);

#endif
