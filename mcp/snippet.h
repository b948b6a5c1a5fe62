/* SPDX-License-Identifier: Apache-2.0
 *
 * `cnt mcp --config CLIENT`: the lines that connect an MCP client with the `cnt mcp` of the same
 * options, as they stand in that client's own file.
 */
#ifndef CNT_MCP_SNIPPET_H
#define CNT_MCP_SNIPPET_H

#include "lib/verb.h"

extern const char *const	cnt_snippet_clients[];	/* what --config may be */
extern const struct cnt_field	cnt_snippet_results[];

/* in: config, ssh or NULL, and the options that are passed on (its verb's other parameters). */
int	cnt_snippet(struct cnt_call *c);

/* The snippet to f, so that it can be sent into the file; which file that is to standard error. */
void	cnt_snippet_print(const cJSON *out, FILE *f);

#endif
