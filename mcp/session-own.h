/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a box's session share: session.c (its programs and its life), relayed.c (what
 * the relay says), call.c (calls). Nobody else includes it.
 */
#ifndef CNT_MCP_SESSION_OWN_H
#define CNT_MCP_SESSION_OWN_H

#include "mcp/program.h"
#include "mcp/relay.h"
#include "mcp/session.h"
#include "mcp/wire.h"

#define CNT_UNREADABLE	"what it sent could not be read"

struct box_call {
	struct box_call		*next;
	struct session		*session;
	struct cnt_request	*r;
	struct cnt_timer	*deadline;
	long long		 number;
	int64_t			 began;
};

struct session {
	struct session		*next;
	struct cnt_sessions	*all;
	struct box_call		*calls;
	size_t			 n;		/* of them */
	char			*box, *how;
	struct cnt_program	 entry, relay;
	struct cnt_writer	*in, *told;
	struct cnt_reader	 reader;
	struct cnt_watch	*watch;
	int			 in_fd, told_fd, out_fd;
	long long		 last;		/* number given */
	int64_t			 used, heard;	/* ticks of the last call, and of the last word */
	int64_t			 unheard;	/* and of when a word had to wait for the client */
	struct cnt_loop		*loop;
	struct cnt_timer	*freeing, *pause;
	bool			 deaf;		/* nobody reads its calls any more */
	bool			 over;		/* takes no calls; is freed when both have ended */
};

struct cnt_sessions {
	struct session	*sessions;
	struct cnt_ways	 ways;
};

/* session.c */

/* The box's session, started when there is none. reads: for a tool that changes nothing. */
struct session	*cnt_session_of(struct cnt_sessions *bs, struct cnt_loop *l, const char *box,
		    bool reads, struct cnt_err *e);

/* No more calls. result: what every call under way is answered with, or .p NULL: made here. An
 * agent-box that misbehaves is told to end at once; else it has time to end by itself. */
void	cnt_session_end(struct session *s, struct cnt_span result, bool at_once);

/* relayed.c */

/* One read of what the relay says; false when nothing more will come. */
bool	cnt_session_read(struct session *s);

/* call.c */

void	cnt_session_call_free(struct box_call *c);

#endif
