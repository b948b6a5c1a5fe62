/* SPDX-License-Identifier: Apache-2.0
 *
 * Image recipes: programs that write an archive to standard output and how far they are to standard
 * error.
 */
#ifndef CNT_RECIPE_H
#define CNT_RECIPE_H

#include "lib/unpack.h"

/* Starts RECIPE [SUITE] with TMPDIR tmp. No such recipe: CNT_NOTFOUND. */
int	cnt_recipe_start(const char *recipe, const char *suite, const char *tmp,
	    struct cnt_source *s, struct cnt_err *e);

#endif
