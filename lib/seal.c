/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that runs in boxes whatever they hold: a copy in memory that nobody can write to, not
 * even who has it open in a box.
 */
#include "lib/enter.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U		/* Linux 6.3 */
#endif

static int
copy(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)size);

		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		size -= n;
	}
	return 0;
}

int
cnt_enter_seal(const char *path, int *memfd, struct cnt_err *e)
{
	CNT_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	CNT_CLOSE int fd = -1;
	struct stat st = { 0 };

	if (file == -1 || fstat(file, &st) == -1)
		return cnt_fail_sys(e, "%s", path);
	fd = memfd_create("agent-box", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create("agent-box", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || copy(file, fd, st.st_size) == -1 || fchmod(fd, 0555) == -1)
		return cnt_fail_sys(e, "%s: sealed copy", path);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)
		return cnt_fail_sys(e, "%s: sealed copy", path);
	*memfd = take_fd(&fd);
	return 0;
}
