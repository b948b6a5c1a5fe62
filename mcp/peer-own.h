/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a verb's call share: peer.c (its life), peer-said.c (what its program says).
 * Nobody else includes it.
 */
#ifndef CNT_MCP_PEER_OWN_H
#define CNT_MCP_PEER_OWN_H

#include "mcp/peer.h"
#include "mcp/program.h"
#include "mcp/wire.h"

#define CNT_PEER_LINE	((size_t)8 << 20)	/* an answer */

struct peer {
	struct peer		*prev, *next;
	struct cnt_peers	*all;
	struct cnt_request	*r;		/* NULL: answered or dropped */
	char			*argv[4];	/* program, perhaps its first argument, --mcp */
	struct cnt_buf		 line;		/* the request, until it is written */
	struct cnt_program	 process;
	struct cnt_writer	*in;
	struct cnt_reader	 reader;
	struct cnt_watch	*out_watch;
	struct cnt_timer	*deadline;
	int			 in_fd, out_fd;
	size_t			 seen;		/* bytes of output */
};

struct cnt_peers {
	struct peer	*first, *last;		/* in the order they came */
	size_t		 running, at_once;
	struct cnt_timer *pause;		/* none starts before, or NULL */
	int64_t		 deadline_us;
};

/* peer.c */

/* Answers with an error that names the program, and ends that. */
void	cnt_peer_fail(struct peer *p, enum cnt_code code, const char *hint, const char *fmt, ...)
	    CNT_PRINTF(4, 5);

/* The request has its answer: the program may end by itself, for a while. */
void	cnt_peer_answered(struct peer *p);

/* peer-said.c */

/* n more bytes are in p->reader. */
void	cnt_peer_heard(struct peer *p, size_t n);

#endif
