/* SPDX-License-Identifier: Apache-2.0
 *
 * Files by descriptor: nothing here follows a link out of the directory it was given.
 */
#ifndef CNT_FILE_H
#define CNT_FILE_H

#include <sys/types.h>

#include "lib/err.h"

/* openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: a link in the tree means what it would
 * mean with root_fd as `/`. It makes nothing. -1 and errno. O_CLOEXEC is added. */
int	cnt_file_open_in(int root_fd, const char *path, int flags);

/* Makes the directories of path below root_fd, missing ones with mode, uid and gid. */
int	cnt_file_mkdirs_in(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid,
	    struct cnt_err *e);

/* Writes a whole file below root_fd, replacing what stands there; owner and mode are set on the
 * descriptor before it has its name. */
int	cnt_file_write_in(int root_fd, const char *path, const void *bytes, size_t n, mode_t mode,
	    uid_t uid, gid_t gid, struct cnt_err *e);

/* Whole content of a host's file, at most max bytes; appended to b. */
int	cnt_file_read(const char *path, size_t max, struct cnt_buf *b, struct cnt_err *e);
int	cnt_file_read_in(int root_fd, const char *path, size_t max, struct cnt_buf *b,
	    struct cnt_err *e);

/* All of it, to whatever fd is; a signal does not end it. -1 and errno. */
int	cnt_file_write(int fd, const void *bytes, size_t n);

/* Writes text to an existing file of the kernel's (proc, sys, cgroup) in one write(2). -1 and
 * errno. */
int	cnt_file_put(const char *path, const char *text);

/* Reads the directory's entries from the first on; dir is left as it is. NULL and errno. */
DIR	*cnt_file_entries(int dir);

/* Removes the tree at an absolute path, staying on its file system and following nothing; that it
 * is gone is on the disk when this returns. Absent: 0. */
int	cnt_file_remove_tree(const char *path, struct cnt_err *e);

#endif
