/* SPDX-License-Identifier: Apache-2.0
 *
 * An error is a value on the caller's stack, made where errno is fresh and carried up. Only the
 * frames (of programs, and the MCP server) print it and turn it into an exit status or an answer.
 */
#ifndef CNT_ERR_H
#define CNT_ERR_H

#include "lib/base.h"

struct cJSON;

enum cnt_code {
	CNT_OK,
	CNT_NOTFOUND,		/* exit 1: the answer is no */
	CNT_EXISTS,		/* 1 */
	CNT_NO,			/* 1: a check failed, a state does not fit */
	CNT_INVALID,		/* 2: usage */
	CNT_UNAVAILABLE,	/* 69: this host lacks something */
	CNT_BUG,		/* 70 */
	CNT_SYSTEM,		/* 71: a system call failed */
	CNT_BUSY,		/* 75: locked or limited, try again */
	CNT_TIMEOUT,		/* 75 */
	CNT_CANCELLED,		/* 75, or by the signal that asked for it */
	CNT_DENIED,		/* 77 */
};

struct cnt_err {
	enum cnt_code	code;
	int		sys;		/* errno, or 0 */
	char		text[1024];	/* "object: what is wrong" */
	char		hint[512];	/* what to do about it, or "" */
};

/* Fills e and returns -1. The text is lower case, `object: what is wrong`, no full stop. Control
 * characters in it are shown as vis(3) shows them: names come from outside. Of a text that is too
 * long, a hint too, the middle is left out. */
int	cnt_fail(struct cnt_err *e, enum cnt_code code, const char *fmt, ...) CNT_PRINTF(3, 4);

/* The same for a failed system call: code from errno (ENOENT is CNT_NOTFOUND only by
 * cnt_fail), ": " and strerror(errno) appended. */
int	cnt_fail_sys(struct cnt_err *e, const char *fmt, ...) CNT_PRINTF(2, 3);

/* Adds the hint to an error that was made; returns -1. */
int	cnt_hint(struct cnt_err *e, const char *fmt, ...) CNT_PRINTF(2, 3);

const char	*cnt_code_name(enum cnt_code code);	/* "not_found" … */
enum cnt_code	 cnt_code_named(const char *name);	/* of an error; CNT_NO when it is none's */
int		 cnt_code_exit(enum cnt_code code);

/* {"code":…,"message":…,"hint":…}; the caller owns it. */
struct cJSON	*cnt_err_json(const struct cnt_err *e);

/* "WHO: text" and the hint on standard error; json: on standard output as well, as {"error":…}. */
void	cnt_err_print(const struct cnt_err *e, const char *who, bool json);

#endif
