/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes' network: one bridge, NAT, a resolver on the bridge's address, and the firewall tables
 * `inet TAG` (what is routed) and `bridge TAG` (what crosses the bridge), both rendered whole from
 * the store. The verb that needs a part makes it: nothing by hand after a reboot.
 */
#ifndef CNT_NET_H
#define CNT_NET_H

#include "lib/box.h"

/* The whole ruleset for these boxes as nft's JSON, one transaction. Pure. Owned by the caller. */
cJSON	*cnt_net_render(const struct cnt_instance *i, const struct cnt_box *boxes, size_t n);

/* Bridge, forwarding, tables and resolver are there afterwards. Serialized by a lock of its own. */
int	cnt_net_ensure(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e);

/* Takes them away again; absent parts are no error. */
int	cnt_net_remove(const struct cnt_instance *i, struct cnt_err *e);

/* Each part's state for doctor: NULL when well, else what is wrong (static or malloc'd text). */
int	cnt_net_check(const struct cnt_instance *i, struct cnt_err *e);

#endif
