/* SPDX-License-Identifier: Apache-2.0
 *
 * A session's control group: how everything in it is found and ended. The leaf is the host's and in
 * the v2 hierarchy, so what entered through it cannot get out, whatever it forks or becomes. The v1
 * freezer is the one thing of the box's that can hold a killed process; it is answered in kind.
 */
#include "lib/leaf.h"

#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "lib/cgroup.h"
#include "lib/file.h"
#include "lib/proc.h"

#define KILL_MS		2000	/* from KILL to empty; a loaded machine takes milliseconds */
#define SWEEP_MS	100
#define THAW_MS		20	/* between two thaws: the box may freeze again what was thawed */
#define DYING_MS	20	/* what was killed just before, and needs no later sweep then */
#define KEPT		"trusted.cnt.kept"

static void
forget(struct cnt_leaf *leaf)
{
	cnt_cleanup_close(&leaf->v2_fd);
	leaf->v2_fd = -1;
	if (leaf->guard > 0 && kill(leaf->guard, SIGKILL) == 0)
		cnt_proc_reap(leaf->guard);
	leaf->guard = -1;
}

/* Holds nothing of the caller's and no terminal's signal reaches it. */
static CNT_NORETURN void
watch(const char *tag, const char *box, int owner)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	for (int fd = 0; fd <= 2; fd++)
		dup2(owner, fd);
	close_range(3, ~0U, 0);
	while (poll(&p, 1, -1) == -1 && errno == EINTR)
		;
	cnt_leaf_sweep(tag, box);
	_exit(0);
}

/* What entered has the signal of its parent's death, but loses it with sudo or a label. */
static int
start_guard(const char *tag, const char *box, struct cnt_leaf *leaf, struct cnt_err *e)
{
	CNT_CLOSE int owner = pidfd_open(getpid(), 0);

	leaf->guard = owner == -1 ? -1 : fork();
	if (leaf->guard == 0)
		watch(tag, box, owner);
	return leaf->guard == -1 ? cnt_fail_sys(e, "%s: entering", box) : 0;
}

int
cnt_leaf_make(const char *tag, const char *box, struct cnt_leaf *leaf, struct cnt_err *e)
{
	static unsigned count;
	int64_t start = cnt_proc_start(getpid());
	char *dir CNT_FREE = NULL;

	leaf->v2_fd = leaf->guard = -1;
	if (cnt_cgroup_v2() == NULL)
		return cnt_fail(e, CNT_UNAVAILABLE, "no cgroup v2 hierarchy is mounted");
	if (start == -1)
		return cnt_fail_sys(e, "/proc/%ld/stat", (long)getpid());
	snprintf(leaf->box, sizeof(leaf->box), "%s/%s", tag, box);
	snprintf(leaf->path, sizeof(leaf->path), "%s/s-%ld-%lld-%u", leaf->box, (long)getpid(),
	    (long long)start, ++count);
	dir = cnt_cgroup_path("%s", leaf->path);
	if (mkdir(dir, 0755) == -1)
		return errno == ENOENT ? cnt_fail(e, CNT_NO, "%s: not running", box) :
		    cnt_fail_sys(e, "%s", dir);
	leaf->v2_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leaf->v2_fd == -1)
		cnt_fail_sys(e, "%s", dir);
	if (leaf->v2_fd == -1 || start_guard(tag, box, leaf, e) == -1) {
		forget(leaf);
		rmdir(dir);
		return -1;
	}
	return 0;
}

/* `tasks`, not cgroup.procs: moving the one thread that writes waits for no grace period. */
int
cnt_leaf_join(const struct cnt_leaf *leaf, struct cnt_err *e)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t i = 0; i < n; i++) {
		char path[256];

		if (h[i].v2)
			continue;
		snprintf(path, sizeof(path), "%s/%s/tasks", h[i].dir, leaf->box);
		if (cnt_file_put(path, "0") == -1)
			return cnt_fail_sys(e, "%s", path);
	}
	return 0;
}

static bool
is_populated(int events)
{
	char text[128];
	ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;		/* ENODEV: removed */
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

static bool
is_empty(const struct cnt_leaf *leaf)
{
	char *path CNT_FREE = cnt_cgroup_path("%s/cgroup.events", leaf->path);
	CNT_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd == -1 || !is_populated(fd);
}

static bool
wait_empty(const struct cnt_leaf *leaf, int ms)
{
	char *path CNT_FREE = cnt_cgroup_path("%s/cgroup.events", leaf->path);
	CNT_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t deadline = cnt_ticks_us() + (int64_t)ms * 1000, left;
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	if (fd == -1)
		return true;
	while (is_populated(fd)) {
		left = deadline - cnt_ticks_us();
		if (left <= 0)
			return false;
		poll(&p, 1, (int)(left / 1000) + 1);
	}
	return true;
}

/* On v1 a process that the box froze in a group of its own does not die; moved to a thawed one it
 * does. */
static void
thaw(const struct cnt_leaf *leaf)
{
	const char *freezer = cnt_cgroup_v1("freezer");
	char *from CNT_FREE = cnt_cgroup_path("%s/cgroup.procs", leaf->path);
	char *to CNT_FREE = freezer == NULL ? NULL : cnt_format("%s/%s/cgroup.procs", freezer,
	    leaf->box);
	CNT_FILE FILE *f = freezer == NULL ? NULL : fopen(from, "re");
	char pid[16];

	while (f != NULL && fscanf(f, "%15s", pid) == 1)
		cnt_file_put(to, pid);
}

static bool
kill_all(const struct cnt_leaf *leaf, int ms)
{
	char *path CNT_FREE = cnt_cgroup_path("%s/cgroup.kill", leaf->path);
	int64_t deadline = cnt_ticks_us() + (int64_t)ms * 1000;

	cnt_file_put(path, "1");
	while (!wait_empty(leaf, THAW_MS)) {
		if (cnt_ticks_us() > deadline)
			return false;
		thaw(leaf);
	}
	return true;
}

/* Empty is not yet removable: the last process may be on its way out. */
static int
remove_leaf(const struct cnt_leaf *leaf, int ms)
{
	char *dir CNT_FREE = cnt_cgroup_path("%s", leaf->path);
	int64_t deadline = cnt_ticks_us() + (int64_t)ms * 1000;

	while (rmdir(dir) == -1 && errno != ENOENT) {
		if (errno != EBUSY || cnt_ticks_us() > deadline)
			return -1;
		poll(NULL, 0, 1);
	}
	return 0;
}

static int
end(const struct cnt_leaf *leaf, int grace_ms, struct cnt_err *e)
{
	/* A stopped one would sleep through the first two. */
	static const int told[] = { SIGHUP, SIGTERM, SIGCONT };

	if (!is_empty(leaf) && grace_ms > 0) {
		for (size_t k = 0; k < nitems(told); k++)
			cnt_cgroup_signal(cnt_cgroup_v2(), leaf->path, told[k]);
		wait_empty(leaf, grace_ms);
	}
	if (!is_empty(leaf) && !kill_all(leaf, KILL_MS))
		return cnt_fail(e, CNT_BUSY, "%s: processes of the session do not end", leaf->box);
	return remove_leaf(leaf, KILL_MS) == -1 ? cnt_fail_sys(e, "%s", leaf->path) : 0;
}

int
cnt_leaf_end(struct cnt_leaf *leaf, int grace_ms, struct cnt_err *e)
{
	int r = leaf->v2_fd == -1 ? 0 : end(leaf, grace_ms, e);

	forget(leaf);
	return r;
}

void
cnt_leaf_keep(struct cnt_leaf *leaf)
{
	if (leaf->v2_fd == -1)
		return;
	fsetxattr(leaf->v2_fd, KEPT, "1", 1, 0);
	forget(leaf);
	remove_leaf(leaf, wait_empty(leaf, DYING_MS) ? KILL_MS : 0);
}

void
cnt_leaf_sweep(const char *tag, const char *box)
{
	struct cnt_leaf leaf = { .v2_fd = -1 };
	char *top CNT_FREE = NULL;
	CNT_DIR DIR *d = NULL;
	struct dirent *entry;

	snprintf(leaf.box, sizeof(leaf.box), "%s/%s", tag, box);
	top = cnt_cgroup_path("%s", leaf.box);
	d = opendir(top);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		char *dir CNT_FREE = NULL;
		long long start;
		long pid;

		if (sscanf(entry->d_name, "s-%ld-%lld-", &pid, &start) != 2 ||
		    cnt_proc_start((pid_t)pid) == start)
			continue;
		snprintf(leaf.path, sizeof(leaf.path), "%s/%.60s", leaf.box, entry->d_name);
		dir = cnt_cgroup_path("%s", leaf.path);
		if (rmdir(dir) == -1 && getxattr(dir, KEPT, NULL, 0) == -1 &&
		    kill_all(&leaf, SWEEP_MS))
			remove_leaf(&leaf, SWEEP_MS);
	}
}
