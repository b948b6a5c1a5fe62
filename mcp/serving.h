/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the server share: server.c (life of the connection), methods.c (what a message
 * asks for), hello.c (who we are), tools.c, offered.c (resources and prompts), request.c (what is
 * in flight), progress.c, answer.c, older.c (what a revision does not know), and the subjects of
 * mcp/subjects.h. Nobody else includes it.
 */
#ifndef CNT_MCP_SERVING_H
#define CNT_MCP_SERVING_H

#include "mcp/rpc.h"
#include "mcp/subjects.h"
#include "mcp/wire.h"

#define CNT_META	"io.modelcontextprotocol/"
#define CNT_MODERN	"2026-07-28"

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
	const char		*method;
	/* Begins it; once more when the client has answered what it was asked. */
	void			(*begin)(struct cnt_request *r, const cJSON *params);
	void			(*cancel)(struct cnt_request *r);	/* NULL: the offer's */
	int			 level;		/* by its logLevel; -1: none */
	struct cnt_asking	*asking;	/* what the client was asked, or NULL; and */
	void			(*release)(struct cnt_request *r);	/* who frees it */
	void			*data;
	size_t			 size;		/* of its message */
	bool			 dropped;	/* cancelled: no answer may go out */
	/* Only with a token, by progress.c. */
	char			*said;		/* what is being done, */
	double			 done, total;	/* how far, and of how much: by who does it; */
	double			 progress;	/* how far: by the last notification */
	int64_t			 began, said_at, told;
};

/* One request being looked at. */
struct cnt_incoming {
	struct cnt_server	*s;
	struct cnt_batch	*batch;
	const struct cnt_rpc	*m;
	const char		*method;	/* one that is known */
	enum cnt_revision	 revision;
	int			 level;		/* by its logLevel, enum cnt_level; -1: none */
};

/* One method of the protocol, in two eras; NULL: that era does not have it. */
struct cnt_method {
	const char	*name;
	void		(*legacy)(struct cnt_incoming *a), (*modern)(struct cnt_incoming *a);
};

/* A subject of the protocol that not every server has; what it lacks is NULL. */
struct cnt_subject {
	const struct cnt_method	*methods;	/* ended by one without name */
	const char		*capability;	/* `,"logging":{}` */
	enum cnt_revision	 since;		/* that has the capability */
	/* The client introduced itself; it sent a response; a request begins (-1: it has been
	 * refused); the server ends, which it may say twice. */
	void	(*met)(struct cnt_server *s, const cJSON *params);
	void	(*response)(struct cnt_server *s, const struct cnt_rpc *m);
	int	(*check)(struct cnt_request *r, const cJSON *params);
	void	(*end)(struct cnt_server *s);
};

/* Ended by NULL. */
static inline const struct cnt_subject *const *
cnt_subjects(const struct cnt_offer *o)
{
	static const struct cnt_subject *const none[] = { NULL };

	return o->subjects != NULL ? o->subjects : none;
}

struct cnt_server {
	const struct cnt_offer	*offer;
	struct cnt_loop		*loop;
	struct cnt_writer	*out;
	struct cnt_reader	 reader;
	struct cnt_watch	*in_watch;	/* NULL: not reading */
	int			 in_fd;
	struct cnt_batch	*batch;		/* that is being read, or NULL; and of it what */
	cJSON			*array;		/* is left, in the reader's last line */
	struct cnt_raw		 items;
	struct cnt_request	*requests;	/* in flight */
	size_t			 in_flight, bytes_in_flight;
	size_t			 batched;	/* bytes of answers in batches that are open */
	enum cnt_revision	 revision;	/* by initialize */
	bool			 ready;		/* notifications/initialized has come */
	const cJSON		*params;	/* of the request that begins now */
	int			 level;		/* by logging/setLevel */
	struct cnt_listener	*listeners;
	cJSON			*subscribed;	/* by resources/subscribe: uris */
	cJSON			*client;	/* its capabilities, by initialize */
	struct cnt_sent		*sent;		/* requests that it has not answered */
	long long		 last_sent;
	bool			 corked;	/* more lines to read first */
	bool			 ending, cancelled;
	int64_t			 cancel_at, starved_until, leave_at, reader_until;
	size_t			 unread;	/* bytes, when last looked at */
	struct cnt_timer	*beat;		/* NULL: nobody waits for progress */
};

/* answer.c */

/* Sends one message (without newline) alone or as a part of its batch; empties b. */
void	cnt_server_send(struct cnt_server *s, struct cnt_batch *batch, struct cnt_buf *b);
void	cnt_server_error(struct cnt_server *s, struct cnt_batch *batch, struct cnt_span id,
	    int code, const char *text, const char *data);

/* How long a result may be kept by the client, in milliseconds: a list, what may change, what is
 * not of the kind; and what is no result yet, but asks for input. */
enum { CNT_KEEP_LIST = 3600000, CNT_KEEP_NOT = 0, CNT_KEEP_NONE = -1, CNT_KEEP_ASKS = -2 };

/* An error, and a result (a JSON object; additions as the revision has them), for a request being
 * looked at. data: JSON text or NULL. */
void	cnt_incoming_refuse(const struct cnt_incoming *a, int code, const char *text,
	    const char *data);
void	cnt_incoming_result(const struct cnt_incoming *a, const struct cnt_buf *result,
	    int keep_ms);
void	cnt_incoming_done(const struct cnt_incoming *a);	/* {} */

/* The same for a request in flight, which they free; nothing goes out when it was cancelled. */
void	cnt_request_refuse(struct cnt_request *r, int code, const char *text, const char *data);
void	cnt_request_result(struct cnt_request *r, const struct cnt_buf *result, int keep_ms);
void	cnt_batch_done(struct cnt_batch *batch);

/* request.c */

/* Takes a request into flight; and begins it, unless too many are there. */
struct cnt_request *cnt_request_new(const struct cnt_incoming *a);
void	cnt_incoming_begin(const struct cnt_incoming *a,
	    void (*begin)(struct cnt_request *r, const cJSON *params));
void	cnt_request_begin(struct cnt_request *r, const cJSON *params);	/* anew */
struct cnt_request *cnt_request_find(struct cnt_server *s, struct cnt_span id);
void	cnt_request_free(struct cnt_request *r);
void	cnt_request_cancel(struct cnt_request *r);

/* progress.c */

/* From now on there is a notification a second at least, until the request ends; what: what is
 * being done, until somebody says. Without a token: nothing. */
void	cnt_progress_begin(struct cnt_request *r, const char *what);

/* methods.c */

/* One message that passed the gate as a request, notification or response. */
void	cnt_server_message(struct cnt_server *s, struct cnt_batch *batch, const struct cnt_rpc *m);

extern const char *const cnt_levels[8];		/* names of enum cnt_level */
int	cnt_level_of(const cJSON *v);		/* -1: none of them */

/* hello.c */

void	cnt_hello_initialize(struct cnt_incoming *a);
void	cnt_hello_discover(struct cnt_incoming *a);
void	cnt_hello_ping(struct cnt_incoming *a);

extern const char cnt_hello_supported[];	/* data of an error: all revisions */

/* tools.c */

void	cnt_tools_list(struct cnt_incoming *a);
void	cnt_tools_call(struct cnt_incoming *a);

/* Does it ask for a page that no list has? All come in one. It has been refused then. */
bool	cnt_incoming_wants_page(const struct cnt_incoming *a);

/* offered.c */

/* Appends `,"resources":{}` and `,"prompts":{}` where they are offered. */
void	cnt_offered_capabilities(const struct cnt_offer *o, struct cnt_buf *b);

void	cnt_offered_resources(struct cnt_incoming *a);
void	cnt_offered_templates(struct cnt_incoming *a);
void	cnt_offered_read(struct cnt_incoming *a);
void	cnt_offered_prompts(struct cnt_incoming *a);
void	cnt_offered_prompt(struct cnt_incoming *a);

/* older.c */

/* Takes out of tools what clients of that time may refuse, and the title that is there twice. */
void	cnt_older_tools(cJSON *tools, enum cnt_revision revision);

/* Appends a result's member `content` or `messages`, and a comma, with text for blocks of a kind
 * that the revision does not know. False: it is another member. */
bool	cnt_older_content(struct cnt_buf *b, const struct cnt_raw *member,
	    enum cnt_revision revision);

/* input.c */

/* What a client sent for `key`, which it was asked by `method`: a whole response. */
void	cnt_input_came(struct cnt_request *r, const char *key, const char *method,
	    const cJSON *response);

/* fit.c */

const char *cnt_input_capability(const struct cnt_input *in);	/* the client's, by its name */
bool	cnt_input_possible(const struct cnt_input *in, const cJSON *capabilities,
	    enum cnt_revision revision);
bool	cnt_input_fits(const struct cnt_input *in, const cJSON *result);

/* sent.c */

void	cnt_sent_add(struct cnt_request *r, const struct cnt_input *in);
bool	cnt_sent_waits(const struct cnt_request *r);		/* for one at least */
void	cnt_sent_withdraw(struct cnt_request *r);		/* the client need not answer */
void	cnt_sent_response(struct cnt_server *s, const struct cnt_rpc *m);
void	cnt_sent_free(struct cnt_server *s);

#endif
