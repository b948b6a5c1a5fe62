/* SPDX-License-Identifier: Apache-2.0
 *
 * A box's place, lock, directory and row, made and removed. Everything here may be repeated after a
 * kill. Whether it runs is box-running.c's, its end box-end.c's.
 */
#include "lib/box-own.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "lib/apparmor.h"
#include "lib/cancel.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/image.h"
#include "lib/paths.h"
#include "lib/ssh-key.h"
#include "lib/upper.h"

void
cnt_box_pause(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

int64_t
cnt_box_deadline(double seconds)
{
	return cnt_ticks_us() + (int64_t)((seconds < 1e9 ? seconds : 1e9) * 1e6);
}

int
cnt_box_slot(const struct cnt_instance *i, int slot, struct cnt_slot *p, struct cnt_err *e)
{
	uint32_t size = i->prefix < 32 ? UINT32_C(1) << (32 - i->prefix) : 0;
	uint32_t address = i->subnet + 2 + (uint32_t)slot;
	struct in_addr a = { htonl(address) }, g = { htonl(i->subnet + 1) };

	/* Network, bridge and broadcast take three addresses. */
	if (slot < 0 || (uint32_t)slot >= i->id_count / CNT_IDS || size < 4 ||
	    (uint32_t)slot >= size - 3)
		return cnt_fail(e, CNT_BUSY, "no address or id range for box %d", slot);
	p->id = i->id_base + (uint32_t)slot * CNT_IDS;
	inet_ntop(AF_INET, &a, p->address, sizeof(p->address));
	inet_ntop(AF_INET, &g, p->gateway, sizeof(p->gateway));
	snprintf(p->veth, sizeof(p->veth), "%s-%hu", i->tag, (unsigned short)slot);
	snprintf(p->bridge, sizeof(p->bridge), "%s0", i->tag);
	snprintf(p->mac, sizeof(p->mac), "02:00:%02x:%02x:%02x:%02x", address >> 24,
	    address >> 16 & 255, address >> 8 & 255, address & 255);
	return 0;
}

/* The file goes with its box, so what was locked may no longer be what has the name. */
int
cnt_box_lock(const char *name, int wait_ms, int *fd, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS "/%s", name);
	int64_t until = cnt_box_deadline(wait_ms / 1e3);

	for (;;) {
		CNT_CLOSE int own = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat now, mine;

		if (own == -1 || fstat(own, &mine) == -1)
			return cnt_fail_sys(e, "%s", path);
		if (flock(own, LOCK_EX | LOCK_NB) == 0) {
			if (stat(path, &now) == 0 && now.st_ino == mine.st_ino &&
			    now.st_dev == mine.st_dev) {
				*fd = take_fd(&own);
				return 0;
			}
			continue;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cnt_fail_sys(e, "%s", path);
		if (cnt_ticks_us() >= until) {
			cnt_fail(e, CNT_BUSY, "%s: another command is at work on this box", name);
			return cnt_hint(e, "try again when it has ended");
		}
		if (cnt_cancel_check(e) == -1)
			return -1;
		cnt_box_pause(CNT_BOX_STEP_US);
	}
}

/* What is in boxes/NAME from the first moment on; *upper is open. */
static int
make_dirs(const char *dir, int *upper, struct cnt_err *e)
{
	static const struct { const char *name; mode_t mode; } parts[] = {
		{ "rootfs", 0711 }, { "disk", 0700 }, { "disk/work", 0700 }, { "disk/upper", 0755 },
	};
	CNT_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 || fchmod(fd, 0711) == -1)
		return cnt_fail_sys(e, "%s", dir);
	for (size_t n = 0; n < nitems(parts); n++)
		if (cnt_file_mkdirs_in(fd, parts[n].name, parts[n].mode, 0, 0, e) == -1)
			return -1;
	*upper = cnt_file_open_in(fd, "disk/upper", O_RDONLY | O_DIRECTORY);
	return *upper == -1 ? cnt_fail_sys(e, "%s/disk/upper", dir) : 0;
}

int
cnt_box_make(const struct cnt_instance *i, const struct cnt_box *b, const char *const *keys,
    size_t n, struct cnt_err *e)
{
	char *image CNT_FREE = cnt_image_rootfs(b->image);
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", b->name);
	CNT_CLOSE int root = open(image, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CNT_CLOSE int upper = -1;
	struct cnt_slot p;
	struct cnt_err ignored;

	for (size_t k = 0; k < n; k++)
		if (cnt_ssh_key_check(keys[k], e) == -1)
			return -1;
	if (cnt_box_slot(i, b->slot, &p, e) == -1)
		return -1;
	if (root == -1)
		return cnt_fail_sys(e, "%s", image);
	if (mkdir(dir, 0711) == -1)
		return cnt_fail_sys(e, "%s", dir);
	if (CNT_STEP("the box has its directory", e) == 0 && make_dirs(dir, &upper, e) == 0 &&
	    CNT_STEP("the box has its layers", e) == 0 &&
	    cnt_upper_write(root, upper, b->name, &p, keys, n, e) == 0 &&
	    CNT_STEP("the box has its own files", e) == 0)
		return 0;
	cnt_file_remove_tree(dir, &ignored);
	return -1;
}

int
cnt_box_forget_lock(const char *name, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS "/%s", name);

	return unlink(path) == -1 && errno != ENOENT ? cnt_fail_sys(e, "%s", path) : 0;
}

int
cnt_box_hold(struct cnt_store *s, const char *name, int wait_ms, int *fd, struct cnt_box *b,
    struct cnt_err *e)
{
	CNT_CLOSE int own = -1;
	struct cnt_err ignored = { 0 };

	if (cnt_box_lock(name, wait_ms, &own, e) == -1)
		return -1;
	if (cnt_store_box_get(s, name, b, e) == 0) {
		*fd = take_fd(&own);
		return 0;
	}
	if (e->code == CNT_NOTFOUND)
		(void)cnt_box_forget_lock(name, &ignored);
	return -1;
}

/* The lock's file goes last: while there is a row, whoever finds it half made must not get one. */
int
cnt_box_remove(struct cnt_store *s, const struct cnt_instance *i, const char *name,
    struct cnt_err *e)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", name);

	if (cnt_box_stop(i->tag, name, 0, NULL, e) == -1 ||
	    CNT_STEP("the box that goes has ended", e) == -1)
		return -1;
	cnt_apparmor_forget(name);
	if (cnt_file_remove_tree(dir, e) == -1 ||
	    CNT_STEP("the box's files are gone", e) == -1 ||
	    cnt_store_box_remove(s, name, e) == -1 ||
	    CNT_STEP("the box's row is gone", e) == -1 || cnt_box_forget_lock(name, e) == -1)
		return -1;
	return CNT_STEP("the box's lock is gone", e);
}
