/* SPDX-License-Identifier: Apache-2.0
 *
 * What this kernel's Landlock can hold, and all of it taken away at once. A right that a later
 * kernel adds is not asked for until it is named here.
 */
#include "lib/landlock.h"

#include <sys/syscall.h>

#include "lib/base.h"

#define FS_FIRST	13		/* rights over files that every ABI has: the low bits */

int
cnt_landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int
cnt_landlock_nothing(void)
{
	int abi = cnt_landlock_abi();
	const struct cnt_landlock all = {
		.fs = ((1ULL << FS_FIRST) - 1) |
		    (abi >= CNT_ABI_REFER ? LANDLOCK_ACCESS_FS_REFER : 0) |
		    (abi >= CNT_ABI_TRUNCATE ? LANDLOCK_ACCESS_FS_TRUNCATE : 0) |
		    (abi >= CNT_ABI_IOCTL ? LANDLOCK_ACCESS_FS_IOCTL_DEV : 0),
		.net = abi >= CNT_ABI_NET ? CNT_LANDLOCK_NET : 0,
		.scoped = abi >= CNT_ABI_SCOPES ? CNT_LANDLOCK_SCOPES : 0,
	};
	int fd CNT_CLOSE = -1;

	if (abi == -1)
		return -1;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	return fd == -1 ? -1 : (int)syscall(SYS_landlock_restrict_self, fd, 0);
}
