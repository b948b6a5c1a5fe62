/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop: one poll(2) a turn, watches in an array that mirrors what poll is given. What is
 * removed from within a callback is only marked, and swept when the turn is over.
 */
#include "mcp/loop.h"

#include <errno.h>
#include <poll.h>

struct cnt_watch {
	struct cnt_loop	*loop;
	size_t		 i;		/* its place in both arrays */
	void		(*fn)(int, short, void *);	/* NULL: removed */
	void		*arg;
};

struct cnt_timer {
	struct cnt_timer *next;
	struct cnt_loop	*loop;
	int64_t		 due;
	void		(*fn)(void *);			/* NULL: removed */
	void		*arg;
};

struct cnt_loop {
	struct pollfd	 *fds;
	struct cnt_watch **watches;
	size_t		  n, cap;
	struct cnt_timer *timers;
	bool		  swept, stop;
};

struct cnt_loop *
cnt_loop_new(void)
{
	struct cnt_loop *l = cnt_alloc(sizeof(*l));

	l->swept = true;
	return l;
}

static void
sweep(struct cnt_loop *l)
{
	size_t to = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->watches[i]->fn == NULL) {
			free(l->watches[i]);
			continue;
		}
		l->fds[to] = l->fds[i];
		l->watches[to] = l->watches[i];
		l->watches[to]->i = to;
		to++;
	}
	l->n = to;
	for (struct cnt_timer **at = &l->timers, *t; (t = *at) != NULL; ) {
		if (t->fn == NULL) {
			*at = t->next;
			free(t);
		} else {
			at = &t->next;
		}
	}
	l->swept = true;
}

void
cnt_loop_free(struct cnt_loop *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->watches[i]->fn = NULL;
	for (struct cnt_timer *t = l->timers; t != NULL; t = t->next)
		t->fn = NULL;
	sweep(l);
	free(l->fds);
	free(l->watches);
	free(l);
}

struct cnt_watch *
cnt_loop_watch(struct cnt_loop *l, int fd, short events, void (*fn)(int, short, void *), void *arg)
{
	struct cnt_watch *w = cnt_alloc(sizeof(*w));

	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->fds = cnt_realloc(l->fds, l->cap * sizeof(*l->fds));
		l->watches = cnt_realloc(l->watches, l->cap * sizeof(struct cnt_watch *));
	}
	*w = (struct cnt_watch){ .loop = l, .i = l->n, .fn = fn, .arg = arg };
	l->fds[l->n] = (struct pollfd){ .fd = fd, .events = events };
	l->watches[l->n++] = w;
	return w;
}

void
cnt_loop_events(struct cnt_watch *w, short events)
{
	w->loop->fds[w->i].events = events;
}

void
cnt_loop_unwatch(struct cnt_watch *w)
{
	w->fn = NULL;
	w->loop->fds[w->i].fd = -1;
	w->loop->swept = false;
}

struct cnt_timer *
cnt_loop_timer(struct cnt_loop *l, int64_t after_us, void (*fn)(void *), void *arg)
{
	struct cnt_timer *t = cnt_alloc(sizeof(*t));

	*t = (struct cnt_timer){ l->timers, l, cnt_ticks_us() + after_us, fn, arg };
	l->timers = t;
	return t;
}

void
cnt_loop_untimer(struct cnt_timer *t)
{
	t->fn = NULL;
	t->loop->swept = false;
}

/* Time until the first timer, or NULL when there is none. */
static struct timespec *
first_due(const struct cnt_loop *l, struct timespec *ts)
{
	int64_t due = INT64_MAX, us;

	for (const struct cnt_timer *t = l->timers; t != NULL; t = t->next) {
		if (t->fn != NULL && t->due < due)
			due = t->due;
	}
	if (due == INT64_MAX)
		return NULL;
	us = due - cnt_ticks_us();
	if (us < 0)
		us = 0;
	*ts = (struct timespec){ us / 1000000, us % 1000000 * 1000 };
	return ts;
}

static void
fire(struct cnt_loop *l)
{
	int64_t now;

	if (l->timers == NULL)
		return;
	now = cnt_ticks_us();
	for (struct cnt_timer *t = l->timers; t != NULL; t = t->next) {
		void (*fn)(void *) = t->fn;

		if (fn == NULL || t->due > now)
			continue;
		cnt_loop_untimer(t);
		fn(t->arg);
	}
}

void
cnt_loop_run(struct cnt_loop *l)
{
	struct timespec ts;

	for (l->stop = false; !l->stop; ) {
		size_t n = l->n;

		if (ppoll(l->fds, n, first_due(l, &ts), NULL) == -1 && errno != EINTR)
			abort();
		for (size_t i = 0; i < n; i++) {
			short got = l->fds[i].revents;

			l->fds[i].revents = 0;
			if (got != 0 && l->watches[i]->fn != NULL)
				l->watches[i]->fn(l->fds[i].fd, got, l->watches[i]->arg);
		}
		fire(l);
		if (!l->swept)
			sweep(l);
	}
}

void
cnt_loop_stop(struct cnt_loop *l)
{
	l->stop = true;
}
