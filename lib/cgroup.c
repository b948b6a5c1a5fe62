/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups of boxes on both kinds of host: which hierarchies there are, limits as their keys,
 * use, and removal. The tree below TAG/NAME/box is the box's: its root makes directories there in
 * any number and depth, freezes its own processes, and forks while it is removed. So killing is
 * done in the v2 hierarchy, whose files above `box` it cannot write, and no walk depends on depth.
 */
#include "lib/cgroup.h"

#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>

#include "lib/file.h"

#define ROOT		"/sys/fs/cgroup"
#define HIERARCHIES	24		/* v1 has 14 controllers, each with a name of its own */
#define PERIOD_US	100000		/* the kernel's default for cpu quotas */
#define STUCK_US	10000000	/* without progress: processes that cannot die */

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
	int n = snprintf(h->dir, sizeof(h->dir), ROOT "%s%s", *name != '\0' ? "/" : "", name);

	if (host.n == HIERARCHIES || n < 0 || (size_t)n >= sizeof(h->dir))
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

static bool
has_word(const char *list, const char *word, const char *separators)
{
	size_t n = strlen(word);

	for (; *list != '\0'; list += strcspn(list, separators)) {
		list += strspn(list, separators);
		if (strncmp(list, word, n) == 0 &&
		    (list[n] == '\0' || strchr(separators, list[n]) != NULL))
			return true;
	}
	return false;
}

/* The v1 hierarchy of a controller: mounted as "memory", or with others as "cpu,cpuacct". */
static const char *
v1_dir(const char *controller)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t i = 0; i < n; i++)
		if (!h[i].v2 && has_word(h[i].dir + strlen(ROOT "/"), controller, ","))
			return h[i].dir;
	return NULL;
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
	    v1_dir("memory") != NULL ? v1_dir("memory") : ROOT);

	if (l->swap < 0)
		return 0;
	if (!v2 && l->memory <= 0)
		return cnt_fail(e, CNT_UNAVAILABLE,
		    "swap: cgroup v1 limits it only together with memory");
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

		if (v2 ? !has_word(have.p != NULL ? have.p : "", c, " \n") : v1_dir(c) == NULL)
			return cnt_fail(e, CNT_UNAVAILABLE,
			    "%s: this host has no such cgroup controller", c);
	}
	return check_swap(l, v2, e);
}

int
cnt_cgroup_pids(const char *path, pid_t **pids, size_t *n, struct cnt_err *e)
{
	const char *v2 = cnt_cgroup_v2();
	char *file CNT_FREE = cnt_format("%s/%s/cgroup.procs", v2 != NULL ? v2 : ROOT, path);
	CNT_FILE FILE *f = fopen(file, "re");
	pid_t *list = NULL;
	size_t cap = 0;
	long pid;

	*pids = NULL;
	*n = 0;
	if (f == NULL)
		return errno == ENOENT ? 0 : cnt_fail_sys(e, "%s", file);
	while (fscanf(f, "%ld", &pid) == 1) {
		if (*n == cap)
			list = cnt_realloc(list, (cap += 64) * sizeof(*list));
		list[(*n)++] = (pid_t)pid;
	}
	*pids = list;
	return 0;
}

int64_t
cnt_cgroup_use(const char *tag, const char *box, const char *what)
{
	bool v2 = cnt_cgroup_is_v2(), memory = strcmp(what, "memory") == 0;
	const char *dir = v2 ? ROOT : v1_dir(what);
	char *file CNT_FREE = cnt_format("%s/%s/%s/%s", dir != NULL ? dir : ROOT, tag, box,
	    !memory ? "pids.current" : v2 ? "memory.current" : "memory.usage_in_bytes");
	CNT_FILE FILE *f = fopen(file, "re");
	long long value;

	return f != NULL && fscanf(f, "%lld", &value) == 1 ? value : -1;
}

static int
put_at(int dir, const char *file, const char *text)
{
	CNT_CLOSE int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd == -1 || write(fd, text, strlen(text)) == -1 ? -1 : 0;
}

/* Removes the directories in fd that can be; the name of one that cannot goes to `busy`, "" when
 * none is left. Returns how many went. */
static int
remove_children(int fd, char busy[NAME_MAX + 1])
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CNT_DIR DIR *d = again != -1 ? fdopendir(again) : NULL;
	struct dirent *entry;
	int gone = 0;

	busy[0] = '\0';
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
			gone++;
		else if (errno != ENOENT)
			snprintf(busy, NAME_MAX + 1, "%s", entry->d_name);
	}
	return gone;
}

/* Empties the tree at *fd, which has to be killed already; a v1 freezer keeps the killed alive
 * until they are thawed. Goes down and up one directory at a time: the box chose the depth. */
static int
remove_below(int *fd)
{
	int64_t deadline = cnt_ticks_us() + STUCK_US;
	char busy[NAME_MAX + 1];
	int depth = 0;

	for (;;) {
		int next, gone = remove_children(*fd, busy);

		if (gone > 0)
			deadline = cnt_ticks_us() + STUCK_US;
		if (busy[0] == '\0' && depth == 0)
			return 0;
		if (cnt_ticks_us() > deadline)
			return -1;
		if (busy[0] == '\0' && gone == 0)
			poll(NULL, 0, 1);	/* its processes are dying */
		next = openat(*fd, busy[0] != '\0' ? busy : "..",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (next == -1)
			continue;
		depth += busy[0] != '\0' ? 1 : -1;
		close(*fd);
		*fd = next;
		put_at(next, "freezer.state", "THAWED");
	}
}

/* A process that is in one hierarchy and not in v2's was killed while it joined, or is being
 * started: nothing but the group's name tells that it belongs here, so that is checked once its pid
 * is held by a descriptor. */
static void
kill_members(const char *dir, const char *path)
{
	char *procs CNT_FREE = cnt_format("%s/%s/cgroup.procs", dir, path);
	char *line CNT_FREE = cnt_format(":/%s\n", path);
	CNT_FILE FILE *f = fopen(procs, "re");
	long pid;

	while (f != NULL && fscanf(f, "%ld", &pid) == 1) {
		CNT_CLOSE int fd = pidfd_open((pid_t)pid, 0);
		char *name CNT_FREE = cnt_format("/proc/%ld/cgroup", pid);
		CNT_BUF struct cnt_buf b = { 0 };
		struct cnt_err ignored;

		if (fd != -1 && cnt_file_read(name, 65536, &b, &ignored) == 0 && b.p != NULL &&
		    strstr(b.p, line) != NULL)
			pidfd_send_signal(fd, SIGKILL, NULL, 0);
	}
}

static int
remove_tree(const char *dir, const char *path, struct cnt_err *e)
{
	char *top CNT_FREE = cnt_format("%s/%s", dir, path);
	int64_t deadline = cnt_ticks_us() + STUCK_US;
	CNT_CLOSE int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT ? 0 : cnt_fail_sys(e, "%s", top);
	put_at(fd, "freezer.state", "THAWED");
	if (remove_below(&fd) == -1)
		return cnt_fail(e, CNT_BUSY, "%s: processes in it do not end", top);
	while (rmdir(top) == -1 && errno != ENOENT) {
		if (cnt_ticks_us() > deadline)
			return cnt_fail(e, CNT_BUSY, "%s: processes in it do not end", top);
		kill_members(dir, path);
		poll(NULL, 0, 1);
	}
	return 0;
}

static int
remove_both(const char *dir, const char *tag, const char *box, struct cnt_err *e)
{
	char *monitor CNT_FREE = cnt_format("%s/%s.mon", tag, box);
	char *path CNT_FREE = cnt_format("%s/%s", tag, box);

	return remove_tree(dir, monitor, e) == -1 || remove_tree(dir, path, e) == -1 ? -1 : 0;
}

/* The box dies with its monitor. The v1 freezer goes first: nothing that it holds can die. */
int
cnt_cgroup_remove(const char *tag, const char *box, struct cnt_err *e)
{
	static const char *const suffixes[] = { ".mon", "" };
	const char *v2 = cnt_cgroup_v2(), *freezer = v1_dir("freezer");
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t i = 0; box == NULL && i < n; i++) {
		char *top CNT_FREE = cnt_format("%s/%s", h[i].dir, tag);

		rmdir(top);
	}
	for (size_t k = 0; box != NULL && v2 != NULL && k < nitems(suffixes); k++) {
		char *file CNT_FREE = cnt_format("%s/%s/%s%s/cgroup.kill", v2, tag, box,
		    suffixes[k]);

		if (cnt_file_put(file, "1") == -1 && errno != ENOENT && errno != ENODEV)
			return cnt_fail_sys(e, "%s", file);
	}
	if (box != NULL && freezer != NULL && remove_both(freezer, tag, box, e) == -1)
		return -1;
	for (size_t i = 0; box != NULL && i < n; i++)
		if (remove_both(h[i].dir, tag, box, e) == -1)
			return -1;
	return 0;
}
