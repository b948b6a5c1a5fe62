/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tools `cnt mcp` has: what the programs beside it say of themselves with --describe. It
 * knows no verb by name.
 */
#ifndef CNT_MCP_CATALOGUE_H
#define CNT_MCP_CATALOGUE_H

#include "lib/json.h"

struct cnt_catalogue {
	cJSON	*tools;		/* as tools/list carries them; agent-box's begin with `box` */
	struct cnt_tool {
		char	*name;
		char	*program;	/* path; NULL: a tool of agent-box's, for a box */
	}	*of;		/* as many as there are tools */
	size_t	 n;
};

/* Reads the catalogue of the programs in dir (ours): cnt-* for `platform`, agent-box for `box`.
 * What they said last time is kept in run/cnt/verbs.json, by name, size and time of change. */
int	cnt_catalogue_read(struct cnt_catalogue *c, const char *dir, bool platform, bool box,
	    bool read_only, struct cnt_err *e);
void	cnt_catalogue_free(struct cnt_catalogue *c);

/* NULL: no such tool. */
const struct cnt_tool	*cnt_catalogue_find(const struct cnt_catalogue *c, const char *name);

#endif
