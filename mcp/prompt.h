/* SPDX-License-Identifier: Apache-2.0
 *
 * A prompt is described as a verb is (name, title, about, parameters that are strings), and is one
 * text of the user's. What the protocol wants around these is made here.
 */
#ifndef CNT_MCP_PROMPT_H
#define CNT_MCP_PROMPT_H

#include "lib/verb.h"

/* Its member of prompts/list; the caller owns it. */
cJSON	*cnt_prompt_describe(const struct cnt_verb *v);

/* Appends its answer to prompts/get. text: n bytes of valid UTF-8. */
void	 cnt_prompt_result(const struct cnt_verb *v, const char *text, size_t n,
	    struct cnt_buf *result);

#endif
