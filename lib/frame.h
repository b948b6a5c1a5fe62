/* SPDX-License-Identifier: Apache-2.0
 *
 * The one frame around every verb: the command line and --mcp go through it alike. A verb cannot
 * skip scope or audit: it never sees them.
 */
#ifndef CNT_FRAME_H
#define CNT_FRAME_H

#include "lib/verb.h"

/* Everything between checked arguments (c->in) and a checked result: finds the caller, authorizes,
 * opens the store and mends it where the verb needs one, records, runs, checks the result. c has
 * verb, in, out, err and progress; store and caller are the frame's. 0, or -1 with c->err made. */
int	cnt_frame_run(struct cnt_call *c);

/* For a verb that has opened the store itself: work between the intent and the outcome of c, which
 * has store and caller. 0, or -1 with c->err made. */
int	cnt_frame_record(struct cnt_call *c, int (*work)(struct cnt_call *c));

#endif
