/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses what an instance has of its own, so that two on one host never meet: a tag made from
 * CNT_ROOT, ids that nobody in /etc/subuid and /etc/subgid has, addresses that no route leads to.
 * It is in the store before it is on the host and until it no longer is, so that what is on the
 * host can be taken back.
 */
#include "lib/instance.h"

#include "lib/box.h"
#include "lib/conf.h"
#include "lib/crypto.h"
#include "lib/file.h"
#include "lib/paths.h"
#include "lib/subid.h"

#define IDS_DEFAULT	2047U		/* boxes of the instance without CNT_ROOT */
#define IDS_OTHER	64U
#define NET_DEFAULT	0x0a570000U	/* 10.87.0.0/16 */
#define NET_OTHER	0x0a580000U	/* 10.88.0.0 to 10.127.255.255, in /20 */
#define NET_OTHERS	640U
#define ROUTES_MAX	(8 << 20)

/* The line of an instance whose database was lost stays, and there is room for one more. */
_Static_assert(2ULL * IDS_DEFAULT * CNT_IDS <= CNT_SUBID_LAST - CNT_SUBID_FIRST + 1ULL, "ids");

static void
choose_tag(char tag[9])
{
	const char *root = cnt_root();
	char hex[65];

	cnt_sha256_hex(root, strlen(root), hex);
	snprintf(tag, 9, "cnt%.5s", *root == '\0' ? "" : hex);
}

/* Columns as the kernel prints them: Iface Destination Gateway Flags RefCnt Use Metric Mask,
 * numbers in hex in the memory's own order. The default route overlaps all and says nothing. */
static bool
is_routed(const char *routes, uint32_t subnet, unsigned prefix)
{
	uint32_t mask = UINT32_MAX << (32 - prefix);
	unsigned to, to_mask;

	for (const char *p = routes; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		if (sscanf(p, "%*s %x %*x %*x %*d %*d %*d %x", &to, &to_mask) != 2 || to_mask == 0)
			continue;
		to = __builtin_bswap32(to);
		to_mask = __builtin_bswap32(to_mask);
		if (((to ^ subnet) & to_mask & mask) == 0)
			return true;
	}
	return false;
}

int
cnt_instance_subnet(const char *tag, const char *routes, uint32_t *subnet, unsigned *prefix,
    struct cnt_err *e)
{
	uint32_t first = (uint32_t)strtoul(tag + 3, NULL, 16);

	*subnet = NET_DEFAULT;
	*prefix = 16;
	if (strcmp(tag, "cnt") == 0 && !is_routed(routes, *subnet, *prefix))
		return 0;
	*prefix = 20;
	for (uint32_t i = 0; i < NET_OTHERS; i++) {
		*subnet = NET_OTHER + ((first + i) % NET_OTHERS << 12);
		if (!is_routed(routes, *subnet, *prefix))
			return 0;
	}
	cnt_fail(e, CNT_UNAVAILABLE,
	    "subnet: every block of 10.88.0.0 to 10.127.255.255 is routed");
	return cnt_hint(e, "choose one: `subnet ADDRESS/PREFIX` in " CNT_CONF);
}

static int
choose_subnet(struct cnt_instance *i, const struct cnt_conf *conf, struct cnt_err *e)
{
	struct cnt_buf routes CNT_BUF = { 0 };

	cnt_buf_adds(&routes, "");
	if (conf->prefix != 0) {
		i->subnet = conf->subnet;
		i->prefix = conf->prefix;
		return 0;
	}
	if (cnt_file_read("/proc/net/route", ROUTES_MAX, &routes, e) == -1)
		return -1;
	return cnt_instance_subnet(i->tag, routes.p, &i->subnet, &i->prefix, e);
}

/* As many boxes as there are addresses beside the network's, the bridge's and the broadcast. */
static uint32_t
ids_needed(const struct cnt_instance *i)
{
	uint32_t boxes = strcmp(i->tag, "cnt") == 0 ? IDS_DEFAULT : IDS_OTHER;
	uint32_t addresses = (UINT32_MAX >> i->prefix) - 2;

	return (boxes < addresses ? boxes : addresses) * CNT_IDS;
}

static void
note(cJSON *changed, const char *fmt, ...)
{
	char *text CNT_FREE = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cnt_vformat(fmt, ap);
	va_end(ap);
	if (changed != NULL)
		cJSON_AddItemToArray(changed, cJSON_CreateString(text));
}

/* 1: there was one, 0: there is none. */
static int
recorded(struct cnt_store *s, struct cnt_instance *i, struct cnt_err *e)
{
	if (cnt_store_instance(s, i, e) == 0)
		return 1;
	return e->code == CNT_UNAVAILABLE ? 0 : -1;
}

static int
set_lines(const struct cnt_subid *ids, const struct cnt_instance *i, bool present, cJSON *changed,
    struct cnt_err *e)
{
	int n = cnt_subid_set(ids, i->id_base, i->id_count, present, e);

	if (n > 0)
		note(changed, "/etc/subuid, /etc/subgid: root:%u:%u %s", i->id_base, i->id_count,
		    present ? "added" : "removed");
	return n == -1 ? -1 : 0;
}

struct leaving {
	const struct cnt_subid		*ids;
	const struct cnt_instance	*old;
	cJSON				*changed;
};

static int
leave(void *arg, struct cnt_err *e)
{
	const struct leaving *l = arg;

	return set_lines(l->ids, l->old, false, l->changed, e);
}

static int
cannot_change(bool taken, struct cnt_err *e)
{
	cnt_fail(e, CNT_NO, "%s: cannot change while there are boxes",
	    taken ? "id range" : "subnet");
	return cnt_hint(e, taken ? "take the line that overlaps root's out of /etc/subuid and "
	    "/etc/subgid, or delete the boxes first" :
	    "take the subnet out of " CNT_CONF ", or delete the boxes first");
}

/* What does not hold (any more) is chosen, again only while there are no boxes. */
static int
choose(struct cnt_store *s, const struct cnt_subid *ids, struct cnt_instance *i, cJSON *changed,
    struct cnt_err *e)
{
	struct cnt_conf conf CNT_CONF_END = { 0 };
	int have = recorded(s, i, e), taken = 0;
	const struct cnt_instance old = *i;

	if (have == -1 || cnt_conf_read(&conf, e) == -1)
		return -1;
	if (have == 1 && (taken = cnt_subid_taken(ids, i->id_base, i->id_count, e)) == -1)
		return -1;
	if (have == 1 && !taken && (conf.prefix == 0 ||
	    (conf.subnet == i->subnet && conf.prefix == i->prefix)))
		return 0;
	if (have == 0)
		choose_tag(i->tag);
	if ((have == 0 || conf.prefix != 0) && choose_subnet(i, &conf, e) == -1)
		return -1;
	i->id_count = ids_needed(i);
	if ((have == 0 || taken || i->id_count > old.id_count) &&
	    cnt_subid_choose(ids, i->id_count, &i->id_base, e) == -1)
		return -1;
	if ((have == 1 ? cnt_store_leave(s, leave, &(struct leaving){ ids, &old, changed }, i, e) :
	    cnt_store_set_instance(s, i, e)) == -1)
		return have == 1 && e->code == CNT_NO ? cannot_change(taken, e) : -1;
	note(changed, "instance %s: subnet %u.%u.%u.%u/%u", i->tag, i->subnet >> 24,
	    i->subnet >> 16 & 255, i->subnet >> 8 & 255, i->subnet & 255, i->prefix);
	return 0;
}

int
cnt_instance_prepare(struct cnt_store *s, struct cnt_instance *i, cJSON *changed, struct cnt_err *e)
{
	struct cnt_subid ids CNT_SUBID = { 0 };

	return cnt_subid_begin(&ids, "/etc", e) == -1 || choose(s, &ids, i, changed, e) == -1 ||
	    set_lines(&ids, i, true, changed, e) == -1 ? -1 : 0;
}

int
cnt_instance_lines(const struct cnt_instance *i, bool present, cJSON *changed, struct cnt_err *e)
{
	struct cnt_subid ids CNT_SUBID = { 0 };

	return cnt_subid_begin(&ids, "/etc", e) == -1 ||
	    set_lines(&ids, i, present, changed, e) == -1 ? -1 : 0;
}
