/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an instance keeps its things. CNT_ROOT=DIR moves every path below DIR, for tests and for a
 * second instance on one host.
 */
#ifndef CNT_PATHS_H
#define CNT_PATHS_H

#include "lib/err.h"

#define CNT_STATE	"/var/lib/cnt"
#define CNT_DB		CNT_STATE "/cnt.db"
#define CNT_IMAGES	CNT_STATE "/images"	/* 0700: an image may hold setuid programs */
#define CNT_BOXES	CNT_STATE "/boxes"	/* 0711: a box's root is nobody to the host */
#define CNT_RUN		"/run/cnt"
#define CNT_LOCKS	CNT_RUN "/lock"
#define CNT_CONF	"/etc/cnt/cnt.conf"
#define CNT_VERBS	"/etc/cnt/verbs.d"

/* CNT_ROOT or "". */
const char	*cnt_root(void);

/* A formatted absolute path, below CNT_ROOT; malloc'd. */
char	*cnt_path(const char *fmt, ...) CNT_PRINTF(1, 2);

/* A path relative to the directory that the running program lies in: a build's or an installation's
 * parts find each other so. malloc'd. */
char	*cnt_path_beside(const char *relative);

/* Makes the directories above, with their modes and root's. CNT_ROOT must be absolute, root's, not
 * writable by others, and searchable by others all the way up: else CNT_INVALID with the reason. */
int	 cnt_paths_make(struct cnt_err *e);

#endif
