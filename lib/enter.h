/* SPDX-License-Identifier: Apache-2.0
 *
 * The only way into a box. setns(2) inherits none of a box's confinement, so what enters is
 * confined here exactly like the box's own init, step by step; any step that fails ends the entry.
 */
#ifndef CNT_ENTER_H
#define CNT_ENTER_H

#include <sys/types.h>

#include "lib/leaf.h"

struct cnt_entry {
	const char		*tag, *box;
	const char		*user;		/* in the box; NULL: the box's own (its name) */
	const char		*cwd;		/* absolute, in the box; NULL: the user's home */
	const char *const	*env;		/* "K=V" on top of the clean environment, or NULL */
	char *const		*argv;		/* sought in the box's PATH; NULL: login shell */
	int			 memfd;		/* program to run instead, sealed; -1: none */
	int			 in, out, err;	/* become 0, 1, 2; none may be a directory */
	bool			 terminal;	/* opened in the box, relayed to `in` and `out` */
	bool			 keep;		/* agent-box: ends by itself, the rest stays */
	bool			 server;	/* and with its input */
	double			 timeout;	/* seconds; 0: none */
};

/* How it ended. */
struct cnt_ended {
	int	status;		/* exit status, 128+n: signal, 126 not executable, 127 not found */
	bool	timed_out;
	pid_t	init;		/* the box's, when it was entered; 0: it was not running */
};

/* Enters, runs, waits, ends the session's leaf. INT, TERM, HUP, QUIT that the calling process
 * receives meanwhile, and does not ignore, are passed on; KILL of it is the session's. SIGPIPE has
 * to be ignored. -1 only when cnt itself could not (box not running: CNT_NO). */
int	cnt_enter(const struct cnt_entry *en, struct cnt_ended *ended, struct cnt_err *e);

/* A sealed memfd holding the file's bytes, executable. */
int	cnt_enter_seal(const char *path, int *memfd, struct cnt_err *e);

#endif
