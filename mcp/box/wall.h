/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall around files. Paths are absolute or relative to the user's home; all are resolved by the
 * kernel below one descriptor, AGENTBOX_ROOT or `/`.
 */
#ifndef CNT_MCP_BOX_WALL_H
#define CNT_MCP_BOX_WALL_H

#include <sys/stat.h>

#include "lib/err.h"

/* Opens the root; CNT_UNAVAILABLE when it cannot be. Must come first. */
int	 cnt_wall_init(struct cnt_err *e);

/* The path as results show it: absolute. The caller frees. */
char	*cnt_wall_path(const char *path);

/* openat2(2) below the root of what is there. -1 and errno; EXDEV: the path leaves the root.
 * O_CLOEXEC is added. */
int	 cnt_wall_open(const char *path, int flags);

/* Opens a regular file for reading without ever waiting: FIFOs, sockets and devices are refused. */
int	 cnt_wall_regular(const char *path, struct stat *st, struct cnt_err *e);

/* Descriptor (O_PATH) of the directory that path's last part stands in; *name is that part, the
 * caller frees it. mkdirs makes missing directories. */
int	 cnt_wall_parent(const char *path, bool mkdirs, char **name, struct cnt_err *e);

/* A path that ends in a slash is refused: what is written, moved or deleted there is no
 * directory. */
int	 cnt_wall_no_slash(const char *path, struct cnt_err *e);

/* The same for the file that path means when links are followed; *path is replaced by that file's
 * path (as cnt_wall_path). The file itself may be missing. */
int	 cnt_wall_target(char **path, bool mkdirs, char **name, struct cnt_err *e);

/* wall-error.c: makes the error for errno on path; where there is nothing the hint names the
 * nearest existing directory and what is named alike in it. Returns -1. */
int	 cnt_wall_fail(struct cnt_err *e, const char *path);

/* The hint for ENOSPC, EDQUOT and EFBIG. Returns -1. */
int	 cnt_wall_hint_full(struct cnt_err *e, int error);

#endif
