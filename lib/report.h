/* SPDX-License-Identifier: Apache-2.0
 *
 * How a box is shown: the members that create, list, info and start answer with, in one place.
 */
#ifndef CNT_REPORT_H
#define CNT_REPORT_H

#include "lib/box.h"
#include "lib/verb.h"

/* The result table of one box; fits CNT_OBJECTS' .of as well. */
extern const struct cnt_field cnt_report_box[];

/* Fills out with one box as the kernel shows it now. */
int	cnt_report(const struct cnt_instance *i, const struct cnt_box *b, cJSON *out,
	    struct cnt_err *e);

/* RFC 3339, UTC, milliseconds; malloc'd. */
char	*cnt_report_time(int64_t us);

#endif
