/* SPDX-License-Identifier: Apache-2.0
 *
 * What the administrator has set in /etc/cnt/cnt.conf, on top of what is built in.
 */
#ifndef CNT_CONF_H
#define CNT_CONF_H

#include "lib/store.h"

struct cnt_conf {
	struct cnt_limits	limits;		/* of new boxes */
	char			*image;		/* of new boxes */
	uint32_t		subnet;		/* host byte order */
	unsigned		prefix;		/* 0: not set */
	unsigned		mcp_calls;	/* of `cnt mcp`: verbs that run at once */
	double			mcp_deadline;	/* and seconds for each */
	double			mcp_box_wait;	/* seconds that a box's answer may be late */
};

/* Reads the file. There need not be one. Where it sets no image, that of the host's own release is
 * meant. Unknown key, bad value, or a file that another than root can write: CNT_INVALID naming
 * file and line. */
int	cnt_conf_read(struct cnt_conf *c, struct cnt_err *e);
void	cnt_conf_end(struct cnt_conf *c);
#define CNT_CONF_END	__attribute__((cleanup(cnt_conf_end)))

/* The same from a stream; path is its name in errors. image: NULL when it is not set. */
int	cnt_conf_parse(struct cnt_conf *c, FILE *f, const char *path, struct cnt_err *e);

/* An image's name for the host's own release, "debian-12"; malloc'd. */
char	*cnt_conf_release(void);

#endif
