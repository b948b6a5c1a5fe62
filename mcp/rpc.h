/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON-RPC 2.0 as MCP narrows it: what a line is, and the envelopes of answers. Ids are kept and
 * echoed as the bytes that came, so that 9007199254740993 stays that number.
 */
#ifndef CNT_MCP_RPC_H
#define CNT_MCP_RPC_H

#include "lib/json.h"
#include "mcp/raw.h"

enum {
	CNT_RPC_PARSE		= -32700,
	CNT_RPC_INVALID		= -32600,
	CNT_RPC_METHOD		= -32601,
	CNT_RPC_PARAMS		= -32602,
	CNT_RPC_INTERNAL	= -32603,
	CNT_RPC_RESOURCE	= -32002,	/* MCP before 2026-07-28: no such resource */
	CNT_RPC_VERSION		= -32022,	/* MCP 2026-07-28: UnsupportedProtocolVersion */
	CNT_RPC_CAPABILITY	= -32021,	/* the same: MissingRequiredClientCapability */
};

#define CNT_ID_MAX	4096	/* bytes of an id, as it is written */

enum cnt_rpc_kind {
	CNT_RPC_BAD,		/* to be answered with code and text */
	CNT_RPC_REQUEST,
	CNT_RPC_NOTIFICATION,
	CNT_RPC_RESPONSE,
	CNT_RPC_IGNORED,	/* a malformed notification, or one that is not taken */
};

struct cnt_rpc {
	enum cnt_rpc_kind	 kind;
	struct cnt_span		 id;		/* its bytes; .p NULL: none that may be echoed */
	struct cnt_span		 raw;		/* the whole message */
	const cJSON		*msg, *params;	/* params: an object or NULL */
	const char		*method;
	struct cnt_span		 cancels;	/* CNT_RPC_IGNORED: a request's id, or .p NULL */
	int			 code;		/* CNT_RPC_BAD */
	const char		*text;
};

/* The tree of one line, owned by the caller. NULL: *m says what to answer; text that is JSON
 * but not taken (a name twice, \u0000, too deep) is answered with its id, anything else without; a
 * notification is not answered, but what it cancels is known. */
cJSON	*cnt_rpc_parse(struct cnt_span line, struct cnt_rpc *m);

/* Judges one message, msg and its bytes; everything in *m points into them. */
void	 cnt_rpc_gate(const cJSON *msg, struct cnt_span raw, struct cnt_rpc *m);

/* The bytes of the member `name` of object, whose bytes are raw; .p NULL: none. */
struct cnt_span	 cnt_rpc_raw(const cJSON *object, struct cnt_span raw, const char *name);

/* May this value be an id or a token: a string or an integer? */
bool	 cnt_rpc_is_id(const cJSON *v);

/* Appends a whole error object, without newline. data: JSON text or NULL. */
void	 cnt_rpc_error(struct cnt_buf *b, struct cnt_span id, int code, const char *text,
	    const char *data);

/* Appends `{"jsonrpc":"2.0","id":ID,"result":`. */
void	 cnt_rpc_result(struct cnt_buf *b, struct cnt_span id);

/* As a client: a stateless tools/call line, with number as its id and, when progress is wanted, its
 * token; and the line that cancels it. */
struct cnt_buf	 cnt_rpc_call(long long number, bool progress, const char *tool,
		    const cJSON *arguments);
struct cnt_buf	 cnt_rpc_cancel(long long number);

#endif
