/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the database, before SQLite sees them: root's, closed to everybody else, all there
 * or none. One that is missing, empty or somebody else's is refused and never replaced.
 */
#include "lib/store-own.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define LOG_ROOM	(1 << 20)

/* A file of the database: root's and nobody else's. O_PATH, since closing any other descriptor
 * would drop the locks that this process holds on it (fcntl(2)). 1: it is there, 0: it is not. */
static int
check_file(const char *path, struct stat *st, struct cnt_err *e)
{
	int fd CNT_CLOSE = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, st) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (!S_ISREG(st->st_mode)) {
		cnt_fail(e, CNT_UNAVAILABLE, "%s: must be a file of root's", path);
		return cnt_hint(e, "see who put that there; " CNT_STORE_REPLACE);
	}
	if (st->st_uid == 0 && (st->st_mode & 077) == 0)
		return 1;
	cnt_fail(e, CNT_UNAVAILABLE, "%s: must be a file of root's with mode 0600", path);
	return cnt_hint(e, "see who could change it, then: chown root:root %s; chmod 0600 %s", path,
	    path);
}

/* Both header bytes (18, 19: file format, section 1.3) say WAL from the first moment, so that no
 * two processes race to convert it. An unnamed file: nobody ever sees half of it, and the one who
 * comes second finds the name taken. */
int
cnt_store_files_make(const char *dir, const char *path, char *bytes, size_t n,
    struct cnt_err *e)
{
	char self[32];
	int at CNT_CLOSE = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd CNT_CLOSE = openat(at, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	bytes[18] = bytes[19] = 2;
	if (fd == -1 || fchmod(fd, 0600) == -1)
		return cnt_fail_sys(e, "%s", path);
	ssize_t r = write(fd, bytes, n);
	if (r != (ssize_t)n) {
		errno = r == -1 ? errno : ENOSPC;
		return cnt_fail_sys(e, "%s", path);
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fsync(fd) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == -1 && errno != EEXIST)
		return cnt_fail_sys(e, "%s", path);
	return fsync(at) == -1 ? cnt_fail_sys(e, "%s", dir) : 0;
}

/* Has that directory an entry? Not counted: hidden ones, which are left-overs, and a file system's
 * own. */
static bool
is_filled(const char *dir, const char *name)
{
	char *path CNT_FREE = cnt_format("%s/%s", dir, name);
	DIR *d = opendir(path);
	const struct dirent *entry = NULL;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lost+found") != 0)
			break;
	if (d != NULL)
		closedir(d);
	return entry != NULL;
}

/* Blocks for more changes than fit between two trimmings, as far as the file system can: on a full
 * disk the log cannot be copied, and what frees the disk is a change too. */
static void
reserve(const char *log, const struct stat *st)
{
	int fd CNT_CLOSE = -1;

	if (st->st_blocks * 512 < LOG_ROOM &&
	    (fd = open(log, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)) != -1)
		(void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_ROOM);
}

/* A log without its database would be played into a new one, which would know nothing of the boxes
 * and images that are there. Of an empty database SQLite would remove the log. */
int
cnt_store_files_check(const char *dir, const char *path, struct cnt_err *e)
{
	char *log CNT_FREE = cnt_format("%s-wal", path), *shm CNT_FREE = cnt_format("%s-shm", path);
	struct stat of_db = { 0 }, of_log = { 0 }, any;
	int db = check_file(path, &of_db, e), wal = db == -1 ? -1 : check_file(log, &of_log, e);

	if (wal == -1 || check_file(shm, &any, e) == -1)
		return -1;
	if (db == 1 && of_db.st_size == 0) {
		cnt_fail(e, CNT_SYSTEM, "cnt.db: not a database of cnt's: empty");
		return cnt_hint(e, CNT_STORE_REPLACE);
	}
	if (db == 1 && wal == 1)
		reserve(log, &of_log);
	if (db == 1)
		return 1;
	if (wal == 1 || is_filled(dir, "boxes") || is_filled(dir, "images")) {
		/* Another process may have made it meanwhile, and they are of that one. */
		if ((db = check_file(path, &any, e)) != 0)
			return db;
		cnt_fail(e, CNT_SYSTEM, "cnt.db: gone, but %s", wal == 1 ?
		    "its log is there" : "there are boxes or images");
		return cnt_hint(e, "put it back, " CNT_STORE_ANEW);
	}
	return 0;
}
