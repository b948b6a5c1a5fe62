/* SPDX-License-Identifier: Apache-2.0
 *
 * The process between a box and `cnt mcp`. What a box's agent-box sends is an enemy's input: it is
 * read here, by a program that can do nothing but read and write its three descriptors.
 *
 * Descriptor 0: agent-box's standard output. 1: to the main process. 2: from it, "+N" for each call
 * begun and "-N" for each forgotten, one a line; its end means that agent-box has ended.
 * To the main process go lines without control bytes, in valid UTF-8:
 *	R N OBJECT		the result of call N
 *	P N DONE TOTAL TEXT	its progress
 *	F OBJECT		the end: the result of every call under way
 */
#ifndef CNT_MCP_RELAY_H
#define CNT_MCP_RELAY_H

#include "lib/err.h"

#define CNT_RELAY_IN	(((size_t)4 << 20) + 65536)	/* agent-box's longest line */
#define CNT_RELAY_OUT	((size_t)8 << 20)		/* ours: numbers grow */
#define CNT_RELAY_CALLS	128				/* under way in one box */

/* Gives up every right and relays until the end. */
CNT_NORETURN void	cnt_relay(const char *box);

/* relay-confine.c: gives up every right but to read and write descriptors 0, 1 and 2, for ever. */
int	cnt_relay_confine(struct cnt_err *e);

#endif
