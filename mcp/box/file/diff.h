/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between two texts, as patch(1) takes it.
 */
#ifndef CNT_MCP_BOX_FILE_DIFF_H
#define CNT_MCP_BOX_FILE_DIFF_H

#include "lib/base.h"

struct cnt_text {
	const char	*p;
	size_t		 n;
};

/* Appends a unified diff, at most about `max` bytes: whole hunks where one fits, and then a last
 * line that says how many are shown. Nothing when they are equal. name stands in both headers. Time
 * and memory are linear in the texts: where they differ too much to look for the shortest way, a
 * hunk is longer than it had to be. */
void	cnt_diff(struct cnt_buf *to, const char *name, struct cnt_text a, struct cnt_text b,
	    size_t max);

#endif
