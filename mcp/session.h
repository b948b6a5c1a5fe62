/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes that a connection works in: one agent-box a box, started by the first call and kept,
 * and beside it the relay that reads what it sends.
 */
#ifndef CNT_MCP_SESSION_H
#define CNT_MCP_SESSION_H

#include "mcp/server.h"

struct cnt_sessions;

struct cnt_sessions *cnt_sessions_new(void);
/* Ends the input of every agent-box; calls under way are answered with that. */
void	cnt_sessions_end(struct cnt_sessions *bs);
void	cnt_sessions_free(struct cnt_sessions *bs);	/* after the loop */

/* Begins a call of agent-box's tool in the box; `box` is not among the arguments any more. Answers
 * the request in any case. */
void	cnt_session_call(struct cnt_sessions *bs, struct cnt_request *r, const char *box,
	    const char *tool, const cJSON *arguments);

/* False: this request is not one of them. */
bool	cnt_session_cancel(struct cnt_sessions *bs, struct cnt_request *r);

#endif
