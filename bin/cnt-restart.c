/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt restart: stop, if it runs, and start.
 */
#include "lib/life.h"
#include "lib/main.h"
#include "lib/report.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_EACH,
	  .value = "BOX", .help = "name of the box" },
	{ .name = "force", .type = CNT_BOOLEAN, .def = "false",
	  .help = "kill it instead of asking init" },
	{ .name = "timeout", .type = CNT_DURATION, .def = "30s", .min = 0, .max = 3600,
	  .help = "how long init may take before it is killed" },
	{ 0 }
};

static int
restart(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	bool killed = false;

	if (cnt_life_stop(c, &l, true, &killed) == -1)
		return -1;
	return cnt_life_start(c, &l);
}

static const struct cnt_verb verb = {
	.name = "restart", .tool = "restart_container", .title = "Restart a box", .group = "Boxes",
	.also = "reboot",
	.summary = "stop boxes and start them again",
	.about = "Restarts a box; a stopped one is started. Its files stay.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS,
	.params = params, .results = cnt_report_box, .run = restart,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
