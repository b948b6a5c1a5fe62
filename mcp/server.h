/* SPDX-License-Identifier: Apache-2.0
 *
 * An MCP server on standard input and output: both eras (initialize, and the stateless
 * 2026-07-28), decided for each request. One event loop reads, answers and waits for work; one
 * writer owns standard output. Used by every verb's --mcp, by `cnt mcp` and by agent-box.
 */
#ifndef CNT_MCP_SERVER_H
#define CNT_MCP_SERVER_H

#include "lib/json.h"
#include "lib/verb.h"
#include "mcp/loop.h"

struct cnt_server;
struct cnt_request;		/* a tools/call, read or prompt that has not been answered */
struct cnt_subject;		/* more of the protocol: mcp/subjects.h */

/* What is offered besides tools. A function that is NULL is a method that is not there. All run in
 * the server itself: they are fast and never wait. */
struct cnt_offered {
	/* The arrays of resources/list, resources/templates/list and prompts/list. Owned by the
	 * caller of it. */
	cJSON		*(*resources)(void), *(*templates)(void), *(*prompts)(void);
	/* Appends the result of resources/read, one JSON object. CNT_NOTFOUND: no such resource.
	 * r is for cnt_request_ask, whose value is then returned; nothing else answers it. */
	int		(*read)(struct cnt_request *r, const char *uri, struct cnt_buf *result,
			    struct cnt_err *e);
	/* The same for prompts/get, of one that `prompts` has, with what it requires. arguments: an
	 * object of strings, or NULL. */
	int		(*prompt)(struct cnt_request *r, const char *name, const cJSON *arguments,
			    struct cnt_buf *result, struct cnt_err *e);
	/* Appends to values what an argument of a prompt or of a template may become: strings, best
	 * first. ref: {type,name} or {type,uri}. context: values of other arguments, or NULL. Needs
	 * cnt_completion. */
	int		(*complete)(const cJSON *ref, const char *name, const char *value,
			    const cJSON *context, cJSON *values, struct cnt_err *e);
};

/* What may change while it serves. */
enum cnt_topic {
	CNT_TOOLS	= 1 << 0,	/* a list: tools/list */
	CNT_PROMPTS	= 1 << 1,
	CNT_RESOURCES	= 1 << 2,
	CNT_UPDATES	= 1 << 3,	/* what a resource holds */
};

struct cnt_offer {
	const char	*name, *title, *version, *instructions;
	/* The tools array; called for each tools/list. Owned by the caller of it. */
	cJSON		*(*tools)(void *arg);
	int		 tools_ms;	/* how long a client may keep it; 0: an hour */
	/* Begins a call. Answers now or later, exactly once, by cnt_request_answer_raw or _error,
	 * or asks the client first, by cnt_request_ask.
	 * -1 for a tool that is not offered (JSON-RPC error -32602). arguments is borrowed until
	 * it returns. */
	int		(*call)(struct cnt_request *r, const char *tool, const cJSON *arguments,
			    void *arg);
	/* The client cancelled, or the server ends: stop the work. The request stays valid until
	 * it is answered, now or later (the answer is dropped), or given to cnt_request_drop. */
	void		(*cancel)(struct cnt_request *r, void *arg);
	/* May be NULL. Is cancelled work still ending? The server then stays a little (25 ms)
	 * before it leaves what ends by itself behind. */
	bool		(*ending)(void *arg);
	/* May be NULL. Does work wait for nothing but a processor? At the end of input it then
	 * gets the time that it would have taken on a machine that is not busy. */
	bool		(*starved)(void *arg);
	const struct cnt_offered *offered;	/* NULL: tools alone */
	/* More of the protocol, ended by NULL; NULL: none. What is not named is neither advertised
	 * nor linked. */
	const struct cnt_subject *const *subjects;
	unsigned	 changes;		/* of enum cnt_topic; needs cnt_listening */
	/* May be NULL. It serves: s is valid until cnt_serve returns. */
	void		(*started)(struct cnt_server *s, void *arg);
	void		*arg;
};

/* Serves until end of input or a signal (TERM, INT, HUP): then cancels what runs, answers what is
 * done, and returns 0. Answers that are not read yet keep it after the end of input for as long as
 * something of them is taken every ten seconds, after a signal not at all. in and out are made
 * private first: descriptor 0 becomes /dev/null and 1 a copy of standard error, so that nothing
 * else speaks on the wire. */
int	cnt_serve(const struct cnt_offer *o, struct cnt_err *e);

/* The answer: the result as tools/call carries it (content, isError ...), bytes that are one valid
 * JSON object without newline; they are not parsed again. The revision's own additions
 * (resultType, serverInfo) are the server's. */
void	cnt_request_answer_raw(struct cnt_request *r, const char *result, size_t n);
/* An isError result; of a read or a prompt an error of the protocol. */
void	cnt_request_error(struct cnt_request *r, const struct cnt_err *err);
void	cnt_request_drop(struct cnt_request *r);	/* no answer: it was cancelled */
/* Sent only when the client gave a progress token, at most ten a second, strictly increasing; the
 * text alone may be news. In silence what was said last is sent again, at least once a second. */
void	cnt_request_progress(struct cnt_request *r, double done, double total, const char *text);
bool	cnt_request_wants_progress(const struct cnt_request *r);

/* The call's own data, freed by whoever set it before the request ends. */
void	cnt_request_set(struct cnt_request *r, void *data);
void	*cnt_request_get(const struct cnt_request *r);
struct cnt_loop	*cnt_request_loop(struct cnt_request *r);
/* Bytes of answers, to any request, that the client has not taken yet. Above CNT_UNREAD_MAX cnt mcp
 * lets boxes and verbs wait with theirs, and CNT_UNREAD_US later it looks again. */
#define CNT_UNREAD_MAX	((size_t)16 << 20)
#define CNT_UNREAD_US	5000
size_t	cnt_request_unread(const struct cnt_request *r);

/* Serves verbs: each call is checked and run in a child process of its own, killed on cancel. The
 * child's end without an answer is one failed call. run: the frame around a verb's function.
 * in_process: may this verb's call be answered by the server itself (fast, never blocking)? */
struct cnt_verbs_offer {
	struct cnt_offer		 base;		/* tools, call, cancel, arg are filled in */
	const struct cnt_verb *const	*verbs;
	int	(*run)(struct cnt_call *c);
	bool	(*in_process)(const struct cnt_verb *v);
	/* A child that ends its own tree needs other terms than: SIGKILL when the server dies,
	 * and on cancel SIGTERM to its process group, SIGKILL 2 s later. 0 stands for these. */
	int	 death_signal;
	int64_t	 grace_us;
	/* Both or none: told of each call when it begins, and of what became of it: "ok", an
	 * error's code, "cancelled". */
	void	*(*began)(const char *tool, const cJSON *arguments);
	void	 (*ended)(void *note, const char *outcome);
};
int	cnt_serve_verbs(struct cnt_verbs_offer *o, struct cnt_err *e);

#endif
