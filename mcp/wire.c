/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines in, lines out. Standard input and output belong to the client, and their open descriptions
 * may be shared with others: their flags are left alone. A write that would block is avoided by
 * RWF_NOWAIT, or, where the kernel does not know it for a pipe (before 6.4) or a file, by writing
 * PIPE_BUF bytes at most and only after POLLOUT.
 */
#include "mcp/wire.h"

#include <sys/uio.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>

#define CHUNK		((size_t)64 << 10)	/* of a read; lines below it share a write */
#define VECTORS		16

struct chunk {
	struct chunk	*next;
	struct cnt_buf	 b;
	size_t		 done;
};

struct cnt_writer {
	struct cnt_loop	*loop;
	struct cnt_watch *watch;
	struct cnt_timer *telling;		/* that it is broken */
	struct chunk	*head, *tail;
	size_t		 queued;
	int		 fd;
	bool		 polled;		/* no RWF_NOWAIT here */
	bool		 broken;
	void		(*fn)(void *);
	void		*arg;
};

void
cnt_reader_free(struct cnt_reader *r)
{
	free(r->p);
	*r = (struct cnt_reader){ .max = r->max };
}

void
cnt_reader_rest(struct cnt_reader *r)
{
	bool skip = r->skip;

	if (r->start != r->end)
		return;
	r->start = r->end = r->scan = 0;
	if (r->cap > 16 * CHUNK)
		cnt_reader_free(r);
	r->skip = skip;
}

/* Room for a read: what is left of a line moves to the front, and the space grows by doubling. */
static void
reader_room(struct cnt_reader *r)
{
	cnt_reader_rest(r);
	if (r->cap - r->end >= CHUNK)
		return;
	if (r->start >= r->cap / 2 && r->start >= CHUNK) {
		memmove(r->p, r->p + r->start, r->end - r->start);
		r->end -= r->start;
		r->scan -= r->start;
		r->start = 0;
		return;
	}
	r->cap = r->cap == 0 ? 2 * CHUNK : r->cap * 2;
	r->p = cnt_realloc(r->p, r->cap);
}

ssize_t
cnt_reader_fill(struct cnt_reader *r, int fd)
{
	ssize_t n;

	reader_room(r);
	n = read(fd, r->p + r->end, r->cap - r->end);
	if (n > 0)
		r->end += (size_t)n;
	return n;
}

enum cnt_got
cnt_reader_next(struct cnt_reader *r, bool last, struct cnt_span *line)
{
	while (r->start < r->end) {
		char *from = r->p + r->start;
		char *nl = memchr(r->p + r->scan, '\n', r->end - r->scan);
		size_t n = (size_t)((nl != NULL ? nl : r->p + r->end) - from);

		r->scan = nl != NULL ? r->start + n + 1 : r->end;
		if (n > 0 && from[n - 1] == '\r')
			n--;
		if (r->skip || n > r->max) {
			bool told = r->skip;

			r->start = r->scan;
			r->skip = nl == NULL;
			if (!told)
				return CNT_LINE_LONG;
			continue;
		}
		if (nl == NULL && !last)
			return CNT_LINE_MORE;
		r->start = r->scan;
		if (n == 0)
			continue;
		*line = (struct cnt_span){ from, n };
		return CNT_LINE_READY;
	}
	return CNT_LINE_MORE;
}

static void
tell_broken(void *arg)
{
	struct cnt_writer *w = arg;

	w->telling = NULL;
	w->fn(w->arg);
}

/* Told later: whoever writes now is in the middle of something. */
static void
writer_break(struct cnt_writer *w)
{
	if (w->broken)
		return;
	w->broken = true;
	cnt_loop_unwatch(take(&w->watch));
	w->telling = cnt_loop_timer(w->loop, 0, tell_broken, w);
}

static void
writer_ready(int fd CNT_UNUSED, short revents, void *arg)
{
	struct cnt_writer *w = arg;

	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		writer_break(w);
	else
		cnt_writer_flush(w);
}

struct cnt_writer *
cnt_writer_new(struct cnt_loop *l, int fd, void (*broken)(void *), void *arg)
{
	struct cnt_writer *w = cnt_alloc(sizeof(*w));

	*w = (struct cnt_writer){ .loop = l, .fd = fd, .fn = broken, .arg = arg };
	w->watch = cnt_loop_watch(l, fd, 0, writer_ready, w);
	return w;
}

void
cnt_writer_free(struct cnt_writer *w)
{
	for (struct chunk *c = w->head, *next; c != NULL; c = next) {
		next = c->next;
		cnt_buf_free(&c->b);
		free(c);
	}
	if (w->watch != NULL)
		cnt_loop_unwatch(w->watch);
	if (w->telling != NULL)
		cnt_loop_untimer(w->telling);
	free(w);
}

void
cnt_writer_add(struct cnt_writer *w, struct cnt_buf *line)
{
	struct chunk *c;

	if (w->broken) {
		cnt_buf_free(line);
		return;
	}
	w->queued += line->n;
	if (w->tail != NULL && w->tail->b.n + line->n <= CHUNK) {
		cnt_buf_add(&w->tail->b, line->p, line->n);
		cnt_buf_free(line);
		return;
	}
	c = cnt_alloc(sizeof(*c));
	c->b = *line;
	*line = (struct cnt_buf){ 0 };
	*(w->tail != NULL ? &w->tail->next : &w->head) = c;
	w->tail = c;
}

static ssize_t
write_polled(struct cnt_writer *w, const struct iovec *v)
{
	struct pollfd p = { .fd = w->fd, .events = POLLOUT };

	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT)
		return write(w->fd, v->iov_base, v->iov_len > PIPE_BUF ? PIPE_BUF : v->iov_len);
	errno = EAGAIN;
	return -1;
}

static ssize_t
write_some(struct cnt_writer *w)
{
	struct iovec v[VECTORS];
	ssize_t n;
	int i = 0;

	for (struct chunk *c = w->head; c != NULL && i < VECTORS; c = c->next)
		v[i++] = (struct iovec){ c->b.p + c->done, c->b.n - c->done };
	if (!w->polled) {
		n = pwritev2(w->fd, v, i, -1, RWF_NOWAIT);
		if (n != -1)
			return n;
		if (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)
			w->polled = true;
		else if (errno != EAGAIN)	/* btrfs says so for a file, without end */
			return n;
	}
	return write_polled(w, v);
}

static void
written(struct cnt_writer *w, size_t n)
{
	struct chunk *c = NULL;

	w->queued -= n;
	while ((c = w->head) != NULL && n >= c->b.n - c->done) {
		n -= c->b.n - c->done;
		w->head = c->next;
		if (w->head == NULL)
			w->tail = NULL;
		cnt_buf_free(&c->b);
		free(c);
	}
	if (c != NULL)
		c->done += n;
}

void
cnt_writer_flush(struct cnt_writer *w)
{
	while (w->head != NULL && !w->broken) {
		ssize_t n = write_some(w);

		if (n > 0) {
			written(w, (size_t)n);
		} else if (n == -1 && errno == EAGAIN) {
			break;
		} else if (n == -1 && errno != EINTR) {
			writer_break(w);
			return;
		}
	}
	if (!w->broken)
		cnt_loop_events(w->watch, w->head != NULL ? POLLOUT : 0);
}

size_t
cnt_writer_queued(const struct cnt_writer *w)
{
	return w->broken ? 0 : w->queued;
}
