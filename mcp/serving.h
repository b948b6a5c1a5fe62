/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the server share: server.c (life of the connection), methods.c (what a message
 * asks for), offered.c (resources and prompts), answer.c (requests and their answers). Nobody
 * else includes it.
 */
#ifndef CNT_MCP_SERVING_H
#define CNT_MCP_SERVING_H

#include "mcp/frame.h"
#include "mcp/rpc.h"
#include "mcp/server.h"

enum cnt_revision {
	CNT_R_NONE,
	CNT_R_2024_11_05,
	CNT_R_2025_03_26,		/* the only one with batches */
	CNT_R_2025_06_18,		/* structuredContent, outputSchema, title */
	CNT_R_2025_11_25,
	CNT_R_2026_07_28,		/* stateless, named by each request */
};

/* Answers to the members of one array, which go out together when the last is there. */
struct cnt_batch {
	struct cnt_server	*server;
	struct cnt_buf		 out;
	unsigned		 open;		/* members not answered, and the reader's hold */
};

struct cnt_request {
	struct cnt_request	*prev, *next;
	struct cnt_server	*server;
	struct cnt_batch	*batch;		/* NULL: a line of its own */
	enum cnt_revision	 revision;
	struct cnt_span		 id, token;	/* own copies; token.p NULL: no progress wanted */
	void			*data;
	bool			 dropped;	/* cancelled: no answer may go out */
	double			 progress;	/* what was said last */
	int64_t			 told;		/* and when */
};

struct cnt_server {
	const struct cnt_offer	*offer;
	struct cnt_loop		*loop;
	struct cnt_writer	*out;
	struct cnt_reader	 reader;
	struct cnt_watch	*in_watch;	/* NULL: not reading */
	int			 in_fd;
	struct cnt_request	*requests;	/* in flight */
	size_t			 in_flight;
	enum cnt_revision	 revision;	/* by initialize */
	bool			 corked;	/* more lines to read first */
	bool			 ending, cancelled;
	int64_t			 cancel_at, starved_until, leave_at;
};

/* One request being looked at. */
struct cnt_asked {
	struct cnt_server	*s;
	struct cnt_batch	*batch;
	const struct cnt_rpc	*m;
	enum cnt_revision	 revision;
};

/* answer.c */

/* Sends one message (without newline) alone or as a part of its batch; empties b. */
void	cnt_server_send(struct cnt_server *s, struct cnt_batch *batch, struct cnt_buf *b);
void	cnt_server_error(struct cnt_server *s, struct cnt_batch *batch, struct cnt_span id,
	    int code, const char *text, const char *data);

/* How long a result may be kept by the client, in milliseconds: a list, what is read, and what is
 * not of the kind. */
enum { CNT_KEEP_LIST = 3600000, CNT_KEEP_NOT = 0, CNT_KEEP_NONE = -1 };

/* An error, and a result (a JSON object; additions as the revision has them), for a request being
 * looked at. data: JSON text or NULL. */
void	cnt_asked_refuse(const struct cnt_asked *a, int code, const char *text, const char *data);
void	cnt_asked_result(const struct cnt_asked *a, const struct cnt_buf *result, int keep_ms);

struct cnt_request *cnt_request_new(struct cnt_server *s, struct cnt_batch *batch,
	    const struct cnt_rpc *m, enum cnt_revision revision);
struct cnt_request *cnt_request_find(struct cnt_server *s, struct cnt_span id);
void	cnt_request_free(struct cnt_request *r);
void	cnt_request_cancel(struct cnt_request *r);
void	cnt_batch_done(struct cnt_batch *batch);

/* methods.c */

/* One message that passed the gate as a request or notification. */
void	cnt_server_message(struct cnt_server *s, struct cnt_batch *batch, const struct cnt_rpc *m);

/* Does it ask for a page that no list has? All come in one. It has been refused then. */
bool	cnt_asked_for_page(const struct cnt_asked *a);

/* offered.c */

/* Appends `,"resources":{}` and `,"prompts":{}` where they are offered. */
void	cnt_offered_capabilities(const struct cnt_offer *o, struct cnt_buf *b);

void	cnt_offered_resources(struct cnt_asked *a);
void	cnt_offered_templates(struct cnt_asked *a);
void	cnt_offered_read(struct cnt_asked *a);
void	cnt_offered_prompts(struct cnt_asked *a);
void	cnt_offered_prompt(struct cnt_asked *a);

#endif
