/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a keeper share: keep.c holds the command and its log, keep-clients.c answers
 * who connects. Nobody else includes it.
 */
#ifndef CNT_MCP_BOX_PROCESS_KEEP_OWN_H
#define CNT_MCP_BOX_PROCESS_KEEP_OWN_H

#include "mcp/box/process/keep.h"

#define CLIENTS_MAX	64

struct client {
	int		fd;
	struct cnt_ask	ask;		/* op 0: nothing is wanted */
	int64_t		until;
	bool		killing, escalated;
};

struct keeper {
	struct cnt_keep	*k;
	int		 listener;
	bool		 ended;
	size_t		 n;
	struct client	 clients[CLIENTS_MAX];
};

/* keep-clients.c */

/* Takes one that connects, one word of one that has connected; lets go of those that went. */
void	cnt_keeper_admit(struct keeper *s);
void	cnt_keeper_hear(struct keeper *s, struct client *c);
void	cnt_keeper_let_go(struct keeper *s);

/* Does what is due for what it asked, and answers when that has come about. over: nothing of the
 * tree is left. */
void	cnt_keeper_look_at(struct keeper *s, struct client *c, bool over);

/* Until something is due for one of them; -1: nothing is. */
int	cnt_keeper_milliseconds(const struct keeper *s);

/* End of file for the command. */
void	cnt_keeper_close_input(struct cnt_keep *k);

#endif
