/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box needs of the kernel, found out by doing it.
 */
#ifndef CNT_PROBE_H
#define CNT_PROBE_H

#include "lib/err.h"

struct cnt_probe {
	const char	*name;
	/* 0, or -1 with what is missing. first: an id range's. Ends with the process it runs in. */
	int		(*attempt)(uint32_t first, struct cnt_err *e);
	const char	*remedy;
};

extern const struct cnt_probe cnt_probes[];	/* ended by one without name */

/* Runs one in a process of its own; what it mounts, loads or maps goes with that. */
int	cnt_probe(const struct cnt_probe *p, uint32_t first, struct cnt_err *e);

#endif
