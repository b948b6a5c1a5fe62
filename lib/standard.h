/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program of cnt does first and last: its standard descriptors and its signals.
 */
#ifndef CNT_STANDARD_H
#define CNT_STANDARD_H

/* Descriptors 0, 1 and 2 are open afterwards, or the program has ended; signals that would end it
 * in the middle of a write, or hide the end of a child, do not. */
void	cnt_standard_begin(void);

/* Closes standard output. Returns status; or, when not all that was printed could be written, and
 * status is 0, CNT_SYSTEM's: that is said on standard error, in who's name. */
int	cnt_standard_end(int status, const char *who);

#endif
