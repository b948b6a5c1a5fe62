/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes that a connection works in: one agent-box a box, started by the first call and kept,
 * and beside it the relay that reads what it sends.
 */
#ifndef CNT_MCP_SESSION_H
#define CNT_MCP_SESSION_H

#include "lib/caller.h"
#include "mcp/server.h"

struct cnt_sessions;

struct cnt_ways {			/* how boxes are entered */
	const struct cnt_caller	*caller;	/* borrowed */
	bool			 read_only;	/* only for what changes nothing, whoever asks */
	bool			 start;		/* starts a box that is stopped */
	double			 patience;	/* seconds that an answer may be late */
};

struct cnt_sessions *cnt_sessions_new(const struct cnt_ways *w);
/* Ends the input of every agent-box; calls under way are answered with that. */
void	cnt_sessions_end(struct cnt_sessions *bs);
void	cnt_sessions_free(struct cnt_sessions *bs);	/* after the loop */

/* Begins a call of agent-box's tool, as tools/list has it, in the box; `box` is not among the
 * arguments any more. Answers the request in any case: refused when the caller may not use this
 * tool there, when the box has too many calls, and when its agent-box does not answer in the time
 * that the call itself names, and patience. */
void	cnt_session_call(struct cnt_sessions *bs, struct cnt_request *r, const char *box,
	    const cJSON *tool, const cJSON *arguments);

/* False: this request is not one of them. */
bool	cnt_session_cancel(struct cnt_sessions *bs, struct cnt_request *r);

#endif
