/* SPDX-License-Identifier: Apache-2.0
 *
 * More of the protocol than every server has. An offer names the subjects that it wants; each is a
 * file of its own, advertised and linked only where it is named.
 */
#ifndef CNT_MCP_SUBJECTS_H
#define CNT_MCP_SUBJECTS_H

#include "mcp/server.h"

/* listen.c: what the offer says may change (its `changes`) is told to those who subscribed: by
 * subscriptions/listen, or in older revisions by initialize and resources/subscribe. */
extern const struct cnt_subject cnt_listening;

void	cnt_server_changed(struct cnt_server *s, enum cnt_topic list);
void	cnt_server_updated(struct cnt_server *s, const char *uri);

/* completion.c: completion/complete, by the offer's `complete`. */
extern const struct cnt_subject cnt_completion;

/* logging.c: notifications/message. */
extern const struct cnt_subject cnt_logging;

enum cnt_level {
	CNT_LOG_DEBUG, CNT_LOG_INFO, CNT_LOG_NOTICE, CNT_LOG_WARNING, CNT_LOG_ERROR,
	CNT_LOG_CRITICAL, CNT_LOG_ALERT, CNT_LOG_EMERGENCY,
};

/* Sent when the client wants this level: by the request's own logLevel, or in older revisions by
 * logging/setLevel, info and above before that. data: JSON text. logger: a name or NULL. */
void	cnt_request_log(struct cnt_request *r, enum cnt_level level, const char *logger,
	    const char *data);

/* input.c: what a request needs from the client's side before it can be answered. */
extern const struct cnt_subject cnt_client_input;

struct cnt_input {
	const char	*key;
	const char	*method;	/* elicitation/create, sampling/createMessage, roots/list */
	const char	*params;	/* JSON text, an object */
};

enum { CNT_ASKED = 1 };

/* Asks the client for n inputs, and for the request to begin anew: its call, read or prompt runs
 * once more, with the same arguments, and finds what came. To be called while it begins, which then
 * returns this function's value: CNT_ASKED; r is no longer its caller's. When the client cannot be
 * asked, the request has been refused. In 2026-07-28 it is the answer that asks (input_required),
 * and the client that begins anew; before, requests go out to the client.
 * state: text that the next beginning finds, or NULL. The client sees it and cannot change it. */
int	cnt_request_ask(struct cnt_request *r, const struct cnt_input *in, size_t n,
	    const char *state);

/* What came for in->key, when it fits what was asked; else NULL. Borrowed while it begins. */
const cJSON	*cnt_request_input(const struct cnt_request *r, const struct cnt_input *in);

/* What the last cnt_request_ask left, or NULL. */
const char	*cnt_request_state(const struct cnt_request *r);

/* Has the client declared what this takes? */
bool	cnt_request_may_ask(const struct cnt_request *r, const struct cnt_input *in);

#endif
