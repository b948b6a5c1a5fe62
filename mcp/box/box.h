/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tools of agent-box share: the wall, the text that a model reads, state, users. Each
 * tool is a struct cnt_verb beside its function. File tools run inside the server: none of them
 * may block.
 */
#ifndef CNT_MCP_BOX_H
#define CNT_MCP_BOX_H

#include <sys/stat.h>

#include "mcp/box/process/usage.h"

extern const struct cnt_verb cnt_box_process_start, cnt_box_process_list, cnt_box_process_read,
    cnt_box_process_write, cnt_box_process_wait, cnt_box_process_kill, cnt_box_wait_for_port;
extern const struct cnt_verb cnt_box_shell_exec, cnt_box_read_file, cnt_box_write_file,
    cnt_box_list_directory, cnt_box_file_info, cnt_box_make_directory, cnt_box_move_file,
    cnt_box_copy_file, cnt_box_edit_file, cnt_box_delete_file, cnt_box_info,
    cnt_box_search_files, cnt_box_find_files, cnt_box_tail_log;

/* root.c: the wall. Paths are absolute or relative to the user's home; all are resolved by the
 * kernel below one descriptor, AGENTBOX_ROOT or `/`. */

/* Opens the root; CNT_UNAVAILABLE when it cannot be. Must come first. */
int	 cnt_wall_init(struct cnt_err *e);

/* The path as results show it: absolute. The caller frees. */
char	*cnt_wall_path(const char *path);

/* openat2(2) below the root. -1 and errno; EXDEV: the path leaves the root. O_CLOEXEC is added. */
int	 cnt_wall_open(const char *path, int flags, mode_t mode);

/* Opens a regular file for reading without ever waiting: FIFOs, sockets and devices are refused. */
int	 cnt_wall_regular(const char *path, struct stat *st, struct cnt_err *e);

/* Descriptor (O_PATH) of the directory that path's last part stands in; *name is that part, the
 * caller frees it. mkdirs makes missing directories. */
int	 cnt_wall_parent(const char *path, bool mkdirs, char **name, struct cnt_err *e);

/* A path that ends in a slash is refused: what is written, moved or deleted there is no
 * directory. */
int	 cnt_wall_no_slash(const char *path, struct cnt_err *e);

/* The same for the file that path means when links are followed; *path is replaced by that file's
 * path (as cnt_wall_path). The file itself may be missing. */
int	 cnt_wall_target(char **path, bool mkdirs, char **name, struct cnt_err *e);

/* Makes the error for errno on path; for ENOENT the hint names the nearest existing directory
 * and what is named alike in it. Returns -1. */
int	 cnt_wall_fail(struct cnt_err *e, const char *path);

/* The hint for ENOSPC, EDQUOT and EFBIG. Returns -1. */
int	 cnt_wall_hint_full(struct cnt_err *e, int error);

/* What kind of thing a mode is: "file", "directory", "symlink", "fifo" ... */
const char *cnt_mode_type(mode_t mode);

/* An argument `mode`: octal digits; NULL makes -1. */
int	 cnt_mode_parse(const char *s, long *mode, struct cnt_err *e);

/* Negative, 0 or positive: a is before b, the same moment, or after it. */
static inline int
cnt_time_order(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? (a.tv_sec < b.tv_sec ? -1 : 1) :
	    (a.tv_nsec > b.tv_nsec) - (a.tv_nsec < b.tv_nsec);
}

/* switch.c: is the variable 1? 1, 0, or -1: it is another word. */
int	 cnt_box_switch(const char *name, struct cnt_err *e);

/* text.c */

/* The longest prefix of n bytes, at most max long, that ends between code points. s is valid
 * UTF-8. */
size_t	 cnt_text_prefix(const char *s, size_t n, size_t max);

/* The longest prefix whose JSON form takes at most *max bytes, which becomes what is left of
 * them; a byte from 0x80 on counts as `high`. No answer's payload takes more than
 * CNT_ESCAPED_MAX. */
#define CNT_ESCAPED_MAX	(3 << 20)
size_t	 cnt_text_fits(const char *s, size_t n, size_t *max, size_t high);

/* What a command wrote, as valid UTF-8: U+FFFD for what is not (then false is returned), and unless
 * raw without terminal escapes and control characters (NUL is shown as U+FFFD). */
bool	 cnt_text_add(struct cnt_buf *to, const char *s, size_t n, bool raw);

/* At most `half` bytes of the start of head and of the end of tail, and between them a line
 * that says how many bytes are missing. */
void	 cnt_text_excerpt(struct cnt_buf *to, const struct cnt_buf *head,
	    const struct cnt_buf *tail, size_t half, int64_t missing);

void	 cnt_base64_add(struct cnt_buf *to, const void *bytes, size_t n);
int	 cnt_base64_decode(struct cnt_buf *to, const char *s);	/* strict; -1 */

void	 cnt_text_time(struct timespec t, char text[32]);	/* RFC 3339, milliseconds, UTC */
void	 cnt_text_duration(int64_t us, char text[32]);		/* "3 ms", "1.24 s" */
void	 cnt_text_size(int64_t bytes, char text[32]);		/* "312 B", "1.5 MiB" */
void	 cnt_text_signal(int sig, char text[32]);		/* "TERM", "RTMIN+3", "33" */

/* Payloads stand in the text block only. The argv face's --json has no text block: there they
 * are put into the facts too. */
void	 cnt_text_want_facts(void);
void	 cnt_text_fact(cJSON *facts, const char *name, const struct cnt_buf *text);

/* cursor.c. The caller frees what is made. A cursor of another tool or path is refused. */
char	*cnt_cursor_make(const char *tool, const char *path, const char *place);
int	 cnt_cursor_read(char **place, const char *cursor, const char *tool, const char *path,
	    struct cnt_err *e);

/* digest.c: SHA-256 of what is left to read in a descriptor's file, from offset 0, as hex. -1
 * and errno. */
#define CNT_HASHED_MAX	(64 << 20)
int	 cnt_digest_file(int fd, char hex[65]);
void	 cnt_digest(const void *bytes, size_t n, char hex[65]);

/* user.c: from the box's /etc/passwd; no name service. */
struct cnt_user {
	char	*name, *home, *shell;
};
const struct cnt_user *cnt_user_self(void);
void	 cnt_user_refresh(void);			/* before asking for names */
void	 cnt_user_name(uid_t uid, char name[64]);	/* the number when it has no name */
void	 cnt_user_group(gid_t gid, char name[64]);	/* the same, read anew each time */

/* state.c: ~/.local/state/agent-box, 0700, the user's own. */

/* A new file in it for the whole output of a command; *path is its name, the caller frees it. */
int	 cnt_state_spill(char **path, struct cnt_err *e);

/* Where processes that outlive the connection have their directories; make: it, when it is not
 * there, and else there are none: -1 without a word in e. */
int	 cnt_state_processes(bool make, struct cnt_err *e);

/* A directory in it, made when it is not there: its descriptor, or -1. */
int	 cnt_state_directory(const char *name);

/* supervise.c */

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

struct cnt_ended {
	int	error;			/* errno when it could not be started */
	int	status;			/* as waitpid(2) gives it */
	struct cnt_usage usage;
	int	left;			/* how many processes run on */
	pid_t	pids[64];		/* the first of them */
};

/* Said once before serving: processes left running by a command live as long as this process. */
void	cnt_supervise_for_server(void);

/* Starts the command below a supervisor of its own, which finds and ends all that descends from
 * it. Returns the supervisor's pid; *control speaks with it: it sends one struct cnt_ended; it
 * takes 'K' (kill all now), 'D' (answered: what is left may run until the connection ends) and
 * 'B' (background.h). Its closing before 'D' cancels: TERM, and KILL after two seconds. */
pid_t	 cnt_supervise(const struct cnt_command *c, int *control, struct cnt_err *e);

/* tree.c: kills and reaps every descendant of this process, which is a subreaper. */
void	 cnt_end_descendants(void);

#endif
