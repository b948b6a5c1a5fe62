/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's init calls `cnt boot` when the host starts and before it goes down: cnt-boot.service,
 * installed beside the programs.
 */
#ifndef CNT_UNIT_H
#define CNT_UNIT_H

#include <cjson/cJSON.h>

#include "lib/err.h"

/* Would the service serve here: is systemd the host's init, and this the host's own instance? */
bool	cnt_unit_is_due(void);

/* Is it installed beside the running program? A build's has none to enable. */
bool	cnt_unit_is_there(void);

/* Is it enabled and has it been started? */
bool	cnt_unit_is_on(void);

/* Enables and starts it, or stops and disables it, where it is due and not so already. What was
 * done is appended to changed, an array of strings, or NULL. */
int	cnt_unit_set(bool on, cJSON *changed, struct cnt_err *e);

#endif
