/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts as the box's own /etc/passwd and /etc/group name them.
 */
#ifndef CNT_ACCOUNT_H
#define CNT_ACCOUNT_H

#include <sys/types.h>

#include "lib/err.h"

struct cnt_account {
	char	*name, *home, *shell;
	uid_t	 uid;
	gid_t	 gid;
	gid_t	 groups[256];	/* supplementary ones; more are left out */
	size_t	 groups_n;
};

/* To be called inside the box. No such account: CNT_NOTFOUND. What is filled in lives as long as
 * the process. */
int	cnt_account_find(const char *name, struct cnt_account *a, struct cnt_err *e);

#endif
