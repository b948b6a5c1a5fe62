/* SPDX-License-Identifier: Apache-2.0
 *
 * One output stream of a command: its first bytes and its last, how many there were, and all of
 * them in a file when an answer cannot carry them.
 */
#ifndef CNT_MCP_BOX_PROCESS_STREAM_H
#define CNT_MCP_BOX_PROCESS_STREAM_H

#include "mcp/box/process/process.h"

struct cnt_stream {
	const char	*name;
	int		 fd;		/* read end, not blocking; -1: at its end */
	size_t		 max;		/* what an answer carries at most */
	int64_t		 total;
	struct cnt_buf	 head;		/* the first max bytes */
	char		*ring;		/* the last of what followed */
	int64_t		 ring_n;	/* how many followed */
	int		 spill;
	char		*path;		/* NULL: no spill file */
	int64_t		 spilled;
	bool		 spill_failed;
	bool		 inexact;	/* shown with U+FFFD */
	bool		 cut;
	struct cnt_log	*log;		/* takes all of it too; NULL */
};

/* Reads what is there, at most `most` bytes; false when there is nothing more for now. */
bool	cnt_stream_read(struct cnt_stream *s, size_t most);

/* Appends to `to` what the answer shows of it: at most budget bytes, and *escapes in JSON's
 * form, which becomes what is left of it. Makes the spill file when anything is not shown as it
 * was. */
void	cnt_stream_show(struct cnt_stream *s, struct cnt_buf *to, size_t budget, size_t *escapes,
	    bool raw);

void	cnt_stream_facts(const struct cnt_stream *s, const struct cnt_buf *text, cJSON *out);

/* One line about what is missing and where it lies; nothing when nothing is. */
void	cnt_stream_note(const struct cnt_stream *s, struct cnt_buf *foot);

void	cnt_stream_free(struct cnt_stream *s);

#endif
