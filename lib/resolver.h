/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes' name server: one dnsmasq(8) an instance, on the bridge's address alone. It asks the
 * servers of the host's /etc/resolv.conf, whatever they are at that moment.
 */
#ifndef CNT_RESOLVER_H
#define CNT_RESOLVER_H

#include "lib/err.h"

/* It runs, listens and has a cgroup of its own afterwards; one with other arguments is replaced. It
 * outlives the caller and holds none of its descriptors, but lives in its mount namespace: call
 * this before making one. The caller holds a lock. Port taken: CNT_UNAVAILABLE. */
int	cnt_resolver_ensure(const char *tag, const char *address, struct cnt_err *e);

/* Ends it. Not running: 0. */
int	cnt_resolver_stop(const char *tag, struct cnt_err *e);

/* Asks it something that it knows by itself: 0, or -1 when no answer comes within a second. */
int	cnt_resolver_check(const char *address, struct cnt_err *e);

#endif
