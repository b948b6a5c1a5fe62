/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper of a process: the process above the command, a session of its own and a child
 * subreaper, that outlives the connection. It writes the record and the log, holds the lock on the
 * directory, and answers on its socket `control` there: one struct cnt_ask, one struct cnt_told, as
 * often as wanted.
 */
#ifndef CNT_MCP_BOX_PROCESS_KEEP_H
#define CNT_MCP_BOX_PROCESS_KEEP_H

#include "mcp/box/process/process.h"

struct cnt_keep {
	int			 dir;		/* locked; all descriptors are the keeper's now */
	struct cnt_record	 r;
	struct cnt_log		 log;
	int			 out[2];	/* read ends of what the command writes; -1 */
	int			 in;		/* write end of its standard input; -1 */
	int			 signals;	/* signalfd for SIGCHLD */
	int			 report;	/* takes one struct cnt_kept, then closed */
	pid_t			 shell;
};

struct cnt_kept {
	int	error;			/* errno of what could not be done; 0 */
	pid_t	pid;
};

/* The process that calls it becomes the keeper, with every signal blocked. */
void	cnt_keep(struct cnt_keep *k) CNT_NORETURN;

enum {
	CNT_ASK_NOW	= 'N',
	CNT_ASK_OUTPUT	= 'O',		/* answered when there is output past `bytes`, or its end */
	CNT_ASK_INPUT	= 'I',		/* the answer carries the write end of its standard input */
	CNT_ASK_EOF	= 'E',
	CNT_ASK_KILL	= 'K',		/* answered when the tree is gone or will not go */
};

struct cnt_ask {
	int	op;
	int	signal;
	bool	escalates;		/* KILL after the grace */
	int64_t	grace_us;
	int64_t	bytes;
};

struct cnt_told {
	int64_t	bytes;			/* of output so far */
	int64_t	cpu_us;			/* used by the tree, as far as known */
	bool	ended;			/* the command; its record says how */
	bool	escalated;
	bool	input;			/* its standard input is open */
	int	left;			/* processes of its tree */
	pid_t	pids[256];		/* the first of them */
};

/* keep-ask.c: the other side. -1: there is no keeper any more, or it takes nobody. */
int	cnt_keep_connect(int dir);

/* 1: told; 0: not before the deadline (cnt_ticks_us), or not at all when it is already over; -1: it
 * is gone. fd may be NULL. */
int	cnt_keep_ask(int keeper, const struct cnt_ask *ask);
int	cnt_keep_hear(int keeper, int64_t deadline, struct cnt_told *told, int *fd);

/* orphans.c: as CNT_ASK_KILL, for a process of this boot whose keeper was killed. */
void	cnt_orphans_kill(const struct cnt_record *r, const struct cnt_ask *ask, struct cnt_told *t);

#endif
