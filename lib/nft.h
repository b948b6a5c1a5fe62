/* SPDX-License-Identifier: Apache-2.0
 *
 * The firewall of an instance: tables `inet TAG` (what is routed) and `bridge TAG` (what crosses
 * the bridge), rendered whole from the store and put into force by one nft(8) transaction.
 */
#ifndef CNT_NFT_H
#define CNT_NFT_H

#include "lib/box.h"
#include "lib/json.h"
#include "lib/run.h"

/* Whose elements are to be there, and which slots' may still be and are not to. */
struct cnt_nft_boxes {
	const struct cnt_box	*boxes;
	size_t			 n;
	const int		*gone;
	size_t			 n_gone;
};

/* nft's JSON for these boxes: with whole both tables in place of what stands there, else only what
 * changes in tables that have these very rules. Pure. Owned by the caller; NULL and e when a slot
 * has no place in the subnet. */
cJSON	*cnt_nft_render(const struct cnt_instance *i, const struct cnt_nft_boxes *b, bool whole,
	    struct cnt_err *e);

/* Puts it into force in one transaction: all of it or, on error, nothing. Elements are added in
 * what nft takes to start; taking any away, and replacing what is missing, another version's or
 * asked for whole (by a zeroed r, not started), waits for the kernel's grace period too (16 ms). In
 * two halves: a process takes 5 to 8 ms, in which something else can be done. Each start must come
 * to its end. */
void	 cnt_nft_start(struct cnt_run *r, const struct cnt_instance *i,
	    const struct cnt_nft_boxes *b);
int	 cnt_nft_end(struct cnt_run *r, const struct cnt_instance *i,
	    const struct cnt_nft_boxes *b, struct cnt_err *e);

/* Are both tables there with these rules? -1 and CNT_NO when not. */
int	 cnt_nft_check(const struct cnt_instance *i, struct cnt_err *e);

/* Deletes both tables; absent ones are no error. */
int	 cnt_nft_remove(const char *tag, struct cnt_err *e);

#endif
