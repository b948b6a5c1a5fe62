/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that goes into a box: from the fork on the host to the exec inside. It speaks to
 * cnt_enter over a socket until then.
 */
#ifndef CNT_ENTRANT_H
#define CNT_ENTRANT_H

#include "lib/enter.h"
#include "lib/terminal.h"

struct cnt_entrant {
	const struct cnt_entry		*en;
	const struct cnt_leaf		*leaf;
	const struct cnt_buf		*filter;	/* of lib/filter.h */
	const struct cnt_terminal	*like;		/* the caller's, when en->terminal */
	pid_t				 init;		/* of the box, fixed by pidfd */
	pid_t				 monitor;	/* its parent */
	int				 pidfd;
	int				 in, out, err;	/* -1: /dev/null (a terminal follows) */
	int				 report;	/* SOCK_SEQPACKET */
};

/* One message. PID comes from the helper, the others mostly from inside: in any order. */
enum cnt_report_kind {
	CNT_ENTRANT_PID = 1, CNT_ENTRANT_MASTER, CNT_ENTRANT_READY, CNT_ENTRANT_FAILED,
};

struct cnt_report {
	enum cnt_report_kind	kind;
	pid_t			pid;	/* PID: of the process inside, the receiver's child */
	struct cnt_err		err;	/* FAILED */
};					/* MASTER carries the terminal's master */

/* Starts the helper that goes in, in the leaf. Its pid, or -1. */
pid_t	cnt_entrant_start(const struct cnt_entrant *x, struct cnt_err *e);

#endif
