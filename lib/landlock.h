/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock, as far as the headers that this is built with may not know it: the rights of later
 * kernels, the whole argument, and what every use of it begins with.
 */
#ifndef CNT_LANDLOCK_H
#define CNT_LANDLOCK_H

#include <linux/landlock.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	(1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV	(1ULL << 15)
#endif

#define CNT_LANDLOCK_NET	3ULL	/* TCP: bind, connect */
#define CNT_LANDLOCK_SCOPES	3ULL	/* abstract sockets, signals: those of others */

/* From which ABI on the kernel knows what. */
enum {
	CNT_ABI_REFER		= 2,	/* Linux 5.19 */
	CNT_ABI_TRUNCATE	= 3,	/* 6.2 */
	CNT_ABI_NET		= 4,	/* 6.7 */
	CNT_ABI_IOCTL		= 5,	/* 6.10 */
	CNT_ABI_SCOPES		= 6,	/* 6.12 */
};

/* As the kernel has it from CNT_ABI_SCOPES on; zeros are taken by all. */
struct cnt_landlock {
	__u64	fs, net, scoped;
};

/* The running kernel's; -1: it has none. */
int	cnt_landlock_abi(void);

/* From now on the calling thread, and all that descends from it, may open, make or change no file,
 * bind or connect no TCP socket, and reach no process of others by signal or abstract socket, as
 * far as the kernel's Landlock goes. Needs no_new_privs. -1 and errno: ENOSYS, EOPNOTSUPP where
 * there is none. */
int	cnt_landlock_nothing(void);

#endif
