/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cnt mcp` tells a model before its first call: the instructions, and the prompt new_box.
 */
#ifndef CNT_MCP_GUIDE_H
#define CNT_MCP_GUIDE_H

#include "mcp/server.h"

/* At most 600 bytes: clients put it in every prompt. */
extern const char	cnt_guide[];
extern const struct cnt_offered	cnt_guide_offered;

/* Where not all tools are offered that a new box takes: names none. */
extern const char	cnt_guide_in_part[];

#endif
