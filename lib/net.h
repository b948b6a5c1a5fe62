/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes' network: one bridge, NAT, a resolver on the bridge's address, and the firewall tables
 * `inet TAG` (what is routed) and `bridge TAG` (what crosses the bridge), both rendered whole from
 * the store (lib/nft.h). The verb that needs a part makes it: nothing by hand after a reboot.
 */
#ifndef CNT_NET_H
#define CNT_NET_H

#include "lib/box.h"
#include "lib/nft.h"

/* Bridge, forwarding, tables and resolver are there afterwards, the boxes that run are on the
 * bridge, and the tables let the boxes of the store speak and no others. Serialized by a
 * lock of its own, with the store read inside. For after a row is added and after one is removed,
 * before any unshare(2): the resolver stays in the caller's namespaces. Not to be cancelled: it
 * takes back too. */
int	cnt_net_ensure(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e);

/* The same in two halves: the store is read and the firewall's change begun, then its end waited
 * for and the rest done. The lock is held in between; the wait for it may be cancelled. The
 * instance outlives it. */
struct cnt_net_change {
	const struct cnt_instance *instance;
	struct cnt_box		*boxes;
	struct cnt_nft_boxes	 b;
	struct cnt_run		 nft;
	int			*gone;
	int			 lock;		/* -1: nothing to end */
	bool			 whole;
};

#define CNT_NET_CHANGE	__attribute__((cleanup(cnt_net_drop)))

int	cnt_net_begin(struct cnt_store *s, const struct cnt_instance *i, struct cnt_net_change *c,
	    struct cnt_err *e);
int	cnt_net_end(struct cnt_net_change *c, struct cnt_err *e);

/* Of one that was begun and not ended: waits for nft, and leaves the rest to the next change. */
void	cnt_net_drop(struct cnt_net_change *c);

/* The same, with the tables replaced whole whatever stands there; for repair and upgrades. */
int	cnt_net_repair(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e);

/* Takes all of it away but forwarding, which others may rely on by now. Absent parts are no
 * error. */
int	cnt_net_remove(const struct cnt_instance *i, struct cnt_err *e);

/* Each part's state, for doctor. Changes nothing. Only while no box has an interface may the bridge
 * be absent. */
enum cnt_net_state { CNT_NET_OK, CNT_NET_WARN, CNT_NET_FAIL };

struct cnt_net_part {
	const char		*name;
	enum cnt_net_state	 state;
	char			 detail[1024];
	char			 remedy[512];	/* "" when well */
};

#define CNT_NET_PARTS 4

void	cnt_net_check(struct cnt_store *s, const struct cnt_instance *i,
	    struct cnt_net_part parts[CNT_NET_PARTS]);

#endif
