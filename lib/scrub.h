/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes an image of what an archive held: checks that it can be one, and takes out what no two
 * boxes may share.
 */
#ifndef CNT_SCRUB_H
#define CNT_SCRUB_H

#include "lib/err.h"

/* rootfs: the tree's path; nobody else may change it meanwhile. No system's root: CNT_INVALID. */
int	cnt_scrub(const char *rootfs, struct cnt_err *e);

#endif
