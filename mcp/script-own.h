/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a script's run share: script.c (its life), script-words.c (its command line),
 * script-mcp.c (a conversation instead). Nobody else includes it.
 */
#ifndef CNT_MCP_SCRIPT_OWN_H
#define CNT_MCP_SCRIPT_OWN_H

#include "mcp/program.h"
#include "mcp/script.h"
#include "mcp/wire.h"

#define CNT_SCRIPT_OUTPUT	((size_t)1 << 20)

enum cnt_script_end {
	CNT_SCRIPT_RUNS,
	CNT_SCRIPT_BABBLED,		/* more than CNT_SCRIPT_OUTPUT */
	CNT_SCRIPT_CANCELLED,
	CNT_SCRIPT_ANSWERED,		/* MCP: r is set, and c->out or c->err */
};

struct script {
	struct cnt_call		*c;
	struct cnt_loop		*loop;
	struct cnt_program	 program;
	struct cnt_watch	*watch[3], *cancel;
	struct cnt_reader	 told, lines;	/* of descriptor 3; of MCP */
	struct cnt_buf		 out, err;
	bool			 mcp;
	struct cnt_writer	*in;		/* MCP, until there is nothing more to say */
	int			 in_fd;
	int			 fd[3];		/* we read: what it says as 1, 2 and 3 */
	enum cnt_script_end	 end;
	int			 r;
};

/* Says why no more is wanted, and stops the program after the time. */
void	 cnt_script_stop(struct script *s, enum cnt_script_end why, int64_t term_us);

/* Path, a family's second word, options, "--", operands; all malloc'd. NULL: more than a command
 * line can hold, and c->err says so. */
char	**cnt_script_words(const struct cnt_call *c, const char *path);
void	 cnt_script_words_free(char **words);

/* Asks: one stateless tools/call. The descriptor is taken over. */
void	 cnt_script_ask(struct script *s, int in_fd);
/* Bytes that came into s->lines. */
void	 cnt_script_hear(struct script *s);
void	 cnt_script_hang_up(struct script *s);

#endif
