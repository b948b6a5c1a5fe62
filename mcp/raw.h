/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text walked where it lies, without a tree: to echo an id as the bytes that came, and to
 * splice a result into an answer. It takes any bytes, allocates nothing, and reads only what it
 * was given. Own code because cJSON keeps no source text and turns 9007199254740993 into another
 * number.
 */
#ifndef CNT_MCP_RAW_H
#define CNT_MCP_RAW_H

#include <stdbool.h>
#include <stddef.h>

#define CNT_RAW_DEPTH	1000

struct cnt_span {
	const char	*p;		/* NULL: none */
	size_t		 n;
};

/* The members of an object or the items of an array; all spans point into the text. */
struct cnt_raw {
	const char	*at, *end;
	char		 close;		/* '}' or ']' */
	bool		 first;
	struct cnt_span	 name;		/* with its quotes; empty in an array */
	struct cnt_span	 value;
};

/* Is this one JSON value by RFC 8259 (nested at most CNT_RAW_DEPTH deep), with nothing but white
 * space around it? UTF-8 is not looked at, nor whether surrogates come in pairs. */
bool	cnt_raw_check(struct cnt_span text);

/* Starts a walk; false when the text is no object and no array. */
bool	cnt_raw_walk(struct cnt_raw *it, struct cnt_span text);

/* 1: name and value are set; 0: end, and nothing but white space follows; -1: not JSON. */
int	cnt_raw_next(struct cnt_raw *it);

/* The value of the index-th member; .p NULL when there is none. */
struct cnt_span cnt_raw_nth(struct cnt_span text, int index);

/* The value of an object's first member of that name, as cnt_raw_is has it; .p NULL: none. */
struct cnt_span cnt_raw_member(struct cnt_span object, const char *name);

/* Is this span the JSON string `name`, written without escapes? */
bool	cnt_raw_is(struct cnt_span s, const char *name);

#endif
