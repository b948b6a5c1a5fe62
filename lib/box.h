/* SPDX-License-Identifier: Apache-2.0
 *
 * A box's life: its files, its start and its end, and how to tell whether it runs. What is needed
 * to run is made by the starter and ends with the box: mounts in the monitor's own mount namespace,
 * the veth with the box's network namespace, cgroups by name. Start alone needs liblxc (lib/lxc.c).
 */
#ifndef CNT_BOX_H
#define CNT_BOX_H

#include <sys/types.h>

#include "lib/store.h"

#define CNT_IDS		65536		/* ids of one box */
#define CNT_BOX_UID	1000		/* the box's user in the box */

/* What follows from the slot. */
struct cnt_slot {
	uint32_t	id;		/* first host id of the range */
	char		address[16];	/* dotted quad */
	char		gateway[16];	/* the bridge's */
	char		veth[16];	/* host end: "cnt-7" */
	char		bridge[16];	/* "cnt0" */
	char		mac[18];
};

int	cnt_box_slot(const struct cnt_instance *i, int slot, struct cnt_slot *p,
	    struct cnt_err *e);

/* An exclusive lock on the box's name, held until the descriptor is closed; wait_ms 0: try once.
 * Held by another: CNT_BUSY. */
int	cnt_box_lock(const char *name, int wait_ms, int *fd, struct cnt_err *e);

/* Makes boxes/NAME (disk/upper, disk/work, rootfs) and writes what a new box has of its own into
 * upper by descriptor: user, group, sudo, keys, hostname, hosts, resolv.conf, machine-id, seed.
 * keys: n ssh public keys, checked here (type, base64). Nothing is left after an error. Not yet on
 * the disk (cnt_flush_start), where it has to be before the store says that the box is there. */
int	cnt_box_make(const struct cnt_instance *i, const struct cnt_box *b, const char *const *keys,
	    size_t n, struct cnt_err *e);

/* Removes the lock's file, which the caller holds locked, of a name that no box has. */
int	cnt_box_forget_lock(const char *name, struct cnt_err *e);

/* Locks the box and reads its row, which may have gone while the lock was waited for: CNT_NOTFOUND,
 * and no lock's file is left. */
int	cnt_box_hold(struct cnt_store *s, const char *name, int wait_ms, int *fd, struct cnt_box *b,
	    struct cnt_err *e);

/* Kills whatever runs and removes everything of the box, its row and its lock's file last. The
 * caller holds the lock; the row is not READY. May be repeated. */
int	cnt_box_remove(struct cnt_store *s, const struct cnt_instance *i, const char *name,
	    struct cnt_err *e);

/* lib/lxc.c: renders config and seccomp profile, mounts, starts, and returns when the box's init
 * has been executed. Left-overs of an earlier run are removed first. Running already: CNT_NO. A
 * network that was begun (lib/net.h; else NULL) is ended before the box executes anything. */
struct cnt_net_change;
int	cnt_box_start(const struct cnt_instance *i, const struct cnt_box *b,
	    struct cnt_net_change *net, struct cnt_err *e);

/* Asks init to power off and does not wait, or see whether it was heard. Does the box run? */
bool	cnt_box_ask(const char *tag, const char *name);

/* Waits until its init could hear that, a moment of its start long, or till then (ticks): some
 * never can. -1 when cancelled. */
int	cnt_box_hears(const char *tag, const char *name, int64_t until, struct cnt_err *e);

/* What came of a stop, also of one that has failed. */
struct cnt_box_end {
	bool	begun;		/* init was asked, or all was to be killed */
	bool	killed;		/* init was not asked, or did not end in time */
};

/* Asks init to power off (SIGRTMIN+3), waits until then (ticks), and kills; 0: kills at once. The
 * init that a reboot brings is asked again. Returns when monitor, cgroups and veth are gone. Not
 * running: 0. Cancelled as it waits: -1, and nothing is killed. end may be NULL. */
int	cnt_box_stop(const char *tag, const char *name, int64_t until, struct cnt_box_end *end,
	    struct cnt_err *e);

/* Does it run? 1, 0, or -1. The monitor is found by its cgroup TAG/NAME.mon, init as the monitor's
 * child that is pid 1 of a namespace: the kernel's word, never a file's. It may not be the box's
 * program yet: enough to tell that there is a box to stop. */
int	cnt_box_runs(const char *tag, const char *name, struct cnt_err *e);

/* The same once no start and no reboot is under way: waits for that, then CNT_BUSY. *init: its init
 * as the host sees it; may be NULL. */
int	cnt_box_await(const char *tag, const char *name, pid_t *init, struct cnt_err *e);

/* The same for one who goes in: init's exec of the box's program is at its end, before which it is
 * liblxc's child with the host's root still its own. pidfd is close-on-exec and the caller's. */
int	cnt_box_open(const char *tag, const char *name, pid_t *init, pid_t *monitor, int *pidfd,
	    struct cnt_err *e);

/* For whoever holds the lock. Undoes a start that was cut short, however far it came; then also
 * what is left of a box that does not run. */
int	cnt_box_settle(const char *tag, const char *name, struct cnt_err *e);
int	cnt_box_sweep(const char *tag, const char *name, struct cnt_err *e);

/* Waits until the box answers: "exec": a command can run; "ssh": its port 22 answers. */
int	cnt_box_wait(const struct cnt_instance *i, const struct cnt_box *b, const char *until,
	    double timeout, struct cnt_err *e);

#endif
