/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes one instance differ from another on the same host: tag, id range, subnet. Chosen once.
 */
#ifndef CNT_INSTANCE_H
#define CNT_INSTANCE_H

#include <cjson/cJSON.h>

#include "lib/store.h"

/* The store's instance, chosen and recorded when there is none; cnt.conf's subnet wins. Afterwards
 * root has its id range in /etc/subuid and /etc/subgid. What was done is appended to changed, an
 * array of strings, or NULL. */
int	cnt_instance_prepare(struct cnt_store *s, struct cnt_instance *i, cJSON *changed,
	    struct cnt_err *e);

/* Puts root's lines of the id range there or takes them away, and nothing else; so already: 0. */
int	cnt_instance_lines(const struct cnt_instance *i, bool present, cJSON *changed,
	    struct cnt_err *e);

/* A subnet for the instance of this tag that overlaps no route (text as in /proc/net/route). */
int	cnt_instance_subnet(const char *tag, const char *routes, uint32_t *subnet, unsigned *prefix,
	    struct cnt_err *e);

#endif
