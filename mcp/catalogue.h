/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tools `cnt mcp` has: what the programs of this installation say of themselves with
 * --describe. It knows no verb by name.
 */
#ifndef CNT_MCP_CATALOGUE_H
#define CNT_MCP_CATALOGUE_H

#include "lib/json.h"

struct cnt_catalogue {
	bool	 platform, box, read_only;	/* which to offer: set first */
	cJSON	*tools;		/* as tools/list carries them; agent-box's begin with `box` */
	struct cnt_tool {
		char	*name;
		char	*program;	/* path; NULL: a tool of agent-box's, for a box */
		char	*first;		/* the program's first argument, or NULL */
	}	*of;		/* as many as there are tools */
	size_t	 n;
	cJSON	*known;		/* what the programs said */
};

/* Looks at the programs, and asks those that have changed since the last look. */
void	cnt_catalogue_look(struct cnt_catalogue *c);
void	cnt_catalogue_free(struct cnt_catalogue *c);

/* NULL: no such tool. Valid until the next look. */
const struct cnt_tool	*cnt_catalogue_find(const struct cnt_catalogue *c, const char *name);

#endif
