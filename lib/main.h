/* SPDX-License-Identifier: Apache-2.0
 *
 * The one frame around every verb. A verb cannot skip scope or audit: it never sees them.
 */
#ifndef CNT_MAIN_H
#define CNT_MAIN_H

#include "lib/verb.h"

/* Parses the command line by the tables (ended by NULL; several are a family: "image build", "image
 * list"), checks, finds the caller, authorizes, records, runs, checks the result, prints it, and
 * makes sure that standard output took it. Returns the exit status. */
int	cnt_main(int argc, char **argv, const struct cnt_verb *const *verbs);

#endif
