/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups of boxes on both kinds of host: which hierarchies there are, limits as their keys,
 * and use. Their end is cgroup-remove.c's.
 */
#include "lib/cgroup.h"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>

#include "lib/file.h"

#define ROOT		CNT_CGROUP_ROOT
#define HIERARCHIES	24		/* v1 has 14 controllers, each with a name of its own */
#define PERIOD_US	100000		/* the kernel's default for cpu quotas */

static struct {
	struct cnt_hierarchy	list[HIERARCHIES];
	size_t			n;
	bool			found;
} host;

static void
add_hierarchy(const char *name)
{
	struct cnt_hierarchy *h = &host.list[host.n];
	struct statfs f = { 0 };
	struct stat st = { 0 };
	int n = -1;

	if (host.n < HIERARCHIES)
		n = snprintf(h->dir, sizeof(h->dir), ROOT "%s%s", *name != '\0' ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(h->dir))
		return;
	if (lstat(h->dir, &st) == -1 || !S_ISDIR(st.st_mode) || statfs(h->dir, &f) == -1)
		return;			/* cpu -> cpu,cpuacct: once is enough */
	h->v2 = f.f_type == CGROUP2_SUPER_MAGIC;
	if (h->v2 || f.f_type == CGROUP_SUPER_MAGIC)
		host.n++;
}

const struct cnt_hierarchy *
cnt_cgroup_hierarchies(size_t *n)
{
	CNT_DIR DIR *d = NULL;
	struct dirent *entry;

	if (!host.found)
		add_hierarchy("");
	if (!host.found && host.n == 0)
		d = opendir(ROOT);
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && entry->d_type == DT_DIR)
			add_hierarchy(entry->d_name);
	host.found = true;
	*n = host.n;
	return host.list;
}

const char *
cnt_cgroup_v2(void)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t i = 0; i < n; i++)
		if (h[i].v2)
			return h[i].dir;
	return NULL;
}

bool
cnt_cgroup_is_v2(void)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	return n == 1 && h[0].v2 && strcmp(h[0].dir, ROOT) == 0;
}

const char *
cnt_cgroup_v1(const char *controller)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t i = 0; i < n; i++)
		if (!h[i].v2 && cnt_list_has(h[i].dir + strlen(ROOT "/"), controller, ","))
			return h[i].dir;
	return NULL;
}

const char *
cnt_cgroup_of(const char *controller)
{
	const char *dir = cnt_cgroup_is_v2() ? ROOT : cnt_cgroup_v1(controller);

	return dir != NULL ? dir : ROOT;
}

char *
cnt_cgroup_path(const char *fmt, ...)
{
	const char *v2 = cnt_cgroup_v2();
	char *below CNT_FREE = NULL;
	va_list ap;

	va_start(ap, fmt);
	below = cnt_vformat(fmt, ap);
	va_end(ap);
	return cnt_format("%s/%s", v2 != NULL ? v2 : "", below);
}

static void CNT_PRINTF(4, 5)
add_key(struct cnt_cgroup_key *keys, size_t *n, const char *file, const char *fmt, ...)
{
	static const char *const controllers[] = { "memory", "pids", "cpu" };
	struct cnt_cgroup_key *k = &keys[(*n)++];
	va_list ap;

	for (size_t i = 0; i < nitems(controllers); i++)
		if (strncmp(file, controllers[i], strlen(controllers[i])) == 0)
			k->controller = controllers[i];
	snprintf(k->file, sizeof(k->file), "%s", file);
	va_start(ap, fmt);
	vsnprintf(k->value, sizeof(k->value), fmt, ap);
	va_end(ap);
}

/* v1 counts memory and swap together, and the sum may never be below memory alone: memory first. */
size_t
cnt_cgroup_limits(const struct cnt_limits *l, bool v2, struct cnt_cgroup_key keys[CNT_CGROUP_KEYS])
{
	long long memory = l->memory, swap = l->swap, pids = l->pids;
	long long quota = (long long)(l->cpu * PERIOD_US + 0.5);
	size_t n = 0;

	memset(keys, 0, sizeof(*keys) * CNT_CGROUP_KEYS);
	if (memory > 0)
		add_key(keys, &n, v2 ? "memory.max" : "memory.limit_in_bytes", "%lld", memory);
	if (swap >= 0 && v2)
		add_key(keys, &n, "memory.swap.max", "%lld", swap);
	if (swap >= 0 && memory > 0 && !v2)
		add_key(keys, &n, "memory.memsw.limit_in_bytes", "%lld",
		    swap > LLONG_MAX - memory ? LLONG_MAX : memory + swap);
	if (pids > 0)
		add_key(keys, &n, "pids.max", "%lld", pids);
	if (quota > 0 && v2)
		add_key(keys, &n, "cpu.max", "%lld %d", quota, PERIOD_US);
	if (quota > 0 && !v2) {
		add_key(keys, &n, "cpu.cfs_period_us", "%d", PERIOD_US);
		add_key(keys, &n, "cpu.cfs_quota_us", "%lld", quota);
	}
	return n;
}

static int
check_swap(const struct cnt_limits *l, bool v2, struct cnt_err *e)
{
	char *memsw CNT_FREE = cnt_format("%s/memory.memsw.limit_in_bytes",
	    cnt_cgroup_of("memory"));

	if (l->swap < 0)
		return 0;
	if (!v2 && l->memory <= 0) {
		cnt_fail(e, CNT_UNAVAILABLE, "swap: cgroup v1 limits it only together with memory");
		return cnt_hint(e, "set `swap unlimited` in cnt.conf too");
	}
	if (access(v2 ? "/proc/swaps" : memsw, F_OK) == -1) {
		cnt_fail(e, CNT_UNAVAILABLE, "swap: this kernel does not account for it");
		return cnt_hint(e, "boot with swapaccount=1, or set `swap unlimited` in cnt.conf");
	}
	return 0;
}

int
cnt_cgroup_check(const struct cnt_limits *l, struct cnt_err *e)
{
	struct cnt_cgroup_key keys[CNT_CGROUP_KEYS];
	CNT_BUF struct cnt_buf have = { 0 };
	bool v2 = cnt_cgroup_is_v2();
	size_t n = cnt_cgroup_limits(l, v2, keys);

	if (cnt_cgroup_v2() == NULL) {
		cnt_fail(e, CNT_UNAVAILABLE, ROOT ": no cgroup v2 hierarchy is mounted");
		return cnt_hint(e, "mkdir " ROOT "/unified && mount -t cgroup2 none " ROOT
		    "/unified");
	}
	if (v2 && cnt_file_read(ROOT "/cgroup.controllers", 4096, &have, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *c = keys[i].controller;

		if (v2 ? cnt_list_has(have.p, c, " \n") : cnt_cgroup_v1(c) != NULL)
			continue;
		cnt_fail(e, CNT_UNAVAILABLE, "%s: this host has no such cgroup controller", c);
		return cnt_hint(e, "boot without cgroup_disable=%s, or set `%s 0`%s in cnt.conf",
		    c, c, strcmp(c, "memory") == 0 ? " and `swap unlimited`" : "");
	}
	return check_swap(l, v2, e);
}

int64_t
cnt_cgroup_use(const char *tag, const char *box, const char *what)
{
	bool v2 = cnt_cgroup_is_v2(), memory = strcmp(what, "memory") == 0;
	char *file CNT_FREE = cnt_format("%s/%s/%s/%s", cnt_cgroup_of(what), tag, box,
	    !memory ? "pids.current" : v2 ? "memory.current" : "memory.usage_in_bytes");
	CNT_FILE FILE *f = fopen(file, "re");
	long long value;

	return f != NULL && fscanf(f, "%lld", &value) == 1 ? value : -1;
}
