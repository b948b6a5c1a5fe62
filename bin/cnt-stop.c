/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt stop: asks a box's init to power off, waits, and then kills.
 */
#include "lib/life.h"
#include "lib/main.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_EACH,
	  .value = "BOX", .help = "name of the box" },
	{ .name = "force", .type = CNT_BOOLEAN, .def = "false", .help = "kill it at once" },
	{ .name = "timeout", .type = CNT_DURATION, .def = "30s", .min = 0, .max = 3600,
	  .help = "how long init may take before it is killed" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "state", .type = CNT_STRING },
	{ .name = "killed", .type = CNT_BOOLEAN,
	  .help = "init did not end in time or was not asked" },
	{ 0 }
};

static int
stop(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	bool killed = false;

	if (cnt_life_stop(c, &l, false, &killed) == -1)
		return -1;
	cnt_json_set_str(c->out, "name", l.box.name);
	cnt_json_set_str(c->out, "state", "stopped");
	cnt_json_set_bool(c->out, "killed", killed);
	return 0;
}

static const struct cnt_verb verb = {
	.name = "stop", .tool = "stop_container", .title = "Stop a box", .group = "Boxes",
	.also = "down halt poweroff",
	.summary = "stop boxes",
	.about = "Stops a box: asks its init to power off, waits, then kills. Its files stay. "
	    "Stopping a stopped box changes nothing.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_IDEMPOTENT,
	.params = params, .results = results, .run = stop,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
