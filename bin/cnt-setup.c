/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt setup: prepares the host, and takes that back. What boxes need later (bridge, tables, mounts)
 * the verbs make themselves; here is what is written once: directories, database, id ranges, and
 * the service that brings boxes back with the host.
 */
#include "lib/cgroup.h"
#include "lib/conf.h"
#include "lib/file.h"
#include "lib/instance.h"
#include "lib/main.h"
#include "lib/net.h"
#include "lib/paths.h"
#include "lib/unit.h"

static const struct cnt_field params[] = {
	{ .name = "undo", .type = CNT_BOOLEAN, .def = "false",
	  .help = "take back what was changed on the host; refused while there are boxes" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "changed", .type = CNT_STRINGS,
	  .help = "what was changed, nothing when all was there" },
	{ .name = "subnet_bridge", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "state_directory", .type = CNT_STRING },
	{ 0 }
};

struct leaving {
	struct cnt_instance	 instance;
	cJSON			*changed;
};

static int
leave(void *arg, struct cnt_err *e)
{
	struct leaving *l = arg;

	if (cnt_net_remove(&l->instance, e) == -1 ||
	    cnt_cgroup_remove(l->instance.tag, NULL, e) == -1)
		return -1;
	return cnt_instance_lines(&l->instance, false, l->changed, e);
}

/* The service goes first: it is stopped by a verb that writes to the store too. It comes back when
 * the rest cannot go. */
static int
undo(struct cnt_call *c, cJSON *changed)
{
	struct leaving l = { .changed = changed };
	struct cnt_box *boxes CNT_FREE = NULL;
	struct cnt_err later = { 0 };
	bool was_on = false;
	size_t n = 0;

	if (c->store == NULL)
		return 0;
	if (cnt_store_instance(c->store, &l.instance, c->err) == -1)
		return c->err->code == CNT_UNAVAILABLE ? 0 : -1;
	if (cnt_store_boxes(c->store, &boxes, &n, c->err) == -1 ||
	    (n == 0 && cnt_unit_set(false, changed, c->err) == -1))
		return -1;
	was_on = cJSON_GetArraySize(changed) > 0;
	if (cnt_store_leave(c->store, leave, &l, NULL, c->err) == 0)
		return 0;
	if (was_on)
		(void)cnt_unit_set(true, NULL, &later);
	return -1;
}

static bool
does_host_forward(void)
{
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err ignored;

	return cnt_file_read("/proc/sys/net/ipv4/ip_forward", 16, &b, &ignored) == -1 ||
	    b.p == NULL || *b.p != '0';
}

static int
setup(struct cnt_call *c)
{
	cJSON *changed = cJSON_AddArrayToObject(c->out, "changed");
	char *state CNT_FREE = cnt_path(CNT_STATE);
	struct cnt_instance i = { 0 };
	struct cnt_slot slot = { 0 };
	bool forwarded = does_host_forward();

	cnt_json_set_str(c->out, "state_directory", state);
	if (cnt_json_bool(c->in, "undo"))
		return undo(c, changed);
	if (cnt_instance_prepare(c->store, &i, changed, c->err) == -1 ||
	    cnt_box_slot(&i, 0, &slot, c->err) == -1)
		return -1;
	cnt_json_set_str(c->out, "subnet_bridge", slot.bridge);
	if (cnt_net_ensure(c->store, &i, c->err) == -1)
		return -1;
	if (!forwarded)
		cJSON_AddItemToArray(changed, cJSON_CreateString("net.ipv4.ip_forward: 1"));
	return cnt_unit_set(true, changed, c->err);
}

static void
print(const cJSON *out, FILE *f)
{
	const cJSON *line = NULL;

	cJSON_ArrayForEach(line, cnt_json_get(out, "changed"))
		fprintf(f, "%s\n", line->valuestring);
}

static const struct cnt_verb verb = {
	.name = "setup", .title = "Prepare the host", .group = "This host",
	.summary = "prepare this host for boxes, or take that back",
	.about = "Prepares this host: state directories, database, root's id range in /etc/subuid "
	    "and /etc/subgid, bridge, firewall tables, resolver, the service that starts boxes "
	    "with the host, and says what it changed. Run again it changes nothing.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = CNT_IDEMPOTENT, .makes_store = true,
	.params = params, .results = results, .run = setup, .print = print,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
