/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model reads: bytes of files and commands as text, and numbers with units.
 */
#ifndef CNT_MCP_BOX_TEXT_H
#define CNT_MCP_BOX_TEXT_H

#include "lib/json.h"

/* The longest prefix of n bytes, at most max long, that ends between code points. s is valid
 * UTF-8. */
size_t	 cnt_text_prefix(const char *s, size_t n, size_t max);

/* The first place from `at` on that is not inside a code point or a terminal escape. */
#define CNT_ESCAPE_MAX	64		/* bytes of an escape that is minded */
size_t	 cnt_text_start(const char *s, size_t n, size_t at);

/* How many of the last bytes begin a code point or a terminal escape that does not end there. */
size_t	 cnt_text_unfinished(const char *s, size_t n);

/* The longest prefix whose JSON form takes at most *max bytes, which becomes what is left of
 * them; a byte from 0x80 on counts as `high`. No answer's payload takes more than
 * CNT_ESCAPED_MAX. */
#define CNT_ESCAPED_MAX	(3 << 20)
size_t	 cnt_text_fits(const char *s, size_t n, size_t *max, size_t high);

/* What a command wrote, as valid UTF-8: U+FFFD for what is not (then false is returned), and unless
 * raw without terminal escapes and control characters (NUL is shown as U+FFFD). */
bool	 cnt_text_add(struct cnt_buf *to, const char *s, size_t n, bool raw);

/* How many of n bytes, the first or the last, have room in `limit` bytes as cnt_text_add shows
 * them; between code points and escapes. */
size_t	 cnt_text_some(const char *s, size_t n, size_t limit, bool last, bool raw);

void	 cnt_text_time(struct timespec t, char text[32]);	/* RFC 3339, milliseconds, UTC */
void	 cnt_text_duration(int64_t us, char text[32]);		/* "3 ms", "1.24 s" */
void	 cnt_text_size(int64_t bytes, char text[32]);		/* "312 B", "1.5 MiB" */
void	 cnt_text_signal(int sig, char text[32]);		/* "TERM", "RTMIN+3", "33" */

/* Payloads stand in the text block only. The argv face's --json has no text block: there they
 * are put into the facts too. */
void	 cnt_text_want_facts(void);
void	 cnt_text_fact(cJSON *facts, const char *name, const struct cnt_buf *text);

#endif
