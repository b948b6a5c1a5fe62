/* SPDX-License-Identifier: Apache-2.0
 *
 * Root's line in /etc/subuid and /etc/subgid (subuid(5)), without which liblxc refuses an id map.
 * Other lines stay as they are, byte for byte.
 */
#ifndef CNT_SUBID_H
#define CNT_SUBID_H

#include "lib/err.h"

#define CNT_SUBID_FIRST	1879048192U	/* systemd's uid table: unused from here … */
#define CNT_SUBID_LAST	2147352575U	/* … to here */

/* Both files of the directory etc, locked as shadow-utils lock them. */
struct cnt_subid {
	char	*files[2];
	char	*locks[2];		/* held, or NULL */
};

/* Waits up to 5 s for another holder, then CNT_BUSY. What a killed one left beside them goes. */
int	cnt_subid_begin(struct cnt_subid *s, const char *etc, struct cnt_err *e);
void	cnt_subid_end(struct cnt_subid *s);
#define CNT_SUBID	__attribute__((cleanup(cnt_subid_end)))

/* The first range of count ids, at a multiple of 65536, that no line of either file overlaps. */
int	cnt_subid_choose(const struct cnt_subid *s, uint32_t count, uint32_t *base,
	    struct cnt_err *e);

/* Does any line but root:BASE:COUNT overlap the range? 1, 0, or -1. */
int	cnt_subid_taken(const struct cnt_subid *s, uint32_t base, uint32_t count,
	    struct cnt_err *e);

/* root:BASE:COUNT is in both files, or in neither, afterwards. Returns how many were changed. */
int	cnt_subid_set(const struct cnt_subid *s, uint32_t base, uint32_t count, bool present,
	    struct cnt_err *e);

#endif
