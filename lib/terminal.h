/* SPDX-License-Identifier: Apache-2.0
 *
 * Terminals of a session. A caller's terminal is never handed to a box, which could type on it: the
 * box gets one of its own, or pipes, and the caller relays.
 */
#ifndef CNT_TERMINAL_H
#define CNT_TERMINAL_H

#include <sys/ioctl.h>
#include <poll.h>
#include <termios.h>

#include "lib/err.h"

/* What a terminal is like; fd: the caller's terminal, or -1 when there is none. */
struct cnt_terminal {
	int		fd;
	bool		raw;
	struct termios	modes;
	struct winsize	size;
};

void	cnt_terminal_look(int fd, struct cnt_terminal *t);
int	cnt_terminal_raw(struct cnt_terminal *t, struct cnt_err *e);
void	cnt_terminal_restore(struct cnt_terminal *t);
void	cnt_terminal_resize(struct cnt_terminal *t, int master);

/* Opens a terminal in the devpts of the mount namespace that the caller is in, like `like`. */
int	cnt_terminal_open(const struct cnt_terminal *like, int *master, int *slave,
	    struct cnt_err *e);

/* A description of our own of a terminal to write to, where no write waits; the caller's flags stay
 * as they are. -1: it is none, or cannot be opened. */
int	cnt_terminal_reopen(int fd);

/* One direction of a relay. */
struct cnt_pump {
	int	from, to;	/* -1: ended */
	bool	input;		/* of the session, which goes on without it */
	bool	typed;		/* to is a terminal's master: end of input is typed there */
	enum { CNT_PUMP_FROM = 1, CNT_PUMP_TO = 2 } ours;	/* flags: closed at the end */
	bool	lost;		/* nobody takes what comes */
	size_t	at, n;
	char	buf[4096];	/* PIPE_BUF: poll(2) promises that a pipe takes it at once */
};

/* What to wait for next; fd -1 when the pump has ended. */
struct pollfd	cnt_pump_wait(const struct cnt_pump *p);
/* Moves what there is, after poll(2) filled in revents. */
void		cnt_pump_move(struct cnt_pump *p, short revents);
void		cnt_pump_end(struct cnt_pump *p);

#endif
