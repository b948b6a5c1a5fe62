/* SPDX-License-Identifier: Apache-2.0
 *
 * The firewall, from nothing but the instance and its boxes' slots.
 *
 * What a box sends is believed only when interface, MAC and IPv4 source are those of its slot; any
 * other frame, IPv6 too, ends in table `bridge`. What is left goes to the host (a box has its
 * address alone on its link), where table `inet` refuses, at once and with an answer, the cloud's
 * metadata addresses, the host's own addresses but the resolver, and other boxes (an ICMP answer
 * as often as the kernel's icmp_ratelimit allows, a TCP one always). An interface named TAG-* that
 * the store does not know may send nothing.
 *
 * A transaction that deletes anything makes nft wait for a grace period of the kernel's (16 ms). So
 * what a start does is only to add elements to sets whose names carry a hash of all rules: it
 * fails where tables, sets or rules are not these, and then both tables are replaced whole.
 */
#include "lib/nft.h"

#include "lib/crypto.h"

/* Where commands are being added. The sets' names, and as a rule refers to them. */
struct ruleset {
	cJSON		*commands;
	const char	*family;
	const char	*tag;
	char		 boxes[32], at_boxes[32];
	char		 resolver[32], at_resolver[32];
};

static cJSON *
wrap(const char *name, cJSON *value)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, name, value);
	return o;
}

static cJSON *
list(cJSON *first, cJSON *second, cJSON *third)
{
	cJSON *a = cJSON_CreateArray();

	cJSON_AddItemToArray(a, first);
	if (second != NULL)
		cJSON_AddItemToArray(a, second);
	if (third != NULL)
		cJSON_AddItemToArray(a, third);
	return a;
}

static cJSON *
str(const char *s)
{
	return cJSON_CreateString(s);
}

static cJSON *
meta(const char *key)
{
	return wrap("meta", wrap("key", str(key)));
}

static cJSON *
payload(const char *protocol, const char *field)
{
	cJSON *p = wrap("protocol", str(protocol));

	cJSON_AddStringToObject(p, "field", field);
	return wrap("payload", p);
}

static cJSON *
prefix(const char *address, unsigned length)
{
	cJSON *p = wrap("addr", str(address));

	cJSON_AddNumberToObject(p, "len", length);
	return wrap("prefix", p);
}

static cJSON *
match(const char *op, cJSON *left, cJSON *right)
{
	cJSON *m = wrap("op", str(op));

	cJSON_AddItemToObject(m, "left", left);
	cJSON_AddItemToObject(m, "right", right);
	return wrap("match", m);
}

static cJSON *
is(cJSON *left, const char *right)
{
	return match("==", left, str(right));
}

static cJSON *
replies(void)
{
	return match("in", wrap("ct", wrap("key", str("state"))),
	    list(str("established"), str("related"), NULL));
}

static cJSON *
verdict(const char *name)
{
	return wrap(name, cJSON_CreateNull());
}

static cJSON *
reject(const char *type, const char *reason)
{
	cJSON *how = wrap("type", str(type));

	if (reason != NULL)
		cJSON_AddStringToObject(how, "expr", reason);
	return wrap("reject", how);
}

static cJSON *
go(const char *chain_name)
{
	return wrap("goto", wrap("target", str(chain_name)));
}

static cJSON *
refuse(void)
{
	return go("refuse");
}

/* What the destination is to the host: "local" when it is one of its own addresses. */
static cJSON *
kind_of_destination(void)
{
	cJSON *f = wrap("result", str("type"));

	cJSON_AddItemToObject(f, "flags", list(str("daddr"), NULL, NULL));
	return wrap("fib", f);
}

/* An object of the table with its family and table filled in. */
static cJSON *
object(const struct ruleset *r, const char *name)
{
	cJSON *o = wrap("family", str(r->family));

	cJSON_AddStringToObject(o, "table", r->tag);
	if (name != NULL)
		cJSON_AddStringToObject(o, "name", name);
	return o;
}

static void
command(const struct ruleset *r, const char *verb, const char *kind, cJSON *value)
{
	cJSON_AddItemToArray(r->commands, wrap(verb, wrap(kind, value)));
}

static void
table(const struct ruleset *r, const char *verb)
{
	cJSON *t = wrap("family", str(r->family));

	cJSON_AddStringToObject(t, "name", r->tag);
	command(r, verb, "table", t);
}

/* In place of what stands under its name; "add" first, since deleting an absent one is an error. */
static void
replace_table(const struct ruleset *r)
{
	table(r, "add");
	table(r, "delete");
	table(r, "add");
}

static void
set(const struct ruleset *r, const char *name, cJSON *type)
{
	cJSON *o = object(r, name);

	cJSON_AddItemToObject(o, "type", type);
	command(r, "add", "set", o);
}

static void
elements(const struct ruleset *r, const char *verb, const char *name, cJSON *all)
{
	cJSON *o = object(r, name);

	cJSON_AddItemToObject(o, "elem", all);
	command(r, verb, "element", o);
}

/* hook NULL: a chain that is only jumped to. */
static void
chain(const struct ruleset *r, const char *name, const char *type, const char *hook, int priority)
{
	cJSON *c = object(r, name);

	if (hook != NULL) {
		cJSON_AddStringToObject(c, "type", type);
		cJSON_AddStringToObject(c, "hook", hook);
		cJSON_AddNumberToObject(c, "prio", priority);
		cJSON_AddStringToObject(c, "policy", "accept");
	}
	command(r, "add", "chain", c);
}

/* Expressions as they are evaluated, ended by NULL; the last one is the verdict. */
static void
rule(const struct ruleset *r, const char *chain_name, cJSON *first, ...)
{
	cJSON *o = object(r, NULL), *exprs = cJSON_CreateArray();
	va_list ap;

	va_start(ap, first);
	for (cJSON *x = first; x != NULL; x = va_arg(ap, cJSON *))
		cJSON_AddItemToArray(exprs, x);
	va_end(ap);
	cJSON_AddStringToObject(o, "chain", chain_name);
	cJSON_AddItemToObject(o, "expr", exprs);
	command(r, "add", "rule", o);
}

static void
render_routed(const struct ruleset *r, const struct cnt_instance *i, const struct cnt_slot *p)
{
	char *ours CNT_FREE = cnt_format("%s-*", r->tag);
	const char *br = p->bridge;
	char net[16];

	snprintf(net, sizeof(net), "%u.%u.%u.%u", i->subnet >> 24, i->subnet >> 16 & 255,
	    i->subnet >> 8 & 255, i->subnet & 255);
	replace_table(r);
	set(r, r->resolver, str("ipv4_addr"));
	chain(r, "refuse", NULL, NULL, 0);
	chain(r, "host", NULL, NULL, 0);
	chain(r, "prerouting", "filter", "prerouting", -300);
	chain(r, "untranslated", "filter", "prerouting", -150);
	chain(r, "forward", "filter", "forward", 0);
	chain(r, "input", "filter", "input", 0);
	chain(r, "postrouting", "nat", "postrouting", 100);

	rule(r, "refuse", is(meta("l4proto"), "tcp"), reject("tcp reset", NULL), NULL);
	rule(r, "refuse", reject("icmpx", "admin-prohibited"), NULL);

	/* A port that has lost its bridge: what crosses one comes from the bridge. */
	rule(r, "prerouting", is(meta("iifname"), ours), verdict("drop"), NULL);
	/* Before what is established, so that no state can open a way to these; and before routing,
	 * which would advise a box to reach its neighbour directly. */
	rule(r, "prerouting", is(meta("iifname"), br), is(meta("nfproto"), "ipv6"), refuse(), NULL);
	rule(r, "prerouting", is(meta("iifname"), br),
	    match("==", payload("ip", "daddr"), prefix("169.254.0.0", 16)), refuse(), NULL);
	rule(r, "prerouting", is(meta("iifname"), br),
	    match("==", payload("ip", "daddr"), prefix(net, i->prefix)),
	    match("!=", payload("ip", "daddr"), str(r->at_resolver)), refuse(), NULL);

	rule(r, "forward", is(meta("oifname"), br), replies(), verdict("accept"), NULL);
	rule(r, "forward", is(meta("oifname"), br), verdict("drop"), NULL);

	/* Established: what the host began. */
	rule(r, "host", replies(), verdict("accept"), NULL);
	rule(r, "host", is(payload("ip", "daddr"), r->at_resolver),
	    is(payload("udp", "dport"), "53"), verdict("accept"), NULL);
	rule(r, "host", is(payload("ip", "daddr"), r->at_resolver),
	    is(payload("tcp", "dport"), "53"), verdict("accept"), NULL);
	rule(r, "host", refuse(), NULL);

	/* Also before others give it another destination: a port that the host forwards or
	 * publishes would never come to its input. */
	rule(r, "untranslated", is(meta("iifname"), br), is(kind_of_destination(), "local"),
	    go("host"), NULL);
	rule(r, "input", is(meta("iifname"), br), go("host"), NULL);

	rule(r, "postrouting", match("==", payload("ip", "saddr"), prefix(net, i->prefix)),
	    match("!=", meta("oifname"), str(br)), verdict("masquerade"), NULL);
}

/* Are interface, MAC and IPv4 those of one box? */
static cJSON *
known(const struct ruleset *r, cJSON *mac, cJSON *address)
{
	return is(wrap("concat", list(meta("iifname"), mac, address)), r->at_boxes);
}

static void
render_bridged(const struct ruleset *r)
{
	char *ours CNT_FREE = cnt_format("%s-*", r->tag);

	replace_table(r);
	set(r, r->boxes, list(str("ifname"), str("ether_addr"), str("ipv4_addr")));
	chain(r, "prerouting", "filter", "prerouting", -300);
	chain(r, "input", "filter", "input", -200);
	chain(r, "forward", "filter", "forward", -200);

	rule(r, "prerouting", match("!=", meta("iifname"), str(ours)), verdict("accept"), NULL);
	rule(r, "prerouting", is(payload("ether", "type"), "ip"),
	    known(r, payload("ether", "saddr"), payload("ip", "saddr")), verdict("accept"), NULL);
	rule(r, "prerouting", is(payload("ether", "type"), "arp"),
	    known(r, payload("ether", "saddr"), payload("arp", "saddr ip")),
	    known(r, payload("arp", "saddr ether"), payload("arp", "saddr ip")),
	    verdict("accept"), NULL);
	rule(r, "prerouting", verdict("drop"), NULL);

	/* 802.1D's reserved addresses: most come here alone, and go on as if from the port. */
	rule(r, "input", is(meta("iifname"), ours), match("==", payload("ether", "daddr"),
	    prefix("01:80:c2:00:00:00", 44)), verdict("drop"), NULL);

	rule(r, "forward", is(meta("iifname"), ours), verdict("drop"), NULL);
	rule(r, "forward", is(meta("oifname"), ours), verdict("drop"), NULL);
}

static struct ruleset
ruleset(cJSON *commands, const char *family, const char *tag, const char *mark)
{
	struct ruleset r = { .commands = commands, .family = family, .tag = tag };

	snprintf(r.boxes, sizeof(r.boxes), "boxes%s", mark);
	snprintf(r.at_boxes, sizeof(r.at_boxes), "@boxes%s", mark);
	snprintf(r.resolver, sizeof(r.resolver), "resolver%s", mark);
	snprintf(r.at_resolver, sizeof(r.at_resolver), "@resolver%s", mark);
	return r;
}

static void
render_rules(cJSON *commands, const struct cnt_instance *i, const struct cnt_slot *p,
    const char *mark)
{
	struct ruleset routed = ruleset(commands, "inet", i->tag, mark);
	struct ruleset bridged = ruleset(commands, "bridge", i->tag, mark);

	render_routed(&routed, i, p);
	render_bridged(&bridged);
}

/* What all rules hash to. */
static void
mark_rules(const struct cnt_instance *i, const struct cnt_slot *p, char mark[16])
{
	CNT_JSON cJSON *commands = cJSON_CreateArray();
	char *text CNT_FREE = NULL;
	uint8_t digest[32];

	render_rules(commands, i, p, "");
	text = cnt_json_print(commands);
	cnt_sha256(text, strlen(text), digest);
	mark[0] = '_';
	cnt_hex(digest, 4, mark + 1);
}

static int
add_element(cJSON *all, const struct cnt_instance *i, int slot, struct cnt_err *e)
{
	struct cnt_slot p;

	if (cnt_box_slot(i, slot, &p, e) == -1)
		return -1;
	cJSON_AddItemToArray(all, wrap("concat", list(str(p.veth), str(p.mac), str(p.address))));
	return 0;
}

/* What is gone is added first: deleting an absent element is an error. */
static int
render_elements(cJSON *commands, const struct cnt_instance *i, const struct cnt_nft_boxes *b,
    const char *mark, struct cnt_err *e)
{
	struct ruleset routed = ruleset(commands, "inet", i->tag, mark);
	struct ruleset bridged = ruleset(commands, "bridge", i->tag, mark);
	CNT_JSON cJSON *all = cJSON_CreateArray(), *gone = cJSON_CreateArray();
	struct cnt_slot p;

	for (size_t k = 0; k < b->n; k++)
		if (add_element(all, i, b->boxes[k].slot, e) == -1)
			return -1;
	for (size_t k = 0; k < b->n_gone; k++)
		if (add_element(all, i, b->gone[k], e) == -1 ||
		    add_element(gone, i, b->gone[k], e) == -1)
			return -1;
	if (cnt_box_slot(i, 0, &p, e) == -1)
		return -1;
	elements(&routed, "add", routed.resolver, list(str(p.gateway), NULL, NULL));
	if (cJSON_GetArraySize(all) > 0)
		elements(&bridged, "add", bridged.boxes, take(&all));
	if (b->n_gone > 0)
		elements(&bridged, "delete", bridged.boxes, take(&gone));
	return 0;
}

cJSON *
cnt_nft_render(const struct cnt_instance *i, const struct cnt_nft_boxes *b, bool whole,
    struct cnt_err *e)
{
	cJSON *commands = cJSON_CreateArray();
	CNT_JSON cJSON *doc = wrap("nftables", commands);
	struct cnt_slot p;
	char mark[16];

	if (cnt_box_slot(i, 0, &p, e) == -1)
		return NULL;
	mark_rules(i, &p, mark);
	if (whole)
		render_rules(commands, i, &p, mark);
	if (render_elements(commands, i, b, mark, e) == -1)
		return NULL;
	return take(&doc);
}
