/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes an archive apart while it streams by, and knows its hash when it has ended.
 */
#ifndef CNT_UNPACK_H
#define CNT_UNPACK_H

#include <sys/types.h>

#include "lib/verb.h"

/* Where an archive comes from: a descriptor, and perhaps the program that writes it. */
struct cnt_source {
	int	archive;
	pid_t	pid;		/* 0: none; else it must end with status 0 */
	int	lines;		/* its standard error, line by line into the progress; -1: none */
	char	last[512];	/* the last line */
};

/* Starts argv with this environment and fds as 0, 1 and 2, in a process group of its own. It dies
 * with us; contained: with all that it started, and its mounts, by TERM too, and what was locked
 * stays so until then. A program that cannot be executed ends with status 127. */
pid_t	cnt_unpack_start(char *const argv[], char *const env[], const int fds[3], bool contained);

/* Ends the program that writes the archive, if it runs, and closes both descriptors. */
void	cnt_unpack_end(struct cnt_source *s);

/* Extracts into the directory, whole, with numeric owners. Gives the sha256 of the archive and its
 * size. An error, and cancelling, leaves what was extracted, and the source as it is. c may be
 * NULL. */
int	cnt_unpack(struct cnt_source *s, const char *dir, uint8_t digest[32], int64_t *bytes,
	    struct cnt_call *c, struct cnt_err *e);

#endif
