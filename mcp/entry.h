/* SPDX-License-Identifier: Apache-2.0
 *
 * `cnt mcp --box BOX` is that box's agent-box on this standard input and output. It is two verbs of
 * one name: with --read-only the agent-box offers nothing but what reads, and the scope is another.
 */
#ifndef CNT_MCP_ENTRY_H
#define CNT_MCP_ENTRY_H

#include "lib/caller.h"

extern const struct cnt_verb	cnt_entry, cnt_entry_reads;

/* The options of `cnt mcp`, with --box and without; and -1 for those that exclude each other. */
extern const struct cnt_field	cnt_entry_params[];
int	cnt_entry_check(const cJSON *in, struct cnt_err *e);

/* The one that a caller may use for tools of boxes, the whole one if possible. reads: for a tool
 * that changes nothing. NULL: CNT_DENIED. */
const struct cnt_verb	*cnt_entry_for(const struct cnt_caller *c, bool reads, struct cnt_err *e);

#endif
