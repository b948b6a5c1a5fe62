/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration that liblxc gets for a box: our own, without the distribution's includes.
 */
#ifndef CNT_LXC_H
#define CNT_LXC_H

#include "lib/box.h"

/* What of it depends on the host. */
struct cnt_lxc_host {
	const char	*dir;		/* boxes/NAME */
	bool		 v2;		/* cgroup v2 alone */
	bool		 apparmor;
	unsigned	 mtu;		/* of the way out */
};

/* lxc.container.conf(5), appended to c. Pure. */
void	cnt_lxc_config(const struct cnt_box *b, const char *tag, const struct cnt_slot *p,
	    const struct cnt_lxc_host *h, struct cnt_buf *c);

#endif
