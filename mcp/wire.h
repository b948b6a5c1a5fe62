/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines in, lines out. The reader holds one line to a limit and outlives a longer one; the writer
 * owns a descriptor, never blocks on it, and never tears a line apart.
 */
#ifndef CNT_MCP_WIRE_H
#define CNT_MCP_WIRE_H

#include <sys/types.h>

#include "lib/base.h"
#include "mcp/loop.h"
#include "mcp/raw.h"

#define CNT_LINE_MAX	((size_t)16 << 20)

enum cnt_got {
	CNT_LINE_MORE,			/* none yet: read on */
	CNT_LINE_READY,
	CNT_LINE_LONG,			/* longer than max; what follows up to its end is skipped */
};

struct cnt_reader {
	char	*p;
	size_t	 start, end, scan, cap, max;	/* max: bytes of a line without its end */
	bool	 skip;
};

void	cnt_reader_free(struct cnt_reader *r);

/* One read(2); its value. */
ssize_t	cnt_reader_fill(struct cnt_reader *r, int fd);

/* The next line, without "\n" or "\r\n"; blank ones are passed over. It stays valid until the next
 * fill. last: input has ended, so what is left is a line too. */
enum cnt_got cnt_reader_next(struct cnt_reader *r, bool last, struct cnt_span *line);

/* When all lines are done with: the room of a large one is given back. */
void	cnt_reader_rest(struct cnt_reader *r);

struct cnt_writer;

/* broken is called once, from the loop, when nobody reads any more. */
struct cnt_writer *cnt_writer_new(struct cnt_loop *l, int fd, void (*broken)(void *), void *arg);
void	cnt_writer_free(struct cnt_writer *w);

/* Queues the bytes of line, which end with "\n"; takes them over and leaves line empty. */
void	cnt_writer_add(struct cnt_writer *w, struct cnt_buf *line);

/* Writes what the descriptor takes now; the rest goes out from the loop. */
void	cnt_writer_flush(struct cnt_writer *w);

/* Bytes that wait. */
size_t	cnt_writer_queued(const struct cnt_writer *w);

#endif
