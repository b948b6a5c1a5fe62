/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt delete: takes a box away with everything it has. The row says `deleting` first, so that a
 * killed delete is finished by the next verb.
 */
#include "lib/fault.h"
#include "lib/life.h"
#include "lib/main.h"
#include "lib/net.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_EACH,
	  .value = "BOX", .help = "name of the box" },
	{ .name = "force", .type = CNT_BOOLEAN, .def = "false", .help = "even if it is running" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "deleted", .type = CNT_BOOLEAN },
	{ 0 }
};

static int
delete(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	int running = 0;

	if (cnt_life_begin(c, &l, CNT_LIFE_WAIT_MS) == -1)
		return -1;
	if (!cnt_json_bool(c->in, "force"))
		running = cnt_box_await(l.instance.tag, l.box.name, NULL, c->err);
	if (running == -1)
		return -1;
	if (running == 1) {
		cnt_fail(c->err, CNT_NO, "%s: is running", l.box.name);
		return cnt_hint(c->err, "stop it first, or delete it with force");
	}
	cnt_progress(c, 0, 0, "removing its files");
	if (cnt_store_box_state(c->store, l.box.name, CNT_DELETING, c->err) == -1 ||
	    CNT_STEP("the box's row says deleting", c->err) == -1 ||
	    cnt_box_remove(c->store, &l.instance, l.box.name, c->err) == -1 ||
	    cnt_net_ensure(c->store, &l.instance, c->err) == -1)
		return -1;
	cnt_json_set_str(c->out, "name", l.box.name);
	cnt_json_set_bool(c->out, "deleted", true);
	return 0;
}

static const struct cnt_verb verb = {
	.name = "delete", .tool = "delete_container", .title = "Delete a box", .group = "Boxes",
	.also = "rm remove destroy",
	.summary = "delete boxes with all their files",
	.about = "Deletes a box with all its files, for ever. Refuses a running box without force.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS,
	.params = params, .results = results, .run = delete,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
