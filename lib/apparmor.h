/* SPDX-License-Identifier: Apache-2.0
 *
 * AppArmor, where the kernel has it: the profile that liblxc generates and loads for each box.
 */
#ifndef CNT_APPARMOR_H
#define CNT_APPARMOR_H

#include "lib/err.h"

/* Does this kernel confine by it? Then boxes are, and liblxc needs apparmor_parser. */
bool	cnt_apparmor_is_on(void);

/* The lines of liblxc's configuration, appended to c. Pure. */
void	cnt_apparmor_config(struct cnt_buf *c);

/* The label of a running box's init as change_onexec takes it ("exec LABEL"), malloc'd; NULL where
 * there is none. */
int	cnt_apparmor_label(pid_t init, char **label, struct cnt_err *e);

/* Takes the profile of a box that does not run out of the kernel. What cannot be taken out stays
 * and does no harm: the next start of that name replaces it. */
void	cnt_apparmor_unload(const char *box);

/* Removes what was compiled for a box that is no more. */
void	cnt_apparmor_forget(const char *box);

#endif
