/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command and all that descended from it have used.
 */
#ifndef CNT_MCP_BOX_PROCESS_USAGE_H
#define CNT_MCP_BOX_PROCESS_USAGE_H

#include "lib/verb.h"

struct cnt_usage {
	int64_t	cpu_us;
	int64_t	peak;			/* bytes of memory */
	bool	of_group;		/* peak is the session's control group's, else that of the
					 * largest single process */
	int64_t	read, written;		/* bytes from and to storage; -1: /proc does not say */
};

/* Said once before serving: where this session's control group is. */
void	cnt_usage_init(void);

/* This directory is it; where the kernel has no memory.peak in it, there is none. */
void	cnt_usage_group(const char *directory);

/* Before a command: a descriptor by which the group's peak counts from now on; -1: none. */
int	cnt_usage_begin(void);

/* By the process above the command: of all that it has reaped since it began, and of all whom
 * these had reaped. What runs on is not in it. */
void	cnt_usage_end(int group, struct cnt_usage *u);

/* Appends " . cpu 12 ms . peak 3 MiB" with the dots of first lines. */
void	cnt_usage_show(const struct cnt_usage *u, struct cnt_buf *head);

/* The member "usage" of a result, and its table. */
extern const struct cnt_field cnt_usage_fields[];
void	cnt_usage_facts(const struct cnt_usage *u, cJSON *out);

#endif
