/* SPDX-License-Identifier: Apache-2.0
 *
 * The accounts of an image, whose files are an enemy's: links are resolved in it by the kernel, and
 * what is no regular file is not there.
 */
#include "lib/image.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>

#include "lib/file.h"

/* A file of the image's for reading as a stream: NULL and errno. */
static FILE *
open_stream(int root, const char *path)
{
	int fd CNT_CLOSE = cnt_file_open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = ENOENT;
		return NULL;
	}
	FILE *f = fdopen(fd, "r");
	if (f != NULL)
		take_fd(&fd);
	return f;
}

int
cnt_image_has_account(const char *id, const char *name, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_image_rootfs(id);
	int root CNT_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FILE *users CNT_FILE = root == -1 ? NULL : open_stream(root, "etc/passwd");
	FILE *groups CNT_FILE = users == NULL ? NULL : open_stream(root, "etc/group");
	struct passwd *p;
	struct group *g;

	if (users == NULL || (groups == NULL && errno != ENOENT))
		return cnt_fail_sys(e, "%s/etc", path);
	while ((p = fgetpwent(users)) != NULL) {
		if (strcmp(p->pw_name, name) == 0)
			return 1;
	}
	while (groups != NULL && (g = fgetgrent(groups)) != NULL) {
		if (strcmp(g->gr_name, name) == 0)
			return 1;
	}
	return 0;
}
