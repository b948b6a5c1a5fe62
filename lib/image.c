/* SPDX-License-Identifier: Apache-2.0
 *
 * Images on the disk and in the store. All slow work is done in a directory .tmp-*, which its owner
 * holds a lock on: one whose lock is free was left by a killed verb. Only the short part, row and
 * rename, happens under the lock of the directory of all images, so that a row that is not READY
 * while that lock can be had was left by a killed verb too.
 */
#include "lib/image.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "lib/cancel.h"
#include "lib/crypto.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/flush.h"
#include "lib/paths.h"
#include "lib/recipe.h"
#include "lib/scrub.h"
#include "lib/unpack.h"

#define TMP	"/.tmp-"
#define TMP_DIR	__attribute__((cleanup(end_tmp)))

struct tmp {
	char	*path;
	int	 fd;		/* holds the lock, whatever the directory is called by now */
};

/* What is left of it goes. */
static void
end_tmp(struct tmp *t)
{
	struct cnt_err ignored;

	if (t->path != NULL)
		(void)cnt_file_remove_tree(t->path, &ignored);
	if (t->fd != -1)
		close(t->fd);
	free(t->path);
}

static char *
tmp_name(const char *dir)
{
	uint8_t bytes[8];
	char hex[2 * sizeof(bytes) + 1];

	cnt_random(bytes, sizeof(bytes));
	cnt_hex(bytes, sizeof(bytes), hex);
	return cnt_format("%s" TMP "%s", dir, hex);
}

/* Between mkdir and flock it looks left behind, and may be gone with the lock: then once more. */
static int
make_tmp(struct tmp *t, const char *dir, mode_t mode, struct cnt_err *e)
{
	for (;;) {
		char *path CNT_FREE = tmp_name(dir);
		struct stat st;

		if (mkdir(path, 0700) == -1)
			return cnt_fail_sys(e, "%s", path);
		int fd CNT_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1 && errno == ENOENT)
			continue;
		if (fd == -1 || flock(fd, LOCK_EX) == -1 || fchmod(fd, mode) == -1)
			return cnt_fail_sys(e, "%s", path);
		if (stat(path, &st) == 0) {
			t->path = take(&path);
			t->fd = take_fd(&fd);
			return 0;
		}
	}
}

/* Removes what killed verbs left in dir. Returns 1 when something there is in use, still: a killed
 * recipe's processes may take a while to end. */
static int
sweep(const char *dir, struct cnt_err *e)
{
	DIR *d CNT_DIR = opendir(dir);
	struct dirent *n;
	int r = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : cnt_fail_sys(e, "%s", dir);
	while ((n = readdir(d)) != NULL) {
		if (strncmp(n->d_name, &TMP[1], strlen(TMP) - 1) != 0)
			continue;
		char *path CNT_FREE = cnt_format("%s/%s", dir, n->d_name);
		int fd CNT_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == -1)
			r |= 1;
		else if (cnt_file_remove_tree(path, e) == -1)
			r = -1;
	}
	return r;
}

/* The directory of all images, locked until fd is closed. Nobody holds it for slow work. */
static int
lock_images(int *fd, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_IMAGES);

	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd == -1 || flock(*fd, LOCK_EX) == -1)
		return cnt_fail_sys(e, "%s", path);
	return 0;
}

/* Moves images/ID away, to be removed when t ends. */
static int
discard(const char *id, struct tmp *t, struct cnt_err *e)
{
	char *images CNT_FREE = cnt_path(CNT_IMAGES);
	char *path CNT_FREE = cnt_path(CNT_IMAGES "/%s", id);
	char *away CNT_FREE = tmp_name(images);

	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->fd == -1)
		return errno == ENOENT ? 0 : cnt_fail_sys(e, "%s", path);
	if (flock(t->fd, LOCK_EX) == -1 || rename(path, away) == -1)
		return cnt_fail_sys(e, "%s", path);
	t->path = take(&away);
	return CNT_STEP("the image's files are moved away", e);
}

/* Under the lock, which is the directory of all images: a row, and its files as discard does it.
 * The row goes when the files are away on the disk too, whoever moved them. */
static int
forget(struct cnt_store *s, const char *id, int images, struct tmp *t, struct cnt_err *e)
{
	if (discard(id, t, e) == -1)
		return -1;
	if (fsync(images) == -1)
		return cnt_fail_sys(e, "images");
	if (cnt_store_image_remove(s, id, e) == -1)
		return -1;
	return CNT_STEP("the image's row is gone", e);
}

int
cnt_image_recover(struct cnt_store *s, struct cnt_err *e)
{
	char *state CNT_FREE = cnt_path(CNT_STATE), *dir CNT_FREE = cnt_path(CNT_IMAGES);
	struct cnt_image *images CNT_FREE = NULL;
	int lock CNT_CLOSE = -1;
	size_t n = 0;

	if (lock_images(&lock, e) == -1 || cnt_store_images(s, &images, &n, e) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		struct tmp left = { NULL, -1 };
		int r = images[k].state == CNT_READY ? 0 : forget(s, images[k].id, lock, &left, e);

		if (left.fd != -1)
			close(left.fd);
		free(left.path);
		if (r == -1)
			return -1;
	}
	close(take_fd(&lock));
	int here = sweep(dir, e), there = sweep(state, e);
	return here | there;
}

/* Under the lock: the unpacked tree becomes images/ID. */
static int
place(struct tmp *t, const char *id, int images, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_IMAGES "/%s", id);

	if (rename(t->path, path) == -1)
		return cnt_fail_sys(e, "%s", path);
	free(take(&t->path));
	if (CNT_STEP("the image has its place", e) == -1)
		return -1;
	if (fsync(images) == -1)
		return cnt_fail_sys(e, "%s", path);
	return CNT_STEP("the image's place is on the disk", e);
}

/* Under the lock, from the unpacked tree to a READY row. */
static int
enter_image(struct cnt_store *s, struct tmp *t, struct cnt_image *i, int images, struct cnt_err *e)
{
	if (cnt_store_image_add(s, i, e) == -1 || CNT_STEP("the image has its row", e) == -1 ||
	    place(t, i->id, images, e) == -1 ||
	    cnt_store_image_state(s, i->id, CNT_READY, e) == -1)
		return -1;
	return CNT_STEP("the image's row says ready", e);
}

/* The same archive again only gives the image its new name, and its files back if they are gone. */
static int
enter(struct cnt_store *s, struct tmp *t, struct cnt_image *i, struct cnt_err *e)
{
	char *rootfs CNT_FREE = cnt_image_rootfs(i->id), name[sizeof(i->name)];
	struct tmp stale TMP_DIR = { NULL, -1 };
	int lock CNT_CLOSE = -1;

	memcpy(name, i->name, sizeof(name));
	if (lock_images(&lock, e) == -1 || CNT_STEP("the images are locked", e) == -1)
		return -1;
	if (cnt_store_image_get(s, i->id, i, e) == 0) {
		if (access(rootfs, F_OK) == -1 && (discard(i->id, &stale, e) == -1 ||
		    place(t, i->id, lock, e) == -1))
			return -1;
		memcpy(i->name, name, sizeof(name));
		return cnt_store_image_name(s, i->id, name, e);
	}
	if (e->code != CNT_NOTFOUND)
		return -1;
	/* A row of this id that is not READY was left behind; there need not be one. */
	if (forget(s, i->id, lock, &stale, e) == -1 && e->code != CNT_NOTFOUND)
		return -1;
	return enter_image(s, t, i, lock, e);
}

static int
check_name(const char *name, struct cnt_err *e)
{
	size_t n = strlen(name);

	if (n == 64 && strspn(name, "0123456789abcdef") == n)
		return cnt_fail(e, CNT_INVALID, "%s: not an image's name: it reads as an id", name);
	if (n >= 1 && n <= 64 && name[0] != '.' && name[0] != '_' && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n)
		return 0;
	return cnt_fail(e, CNT_INVALID, "%s: not an image's name: expected a-z, 0-9, then also"
	    " . _ -, at most 64", name);
}

/* To the disk, however long that takes. */
static int
flush(const char *path, int64_t bytes, struct cnt_call *c, struct cnt_err *e)
{
	pid_t pid = -1;

	if (c != NULL)
		cnt_progress(c, (double)bytes, 0, "writing to the disk");
	return cnt_flush_start(path, &pid, e) == -1 ? -1 : cnt_flush_wait(pid, e);
}

static int
import(struct cnt_store *s, const char *name, struct cnt_source *source, struct cnt_image *i,
    struct cnt_call *c, struct cnt_err *e)
{
	char *images CNT_FREE = cnt_path(CNT_IMAGES), *rootfs CNT_FREE = NULL;
	struct tmp t TMP_DIR = { NULL, -1 };
	uint8_t digest[32];

	*i = (struct cnt_image){ .state = CNT_READY, .created_us = cnt_now_us() };
	strlcpy(i->name, name, sizeof(i->name));
	if (make_tmp(&t, images, 0700, e) == -1 ||
	    CNT_STEP("there is a place to unpack in", e) == -1)
		return -1;
	rootfs = cnt_format("%s/rootfs", t.path);
	if (mkdir(rootfs, 0755) == -1)
		return cnt_fail_sys(e, "%s", rootfs);
	if (CNT_STEP("the image has an empty root", e) == -1 ||
	    cnt_unpack(source, rootfs, digest, &i->bytes, c, e) == -1 ||
	    CNT_STEP("the archive is unpacked", e) == -1 || cnt_scrub(rootfs, e) == -1 ||
	    CNT_STEP("the image is scrubbed", e) == -1)
		return -1;
	cnt_hex(digest, sizeof(digest), i->id);
	if (flush(t.path, i->bytes, c, e) == -1 || CNT_STEP("the image is on the disk", e) == -1)
		return -1;
	return enter(s, &t, i, e);
}

int
cnt_image_import(struct cnt_store *s, const char *name, int archive, struct cnt_image *i,
    struct cnt_call *c, struct cnt_err *e)
{
	struct cnt_source source = { .archive = archive, .lines = -1 };

	return check_name(name, e) == -1 ? -1 : import(s, name, &source, i, c, e);
}

/* The recipe's temporary files lie where apt's own account can reach them (0711). */
int
cnt_image_build(struct cnt_store *s, const char *name, const char *recipe, const char *suite,
    struct cnt_image *i, struct cnt_call *c, struct cnt_err *e)
{
	char *state CNT_FREE = cnt_path(CNT_STATE);
	struct tmp work TMP_DIR = { NULL, -1 };
	struct cnt_source source;
	int r;

	if (c != NULL)
		cnt_progress(c, 0, 0, "starting the recipe");
	if (check_name(name, e) == -1 || make_tmp(&work, state, 0711, e) == -1 ||
	    CNT_STEP("the recipe has a place to work in", e) == -1 ||
	    cnt_recipe_start(recipe, suite, work.path, &source, e) == -1)
		return -1;
	r = CNT_STEP("the recipe runs", e) == -1 ? -1 : import(s, name, &source, i, c, e);
	cnt_unpack_end(&source);
	return r;
}

int
cnt_image_delete(struct cnt_store *s, const char *ref, struct cnt_image *i, struct cnt_err *e)
{
	struct tmp gone TMP_DIR = { NULL, -1 };
	int lock CNT_CLOSE = -1;

	if (lock_images(&lock, e) == -1 || cnt_store_image_get(s, ref, i, e) == -1 ||
	    cnt_store_image_state(s, i->id, CNT_DELETING, e) == -1 ||
	    CNT_STEP("the image's row says deleting", e) == -1)
		return -1;
	return forget(s, i->id, lock, &gone, e);
}

char *
cnt_image_rootfs(const char *id)
{
	return cnt_path(CNT_IMAGES "/%s/rootfs", id);
}
