/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a box's control groups. The tree below TAG/NAME/box is the box's: its root makes
 * directories there in any number and depth, freezes its own processes, and forks while it is
 * removed. So killing is done in the v2 hierarchy, whose files above `box` it cannot write, and no
 * walk depends on depth.
 */
#include "lib/cgroup.h"

#include <sys/pidfd.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>

#include "lib/file.h"

#define STUCK_US	10000000	/* without progress: processes that cannot die */

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
	CNT_DIR DIR *d = cnt_file_entries(fd);
	struct dirent *entry;
	int gone = 0;

	busy[0] = '\0';
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
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

void
cnt_cgroup_signal(const char *dir, const char *path, int sig)
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
			pidfd_send_signal(fd, sig, NULL, 0);
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
		/* Killed while it joined, or being started: in this hierarchy and not in v2's. */
		cnt_cgroup_signal(dir, path, SIGKILL);
		poll(NULL, 0, 1);
	}
	return 0;
}

/* The monitor's groups, and the box's. */
static const char *const suffixes[] = { ".mon", ".pivot", "" };

static int
remove_trees(const char *dir, const char *tag, const char *box, struct cnt_err *e)
{
	for (size_t k = 0; k < nitems(suffixes); k++) {
		char *path CNT_FREE = cnt_format("%s/%s%s", tag, box, suffixes[k]);

		if (remove_tree(dir, path, e) == -1)
			return -1;
	}
	return 0;
}

/* The box dies with its monitor. The v1 freezer goes first: nothing that it holds can die. */
int
cnt_cgroup_remove(const char *tag, const char *box, struct cnt_err *e)
{
	const char *v2 = cnt_cgroup_v2(), *freezer = cnt_cgroup_v1("freezer");
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
	if (box != NULL && freezer != NULL && remove_trees(freezer, tag, box, e) == -1)
		return -1;
	for (size_t i = 0; box != NULL && i < n; i++)
		if (remove_trees(h[i].dir, tag, box, e) == -1)
			return -1;
	return 0;
}
