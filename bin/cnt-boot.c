/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt boot: starts the boxes that ran when the host went down, or stops all of them before it goes
 * down, which is no wish of their owners': what is to run again is left as it is. One box that
 * fails keeps no other from its turn.
 */
#include "lib/cancel.h"
#include "lib/life.h"
#include "lib/main.h"
#include "lib/net.h"

static const struct cnt_field params[] = {
	{ .name = "stop", .type = CNT_BOOLEAN, .def = "false",
	  .help = "stop every box that runs, to be started by the next boot" },
	{ .name = "timeout", .type = CNT_DURATION, .min = 0, .max = 3600,
	  .help = "with --stop: how long inits may take before they are killed, by default 30s" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "started", .type = CNT_STRINGS },
	{ .name = "stopped", .type = CNT_STRINGS },
	{ .name = "killed", .type = CNT_STRINGS, .help = "of the stopped: did not end in time" },
	{ 0 }
};

/* Boxes that failed, and why the first one did. */
struct failures {
	struct cnt_buf	names;
	struct cnt_err	first;
};

static void
add(struct cnt_call *c, const char *to, const char *name)
{
	cJSON *names = cJSON_GetObjectItemCaseSensitive(c->out, to);

	cJSON_AddItemToArray(names, cJSON_CreateString(name));
}

/* A box that was deleted meanwhile asks for nothing. */
static int
unless_gone(const struct cnt_err *e)
{
	return e->code == CNT_NOTFOUND ? 0 : -1;
}

static int
start(struct cnt_call *c, const char *name)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	int running;

	if (cnt_life_begin_named(c, &l, name, CNT_LIFE_WAIT_MS) == -1)
		return unless_gone(c->err);
	running = cnt_box_runs(l.instance.tag, name, c->err);
	if (running != 0 || !l.box.autostart)
		return running == -1 ? -1 : 0;
	if (cnt_box_start(&l.instance, &l.box, NULL, c->err) == -1)
		return -1;
	add(c, "started", name);
	return 0;
}

/* until: of CLOCK_MONOTONIC, for all of them. */
static int
stop(struct cnt_call *c, const char *name, int64_t until)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_box_end end;

	if (cnt_life_begin_named(c, &l, name, CNT_LIFE_WAIT_MS) == -1)
		return unless_gone(c->err);
	if (cnt_box_stop(l.instance.tag, name, until, &end, c->err) == -1)
		return -1;
	if (end.killed)
		add(c, "killed", name);
	return 0;
}

static void
note(struct failures *f, const char *name, const struct cnt_err *e)
{
	if (f->names.n == 0)
		f->first = *e;
	cnt_buf_addf(&f->names, "%s%s", f->names.n > 0 ? ", " : "", name);
}

static int
report(struct cnt_call *c, const struct failures *f)
{
	bool stop = cnt_json_bool(c->in, "stop");

	if (cnt_cancel_check(c->err) == -1)
		return -1;
	if (f->names.n == 0)
		return 0;
	cnt_fail(c->err, f->first.code, "%s: not %s (%s)", f->names.p, stop ? "stopped" : "started",
	    f->first.text);
	if (f->first.hint[0] != '\0')
		return cnt_hint(c->err, "%s", f->first.hint);
	return cnt_hint(c->err, "once that is mended: `cnt boot%s` again", stop ? " --stop" : "");
}

static int
start_all(struct cnt_call *c, const struct cnt_box *boxes, size_t n, struct failures *f)
{
	struct cnt_instance i;

	if (cnt_store_instance(c->store, &i, c->err) == -1 ||
	    cnt_net_ensure(c->store, &i, c->err) == -1)
		return -1;
	for (size_t k = 0; k < n && cnt_cancel_check(c->err) == 0; k++)
		if (boxes[k].state == CNT_READY && start(c, boxes[k].name) == -1)
			note(f, boxes[k].name, c->err);
	return report(c, f);
}

/* All are asked before any is waited for. */
static int
stop_all(struct cnt_call *c, const struct cnt_box *boxes, size_t n, struct failures *f)
{
	int64_t until = cnt_ticks_us() + (int64_t)(cnt_json_num(c->in, "timeout", 30) * 1e6);
	struct cnt_instance i;

	if (cnt_store_instance(c->store, &i, c->err) == -1)
		return -1;
	for (size_t k = 0; k < n; k++)
		if (boxes[k].state == CNT_READY && cnt_box_ask(i.tag, boxes[k].name))
			add(c, "stopped", boxes[k].name);
	for (size_t k = 0; k < n && cnt_cancel_check(c->err) == 0; k++)
		if (boxes[k].state == CNT_READY && stop(c, boxes[k].name, until) == -1)
			note(f, boxes[k].name, c->err);
	return report(c, f);
}

static int
boot(struct cnt_call *c)
{
	CNT_FREE struct cnt_box *boxes = NULL;
	struct failures f = { 0 };
	bool stops = cnt_json_bool(c->in, "stop");
	size_t n = 0;
	int r;

	if (!stops && cnt_json_get(c->in, "timeout") != NULL) {
		cnt_fail(c->err, CNT_INVALID, "timeout: a start has none");
		return cnt_hint(c->err, "it is for --stop");
	}
	for (const struct cnt_field *done = results; done->name != NULL; done++)
		cJSON_AddArrayToObject(c->out, done->name);
	if (cnt_store_boxes(c->store, &boxes, &n, c->err) == -1)
		return -1;
	r = stops ? stop_all(c, boxes, n, &f) : start_all(c, boxes, n, &f);
	cnt_buf_free(&f.names);
	return r;
}

static void
print(const cJSON *out, FILE *f)
{
	const cJSON *name = NULL;

	for (const struct cnt_field *done = results; done->name != NULL; done++)
		cJSON_ArrayForEach(name, cnt_json_get(out, done->name))
			fprintf(f, "%s %s\n", name->valuestring, done->name);
}

static const struct cnt_verb verb = {
	.name = "boot", .title = "Start boxes with the host", .group = "This host",
	.also = "autostart shutdown",
	.summary = "start the boxes that ran when this host went down",
	.about = "Starts each box that was last asked to run and does not; with stop, stops all "
	    "boxes before the host goes down. The host's init calls it.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = CNT_DESTROYS | CNT_IDEMPOTENT,
	.params = params, .results = results, .run = boot, .print = print,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
