/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks, and what they may do: decided once for a process, from evidence that the caller cannot
 * forge. Never from an argument, a header or a variable.
 */
#ifndef CNT_CALLER_H
#define CNT_CALLER_H

#include "lib/err.h"
#include "lib/verb.h"

struct cnt_caller {
	char		subject[33];	/* account name */
	const char	*via;		/* "root" */
	bool		admin;
	const char *const *scopes;	/* exact strings, ended by NULL; NULL: none */
};

/* Real and effective uid 0: admin, via root; anyone else has no way in yet: CNT_DENIED. */
int	cnt_caller_find(struct cnt_caller *c, struct cnt_err *e);

/* Default deny: may this caller use this verb at all, and with these arguments (NULL: none)? Its
 * scope, and admin where it or a switch says so. Whose box it is, is another question. */
int	cnt_caller_may(const struct cnt_caller *c, const struct cnt_verb *v, const cJSON *in,
	    struct cnt_err *e);

#endif
