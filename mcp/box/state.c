/* SPDX-License-Identifier: Apache-2.0
 *
 * ~/.local/state/agent-box: the user's own, 0700. What a command wrote stands there whole when an
 * answer could not carry it, and processes that outlive the connection (process.h). Spill files of
 * earlier days are removed when a new one is made.
 */
#include "mcp/box/box.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "lib/crypto.h"

#define SPILL		"output-"
#define KEPT_SECONDS	604800		/* a week */

/* Makes and opens one part of the way; the last one must be the user's own and nobody else's. */
static int
enter_directory(int up, const char *name, bool last)
{
	int fd CNT_CLOSE = -1;
	struct stat st = { 0 };

	if (mkdirat(up, name, 0700) == -1 && errno != EEXIST)
		return -1;
	fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (last ? O_NOFOLLOW : 0));
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

static int
open_state(void)
{
	int home CNT_CLOSE = open(cnt_user_self()->home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int local CNT_CLOSE = home != -1 ? enter_directory(home, ".local", false) : -1;
	int state CNT_CLOSE = local != -1 ? enter_directory(local, "state", false) : -1;

	return state != -1 ? enter_directory(state, "agent-box", true) : -1;
}

char *
cnt_state_directory(const char *name)
{
	int state CNT_CLOSE = open_state();
	int dir CNT_CLOSE = state != -1 ? enter_directory(state, name, true) : -1;

	return dir != -1 ? cnt_format("%s/.local/state/agent-box/%s", cnt_user_self()->home, name) :
	    NULL;
}

int
cnt_state_processes(struct cnt_err *e)
{
	int state CNT_CLOSE = open_state();
	int dir CNT_CLOSE = state != -1 ? enter_directory(state, "process", true) : -1;

	if (dir == -1) {
		cnt_fail_sys(e, "%s/.local/state/agent-box/process", cnt_user_self()->home);
		return cnt_hint(e, "processes are kept there: HOME must be a directory that this "
		    "user may write, and .local/state/agent-box this user's own");
	}
	return take_fd(&dir);
}

static void
remove_old(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d CNT_DIR = copy != -1 ? fdopendir(copy) : NULL;
	struct dirent *entry = NULL;
	struct stat st = { 0 };

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, SPILL, strlen(SPILL)) == 0 &&
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime < time(NULL) - KEPT_SECONDS)
			unlinkat(dir, entry->d_name, 0);
}

int
cnt_state_spill(char **path, struct cnt_err *e)
{
	int dir CNT_CLOSE = open_state(), fd = -1;
	char name[sizeof(SPILL) + 32] = SPILL;
	uint8_t random[16];

	*path = NULL;
	if (dir == -1)
		return cnt_fail_sys(e, "%s/.local/state/agent-box", cnt_user_self()->home);
	remove_old(dir);
	cnt_random(random, sizeof(random));
	cnt_hex(random, sizeof(random), name + strlen(SPILL));
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return cnt_fail_sys(e, "%s/.local/state/agent-box/%s", cnt_user_self()->home, name);
	*path = cnt_format("%s/.local/state/agent-box/%s", cnt_user_self()->home, name);
	return fd;
}
