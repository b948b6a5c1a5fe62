/* SPDX-License-Identifier: Apache-2.0
 *
 * box_info: what this box is and what it has. Everything is read from the kernel and /etc; what
 * cannot be read is null or missing, never an error.
 */
#include "mcp/box/box.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <time.h>

#include "lib/proc.h"
#include "mcp/box/process/port.h"
#include "mcp/box/user.h"

#define PORTS_MAX	256

static const struct cnt_field amount_fields[] = {
	{ .name = "limit", .type = CNT_SIZE, .flags = CNT_NULLABLE },
	{ .name = "used", .type = CNT_SIZE, .flags = CNT_NULLABLE },
	{ 0 },
};

static const struct cnt_field disk_fields[] = {
	{ .name = "size", .type = CNT_SIZE, .flags = CNT_NULLABLE },
	{ .name = "used", .type = CNT_SIZE, .flags = CNT_NULLABLE },
	{ 0 },
};

static const struct cnt_field listening_fields[] = {
	{ .name = "port", .type = CNT_INTEGER },
	{ .name = "process", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ 0 },
};

static const struct cnt_field info_results[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "os", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "kernel", .type = CNT_STRING },
	{ .name = "arch", .type = CNT_STRING },
	{ .name = "cpus", .type = CNT_NUMBER },
	{ .name = "memory", .type = CNT_OBJECT, .of = amount_fields },
	{ .name = "disk", .type = CNT_OBJECT, .of = disk_fields },
	{ .name = "uptime_s", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "user", .type = CNT_STRING },
	{ .name = "addresses", .type = CNT_STRINGS },
	{ .name = "listening", .type = CNT_OBJECTS, .of = listening_fields },
	{ 0 },
};

struct port {
	int		port;
	unsigned long	inode;
	char		process[32];
};

struct ports {
	struct port	p[PORTS_MAX];
	size_t		n;
};

static void
set_size(cJSON *j, const char *name, int64_t value)
{
	if (value >= 0)
		cnt_json_set_int(j, name, value);
	else
		cnt_json_set_null(j, name);
}

/* The first number in a file; -1: none ("max", not there). */
static int64_t
number_in(const char *path)
{
	FILE *f CNT_FILE = fopen(path, "re");
	int64_t value = -1;

	return f != NULL && fscanf(f, "%" SCNd64, &value) == 1 ? value : -1;
}

static int64_t
meminfo(const char *name)
{
	FILE *f CNT_FILE = fopen("/proc/meminfo", "re");
	char line[128];
	int64_t kib = -1;
	size_t n = strlen(name);

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, n) == 0 && sscanf(line + n, ": %" SCNd64, &kib) == 1)
			break;
	return kib == -1 ? -1 : kib * 1024;
}

/* The box's own cgroup where it can be seen (v2, then v1), else what the machine has. */
static void
add_memory(cJSON *out)
{
	static const char *const files[][2] = {
		{ "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current" },
		{ "/sys/fs/cgroup/memory/memory.limit_in_bytes",
		    "/sys/fs/cgroup/memory/memory.usage_in_bytes" },
	};
	int64_t total = meminfo("MemTotal"), available = meminfo("MemAvailable");
	int64_t limit = total, used = total != -1 && available != -1 ? total - available : -1;
	cJSON *j = cJSON_AddObjectToObject(out, "memory");

	for (size_t i = 0; i < nitems(files); i++) {
		int64_t own = number_in(files[i][0]);

		if (own < 0 || (total != -1 && own > total))
			continue;
		limit = own;
		used = number_in(files[i][1]);
		break;
	}
	set_size(j, "limit", limit);
	set_size(j, "used", used);
}

static void
add_cpus(cJSON *out)
{
	FILE *f CNT_FILE = fopen("/sys/fs/cgroup/cpu.max", "re");
	double quota = 0, period = 0, cpus = 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cpus = CPU_COUNT(&set);
	if (f == NULL || fscanf(f, "%lf %lf", &quota, &period) != 2) {
		quota = (double)number_in("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
		period = (double)number_in("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
	}
	if (quota > 0 && period > 0 && quota / period < cpus)
		cpus = quota / period;
	cnt_json_set_num(out, "cpus", cpus);
}

static void
add_os(cJSON *out)
{
	FILE *f CNT_FILE = fopen("/etc/os-release", "re");
	char line[256], name[200] = "";

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "PRETTY_NAME=\"%199[^\"\n]", name) == 1 ||
		    sscanf(line, "PRETTY_NAME=%199[^\"\n]", name) == 1)
			break;
	if (name[0] != '\0')
		cnt_json_set_str(out, "os", name);
	else
		cnt_json_set_null(out, "os");
}

static void
add_disk(cJSON *out)
{
	cJSON *j = cJSON_AddObjectToObject(out, "disk");
	struct statvfs v;
	int64_t size = -1, used = -1;

	if (statvfs(cnt_user_self()->home, &v) == 0 || statvfs("/", &v) == 0) {
		size = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
		used = size - (int64_t)v.f_bfree * (int64_t)v.f_frsize;
	}
	set_size(j, "size", size);
	set_size(j, "used", used);
}

/* Since the box's own init began: the machine's uptime is not the box's. */
static int64_t
uptime(void)
{
	struct cnt_proc init;
	struct timespec now = { 0 };

	if (cnt_proc_read(1, &init) == -1 || clock_gettime(CLOCK_BOOTTIME, &now) == -1)
		return -1;
	return now.tv_sec - (int64_t)(init.start / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void
add_addresses(cJSON *out)
{
	cJSON *all = cJSON_AddArrayToObject(out, "addresses");
	struct ifaddrs *list = NULL;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&list) == -1)
		return;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		const void *a = i->ifa_addr, *address = NULL;

		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			address = &((const struct sockaddr_in *)a)->sin_addr;
		else if (i->ifa_addr->sa_family == AF_INET6)
			address = &((const struct sockaddr_in6 *)a)->sin6_addr;
		if (address != NULL &&
		    inet_ntop(i->ifa_addr->sa_family, address, text, sizeof(text)) != NULL)
			cJSON_AddItemToArray(all, cJSON_CreateString(text));
	}
	freeifaddrs(list);
}

static void
read_ports(const char *path, struct ports *all)
{
	FILE *f CNT_FILE = fopen(path, "re");
	unsigned port = 0;
	unsigned long inode = 0;

	while (f != NULL && all->n < PORTS_MAX && cnt_port_next(f, &port, &inode)) {
		bool known = false;

		for (size_t i = 0; i < all->n; i++)
			known = known || all->p[i].port == (int)port;
		if (!known)
			all->p[all->n++] = (struct port){ .port = (int)port, .inode = inode };
	}
}

static void
name_process(struct port *p, const char *pid)
{
	char *path CNT_FREE = cnt_format("/proc/%s/comm", pid);
	FILE *f CNT_FILE = fopen(path, "re");

	if (f != NULL && fgets(p->process, sizeof(p->process), f) != NULL)
		p->process[strcspn(p->process, "\n")] = '\0';
}

static void
find_owners(const char *pid, struct ports *all)
{
	char *path CNT_FREE = cnt_format("/proc/%s/fd", pid);
	DIR *d CNT_DIR = opendir(path);
	struct dirent *entry = NULL;
	char link[64];
	unsigned long inode = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		if (sscanf(link, "socket:[%lu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < all->n; i++)
			if (all->p[i].inode == inode && all->p[i].process[0] == '\0')
				name_process(&all->p[i], pid);
	}
}

static int
by_port(const void *a, const void *b)
{
	return ((const struct port *)a)->port - ((const struct port *)b)->port;
}

static void
add_listening(cJSON *out)
{
	cJSON *list = cJSON_AddArrayToObject(out, "listening");
	struct ports *all CNT_FREE = cnt_alloc(sizeof(*all));
	DIR *d CNT_DIR = NULL;
	struct dirent *entry = NULL;

	read_ports("/proc/net/tcp", all);
	read_ports("/proc/net/tcp6", all);
	d = all->n > 0 ? opendir("/proc") : NULL;
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			find_owners(entry->d_name, all);
	qsort(all->p, all->n, sizeof(all->p[0]), by_port);
	for (size_t i = 0; i < all->n; i++) {
		cJSON *j = cnt_json_add_object(list);

		cnt_json_set_int(j, "port", all->p[i].port);
		if (all->p[i].process[0] != '\0')
			cnt_json_set_str(j, "process", all->p[i].process);
		else
			cnt_json_set_null(j, "process");
	}
}

static int
box_info(struct cnt_call *c)
{
	struct utsname u;

	if (uname(&u) == -1)
		return cnt_fail_sys(c->err, "uname");
	cnt_json_set_str(c->out, "name", u.nodename);
	add_os(c->out);
	cnt_json_set_str(c->out, "kernel", u.release);
	cnt_json_set_str(c->out, "arch", u.machine);
	add_cpus(c->out);
	add_memory(c->out);
	add_disk(c->out);
	set_size(c->out, "uptime_s", uptime());
	cnt_json_set_str(c->out, "user", cnt_user_self()->name);
	add_addresses(c->out);
	add_listening(c->out);
	return 0;
}

const struct cnt_verb cnt_box_info = {
	.name = "box_info", .tool = "box_info", .title = "About this box",
	.group = "The box",
	.summary = "show what this box is and has",
	.about = "What this box is and has: system, CPUs, memory and disk (bytes), uptime, user, "
	    "IP addresses, TCP ports listened on.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true,
	.results = info_results, .run = box_info,
};
