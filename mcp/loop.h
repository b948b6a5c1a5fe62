/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop: descriptors by poll(2), timers, ends of child processes by pidfd. Single-
 * threaded.
 */
#ifndef CNT_MCP_LOOP_H
#define CNT_MCP_LOOP_H

#include <sys/types.h>

#include "lib/base.h"

struct cnt_loop;
struct cnt_watch;		/* one descriptor; freed by cnt_loop_unwatch */
struct cnt_timer;		/* one-shot; freed when it fires or by cnt_loop_untimer */

struct cnt_loop	*cnt_loop_new(void);
void	cnt_loop_free(struct cnt_loop *l);

/* fn is called with POLLIN/POLLOUT/POLLHUP/POLLERR bits as they come. The descriptor stays the
 * caller's. A watch may be removed from within any callback. */
struct cnt_watch *cnt_loop_watch(struct cnt_loop *l, int fd, short events,
	    void (*fn)(int fd, short revents, void *arg), void *arg);
void	cnt_loop_events(struct cnt_watch *w, short events);
void	cnt_loop_unwatch(struct cnt_watch *w);

struct cnt_timer *cnt_loop_timer(struct cnt_loop *l, int64_t after_us, void (*fn)(void *arg),
	    void *arg);
void	cnt_loop_untimer(struct cnt_timer *t);

/* Runs until cnt_loop_stop. */
void	cnt_loop_run(struct cnt_loop *l);
void	cnt_loop_stop(struct cnt_loop *l);

#endif
