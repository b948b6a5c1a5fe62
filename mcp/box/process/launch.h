/* SPDX-License-Identifier: Apache-2.0
 *
 * How a command begins, of shell_exec and of process_start alike.
 */
#ifndef CNT_MCP_BOX_PROCESS_LAUNCH_H
#define CNT_MCP_BOX_PROCESS_LAUNCH_H

#include "lib/err.h"
#include "lib/json.h"

struct cnt_keep;

struct cnt_command {
	const char	*text;		/* for /bin/sh -c */
	char		**env;
	int		 cwd;		/* directory descriptor */
	int		 in, out, err;	/* its standard descriptors */
	/* read ends of out and err, or -1: emptied when the call is over */
	int		 drain[2];
	const struct cnt_keep *keep;	/* background.h: it may become its keeper; NULL */
};
/* A clean environment (HOME, PATH ...) and what the map adds; NULL with e made. The caller frees it
 * by cnt_launch_free. */
char	**cnt_launch_environment(const cJSON *add, struct cnt_err *e);
void	cnt_launch_free(char **env);

/* Directory descriptor; NULL: home. -1 with e made. */
int	cnt_launch_cwd(const char *cwd, struct cnt_err *e);

/* Runs c->text by /bin/sh as a session of its own. Returns 0 or an errno; *shell is its pid. All
 * signals are blocked by the caller, none are in the command. */
int	cnt_launch(const struct cnt_command *c, pid_t *shell);

/* Closes every descriptor but these (-1: none), whose numbers change: 0, 1 and 2 become /dev/null.
 * A process that outlives the call must not hold what is the server's: not the real standard
 * output, whose end the client waits for, and not what the answer goes through. */
void	cnt_launch_keep_only(int *const *mine, size_t n);

#endif
