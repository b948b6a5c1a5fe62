/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings the parts of the network together, in the order in which they protect: firewall before
 * bridge, bridge before resolver.
 */
#include "lib/net.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>

#include "lib/bridge.h"
#include "lib/cancel.h"
#include "lib/fault.h"
#include "lib/foreign.h"
#include "lib/nft.h"
#include "lib/paths.h"
#include "lib/resolver.h"

#define REPAIR "run `cnt doctor --repair`"

/* Held by whoever changes the network: what the store says last wins. The file has a byte for each
 * slot, not 0 when the firewall may know it: set before it is told, cleared after it has forgotten,
 * so that a kill in between costs a change too many and never one too few. Only who has done
 * nothing yet may be cancelled as he waits. */
static int
lock_net(int *fd, bool may_cancel, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS "/.net");

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1 && errno == ENOENT) {	/* /run is empty after a reboot */
		if (cnt_paths_make(e) == -1)
			return -1;
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (*fd == -1)
		return cnt_fail_sys(e, "%s", path);
	while (flock(*fd, may_cancel ? LOCK_EX | LOCK_NB : LOCK_EX) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cnt_fail_sys(e, "%s", path);
		if (may_cancel && cnt_cancel_check(e) == -1)
			return -1;
		poll(NULL, 0, 1);
	}
	return 0;
}

static int
mark_slot(int fd, int slot, char known, struct cnt_err *e)
{
	return pwrite(fd, &known, 1, slot) == 1 ? 0 : cnt_fail_sys(e, CNT_LOCKS "/.net");
}

/* The slots that the file knows and the store does not; marks those of the store. A slot without a
 * place is of an older subnet, whose tables are replaced whole. */
static int
find_gone(int fd, const struct cnt_instance *i, const struct cnt_nft_boxes *b, int **gone,
    size_t *n, struct cnt_err *e)
{
	struct cnt_err ignored = { 0 };
	struct cnt_slot p;
	char known[UINT16_MAX + 1] = { 0 };
	ssize_t size = pread(fd, known, sizeof(known), 0);

	if (size == -1)
		return cnt_fail_sys(e, CNT_LOCKS "/.net");
	*gone = cnt_alloc((size_t)(size + 1) * sizeof(**gone));
	for (size_t k = 0; k < b->n; k++) {
		if (b->boxes[k].slot < size && known[b->boxes[k].slot] != 0)
			known[b->boxes[k].slot] = 0;
		else if (mark_slot(fd, b->boxes[k].slot, 1, e) == -1)
			return -1;
	}
	for (int slot = 0; slot < size; slot++)
		if (known[slot] != 0 && cnt_box_slot(i, slot, &p, &ignored) == 0)
			(*gone)[(*n)++] = slot;
	return 0;
}

static struct cnt_bridge
bridge_of(const struct cnt_instance *i, const struct cnt_slot *p)
{
	return (struct cnt_bridge){ p->bridge, i->subnet + 1, i->prefix };
}

/* A box whose interface is not on the bridge, and that no verb is at work on, since a start puts it
 * there itself: the lock is the caller's then. */
static bool
is_cut_off(const struct cnt_instance *i, const struct cnt_box *b, struct cnt_slot *p, int *lock)
{
	struct cnt_err ignored;

	return cnt_box_slot(i, b->slot, p, &ignored) == 0 &&
	    cnt_bridge_lacks(p->bridge, p->veth) &&
	    cnt_box_lock(b->name, 0, lock, &ignored) == 0 && cnt_bridge_lacks(p->bridge, p->veth);
}

/* A bridge that was taken away has left its ports behind. All are tried whatever one says. */
static int
join(const struct cnt_instance *i, const struct cnt_box *boxes, size_t n, struct cnt_err *e)
{
	int r = 0;

	for (size_t k = 0; k < n; k++) {
		CNT_CLOSE int lock = -1;
		struct cnt_slot p;

		if (is_cut_off(i, &boxes[k], &p, &lock) &&
		    cnt_bridge_join(p.bridge, p.veth, e) == -1)
			r = -1;
	}
	return r;
}

static int
begin(struct cnt_store *s, struct cnt_net_change *c, bool may_cancel, struct cnt_err *e)
{
	if (lock_net(&c->lock, may_cancel, e) == -1 ||
	    cnt_store_boxes(s, &c->boxes, &c->b.n, e) == -1)
		return -1;
	c->b.boxes = c->boxes;
	if (find_gone(c->lock, c->instance, &c->b, &c->gone, &c->b.n_gone, e) == -1)
		return -1;
	c->b.gone = c->gone;
	if (CNT_STEP("the slots that the firewall may know are marked", e) == -1)
		return -1;
	if (!c->whole)
		cnt_nft_start(&c->nft, c->instance, &c->b);
	return 0;
}

static int
end_firewall(struct cnt_net_change *c, struct cnt_err *e)
{
	if (cnt_nft_end(&c->nft, c->instance, &c->b, e) == -1 ||
	    CNT_STEP("the firewall has its rules", e) == -1)
		return -1;
	for (size_t k = 0; k < c->b.n_gone; k++)
		if (mark_slot(c->lock, c->gone[k], 0, e) == -1)
			return -1;
	return 0;
}

static int
end(struct cnt_net_change *c, struct cnt_err *e)
{
	struct cnt_err of_another = { 0 };
	struct cnt_bridge b;
	struct cnt_slot p;

	if (end_firewall(c, e) == -1 || cnt_box_slot(c->instance, 0, &p, e) == -1)
		return -1;
	b = bridge_of(c->instance, &p);
	if (cnt_bridge_ensure(&b, e) == -1 || CNT_STEP("the bridge is up", e) == -1)
		return -1;
	/* The port that one box lacks is not to keep others from starting. */
	if (join(c->instance, c->boxes, c->b.n, c->whole ? e : &of_another) == -1 && c->whole)
		return -1;
	if (cnt_resolver_ensure(c->instance->tag, p.gateway, e) == -1)
		return -1;
	return CNT_STEP("the resolver runs", e);
}

/* Unlocked by name: children that were forked meanwhile hold the descriptor. */
void
cnt_net_drop(struct cnt_net_change *c)
{
	struct cnt_err ignored;

	if (c->nft.pid > 0)
		(void)cnt_run_end(&c->nft, NULL, &ignored);
	if (c->lock != -1) {
		flock(c->lock, LOCK_UN);
		close(c->lock);
	}
	free(c->gone);
	free(c->boxes);
	*c = (struct cnt_net_change){ .lock = -1 };
}

int
cnt_net_begin(struct cnt_store *s, const struct cnt_instance *i, struct cnt_net_change *c,
    struct cnt_err *e)
{
	*c = (struct cnt_net_change){ .instance = i, .lock = -1 };
	return begin(s, c, true, e);
}

int
cnt_net_end(struct cnt_net_change *c, struct cnt_err *e)
{
	int r = end(c, e);

	cnt_net_drop(c);
	return r;
}

static int
bring_up(struct cnt_store *s, const struct cnt_instance *i, bool whole, struct cnt_err *e)
{
	CNT_NET_CHANGE struct cnt_net_change c = { .instance = i, .lock = -1, .whole = whole };

	return begin(s, &c, false, e) == -1 ? -1 : cnt_net_end(&c, e);
}

int
cnt_net_ensure(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e)
{
	return bring_up(s, i, false, e);
}

int
cnt_net_repair(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e)
{
	return bring_up(s, i, true, e);
}

int
cnt_net_remove(const struct cnt_instance *i, struct cnt_err *e)
{
	CNT_CLOSE int lock = -1;
	struct cnt_slot p;

	if (cnt_box_slot(i, 0, &p, e) == -1 || lock_net(&lock, false, e) == -1 ||
	    cnt_resolver_stop(i->tag, e) == -1 || cnt_bridge_remove(p.bridge, e) == -1)
		return -1;
	if (cnt_nft_remove(i->tag, e) == -1)
		return -1;
	return ftruncate(lock, 0) == 0 ? 0 : cnt_fail_sys(e, CNT_LOCKS "/.net");
}

static struct cnt_net_part
part(const char *name, int r, const char *well, const struct cnt_err *e, const char *remedy)
{
	struct cnt_net_part x = { .name = name, .state = r == 0 ? CNT_NET_OK : CNT_NET_FAIL };

	snprintf(x.detail, sizeof(x.detail), "%s", r == 0 ? well : e->text);
	if (r != 0)
		snprintf(x.remedy, sizeof(x.remedy), "%s", *e->hint != '\0' ? e->hint : remedy);
	return x;
}

/* Of the boxes' interfaces: how many there are, and whether all are on the bridge. */
static int
check_ports(struct cnt_store *s, const struct cnt_instance *i, size_t *ports, struct cnt_err *e)
{
	CNT_FREE struct cnt_box *boxes = NULL;
	size_t n = 0;

	*ports = 0;
	if (cnt_store_boxes(s, &boxes, &n, e) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		CNT_CLOSE int lock = -1;
		struct cnt_err ignored;
		struct cnt_slot p;

		if (cnt_box_slot(i, boxes[k].slot, &p, &ignored) == 0)
			*ports += if_nametoindex(p.veth) != 0;
		if (is_cut_off(i, &boxes[k], &p, &lock))
			return cnt_fail(e, CNT_NO, "%s: box %s is not on it", p.bridge,
			    boxes[k].name);
	}
	return 0;
}

void
cnt_net_check(struct cnt_store *s, const struct cnt_instance *i,
    struct cnt_net_part parts[CNT_NET_PARTS])
{
	static const char *const names[] = { "bridge", "firewall", "resolver", "forwarding" };
	struct cnt_err e = { 0 };
	struct cnt_slot p = { 0 };
	struct cnt_err of_ports = { 0 };
	struct cnt_bridge b;
	size_t ports = 0;
	int r = cnt_box_slot(i, 0, &p, &e), r_ports = check_ports(s, i, &ports, &of_ports);

	b = bridge_of(i, &p);
	if (r == 0)
		r = cnt_bridge_check(&b, &e);
	for (int k = 0; k < CNT_NET_PARTS; k++)
		parts[k] = part(names[k], 0, "the first start makes it", &e, "");
	if (r == -1 && e.code == CNT_NOTFOUND && r_ports == 0 && ports == 0)
		return;
	if (r == 0 && (r = r_ports) == -1)
		e = of_ports;
	parts[0] = part(names[0], r, p.bridge, &e, REPAIR);
	e.hint[0] = '\0';
	r = cnt_nft_check(i, &e);
	parts[1] = part(names[1], r, "both tables hold cnt's rules", &e, REPAIR);
	e.hint[0] = '\0';
	r = cnt_resolver_check(p.gateway, &e);
	parts[2] = part(names[2], r, p.gateway, &e, REPAIR);
	e.hint[0] = '\0';
	r = cnt_foreign_check(i->tag, p.bridge, &e);
	parts[3] = part(names[3], r, "no other firewall stands in the way", &e, REPAIR);
	if (r == -1)
		parts[3].state = CNT_NET_WARN;
}
