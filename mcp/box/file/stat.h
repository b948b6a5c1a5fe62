/* SPDX-License-Identifier: Apache-2.0
 *
 * What stat(2) tells of a file, in words; modes that arguments give.
 */
#ifndef CNT_MCP_BOX_FILE_STAT_H
#define CNT_MCP_BOX_FILE_STAT_H

#include <sys/stat.h>

#include "lib/err.h"

/* What kind of thing a mode is: "file", "directory", "symlink", "fifo" ... */
const char *cnt_mode_type(mode_t mode);

/* An argument `mode`: octal digits; NULL makes -1. */
int	 cnt_mode_parse(const char *s, long *mode, struct cnt_err *e);

/* Negative, 0 or positive: a is before b, the same moment, or after it. */
static inline int
cnt_time_order(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? (a.tv_sec < b.tv_sec ? -1 : 1) :
	    (a.tv_nsec > b.tv_nsec) - (a.tv_nsec < b.tv_nsec);
}

#endif
