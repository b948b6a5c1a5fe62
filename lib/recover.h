/* SPDX-License-Identifier: Apache-2.0
 *
 * Finishes what killed verbs left half done. Every verb calls it first.
 */
#ifndef CNT_RECOVER_H
#define CNT_RECOVER_H

#include "lib/store.h"

/* Boxes and images that are not READY and in nobody's hands are removed with all they have; open
 * intents of processes that are gone get the outcome "interrupted", once what they left of a start
 * or a session in their box is ended. One query when there is nothing to do. What another verb is
 * busy with is left to it. 0, -1, or 1 with the error when the database cannot be written to now,
 * which does not matter to who only reads. */
int	cnt_recover(struct cnt_store *s, struct cnt_err *e);

/* What no open intent tells of, left by a verb that failed and could not undo all: control groups
 * of boxes that do not run, lock files of no box. */
void	cnt_recover_rest(struct cnt_store *s);

#endif
