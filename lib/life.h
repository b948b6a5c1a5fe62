/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs of a box's life share: the box by its name, under its lock, with the instance it
 * belongs to.
 */
#ifndef CNT_LIFE_H
#define CNT_LIFE_H

#include "lib/box.h"
#include "lib/verb.h"

#define CNT_LIFE_WAIT_MS	10000	/* for another verb that is at work on the box */

struct cnt_life {
	struct cnt_instance	instance;
	struct cnt_box		box;
	int			lock;		/* -1: not locked */
};

void	cnt_life_end(struct cnt_life *l);
#define CNT_LIFE	__attribute__((cleanup(cnt_life_end)))

/* The box that the call names. wait_ms >= 0: locked, waiting so long for another verb that holds
 * it. One that a dead process was making or deleting is removed first, and is none. */
int	cnt_life_begin(struct cnt_call *c, struct cnt_life *l, int wait_ms);

/* The same for a box by its name. */
int	cnt_life_begin_named(struct cnt_call *c, struct cnt_life *l, const char *name, int wait_ms);

/* Records whether the box is to run, unless that is what the store says. */
int	cnt_life_autostart(struct cnt_call *c, struct cnt_life *l, bool autostart);

/* Begins and stops it, by the call's `force` and `timeout`; killed: see cnt_box_stop. autostart: is
 * it to be started again? Recorded first, and taken back only when its end has not begun. */
int	cnt_life_stop(struct cnt_call *c, struct cnt_life *l, bool autostart, bool *killed);

/* lib/life-start.c: network and start; the box's members into c->out. Recorded first that it is to
 * run, and taken back when the start is cancelled. */
int	cnt_life_start(struct cnt_call *c, struct cnt_life *l);

#endif
