/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two processes of an entry share: entrant.c, the helper, and entrant-inside.c, its child.
 * Nobody else includes it.
 */
#ifndef CNT_ENTRANT_OWN_H
#define CNT_ENTRANT_OWN_H

#include "lib/entrant.h"

/* Where everything stands that the helper keeps; all else is closed. */
enum { FD_REPORT = 3, FD_MEMFD, FD_PIDFD, FD_PROC, FD_END };

/* To cnt_enter, with a descriptor unless that is -1. Ends the process when nobody listens. */
void	cnt_entrant_tell(const struct cnt_report *r, int fd);
CNT_NORETURN void	cnt_entrant_give_up(const struct cnt_err *e);

/* The child, to its exec. label: of AppArmor, or NULL. */
CNT_NORETURN void	cnt_entrant_inside(const struct cnt_entrant *x, const char *label);

#endif
