/* SPDX-License-Identifier: Apache-2.0
 *
 * What a new box has of its own: its user with sudo and keys, its names, its secrets.
 */
#ifndef CNT_UPPER_H
#define CNT_UPPER_H

#include "lib/box.h"

/* Writes all of it into the empty directory upper, with ids shifted by p->id. image: the root of
 * the image. An image that has an account or group of that name, or of id 1000: CNT_INVALID. */
int	cnt_upper_write(int image, int upper, const char *name, const struct cnt_slot *p,
	    const char *const *keys, size_t n, struct cnt_err *e);

#endif
