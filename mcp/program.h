/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on three descriptors or four, in a process group of its own, watched by pidfd.
 */
#ifndef CNT_MCP_PROGRAM_H
#define CNT_MCP_PROGRAM_H

#include <sys/types.h>

#include "lib/err.h"
#include "mcp/loop.h"

#define CNT_PROGRAM_NO_EXEC	127	/* its exit status when there is none, as sh(1) */

struct cnt_program {
	pid_t			 pid;		/* 0: none; unreaped as long as this is kept */
	int			 pidfd;
	struct cnt_watch	*watch;
	struct cnt_timer	*timer;
	struct cnt_loop		*loop;
	int64_t			 kill_us;	/* from TERM to KILL */
	bool			 exited;
	/* Set before it is started. */
	char *const		*env;		/* NULL: ours, and our directory; else in / */
	int			 extra;		/* becomes its descriptor 3; 0: none */
	void			(*ended)(void *arg);
	void			*arg;
};

/* Starts path with argv; fds become its 0, 1 and 2 and stay the caller's, as `extra` does.
 * death_signal: what it gets when we die, 0: nothing. ended is called once, from the loop. */
int	cnt_program_start(struct cnt_program *p, struct cnt_loop *l, const char *path,
	    char *const argv[], const int fds[3], int death_signal, struct cnt_err *e);

/* TERM after term_us, KILL after kill_us, unless it has ended by then. */
void	cnt_program_stop(struct cnt_program *p, int64_t term_us, int64_t kill_us);

/* "exit status 3", "signal 9"; after ended. */
char	*cnt_program_how(const struct cnt_program *p);

/* Its exit status, or minus the signal that ended it; after ended. */
int	cnt_program_status(const struct cnt_program *p);

/* Reaps it and forgets it; kills what is left of its group. */
void	cnt_program_free(struct cnt_program *p);

#endif
