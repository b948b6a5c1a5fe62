/* SPDX-License-Identifier: Apache-2.0
 *
 * What learn.c (verbs) and learn-schema.c (their fields) share. Nobody else includes it. Errors are
 * CNT_BUG and name the member.
 */
#ifndef CNT_LEARN_OWN_H
#define CNT_LEARN_OWN_H

#include "lib/learn.h"

#define CNT_LEARN_LINE	200		/* bytes of a line of text */
#define CNT_LEARN_ABOUT	1000		/* of a description; it may have several lines */

/* Takes what was allocated: it lives as long as what was learned. */
void	*cnt_learn_keep(struct cnt_learned *l, void *p);

/* Is the word in the list, which NULL ends? */
bool	 cnt_learn_among(const char *word, const char *const *words);

/* An object with no members but these? */
int	 cnt_learn_only(const cJSON *object, const char *const *words, const char *where,
	    struct cnt_err *e);

/* A text of the object; *s is NULL when it is not there. */
int	 cnt_learn_text(const cJSON *object, const char *name, size_t max, const char **s,
	    struct cnt_err *e);

/* Lower-case letters, digits and `more`, a letter first? */
bool	 cnt_learn_is_name(const char *s, size_t max, const char *more);

/* The members of an object's schema, ended by one without name; NULL: refused. Every argument may
 * be left out but those that are required; of results it is the other way round. */
struct cnt_field	*cnt_learn_fields(struct cnt_learned *l, const cJSON *schema,
			    const char *where, bool result, struct cnt_err *e);

/* Sets the flag of each field in the array of names. */
int	 cnt_learn_mark(struct cnt_field *fields, const cJSON *names, unsigned flag,
	    const char *where, struct cnt_err *e);

#endif
