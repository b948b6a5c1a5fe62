/* SPDX-License-Identifier: Apache-2.0
 *
 * What is searched for in lines: a string as it stands, or a POSIX extended regular expression.
 */
#ifndef CNT_MCP_BOX_SEARCH_PATTERN_H
#define CNT_MCP_BOX_SEARCH_PATTERN_H

#include <regex.h>

#include "lib/base.h"
#include "lib/err.h"

#define CNT_PATTERN_MAX	4096		/* bytes of a pattern */

/* An expression as regcomp(3) takes it. */
struct cnt_regex {
	char		*ere;		/* NULL: there is none */
	regex_t		 regex, within;	/* within: does a long line hold one? */
	bool		 made;
};

struct cnt_pattern {
	/* Every match holds this string; is the whole pattern when fixed. The rarest of its bytes
	 * is what is looked for. */
	struct cnt_buf	 literal;
	size_t		 rare;
	bool		 fixed, ignore_case;
	/* In points `.` is a code point, for lines that are valid UTF-8; in bytes a byte, for all
	 * others. points has none where that makes no difference. */
	struct cnt_regex bytes, points;
	size_t		 memory;	/* allocated when they were made */
	unsigned	 asked;
	int64_t		 until;		/* of cnt_ticks_us; set by the caller */
	bool		 late;
};

/* Also understood are \d \D \t (?: ) (?i) and classes in brackets, as models write them; refused
 * with CNT_INVALID and a hint is what would match something else or might never end: back
 * references, look-around, repetitions of repetitions without measure. */
int	cnt_pattern_make(struct cnt_pattern *p, const char *text, bool fixed, bool ignore_case,
	    struct cnt_err *e);
void	cnt_pattern_free(struct cnt_pattern *p);

/* The first match in n bytes that begin and end at a line's borders. false: there is none. A
 * match lies within one line. In a line of more than 4 KiB *from may be that of a later match,
 * and one that is longer than 4 KiB may not be found. When the time is over, late is set, and
 * *from is the line that is next. */
bool	cnt_pattern_find(struct cnt_pattern *p, const char *s, size_t n, size_t *from, size_t *to);

#endif
