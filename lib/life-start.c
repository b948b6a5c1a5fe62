/* SPDX-License-Identifier: Apache-2.0
 *
 * The start of the box of a call, apart from lib/life.c: only what starts boxes links liblxc.
 */
#include "lib/life.h"

#include "lib/net.h"
#include "lib/report.h"

int
cnt_life_start(struct cnt_call *c, struct cnt_life *l)
{
	CNT_NET_CHANGE struct cnt_net_change net = { .lock = -1 };
	bool before = l->box.autostart;
	int running = cnt_box_runs(l->instance.tag, l->box.name, c->err);
	struct cnt_err later = { 0 };

	cnt_progress(c, 0, 0, "starting");
	/* What an earlier run left may take long to go: not while others wait for the network. */
	if (running != -1 && cnt_life_autostart(c, l, true) == 0 && (running == 1 ||
	    cnt_box_stop(l->instance.tag, l->box.name, 0, NULL, c->err) == 0) &&
	    cnt_net_begin(c->store, &l->instance, &net, c->err) == 0 &&
	    cnt_box_start(&l->instance, &l->box, &net, c->err) == 0)
		return cnt_report(&l->instance, &l->box, c->out, c->err);
	if (c->err->code == CNT_CANCELLED && !before)
		(void)cnt_store_box_autostart(c->store, l->box.name, false, &later);
	return -1;
}
