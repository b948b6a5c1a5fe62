/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP ports: whether one can be connected to, and which one a process listens on.
 */
#ifndef CNT_MCP_BOX_PROCESS_PORT_H
#define CNT_MCP_BOX_PROCESS_PORT_H

#include <netinet/in.h>

#include "lib/err.h"

struct cnt_addresses {
	size_t			n;
	struct sockaddr_storage	at[8];
};

/* An address, or a name of /etc/hosts or "localhost": a static program has no name service.
 * CNT_NOTFOUND. */
int	cnt_port_resolve(const char *host, int port, struct cnt_addresses *a, struct cnt_err *e);

/* Does one of them take a connection? Waits no longer than the deadline (cnt_ticks_us). */
bool	cnt_port_connects(const struct cnt_addresses *a, int64_t deadline);

/* The next port that is listened on, in /proc/net/tcp or tcp6, and its socket; false: no more. */
bool	cnt_port_next(FILE *table, unsigned *port, unsigned long *inode);

/* The first port that one of the processes listens on, `port` alone when it is not 0; 0: none, or
 * /proc does not say. */
int	cnt_port_of(const pid_t *pids, size_t n, int port);

#endif
