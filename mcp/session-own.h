/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a box's session share: session.c (its programs and its life), relayed.c (what
 * the relay says), call.c (calls). Nobody else includes it.
 */
#ifndef CNT_MCP_SESSION_OWN_H
#define CNT_MCP_SESSION_OWN_H

#include "mcp/frame.h"
#include "mcp/program.h"
#include "mcp/relay.h"
#include "mcp/session.h"

struct box_call {
	struct box_call		*next;
	struct session		*session;
	struct cnt_request	*r;
	struct cnt_timer	*deadline;
	long long		 number;
};

struct session {
	struct session		*next;
	struct cnt_sessions	*all;
	struct box_call		*calls;
	char			*box, *how;
	struct cnt_program	 entry, relay;
	struct cnt_writer	*in, *told;
	struct cnt_reader	 reader;
	struct cnt_watch	*watch;
	int			 in_fd, told_fd, out_fd;
	long long		 last;		/* number given */
	struct cnt_loop		*loop;
	struct cnt_timer	*freeing;
	bool			 over;		/* takes no calls; is freed when both have ended */
};

struct cnt_sessions {
	struct session	*sessions;
	size_t		 n;
};

/* session.c */

/* The box's session, started when there is none. */
struct session	*cnt_session_of(struct cnt_sessions *bs, struct cnt_loop *l, const char *box,
		    struct cnt_err *e);

/* No more calls. result: what every call under way is answered with, or .p NULL: made here. */
void	cnt_session_end(struct session *s, struct cnt_span result);

/* relayed.c */

/* One read of what the relay says; false when nothing more will come. */
bool	cnt_session_read(struct session *s);

/* call.c */

void	cnt_session_call_free(struct box_call *c);

#endif
