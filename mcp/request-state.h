/* SPDX-License-Identifier: Apache-2.0
 *
 * The requestState of 2026-07-28: text that a client keeps between two beginnings of a request, and
 * that comes back from anybody.
 */
#ifndef CNT_MCP_REQUEST_STATE_H
#define CNT_MCP_REQUEST_STATE_H

#include "lib/json.h"

#define CNT_REQUEST_STATE_US	((int64_t)600 * 1000000)

/* The text, readable, with what shows that it is ours, for this method with this name, uri and
 * arguments in its params, and given less than CNT_REQUEST_STATE_US before now_us. The caller
 * frees. */
char	*cnt_request_state_seal(const char *method, const cJSON *params, const char *text,
	    int64_t now_us);

/* The text again, or NULL when it is not all that. The caller frees. */
char	*cnt_request_state_open(const char *method, const cJSON *params, const char *sealed,
	    int64_t now_us);

#endif
