/* SPDX-License-Identifier: Apache-2.0
 *
 * What agent-box offers besides tools: resources, templates of them, and a prompt.
 */
#ifndef CNT_MCP_BOX_RESOURCES_H
#define CNT_MCP_BOX_RESOURCES_H

#include "lib/verb.h"
#include "mcp/server.h"

extern const struct cnt_offered cnt_box_offered;

/* Beside the tools that read alone: what needs no other. */
extern const struct cnt_offered cnt_box_offered_reading;

/* ci.c */

/* Not a tool: what sh/ci-keep calls when a run has failed. */
extern const struct cnt_verb cnt_box_write_ci_context;

/* Appends what is known of the failed CI run this box was kept for, one JSON object: the file's own
 * bytes, or available false, with the reason when there is a file that cannot be used. */
void	cnt_ci_context(struct cnt_buf *b);

/* playbook.c */

/* How to go about it. */
extern const char cnt_ci_playbook[];

/* prompts/list and prompts/get. */
cJSON	*cnt_ci_prompts(void);
int	 cnt_ci_prompt(struct cnt_request *q, const char *name, const cJSON *arguments,
	    struct cnt_buf *result, struct cnt_err *e);

#endif
