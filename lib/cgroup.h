/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups of boxes: TAG/NAME.mon (liblxc's monitor; below TAG/NAME.pivot while the box
 * reboots or ends), TAG/NAME (the host's: limits) with `box` (what the box sees as its root) and a
 * leaf for each session that entered. cgroup v2, or v1 controllers where a host still mounts them.
 */
#ifndef CNT_CGROUP_H
#define CNT_CGROUP_H

#include <sys/types.h>

#include "lib/store.h"

/* One setting as liblxc's configuration and the kernel's files name it. */
struct cnt_cgroup_key {
	const char	*controller;	/* "memory" */
	char		 file[32];	/* "memory.limit_in_bytes", "memory.max" */
	char		 value[48];	/* "536870912", "max", "200000 100000" */
};

#define CNT_CGROUP_KEYS 8

/* The mapping of limits, pure: v2 or v1 keys in the order in which they must be written. */
size_t	cnt_cgroup_limits(const struct cnt_limits *l, bool v2,
	    struct cnt_cgroup_key keys[CNT_CGROUP_KEYS]);

/* Does this host run v2 alone? Which controllers lack for these limits: CNT_UNAVAILABLE. */
bool	cnt_cgroup_is_v2(void);
int	cnt_cgroup_check(const struct cnt_limits *l, struct cnt_err *e);

/* Hierarchies of this host, found once: those of v1 controllers, and the one of v2, which every
 * host must have (empty where v1 holds the controllers): it ends sessions and boxes. */
struct cnt_hierarchy {
	char	dir[64];	/* "/sys/fs/cgroup/memory" */
	bool	v2;
};

const struct cnt_hierarchy *cnt_cgroup_hierarchies(size_t *n);
const char *cnt_cgroup_v2(void);		/* its directory, or NULL */
/* That of a v1 controller, mounted as "memory", or with others as "cpu,cpuacct"; or NULL. */
const char *cnt_cgroup_v1(const char *controller);

/* A session: a leaf of the box's cgroup in the v2 hierarchy, which the box's root cannot leave,
 * named for the process that owns it so that a left-over one is known by its dead owner. In v1
 * hierarchies a session is in TAG/NAME itself, where the limits are. */
struct cnt_leaf {
	char	box[64];	/* "TAG/NAME" */
	char	path[128];	/* "TAG/NAME/s-PID-STARTTIME-N" */
	int	v2_fd;		/* for CLONE_INTO_CGROUP; -1 when there is no leaf */
	pid_t	guard;		/* a child: sweeps when this process is killed */
};

/* For the calling process, until it ends or keeps it. The box's cgroup is missing: CNT_NO. */
int	cnt_leaf_make(const char *tag, const char *box, struct cnt_leaf *leaf, struct cnt_err *e);
/* The calling, single-threaded process joins TAG/NAME in every v1 hierarchy by `tasks`. */
int	cnt_leaf_join(const struct cnt_leaf *leaf, struct cnt_err *e);
/* HUP, TERM, and after grace_ms KILL until it is empty; then removes it. Several calls are one. */
int	cnt_leaf_end(struct cnt_leaf *leaf, int grace_ms, struct cnt_err *e);
/* What is left in it may stay: removed now when empty, else by a later sweep. */
void	cnt_leaf_keep(struct cnt_leaf *leaf);
/* Kills and removes leaves of this box whose owner is gone, of kept ones those that are empty. */
void	cnt_leaf_sweep(const char *tag, const char *box);

/* Kills all that is left in TAG/NAME, TAG/NAME.mon and TAG/NAME.pivot and removes these trees,
 * whatever the box did in its part of them. Absent: 0. Processes that do not end: CNT_BUSY. box
 * NULL: removes TAG when it is empty. */
int	cnt_cgroup_remove(const char *tag, const char *box, struct cnt_err *e);

/* Pids in one cgroup ("TAG/NAME.mon"; not below it): malloc'd. Missing cgroup: 0 pids. */
int	cnt_cgroup_pids(const char *path, pid_t **pids, size_t *n, struct cnt_err *e);

/* Reads one number of TAG/NAME: "memory" bytes used now, "pids". -1 when not to be had. */
int64_t	cnt_cgroup_use(const char *tag, const char *box, const char *what);

#endif
