/* SPDX-License-Identifier: Apache-2.0
 *
 * A session: a leaf of the box's cgroup in the v2 hierarchy, which the box's root cannot leave,
 * named for the process that owns it so that a left-over one is known by its dead owner. In v1
 * hierarchies a session is in TAG/NAME itself, where the limits are.
 */
#ifndef CNT_LEAF_H
#define CNT_LEAF_H

#include <sys/types.h>

#include "lib/err.h"

struct cnt_leaf {
	char	box[64];	/* "TAG/NAME" */
	char	path[128];	/* "TAG/NAME/s-PID-STARTTIME-N" */
	int	v2_fd;		/* for CLONE_INTO_CGROUP; -1 when there is no leaf */
	pid_t	guard;		/* a child: sweeps when this process is killed */
};

/* For the calling process, until it ends or keeps it. The box's cgroup is missing: CNT_NO. */
int	cnt_leaf_make(const char *tag, const char *box, struct cnt_leaf *leaf, struct cnt_err *e);
/* The calling, single-threaded process joins TAG/NAME in every v1 hierarchy by `tasks`. */
int	cnt_leaf_join(const struct cnt_leaf *leaf, struct cnt_err *e);
/* HUP, TERM, and after grace_ms KILL until it is empty; then removes it. Several calls are one. */
int	cnt_leaf_end(struct cnt_leaf *leaf, int grace_ms, struct cnt_err *e);
/* What is left in it may stay: removed now when empty, else by a later sweep. */
void	cnt_leaf_keep(struct cnt_leaf *leaf);
/* Kills and removes leaves of this box whose owner is gone, of kept ones those that are empty. */
void	cnt_leaf_sweep(const char *tag, const char *box);

#endif
