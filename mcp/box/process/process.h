/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that outlives the connection: ~/.local/state/agent-box/process/ID/, the user's own.
 *
 *   record   who it is and how it ended, JSON, padded; `next` is the room for its successor
 *   log.N    its output from byte N on; two of them at most; `log` is a link to the newest
 *   control  the socket of its keeper
 *
 * The keeper (keep.h) holds a lock on the directory as long as it lives, so whether there is one
 * does not depend on a pid.
 */
#ifndef CNT_MCP_BOX_PROCESS_PROCESS_H
#define CNT_MCP_BOX_PROCESS_PROCESS_H

#include "lib/verb.h"

struct cnt_record {
	char	 id[16];		/* "p12" */
	char	*name, *command, *cwd;	/* owned; name may be NULL */
	char	 boot[48];		/* boot id; "": unknown */
	uint64_t init_start;		/* of pid 1, ticks since the machine's start; 0: unknown */
	pid_t	 pid, keeper;
	uint64_t pid_start, keeper_start;	/* as init_start */
	int64_t	 started, ended;	/* microseconds since 1970; ended 0: not yet */
	int	 status;		/* as waitpid(2) gives it, when it has ended */
	bool	 input;			/* process_write may be used */
	int64_t	 log_bytes;		/* when it ended */
	int64_t	 log_stopped;		/* the log could not be written from here on; -1 */
	int64_t	 cpu_us, peak_bytes;	/* of all that has been reaped; -1: not known yet */
	bool	 alone;			/* it has ended, and nothing that it started runs on */
};

/* record.c */

void	 cnt_record_free(struct cnt_record *r);
cJSON	*cnt_record_json(const struct cnt_record *r);
/* Strict: -1 with CNT_BUG when anything is missing or makes no sense. */
int	 cnt_record_parse(const char *text, size_t n, struct cnt_record *r, struct cnt_err *e);

/* Where and when we are: boot id and start of pid 1 into r. */
void	 cnt_record_here(struct cnt_record *r);

/* Do its pids mean anything: same boot, same pid 1, as far as known? */
bool	 cnt_record_is_here(const struct cnt_record *r);

/* "running", "exited", "killed" or "unknown"; *reason is why it is unknown, else NULL. kept: its
 * keeper lives. here: as cnt_record_here fills it. */
const char *cnt_record_state(const struct cnt_record *r, bool kept, const struct cnt_record *here,
	    const char **reason);

/* log.c */

#define CNT_LOG_SEGMENT	((int64_t)8 << 20)

struct cnt_log {
	int	 dir;			/* borrowed */
	int	 fd;			/* -1: cannot be written now */
	int64_t	 start, total;		/* of this file; of all output so far */
	int64_t	 stopped;		/* total when it could not be written; -1 */
	int64_t	 retry;			/* when it is tried again */
};

void	cnt_log_open(struct cnt_log *l, int dir);
/* Goes on where another process left off. */
void	cnt_log_resume(struct cnt_log *l, int dir, int64_t start, int64_t total, int64_t stopped);
/* Never fails and never waits: what cannot be written is counted and left out. */
void	cnt_log_add(struct cnt_log *l, const void *bytes, size_t n);

struct cnt_log_part {
	int64_t		 from;		/* the first byte is this one */
	int64_t		 gone;		/* bytes before it that were asked for and are not kept */
	int64_t		 end;		/* of the whole log */
	struct cnt_buf	 bytes;		/* the caller frees */
};

/* At most max bytes from `since` on, or from the first that is kept after it. end: what is known
 * of the log's end, 0: nothing. -1 and errno. */
int	cnt_log_read(int dir, int64_t since, size_t max, int64_t end, struct cnt_log_part *p);
int64_t	cnt_log_end(int dir);

/* dir.c */

struct cnt_process {
	int			 dir;
	struct cnt_record	 r;
	bool			 kept;		/* its keeper lives */
	const char		*state, *reason;
};
#define CNT_PROCESS	__attribute__((cleanup(cnt_process_free)))

void	cnt_process_free(struct cnt_process *p);

/* A new directory with its id in r, locked through the descriptor that is returned, and with room
 * for r's record; -1 with e made. Old records are pruned. */
int	cnt_process_create(struct cnt_record *r, struct cnt_err *e);
void	cnt_process_remove(int dir, const char *id);

/* Writes the record; what is on the disk is the old one or the new one. That needs no room on
 * the disk. -1 and errno. */
int	cnt_process_write(int dir, const struct cnt_record *r);

/* An id as it came from outside. CNT_NOTFOUND with a hint which there are. */
int	cnt_process_find(const char *id, struct cnt_process *p, struct cnt_err *e);
/* Reads its record again. */
int	cnt_process_look(struct cnt_process *p, struct cnt_err *e);

/* Numbers of all ids, ascending; malloc'd. */
size_t	cnt_process_ids(int root, unsigned **ids);
int	cnt_process_open(int root, unsigned id, struct cnt_process *p, struct cnt_err *e);

/* Does what it started run on? Its keeper may only be about to go. */
bool	cnt_process_left_running(const struct cnt_process *p);

/* state, exit_code, and where asked signal, into a result. */
void	cnt_process_facts(const struct cnt_process *p, cJSON *out, bool with_signal);
/* "running", "exit 0", "signal TERM", "unknown (rebooted)". The caller frees. */
char	*cnt_process_shown(const struct cnt_process *p);

/* "/home/u/.local/state/agent-box/process/p1/log". The caller frees. */
char	*cnt_process_log_path(const char *id);

#endif
