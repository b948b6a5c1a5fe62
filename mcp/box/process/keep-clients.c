/* SPDX-License-Identifier: Apache-2.0
 *
 * Who connects to a keeper: the user, for the socket's directory is nobody else's. Nobody is waited
 * for: one that does not read its answer is let go. A tree is signalled and killed here because
 * somebody asked for it.
 */
#include "mcp/box/process/keep-own.h"

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>

#include "lib/proc.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/process/usage.h"

#define DELIVER_US	100000		/* a signal that need not end it: until it is answered */
#define GIVE_UP_US	5000000		/* after KILL: what is left sits in the kernel */
#define KILL_AGAIN_MS	10

static void
count_left(struct cnt_told *t)
{
	struct cnt_pids all = { 0 };
	struct cnt_proc p = { 0 };
	struct cnt_usage u = { 0 };

	cnt_usage_end(-1, &u);
	t->cpu_us = u.cpu_us;
	if (cnt_tree_has_children())
		cnt_tree_find(&all);
	for (size_t i = 0; i < all.n; i++) {
		if (cnt_proc_read(all.p[i], &p) == 0) {
			t->cpu_us += p.cpu_us;
			if (p.state == 'Z')
				continue;
		}
		if (t->left < (int)nitems(t->pids))
			t->pids[t->left] = all.p[i];
		t->left++;
	}
	free(all.p);
}

/* Never waits: a client that does not read is let go. fd: sent along, or -1. */
static void
tell(const struct keeper *s, struct client *c, int fd)
{
	struct cnt_told t = { .bytes = s->k->log.total, .ended = s->ended,
	    .escalated = c->escalated, .input = s->k->in != -1 };
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &t, sizeof(t) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (c->ask.op == CNT_ASK_NOW || c->ask.op == CNT_ASK_KILL)
		count_left(&t);
	if (fd != -1) {
		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	c->ask.op = 0;
	if (sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		close(c->fd);
		c->fd = -1;
	}
}

void
cnt_keeper_close_input(struct cnt_keep *k)
{
	if (k->in != -1)
		close(k->in);
	k->in = -1;
}

/* Without /proc the tree is found by asking for every pid there could be, which takes seconds: that
 * is left to KILL, and the command's own group is what hears the rest. */
static void
signal_tree(const struct keeper *s, int sig)
{
	struct cnt_proc p = { 0 };

	if (s->ended || cnt_proc_read(getpid(), &p) == 0)
		cnt_tree_signal(sig);
	else
		kill(-s->k->shell, sig);
}

static void
begin_kill(const struct keeper *s, struct client *c)
{
	signal_tree(s, c->ask.signal);
	if (c->ask.escalates && c->ask.signal != SIGKILL)
		signal_tree(s, SIGCONT);	/* stopped, it would not hear */
	c->killing = c->ask.signal == SIGKILL;
	c->until = cnt_ticks_us() + (c->killing ? GIVE_UP_US :
	    c->ask.escalates ? c->ask.grace_us : DELIVER_US);
}

void
cnt_keeper_look_at(struct keeper *s, struct client *c, bool over)
{
	int64_t now = cnt_ticks_us();

	if (c->ask.op == CNT_ASK_OUTPUT && (s->ended || s->k->log.total > c->ask.bytes))
		tell(s, c, -1);
	if (c->ask.op != CNT_ASK_KILL)
		return;
	if (over || (now >= c->until && (c->killing || !c->ask.escalates))) {
		tell(s, c, -1);
	} else if (now >= c->until) {
		c->killing = c->escalated = true;
		c->until = now + GIVE_UP_US;
	}
	if (c->ask.op == CNT_ASK_KILL && c->killing)
		cnt_tree_kill_children();
}

void
cnt_keeper_hear(struct keeper *s, struct client *c)
{
	struct cnt_ask ask = { 0 };
	ssize_t n = recv(c->fd, &ask, sizeof(ask), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(ask)) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->ask = ask;
	c->escalated = c->killing = false;
	if (ask.op == CNT_ASK_EOF)
		cnt_keeper_close_input(s->k);
	if (ask.op == CNT_ASK_KILL)
		begin_kill(s, c);
	else if (ask.op != CNT_ASK_OUTPUT)
		tell(s, c, ask.op == CNT_ASK_INPUT ? s->k->in : -1);
}

void
cnt_keeper_admit(struct keeper *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd != -1)
		s->clients[s->n++] = (struct client){ .fd = fd };
}

void
cnt_keeper_let_go(struct keeper *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->clients[i].fd != -1)
			s->clients[n++] = s->clients[i];
	s->n = n;
}

int
cnt_keeper_milliseconds(const struct keeper *s)
{
	int64_t now = cnt_ticks_us(), wait = -1;

	for (size_t i = 0; i < s->n; i++) {
		const struct client *c = &s->clients[i];
		int64_t left = (c->until - now) / 1000 + 1;

		if (c->ask.op != CNT_ASK_KILL)
			continue;
		if (c->killing)
			left = KILL_AGAIN_MS;
		if (wait == -1 || left < wait)
			wait = left > 0 ? left : 0;
	}
	return (int)wait;
}
