/* SPDX-License-Identifier: Apache-2.0
 *
 * Firewalls of others on this host (Docker, ufw, firewalld) that would drop what boxes send.
 */
#ifndef CNT_FOREIGN_H
#define CNT_FOREIGN_H

#include "lib/err.h"

/* A chain of another's at forward or input that drops by default, by its policy or by its last
 * rule, in a table that does not name the bridge: CNT_NO with the remedy as its hint. nftables and
 * iptables-nft; not legacy iptables. */
int	cnt_foreign_check(const char *tag, const char *bridge, struct cnt_err *e);

#endif
