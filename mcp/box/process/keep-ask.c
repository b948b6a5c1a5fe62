/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a keeper. It may be stopped or be killed at any time: nothing here waits beyond its
 * deadline.
 */
#include "mcp/box/process/keep.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

int
cnt_keep_connect(int dir)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "control" };
	int fd CNT_CLOSE = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || fchdir(dir) == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return -1;
	return take_fd(&fd);
}

int
cnt_keep_ask(int keeper, const struct cnt_ask *ask)
{
	return send(keeper, ask, sizeof(*ask), MSG_NOSIGNAL) == (ssize_t)sizeof(*ask) ? 0 : -1;
}

static int
receive(int keeper, struct cnt_told *told, int *fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { told, sizeof(*told) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
	    .msg_controllen = sizeof(room) };
	ssize_t n = recvmsg(keeper, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int got = -1;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (h != NULL && h->cmsg_type == SCM_RIGHTS)
		memcpy(&got, CMSG_DATA(h), sizeof(got));
	if (fd != NULL)
		*fd = got;
	else if (got != -1)
		close(got);
	return n == (ssize_t)sizeof(*told) ? 1 : -1;
}

int
cnt_keep_hear(int keeper, int64_t deadline, struct cnt_told *told, int *fd)
{
	for (;;) {
		int64_t left = deadline - cnt_ticks_us();
		struct pollfd p = { .fd = keeper, .events = POLLIN };
		int r = poll(&p, 1, left > 0 ? (int)(left / 1000) + 1 : 0);

		if (r > 0 && (r = receive(keeper, told, fd)) != 0)
			return r;
		if (left <= 0)
			return 0;
	}
}
