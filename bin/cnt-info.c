/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt info: one box in full; without an operand the host and this installation.
 */
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <arpa/inet.h>

#include "lib/cgroup.h"
#include "lib/life.h"
#include "lib/main.h"
#include "lib/paths.h"
#include "lib/report.h"

static const struct cnt_field box_params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .value = "BOX",
	  .help = "name of the box" },
	{ 0 }
};

static int
info_box(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };

	if (cnt_life_begin(c, &l, -1) == -1)
		return -1;
	return cnt_report(&l.instance, &l.box, c->out, c->err);
}

static const struct cnt_field host_results[] = {
	{ .name = "version", .type = CNT_STRING },
	{ .name = "kernel", .type = CNT_STRING },
	{ .name = "arch", .type = CNT_STRING },
	{ .name = "cpus", .type = CNT_INTEGER },
	{ .name = "memory", .type = CNT_SIZE, .help = "bytes" },
	{ .name = "cgroup", .type = CNT_STRING, .help = "v1 or v2" },
	{ .name = "state_directory", .type = CNT_STRING },
	{ .name = "bridge", .type = CNT_STRING },
	{ .name = "subnet", .type = CNT_STRING },
	{ .name = "boxes", .type = CNT_INTEGER },
	{ .name = "images", .type = CNT_INTEGER },
	{ 0 }
};

static int
info_instance(struct cnt_call *c)
{
	char *state CNT_FREE = cnt_path(CNT_STATE), *subnet CNT_FREE = NULL;
	struct cnt_image *images CNT_FREE = NULL;
	struct cnt_box *boxes CNT_FREE = NULL;
	struct cnt_instance i = { 0 };
	struct cnt_slot slot = { 0 };
	char text[INET_ADDRSTRLEN] = "";
	size_t n = 0, m = 0;

	if (cnt_store_instance(c->store, &i, c->err) == -1 ||
	    cnt_box_slot(&i, 0, &slot, c->err) == -1 ||
	    cnt_store_boxes(c->store, &boxes, &n, c->err) == -1 ||
	    cnt_store_images(c->store, &images, &m, c->err) == -1)
		return -1;
	inet_ntop(AF_INET, &(struct in_addr){ htonl(i.subnet) }, text, sizeof(text));
	subnet = cnt_format("%s/%u", text, i.prefix);
	cnt_json_set_str(c->out, "state_directory", state);
	cnt_json_set_str(c->out, "bridge", slot.bridge);
	cnt_json_set_str(c->out, "subnet", subnet);
	cnt_json_set_int(c->out, "boxes", (int64_t)n);
	cnt_json_set_int(c->out, "images", (int64_t)m);
	return 0;
}

static int
info_host(struct cnt_call *c)
{
	struct utsname u = { 0 };
	struct sysinfo s = { 0 };

	if (uname(&u) == -1 || sysinfo(&s) == -1)
		return cnt_fail_sys(c->err, "host");
	cnt_json_set_str(c->out, "version", CNT_VERSION);
	cnt_json_set_str(c->out, "kernel", u.release);
	cnt_json_set_str(c->out, "arch", u.machine);
	cnt_json_set_int(c->out, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	cnt_json_set_int(c->out, "memory", (int64_t)s.totalram * s.mem_unit);
	cnt_json_set_str(c->out, "cgroup", cnt_cgroup_is_v2() ? "v2" : "v1");
	return info_instance(c);
}

static const struct cnt_verb box_verb = {
	.name = "info", .tool = "get_container", .title = "Show a box", .group = "Boxes",
	.also = "show inspect status",
	.summary = "show one box, or this host",
	.about = "Shows one box: state, address, image, owner, limits, memory in use.",
	.scope = "containers:read", .boxes = CNT_OWN_BOX, .effects = CNT_READS | CNT_IDEMPOTENT,
	.params = box_params, .results = cnt_report_box, .run = info_box,
};

static const struct cnt_verb host_verb = {
	.name = "info", .tool = "get_system_info", .title = "Show the host", .group = "Boxes",
	.summary = "show one box, or this host",
	.about = "Shows the host: kernel, processors, memory, subnet, number of boxes and images.",
	.scope = "system:read", .boxes = CNT_NO_BOX, .effects = CNT_READS | CNT_IDEMPOTENT,
	.results = host_results, .run = info_host,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &box_verb, &host_verb,
	    NULL });
}
