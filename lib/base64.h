/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as text: RFC 4648, section 4.
 */
#ifndef CNT_BASE64_H
#define CNT_BASE64_H

#include "lib/base.h"

/* With padding. */
void	cnt_base64_add(struct cnt_buf *to, const void *bytes, size_t n);

/* Appends what s stands for. White space between is taken, since models break lines; for anything
 * else that is none, and without its padding, -1, and nothing is appended. */
int	cnt_base64_decode(struct cnt_buf *to, const char *s);

#endif
