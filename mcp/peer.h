/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of a verb: its program started with --mcp, one stateless request written to it, its
 * progress and its answer passed on. The programs are the installation's own, but each may crash,
 * hang or babble: that is one failed call, and says which program did what.
 */
#ifndef CNT_MCP_PEER_H
#define CNT_MCP_PEER_H

#include "mcp/server.h"

struct cnt_peers;		/* the calls under way, and those that wait for a place */

/* at_once: programs that run at the same time; more calls wait, in the order they came.
 * deadline_us: for an answer, from its program's start. */
struct cnt_peers *cnt_peers_new(unsigned at_once, int64_t deadline_us);

/* Process groups that still run, for cnt_undertaker; frees everything. Returns a malloc'd array. */
pid_t	*cnt_peers_free(struct cnt_peers *ps, size_t *n);

/* Begins a call, or queues it: `PROGRAM [FIRST] --mcp`. Answers the request in any case. */
void	cnt_peer_call(struct cnt_peers *ps, struct cnt_request *r, const char *program,
	    const char *first, const char *tool, const cJSON *arguments);

/* False: this request is not one of them. */
bool	cnt_peer_cancel(struct cnt_peers *ps, struct cnt_request *r);

bool	cnt_peers_ending(const struct cnt_peers *ps);

#endif
