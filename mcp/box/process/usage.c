/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command has used, as the kernel counts it for the process that reaps it: time and the
 * largest process by getrusage(2), storage by /proc/self/io, both with all reaped descendants. The
 * peak of the session as a whole comes from its control group, where that is version 2 and may be
 * counted anew by us (Linux 6.12); commands at the same time are in it. A child whose parent
 * ignores SIGCHLD is counted by nobody.
 */
#include "mcp/box/process/usage.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <inttypes.h>

#include "mcp/box/text.h"

#define DOT	" \xc2\xb7 "

const struct cnt_field cnt_usage_fields[] = {
	{ .name = "cpu_ms", .type = CNT_INTEGER },
	{ .name = "peak_memory_bytes", .type = CNT_INTEGER },
	{ .name = "peak_memory_from", .type = CNT_STRING },
	{ .name = "read_bytes", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "write_bytes", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ 0 },
};

static char *group_peak;		/* path of memory.peak; NULL: none */

void
cnt_usage_group(const char *directory)
{
	char *path CNT_FREE = cnt_format("%s/memory.peak", directory);

	free(group_peak);
	group_peak = access(path, W_OK) == 0 ? take(&path) : NULL;
}

void
cnt_usage_init(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	FILE *f CNT_FILE = fopen("/proc/self/cgroup", "re");
	char line[4096];

	while (f != NULL && group_peak == NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "0::/", 4) != 0 || strstr(line, "..") != NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < nitems(roots) && group_peak == NULL; i++) {
			char *group CNT_FREE = cnt_format("%s%s", roots[i], line + 3);

			cnt_usage_group(group);
		}
	}
}

int
cnt_usage_begin(void)
{
	int fd CNT_CLOSE = group_peak != NULL ? open(group_peak, O_RDWR | O_CLOEXEC) : -1;

	return fd != -1 && write(fd, "0\n", 2) == 2 ? take_fd(&fd) : -1;
}

static int64_t
read_peak(int group)
{
	char text[32] = "";

	return group != -1 && pread(group, text, sizeof(text) - 1, 0) > 0 ?
	    strtoll(text, NULL, 10) : 0;
}

static void
read_storage(struct cnt_usage *u)
{
	FILE *f CNT_FILE = fopen("/proc/self/io", "re");
	char line[64];

	u->read = u->written = -1;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		sscanf(line, "read_bytes: %" SCNd64, &u->read);
		sscanf(line, "write_bytes: %" SCNd64, &u->written);
	}
}

void
cnt_usage_end(int group, struct cnt_usage *u)
{
	struct rusage r = { 0 };

	getrusage(RUSAGE_CHILDREN, &r);
	u->cpu_us = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000) +
	    r.ru_utime.tv_usec + r.ru_stime.tv_usec;
	u->peak = read_peak(group);
	u->of_group = u->peak > 0;
	if (!u->of_group)
		u->peak = (int64_t)r.ru_maxrss * 1024;
	read_storage(u);
}

void
cnt_usage_show(const struct cnt_usage *u, struct cnt_buf *head)
{
	char took[32], size[32];

	cnt_text_duration(u->cpu_us, took);
	cnt_text_size(u->peak, size);
	cnt_buf_addf(head, DOT "cpu %s" DOT "peak %s", took, size);
}

void
cnt_usage_facts(const struct cnt_usage *u, cJSON *out)
{
	cJSON *j = cJSON_AddObjectToObject(out, "usage");

	cnt_json_set_int(j, "cpu_ms", u->cpu_us / 1000);
	cnt_json_set_int(j, "peak_memory_bytes", u->peak);
	cnt_json_set_str(j, "peak_memory_from", u->of_group ? "cgroup" : "largest process");
	if (u->read != -1)
		cnt_json_set_int(j, "read_bytes", u->read);
	else
		cnt_json_set_null(j, "read_bytes");
	if (u->written != -1)
		cnt_json_set_int(j, "write_bytes", u->written);
	else
		cnt_json_set_null(j, "write_bytes");
}
