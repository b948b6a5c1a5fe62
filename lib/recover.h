/* SPDX-License-Identifier: Apache-2.0
 *
 * Finishes what killed verbs left half done. Every verb calls cnt_recover first.
 */
#ifndef CNT_RECOVER_H
#define CNT_RECOVER_H

#include "lib/box.h"

/* Boxes and images that are not READY and in nobody's hands are removed with all they have; open
 * intents of processes that are gone get the outcome "interrupted", once what they left of a start
 * or a session in their box is ended; a box that was to be restarted and is down is started. One
 * query when there is nothing to do. What another verb is busy with is left to it. 0, -1, or 1 with
 * the error when the database cannot be written to now, which does not matter to who only reads. */
int	cnt_recover(struct cnt_store *s, struct cnt_err *e);

/* The same, and what verbs that failed have left without an open intent; what a set-up does is done
 * again: the lines of the id range, the network, the service. 0, or -1 when something could not be
 * finished, after all else. */
int	cnt_recover_all(struct cnt_store *s, struct cnt_err *e);

/* Removes a box that is not READY and whose lock the caller holds: its maker or deleter is gone. */
int	cnt_recover_box(struct cnt_store *s, const struct cnt_instance *i, const char *name,
	    struct cnt_err *e);

/* Adds the names of the boxes, with ", " between them, whose files are there and whose row is not:
 * the database is older than they are. */
void	cnt_recover_unknown(struct cnt_store *s, struct cnt_buf *unknown);

#endif
