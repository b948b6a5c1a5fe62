/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge of an instance and the settings of the kernel's that routing for it needs.
 */
#ifndef CNT_BRIDGE_H
#define CNT_BRIDGE_H

#include "lib/err.h"

struct cnt_bridge {
	const char	*name;
	uint32_t	 address;	/* host byte order */
	unsigned	 prefix;
};

/* The MTU of the host's way out, which is not the bridge itself: what it and the boxes have. */
int	cnt_bridge_mtu(const char *bridge);

/* 0 when all is as it must be, without starting or changing anything. Else -1: CNT_NOTFOUND when
 * there is no such interface, CNT_EXISTS when it is no bridge, CNT_NO and what is wrong. */
int	cnt_bridge_check(const struct cnt_bridge *b, struct cnt_err *e);

/* Makes it so. An interface of that name that is no bridge is left alone: CNT_EXISTS. */
int	cnt_bridge_ensure(const struct cnt_bridge *b, struct cnt_err *e);

/* Is there an interface port that is down or no port of the bridge's? */
bool	cnt_bridge_lacks(const char *bridge, const char *port);

/* Makes it one. Taken from another bridge if need be; gone meanwhile: 0. */
int	cnt_bridge_join(const char *bridge, const char *port, struct cnt_err *e);

/* Absent: 0. Forwarding stays on: others may rely on it by now. */
int	cnt_bridge_remove(const char *name, struct cnt_err *e);

#endif
