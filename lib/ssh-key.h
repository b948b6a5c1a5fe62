/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh public keys, as a .pub file and a line of authorized_keys hold them.
 */
#ifndef CNT_SSH_KEY_H
#define CNT_SSH_KEY_H

#include "lib/err.h"

/* Is this one ssh public key: `TYPE BASE64 [COMMENT]`, a type of sshd's, the blob naming that type,
 * nothing else (no options, no second line)? Else CNT_INVALID. */
int	cnt_ssh_key_check(const char *key, struct cnt_err *e);

#endif
