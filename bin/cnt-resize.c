/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt resize: other limits for a box, now and from now on. The store knows them first: what a
 * killed resize has not set, the next verb sets.
 */
#include "lib/cgroup.h"
#include "lib/fault.h"
#include "lib/life.h"
#include "lib/limits.h"
#include "lib/main.h"
#include "lib/report.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .value = "BOX",
	  .help = "name of the box" },
	CNT_LIMITS_PARAMS,
	{ 0 }
};

static bool
asks(const cJSON *in)
{
	for (const struct cnt_field *f = params + 1; f->name != NULL; f++)
		if (cnt_json_get(in, f->name) != NULL)
			return true;
	return false;
}

static int
apply(struct cnt_call *c, const struct cnt_life *l)
{
	if (cnt_store_box_limits(c->store, l->box.name, &l->box.limits, c->err) == -1 ||
	    CNT_STEP("the box's row has its new limits", c->err) == -1 ||
	    cnt_limits_set(&l->instance, l->box.name, &l->box.limits, c->err) == -1)
		return -1;
	return CNT_STEP("the new limits are set", c->err);
}

static int
resize(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_limits before;
	struct cnt_err later = { 0 };

	if (!asks(c->in)) {
		cnt_fail(c->err, CNT_INVALID, "no limit to change");
		return cnt_hint(c->err, "give one of cpu, memory, swap, pids");
	}
	if (cnt_life_begin(c, &l, CNT_LIFE_WAIT_MS) == -1)
		return -1;
	before = l.box.limits;
	cnt_limits_of(c->in, &l.box.limits);
	if (cnt_cgroup_check(&l.box.limits, c->err) == -1 ||
	    cnt_limits_fit(l.instance.tag, l.box.name, &l.box.limits, c->err) == -1)
		return -1;
	if (apply(c, &l) == 0)
		return cnt_report(&l.instance, &l.box, c->out, c->err);
	l.box.limits = before;
	(void)cnt_store_box_limits(c->store, l.box.name, &before, &later);
	(void)cnt_limits_set(&l.instance, l.box.name, &before, &later);
	return -1;
}

static const struct cnt_verb verb = {
	.name = "resize", .tool = "resize_container", .title = "Resize a box", .group = "Boxes",
	.also = "limit limits update",
	.summary = "change the limits of a box",
	.about = "Changes a box's limits at once, also while it runs. What is not named stays.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_IDEMPOTENT,
	.params = params, .results = cnt_report_box, .run = resize,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
