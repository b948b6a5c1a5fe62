/* SPDX-License-Identifier: Apache-2.0
 *
 * AGENTBOX_AUDIT=1: a line a call to the box's syslog.
 */
#ifndef CNT_MCP_BOX_SYSLOG_H
#define CNT_MCP_BOX_SYSLOG_H

#include "lib/json.h"

/* Called once. The variable is neither 0 nor 1: CNT_INVALID. */
int	 cnt_syslog_init(struct cnt_err *e);

/* As struct cnt_verbs_offer wants them. NULL when no line is wanted. */
void	*cnt_syslog_began(const char *tool, const cJSON *arguments);
void	 cnt_syslog_ended(void *note, const char *outcome);

#endif
