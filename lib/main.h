/* SPDX-License-Identifier: Apache-2.0
 *
 * What the main() of every verb's program is: the command line, and the other faces behind options.
 */
#ifndef CNT_MAIN_H
#define CNT_MAIN_H

#include "lib/verb.h"

/* Parses the command line by the tables (ended by NULL; several are a family: "image build", "image
 * list"), checks, finds the caller, authorizes, records, runs, checks the result, prints it, and
 * makes sure that standard output took it. Returns the exit status. */
int	cnt_main(int argc, char **argv, const struct cnt_verb *const *verbs);

#endif
