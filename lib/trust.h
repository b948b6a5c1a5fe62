/* SPDX-License-Identifier: Apache-2.0
 *
 * May a file decide what root runs? Only when nobody but root can change it, or which file its name
 * means.
 */
#ifndef CNT_TRUST_H
#define CNT_TRUST_H

#include "lib/err.h"

/* An absolute path to a regular file that can be executed. It, every directory on the way from /
 * and every link on the way must be root's, and none of them writable by group or others; a
 * directory with the sticky bit, such as /tmp, may stand on the way but not hold the file.
 * CNT_NOTFOUND: there is none; CNT_DENIED: names what is not so. Nobody but root can change that
 * afterwards. */
int	cnt_trust_file(const char *path, struct cnt_err *e);

#endif
