/* SPDX-License-Identifier: Apache-2.0
 *
 * The box of a call, found and locked once for all verbs that change one.
 */
#include "lib/life.h"

#include "lib/recover.h"

void
cnt_life_end(struct cnt_life *l)
{
	if (l->lock != -1)
		close(l->lock);
}

int
cnt_life_begin_named(struct cnt_call *c, struct cnt_life *l, const char *name, int wait_ms)
{
	l->lock = -1;
	if (cnt_store_instance(c->store, &l->instance, c->err) == -1)
		return -1;
	cnt_progress(c, 0, 0, "waiting for the box");
	/* Looked up first, so that a name which is no box's leaves no lock file. */
	if (cnt_store_box_get(c->store, name, &l->box, c->err) == -1)
		return -1;
	if (wait_ms < 0 && l->box.state == CNT_READY)
		return 0;
	if (cnt_box_hold(c->store, name, wait_ms, &l->lock, &l->box, c->err) == -1)
		return -1;
	/* Who makes or deletes it holds the lock, so that this one is gone. */
	if (l->box.state != CNT_READY)
		return cnt_recover_box(c->store, &l->instance, name, c->err) == -1 ? -1 :
		    cnt_store_box_get(c->store, name, &l->box, c->err);
	if (wait_ms >= 0)
		return cnt_box_settle(l->instance.tag, name, c->err);
	close(take_fd(&l->lock));
	return 0;
}

int
cnt_life_begin(struct cnt_call *c, struct cnt_life *l, int wait_ms)
{
	return cnt_life_begin_named(c, l, cnt_json_str(c->in, "box"), wait_ms);
}

int
cnt_life_autostart(struct cnt_call *c, struct cnt_life *l, bool autostart)
{
	if (l->box.autostart == autostart)
		return 0;
	l->box.autostart = autostart;
	return cnt_store_box_autostart(c->store, l->box.name, autostart, c->err);
}

int
cnt_life_stop(struct cnt_call *c, struct cnt_life *l, bool autostart, bool *killed)
{
	const char *tag = l->instance.tag;
	struct cnt_box_end end = { 0 };
	struct cnt_err later = { 0 };
	bool before = false;
	int64_t until = 0;
	int r = 0;

	if (cnt_life_begin(c, l, CNT_LIFE_WAIT_MS) == -1)
		return -1;
	cnt_progress(c, 0, 0, "stopping");
	if (!cnt_json_bool(c->in, "force"))
		until = cnt_ticks_us() + (int64_t)(cnt_json_num(c->in, "timeout", 0) * 1e6);
	before = l->box.autostart;
	/* Not recorded while nothing is done but waited: KILL would leave it so. */
	if ((until != 0 && cnt_box_hears(tag, l->box.name, until, c->err) == -1) ||
	    cnt_life_autostart(c, l, autostart) == -1)
		return -1;
	r = cnt_box_stop(tag, l->box.name, until, &end, c->err);
	*killed = end.killed;
	if (!end.begun)
		(void)cnt_store_box_autostart(c->store, l->box.name, before, &later);
	return r;
}
