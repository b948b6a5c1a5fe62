/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of a verb: its program started with --mcp, one stateless request written to it, its
 * progress and its answer passed on. The programs are the installation's own, but each may crash,
 * hang or babble: that is one failed call.
 */
#ifndef CNT_MCP_PEER_H
#define CNT_MCP_PEER_H

#include "mcp/server.h"

struct cnt_peers;		/* the calls under way, and those that wait for a place */

struct cnt_peers *cnt_peers_new(void);

/* Process groups that still run, for cnt_undertaker; frees everything. Returns a malloc'd array. */
pid_t	*cnt_peers_free(struct cnt_peers *ps, size_t *n);

/* Begins a call, or queues it: at most 16 programs run at once. Answers the request in any case. */
void	cnt_peer_call(struct cnt_peers *ps, struct cnt_request *r, const char *program,
	    const char *tool, const cJSON *arguments);

/* False: this request is not one of them. */
bool	cnt_peer_cancel(struct cnt_peers *ps, struct cnt_request *r);

bool	cnt_peers_ending(const struct cnt_peers *ps);

#endif
