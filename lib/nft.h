/* SPDX-License-Identifier: Apache-2.0
 *
 * The firewall of an instance: tables `inet TAG` (what is routed) and `bridge TAG` (what crosses the
 * bridge), rendered whole from the store and put into force by one nft(8) transaction.
 */
#ifndef CNT_NFT_H
#define CNT_NFT_H

#include "lib/box.h"
#include "lib/json.h"

/* nft's JSON for these boxes: with whole both tables in place of what stands there, else only what
 * a start adds to tables that have these very rules. Pure. Owned by the caller; NULL and e when a
 * slot has no place in the subnet. */
cJSON	*cnt_nft_render(const struct cnt_instance *i, const struct cnt_box *boxes, size_t n, bool whole,
	    struct cnt_err *e);

/* Puts it into force in one transaction: all of it or, on error, nothing. What is there already
 * is added to (1 ms); what is missing, another version's or asked for whole is replaced (16 ms). */
int	 cnt_nft_apply(const struct cnt_instance *i, const struct cnt_box *boxes, size_t n, bool whole,
	    struct cnt_err *e);

/* Are both tables there with these rules? -1 and CNT_NO when not. */
int	 cnt_nft_check(const struct cnt_instance *i, struct cnt_err *e);

/* The box's interface may send nothing any more. Absent: 0. 16 ms. */
int	 cnt_nft_forget(const struct cnt_instance *i, const struct cnt_box *b, struct cnt_err *e);

/* Deletes both tables; absent ones are no error. */
int	 cnt_nft_remove(const char *tag, struct cnt_err *e);

#endif
