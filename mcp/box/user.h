/* SPDX-License-Identifier: Apache-2.0
 *
 * Users and groups, from the box's /etc/passwd and /etc/group; no name service.
 */
#ifndef CNT_MCP_BOX_USER_H
#define CNT_MCP_BOX_USER_H

#include "lib/base.h"

struct cnt_user {
	char	*name, *home, *shell;
};
const struct cnt_user *cnt_user_self(void);
void	 cnt_user_refresh(void);			/* before asking for names */
void	 cnt_user_name(uid_t uid, char name[64]);	/* the number when it has no name */
void	 cnt_user_group(gid_t gid, char name[64]);	/* the same, read anew each time */

#endif
