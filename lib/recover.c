/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of every two-step change. A row that is not READY while its lock is free belongs
 * to a process that is gone: what it made is taken away, so that there is never half a box. A start
 * and a session are no rows: the open intent of a dead process names the box. A restart is gone on
 * with. What cannot be done now keeps its row or intent and is tried again; it must not stop other
 * verbs.
 */
#include "lib/recover.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <spawn.h>

#include "lib/box.h"
#include "lib/image.h"
#include "lib/instance.h"
#include "lib/leaf.h"
#include "lib/limits.h"
#include "lib/net.h"
#include "lib/paths.h"
#include "lib/proc.h"
#include "lib/unit.h"

#define DYING_MS	50		/* a dead process's children hold its lock until they die */
#define DOWN_US		120000000	/* to go down: systemd gives a service 90 s to end */

/* The row is read again under the lock. Returns whether the box was removed. */
static bool
remove_box(struct cnt_store *s, const struct cnt_instance *i, const char *name)
{
	struct cnt_err ignored = { 0 };
	struct cnt_box b;
	int lock CNT_CLOSE = -1;

	return cnt_box_hold(s, name, 0, &lock, &b, &ignored) == 0 && b.state != CNT_READY &&
	    cnt_box_remove(s, i, name, &ignored) == 0;
}

/* The firewall knows a removed box until it is rendered again; without a bridge there is none. */
static int
render_firewall(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e)
{
	struct cnt_err ignored = { 0 };
	struct cnt_slot place;

	return cnt_box_slot(i, 0, &place, &ignored) == -1 || if_nametoindex(place.bridge) == 0 ?
	    0 : cnt_net_ensure(s, i, e);
}

int
cnt_recover_box(struct cnt_store *s, const struct cnt_instance *i, const char *name,
    struct cnt_err *e)
{
	return cnt_box_remove(s, i, name, e) == -1 ? -1 : render_firewall(s, i, e);
}

static int
recover_boxes(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_box *boxes CNT_FREE = NULL;
	struct cnt_err ignored = { 0 };
	struct cnt_instance i;
	size_t n = 0, removed = 0;

	if (cnt_store_boxes(s, &boxes, &n, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	if (cnt_store_instance(s, &i, e) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		if (boxes[k].state != CNT_READY && remove_box(s, &i, boxes[k].name))
			removed++;
	}
	if (removed > 0)
		(void)render_firewall(s, &i, &ignored);
	return 0;
}

/* What a dead process left of a start or a session in a box that stays, of a box that was still in
 * its children's hands, or of one whose row it removed: its lock's file, which the attempt to hold
 * it takes away, and its place in the firewall. -1 with CNT_BUSY: somebody is at work on it, so
 * that later is soon enough. */
static int
sweep_box(struct cnt_store *s, const char *name, struct cnt_err *e)
{
	struct cnt_err ignored = { 0 };
	struct cnt_instance i;
	struct cnt_box b;
	int lock CNT_CLOSE = -1;

	if (cnt_store_instance(s, &i, &ignored) == -1)
		return 0;
	cnt_leaf_sweep(i.tag, name);
	if (cnt_box_hold(s, name, DYING_MS, &lock, &b, e) == -1)
		return e->code == CNT_NOTFOUND ? render_firewall(s, &i, e) : -1;
	if (b.state != CNT_READY)
		return cnt_recover_box(s, &i, name, e);
	if (cnt_box_sweep(i.tag, name, e) == -1)
		return -1;
	/* A resize may have been cut short; what cannot be set now is set at the next start. */
	(void)cnt_limits_set(&i, name, &b.limits, &ignored);
	return 0;
}

/* No name: all boxes. `cnt boot` names none and starts many. That somebody is at work on one is
 * said when nothing worse is. */
static int
sweep(struct cnt_store *s, const char *name, struct cnt_err *e)
{
	struct cnt_box *boxes CNT_FREE = NULL;
	size_t n = 0;
	int r = 0;

	if (*name != '\0')
		return sweep_box(s, name, e);
	if (cnt_store_boxes(s, &boxes, &n, e) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		struct cnt_err its = { 0 };

		if (sweep_box(s, boxes[k].name, &its) == 0)
			continue;
		if (r == 0 || e->code == CNT_BUSY)
			*e = its;
		r = -1;
	}
	return r;
}

/* Is what a restart left in this state to be started? 1, 0, or -1: later, its init may have been
 * asked to power off. */
static int
is_down(struct cnt_store *s, const struct cnt_pending *p)
{
	struct cnt_err ignored = { 0 };
	struct cnt_instance i;
	struct cnt_box b;

	if (strcmp(p->verb, "restart") != 0 || cnt_store_instance(s, &i, &ignored) == -1 ||
	    cnt_store_box_get(s, p->box, &b, &ignored) == -1 || !b.autostart)
		return 0;
	if (cnt_box_runs(i.tag, p->box, &ignored) == 0)
		return 1;
	return cnt_now_us() - p->time_us < DOWN_US ? -1 : 0;
}

/* By `cnt start`, which is recorded as what it is, in a session of its own. We may be cnt-dropin,
 * which does not lie beside it. */
static void
start(const char *box)
{
	char *beside CNT_FREE = cnt_path_beside("cnt-start");
	char *program CNT_FREE = access(beside, X_OK) == 0 ? take(&beside) :
	    cnt_path_beside("../../bin/cnt-start");
	char *argv[] = { program, (char *)(uintptr_t)box, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;

	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	if (posix_spawn(&pid, program, &actions, &attr, argv, environ) == 0)
		cnt_proc_reap(pid);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
}

/* An open intent is what brings the next verb here again: one without a box stays while images are
 * in use, since it may be what leads to the rest of one. */
static int
close_intents(struct cnt_store *s, bool are_images_used, struct cnt_err *e)
{
	struct cnt_pending *p CNT_FREE = NULL;
	struct cnt_err ignored = { 0 };
	size_t n = 0;
	int down, closed;

	if (cnt_store_pending(s, &p, &n, e) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		if (cnt_proc_start(p[k].pid) == p[k].start)
			continue;
		/* One that has ended well since it was read left nothing. */
		if (cnt_store_is_pending(s, p[k].seq, e) != 1 ||
		    sweep(s, p[k].box, &ignored) == -1 ||
		    (are_images_used && p[k].box[0] == '\0') ||
		    (down = is_down(s, &p[k])) == -1)
			continue;
		if ((closed = cnt_store_audit_interrupted(s, p[k].seq, e)) == -1)
			return 1;
		if (down == 1 && closed == 1)	/* another verb may have, and starts it */
			start(p[k].box);
	}
	return 0;
}

int
cnt_recover(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_err ignored = { 0 };
	int unfinished = cnt_store_unfinished(s, e);

	if (unfinished <= 0)
		return unfinished;
	if (cnt_paths_make(e) == -1 || recover_boxes(s, e) == -1)
		return -1;
	return close_intents(s, cnt_image_recover(s, &ignored) != 0, e);
}

/* What no open intent tells of, left by a verb that failed and could not undo all: control groups
 * of boxes that do not run, lock files of no box. What could not be taken away before is tried once
 * more, and told. */
static int
recover_rest(struct cnt_store *s, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS);
	DIR *d CNT_DIR = opendir(path);
	const struct dirent *entry = NULL;
	struct cnt_err its = { 0 };
	int r = cnt_image_recover(s, e) == -1 ? -1 : 0;

	if (sweep(s, "", &its) == -1 && its.code != CNT_BUSY) {
		*e = its;
		r = -1;
	}
	while (d != NULL && (entry = readdir(d)) != NULL) {
		CNT_CLOSE int lock = -1;
		struct cnt_err ignored = { 0 };
		struct cnt_box b;

		if (entry->d_name[0] != '.')
			(void)cnt_box_hold(s, entry->d_name, 0, &lock, &b, &ignored);
	}
	return r;
}

int
cnt_recover_all(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_instance i;
	struct cnt_err left = { 0 };
	int r;

	if (cnt_paths_make(e) == -1 || cnt_recover(s, e) != 0 ||
	    cnt_store_instance(s, &i, e) == -1)
		return -1;
	r = recover_rest(s, &left);
	if (cnt_instance_lines(&i, true, NULL, e) == -1 || cnt_net_repair(s, &i, e) == -1 ||
	    cnt_unit_set(true, NULL, e) == -1)
		return -1;
	if (r == -1)
		*e = left;
	return r;
}

/* A row is there before the directory, and until that is gone. */
void
cnt_recover_unknown(struct cnt_store *s, struct cnt_buf *unknown)
{
	char *path CNT_FREE = cnt_path(CNT_BOXES);
	DIR *d CNT_DIR = opendir(path);
	const struct dirent *entry = NULL;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		CNT_CLOSE int fd = openat(dirfd(d), entry->d_name, O_PATH | O_CLOEXEC);
		struct cnt_err e = { 0 };
		struct cnt_box b;
		struct stat st;

		if (entry->d_name[0] != '.' &&
		    cnt_store_box_get(s, entry->d_name, &b, &e) == -1 &&
		    e.code == CNT_NOTFOUND && fstat(fd, &st) == 0 && st.st_nlink > 0)
			cnt_buf_addf(unknown, "%s%s", unknown->n > 0 ? ", " : "", entry->d_name);
	}
}
