/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of a box: as parameters of verbs, as a script that liblxc runs at each start and
 * reboot, and as they are set while it runs.
 */
#ifndef CNT_LIMITS_H
#define CNT_LIMITS_H

#include "lib/store.h"
#include "lib/verb.h"

#define CNT_LIMITS_SIZE_MAX	17592186044416.0	/* 16 TiB */

/* Rows of a table of parameters, and what a call says of them; what it does not stays. */
#define CNT_LIMITS_PARAMS \
	{ .name = "cpu", .type = CNT_NUMBER, .min = 0.01, .max = 1024, \
	  .help = "limit, in cores" }, \
	{ .name = "memory", .type = CNT_SIZE, .min = 16777216, .max = CNT_LIMITS_SIZE_MAX, \
	  .help = "limit of memory" }, \
	{ .name = "swap", .type = CNT_SIZE, .min = 0, .max = CNT_LIMITS_SIZE_MAX, \
	  .help = "limit of swap, on top of memory" }, \
	{ .name = "pids", .type = CNT_INTEGER, .min = 16, .max = 4194304, \
	  .help = "limit of processes and threads" }

void	cnt_limits_of(const cJSON *in, struct cnt_limits *l);

/* A shell script that sets them on the box's control groups: TAG/NAME, and TAG/NAME/box so that
 * the box can read them. */
void	cnt_limits_script(const char *tag, const char *box, const struct cnt_limits *l,
	    struct cnt_buf *script);

/* Is less in use than they allow? CNT_NO when a process or a byte would have to go. */
int	cnt_limits_fit(const char *tag, const char *box, const struct cnt_limits *l,
	    struct cnt_err *e);

/* Sets them on a box that runs, for its next reboot first, and reads them back; one that reboots is
 * waited for. CNT_NO: the kernel could not make so much memory free, or a group in the
 * box has more. Some may be set after an error. */
int	cnt_limits_set(const struct cnt_instance *i, const char *box, const struct cnt_limits *l,
	    struct cnt_err *e);

/* The kernel's word on each. */
int	cnt_limits_check(const char *tag, const char *box, const struct cnt_limits *l,
	    struct cnt_err *e);

#endif
