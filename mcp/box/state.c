/* SPDX-License-Identifier: Apache-2.0
 *
 * ~/.local/state/agent-box: the user's own, 0700. What a command wrote stands there whole when an
 * answer could not carry it, and processes that outlive the connection (process.h). Spill files
 * older than a week are removed when a new one is made, and the oldest where there are many.
 */
#include "mcp/box/state.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include <linux/openat2.h>

#include "lib/crypto.h"
#include "lib/file.h"
#include "mcp/box/file/stat.h"
#include "mcp/box/process/enforce.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

#define SPILL		"output-"
#define KEPT_SECONDS	604800		/* a week */
#define KEPT_SPILLS	1000		/* 200 commands at once may be writing two each */

/* Opens one part of the way; the last one must be the user's own and nobody else's. Commands that
 * are held to the root may have made a link of any. */
static int
enter_directory(int up, const char *name, bool make, bool last)
{
	int fd CNT_CLOSE = -1;
	struct stat st = { 0 };

	if (make && mkdirat(up, name, 0700) == -1 && errno != EEXIST)
		return -1;
	fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (last || cnt_enforce_holds() ? O_NOFOLLOW : 0));
	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (last && st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	if (last && (st.st_mode & 077) != 0 && fchmod(fd, 0700) == -1)
		return -1;
	return take_fd(&fd);
}

/* The same for HOME itself: the wall lets a link in the root not lead out of it, and elsewhere a
 * link might lead into the root. */
static int
open_home(void)
{
	const char *home = cnt_user_self()->home;
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = cnt_enforce_holds() ? RESOLVE_NO_SYMLINKS : 0 };
	char *inside CNT_FREE = cnt_enforce_holds() ? cnt_wall_path("~") : NULL;

	if (inside != NULL && strcmp(inside, home) == 0)
		return cnt_wall_open(home, O_PATH | O_DIRECTORY);
	return (int)syscall(SYS_openat2, AT_FDCWD, home, &how, sizeof(how));
}

static int
open_state(bool make)
{
	int home CNT_CLOSE = open_home();
	int local CNT_CLOSE = home != -1 ? enter_directory(home, ".local", make, false) : -1;
	int state CNT_CLOSE = local != -1 ? enter_directory(local, "state", make, false) : -1;

	return state != -1 ? enter_directory(state, "agent-box", make, true) : -1;
}

int
cnt_state_directory(const char *name)
{
	int state CNT_CLOSE = open_state(true);

	return state != -1 ? enter_directory(state, name, true, true) : -1;
}

int
cnt_state_processes(bool make, struct cnt_err *e)
{
	int state CNT_CLOSE = open_state(make);
	int dir CNT_CLOSE = state != -1 ? enter_directory(state, "process", make, true) : -1;

	if (dir == -1 && !make && errno == ENOENT)
		return -1;
	if (dir == -1) {
		char *path CNT_FREE = cnt_format("%s/.local/state/agent-box/process",
		    cnt_user_self()->home);

		cnt_wall_fail(e, path);
		if (e->sys == ENOSPC || e->sys == EDQUOT)
			return -1;
		return cnt_hint(e, "processes are kept there: HOME must be a directory that this "
		    "user may write, and .local/state/agent-box this user's own");
	}
	return take_fd(&dir);
}

/* Returns how many are left; *oldest is the name of one of them. */
static size_t
remove_older(int dir, time_t than, char oldest[256])
{
	DIR *d CNT_DIR = cnt_file_entries(dir);
	struct timespec least = { .tv_sec = INT64_MAX };
	struct dirent *entry = NULL;
	struct stat st = { 0 };
	size_t n = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, SPILL, strlen(SPILL)) != 0 ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (st.st_mtime < than) {
			unlinkat(dir, entry->d_name, 0);
			continue;
		}
		n++;
		if (cnt_time_order(st.st_mtim, least) < 0) {
			least = st.st_mtim;
			snprintf(oldest, 256, "%s", entry->d_name);
		}
	}
	return n;
}

/* One goes for each that is made, so there is one too many; where there are more, the next calls
 * take them. */
static void
make_room(int dir)
{
	char oldest[256];

	for (int i = 0; i < 3; i++)
		if (remove_older(dir, time(NULL) - KEPT_SECONDS, oldest) < KEPT_SPILLS ||
		    unlinkat(dir, oldest, 0) == -1)
			return;
}

/* Commands that are held to the root may read the directory for their temporary files alone. */
int
cnt_state_spill(char **path, struct cnt_err *e)
{
	bool held = cnt_enforce_holds();
	char *up CNT_FREE = cnt_format("%s/.local/state/agent-box%s", cnt_user_self()->home,
	    held ? "/tmp" : "");
	int dir CNT_CLOSE = held ? cnt_state_directory("tmp") : open_state(true), fd = -1;
	char name[sizeof(SPILL) + 32] = SPILL;
	uint8_t random[16];

	*path = NULL;
	if (dir == -1)
		return cnt_fail_sys(e, "%s", up);
	make_room(dir);
	cnt_random(random, sizeof(random));
	cnt_hex(random, sizeof(random), name + strlen(SPILL));
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return cnt_fail_sys(e, "%s/%s", up, name);
	*path = cnt_format("%s/%s", up, name);
	return fd;
}
