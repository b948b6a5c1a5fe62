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

#define CNT_CGROUP_ROOT		"/sys/fs/cgroup"

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
/* Where a controller's files are on this host. */
const char *cnt_cgroup_of(const char *controller);

/* A path in the hierarchy of v2, malloc'd; of no file where there is none. */
char	*cnt_cgroup_path(const char *fmt, ...) CNT_PRINTF(1, 2);

/* Kills all that is left in TAG/NAME, TAG/NAME.mon and TAG/NAME.pivot and removes these trees,
 * whatever the box did in its part of them. Absent: 0. Processes that do not end: CNT_BUSY. box
 * NULL: removes TAG when it is empty. */
int	cnt_cgroup_remove(const char *tag, const char *box, struct cnt_err *e);

/* To each process in dir's group path, not below it. It is held by a descriptor before it is looked
 * whether it belongs there: a stranger that was given its number meanwhile is not hit. */
void	cnt_cgroup_signal(const char *dir, const char *path, int sig);

/* Reads one number of TAG/NAME: "memory" bytes used now, "pids". -1 when not to be had. */
int64_t	cnt_cgroup_use(const char *tag, const char *box, const char *what);

#endif
