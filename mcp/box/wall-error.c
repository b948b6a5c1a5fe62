/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors about paths: what the kernel said, which code that is, and what there is instead: the
 * nearest directory, and names in it that look like the one that is missing.
 */
#include "mcp/box/wall-own.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/verb.h"

#define LISTED_MAX	10000		/* entries looked at for like names */
#define ALIKE_MAX	5

static bool
contains(const char *name, const char *stem, size_t n)
{
	for (; *name != '\0'; name++)
		if (strncasecmp(name, stem, n) == 0)
			return true;
	return false;
}

/* Moves up to ALIKE_MAX names that look like `missing` to the front; returns how many. */
static size_t
pick_alike(char **names, size_t n, const char *missing)
{
	size_t stem = strcspn(missing, "."), picked = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = picked; i < n && picked < ALIKE_MAX; i++) {
			char *name = names[i];

			if (pass == 0 ? strlen(missing) < 3 ||
			    cnt_nearest(missing, (const char *const *)&name, 1) == NULL :
			    stem < 3 || !contains(name, missing, stem))
				continue;
			names[i] = names[picked];
			names[picked++] = name;
		}
	return picked;
}

static void
hint_alike(struct cnt_err *e, const char *dir, const char *missing)
{
	int fd = cnt_wall_open(dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *d CNT_DIR = fd != -1 ? fdopendir(fd) : NULL;
	struct cnt_buf b CNT_BUF = { 0 };
	struct dirent *entry = NULL;
	char **names CNT_FREE = NULL;
	size_t n = 0, cap = 0, alike = 0;

	while (d != NULL && n < LISTED_MAX && (entry = readdir(d)) != NULL) {
		if (n == cap) {
			cap = cap * 2 + 64;
			names = cnt_realloc(names, cap * sizeof(*names));
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[n++] = cnt_strdup(entry->d_name);
	}
	alike = n > 0 ? pick_alike(names, n, missing) : 0;
	for (size_t i = 0; i < alike; i++)
		cnt_buf_addf(&b, "%s%s", i == 0 ? "; named alike in it: " : ", ", names[i]);
	while (n > 0)
		free(names[--n]);
	cnt_hint(e, "nearest existing directory: %s%s", dir, b.p != NULL ? b.p : "");
}

static void
hint_nearest(struct cnt_err *e, const char *path)
{
	char *dir CNT_FREE = cnt_wall_path(path);

	for (;;) {
		size_t n = cnt_wall_parent_length(dir);
		const char *last = dir + n + strspn(dir + n, "/");
		char *missing CNT_FREE = cnt_format("%.*s", (int)strcspn(last, "/"), last);
		int fd CNT_CLOSE = -1;

		if (n == 0 || missing[0] == '\0')
			return;
		dir[n] = '\0';
		fd = cnt_wall_open(dir, O_PATH | O_DIRECTORY);
		if (fd != -1) {
			hint_alike(e, dir, missing);
			return;
		}
	}
}

/* Is a part of the path before its last no directory? */
static bool
is_through_file(const char *path)
{
	int fd CNT_CLOSE = cnt_wall_open(path, O_PATH);

	return fd == -1 && errno == ENOTDIR;
}

int
cnt_wall_hint_full(struct cnt_err *e, int error)
{
	if (error == EFBIG)
		return cnt_hint(e, "EFBIG: a limit on file sizes; nothing was changed. "
		    "shell_exec: ulimit -f shows it");
	return cnt_hint(e, "%s; nothing was changed. shell_exec: df -h shows what is full",
	    error == EDQUOT ? "EDQUOT: a quota" : "ENOSPC");
}

int
cnt_wall_fail(struct cnt_err *e, const char *path)
{
	int error = errno;

	if (error == EXDEV) {
		cnt_fail(e, CNT_DENIED, "%s: outside of %s", path, cnt_wall_root());
		return cnt_hint(e, "AGENTBOX_ROOT is %s; links that are absolute or lead out are "
		    "refused", cnt_wall_root());
	}
	if (path[0] == '\0')
		return cnt_fail(e, CNT_INVALID, "path: expected a path, got \"\"");
	cnt_fail_sys(e, "%s", path);
	if (error == ENOTDIR && is_through_file(path))
		error = ENOENT;
	switch (error) {
	case ENOENT:
		e->code = CNT_NOTFOUND;
		hint_nearest(e, path);
		break;
	case EEXIST:
		e->code = CNT_EXISTS;
		break;
	case EACCES: case EPERM: case EROFS: case ELOOP:
		e->code = CNT_DENIED;
		break;
	case ENOSPC: case EDQUOT: case EFBIG:
		e->code = CNT_NO;
		cnt_wall_hint_full(e, error);
		break;
	case EISDIR: case ENOTDIR: case ENOTEMPTY: case ETXTBSY: case ENXIO:
		e->code = CNT_NO;
		break;
	case ENAMETOOLONG: case EINVAL:
		e->code = CNT_INVALID;
		break;
	case EAGAIN: case EBUSY:
		e->code = CNT_BUSY;
		break;
	}
	return -1;
}
