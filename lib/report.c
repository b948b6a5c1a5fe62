/* SPDX-License-Identifier: Apache-2.0
 *
 * A box as results show it. The store says what it is, the kernel whether it runs.
 */
#include "lib/report.h"

#include <time.h>

#include "lib/cgroup.h"

const struct cnt_field cnt_report_box[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "state", .type = CNT_STRING },
	{ .name = "address", .type = CNT_STRING },
	{ .name = "image", .type = CNT_STRING },
	{ .name = "owner", .type = CNT_STRING },
	{ .name = "cpu", .type = CNT_NUMBER },
	{ .name = "memory", .type = CNT_SIZE, .help = "limit, bytes" },
	{ .name = "swap", .type = CNT_SIZE },
	{ .name = "pids", .type = CNT_INTEGER },
	{ .name = "memory_used", .type = CNT_SIZE, .flags = CNT_OPTIONAL },
	{ .name = "autostart", .type = CNT_BOOLEAN },
	{ .name = "created", .type = CNT_STRING },
	{ 0 }
};

char *
cnt_report_time(int64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm = { 0 };
	char date[32] = "";

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	return cnt_format("%s.%03dZ", date, (int)(us / 1000 % 1000));
}

int
cnt_report(const struct cnt_instance *i, const struct cnt_box *b, cJSON *out, struct cnt_err *e)
{
	char *created CNT_FREE = cnt_report_time(b->created_us);
	struct cnt_slot place = { 0 };
	int running = cnt_box_runs(i->tag, b->name, e);
	int64_t used = running == 1 ? cnt_cgroup_use(i->tag, b->name, "memory") : -1;

	if (running == -1 || cnt_box_slot(i, b->slot, &place, e) == -1)
		return -1;
	cnt_json_set_str(out, "name", b->name);
	cnt_json_set_str(out, "state", running == 1 ? "running" : "stopped");
	cnt_json_set_str(out, "address", place.address);
	cnt_json_set_str(out, "image", b->image_name);
	cnt_json_set_str(out, "owner", b->owner);
	cnt_json_set_num(out, "cpu", b->limits.cpu);
	cnt_json_set_int(out, "memory", b->limits.memory);
	cnt_json_set_int(out, "swap", b->limits.swap);
	cnt_json_set_int(out, "pids", b->limits.pids);
	if (used != -1)
		cnt_json_set_int(out, "memory_used", used);
	cnt_json_set_bool(out, "autostart", b->autostart);
	cnt_json_set_str(out, "created", created);
	return 0;
}
