/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of this installation say of themselves: those beside us, and those that the
 * operator dropped into /etc/cnt/verbs.d.
 */
#ifndef CNT_MCP_DESCRIBED_H
#define CNT_MCP_DESCRIBED_H

#include "lib/json.h"

/* Looks again; *known is what was found last time, NULL at first, and becomes an array of
 *	{"name":FILE, "path":..., "dropin":BOOL, "verbs":[...]}
 * in order: beside us, then dropped in, each by name. Of a verb there are name, summary, group,
 * also and tool, as --describe has them, and none of another type; a program that says nothing
 * sensible has no verbs. Only what has changed is asked, each for two seconds, and what said
 * nothing again after a minute; why one that was dropped in is refused goes to standard error.
 * Their answers are kept for the next process, which asks anew what could not be asked. True:
 * something is not as it was. */
bool	cnt_described_look(cJSON **known);

/* How a program is started: its path, and what stands before all arguments, or NULL. What was
 * dropped in is run by a program of ours. Both malloc'd. */
char	*cnt_described_program(const cJSON *entry, char **first);

#endif
