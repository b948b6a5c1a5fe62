/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt start: starts boxes that are stopped.
 */
#include "lib/life.h"
#include "lib/main.h"
#include "lib/report.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_EACH,
	  .value = "BOX", .help = "name of the box" },
	{ 0 }
};

static int
start(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };

	if (cnt_life_begin(c, &l, CNT_LIFE_WAIT_MS) == -1)
		return -1;
	return cnt_life_start(c, &l);
}

static const struct cnt_verb verb = {
	.name = "start", .tool = "start_container", .title = "Start a box", .group = "Boxes",
	.also = "up",
	.summary = "start boxes that are stopped",
	.about = "Starts a stopped box.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = 0,
	.params = params, .results = cnt_report_box, .run = start,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
