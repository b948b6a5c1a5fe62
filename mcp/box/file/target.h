/* SPDX-License-Identifier: Apache-2.0
 *
 * The file that a path means, links followed, and what shall stand there instead. Writing,
 * editing and copying share it: what they replace keeps mode, owner and extended attributes,
 * and is the old file or the new one, whole, at every moment.
 */
#ifndef CNT_MCP_BOX_FILE_TARGET_H
#define CNT_MCP_BOX_FILE_TARGET_H

#include "mcp/box/file/place.h"

struct cnt_target {
	char		*path, *name;	/* as cnt_wall_target makes them */
	int		 dir, old;	/* old: for reading; -1: there is none */
	struct stat	 st;		/* of old */
};

/* Finds the directory and opens what stands there: a regular file that may be written. To be
 * freed whatever is returned. */
int	cnt_target_open(struct cnt_target *t, const char *path, bool mkdirs, struct cnt_err *e);

/* The same, and locked, as it is when nobody else is changing it: what is made of its content, or
 * added to it, is not lost with a file that takes its place meanwhile. */
int	cnt_target_open_locked(struct cnt_target *t, const char *path, bool mkdirs,
	    struct cnt_err *e);

/* Keeps out others that lock it, until it is freed. CNT_BUSY after ten seconds. */
int	cnt_target_lock(const struct cnt_target *t, struct cnt_err *e);

/* Is it what if_match says: a sha256, "absent", or NULL for anything? Locks it for that. */
int	cnt_target_match(const struct cnt_target *t, const char *wanted, struct cnt_err *e);

/* Is the name still that of the file that was opened, and is that as it was? */
bool	cnt_target_unchanged(const struct cnt_target *t);
int	cnt_target_changed(const struct cnt_target *t, struct cnt_err *e);	/* the error */

/* The new content is in p, of cnt_place_open in t->dir: gives it what the old file had, or mode
 * unless -1, and the name. *now: its mode. p is dropped. */
int	cnt_target_replace(const struct cnt_target *t, struct cnt_place *p, long mode, mode_t *now,
	    struct cnt_err *e);

/* The same for bytes in memory. */
int	cnt_target_write(const struct cnt_target *t, const void *bytes, size_t n, long mode,
	    mode_t *now, struct cnt_err *e);

void	cnt_target_free(struct cnt_target *t);

#endif
