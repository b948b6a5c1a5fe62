/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a terminal in a box, and moving bytes between it and the caller. The box's /dev is its
 * root's: what stands there must be a devpts before it is used, and its other end comes from the
 * kernel by TIOCGPTPEER, not by a name.
 */
#include "lib/terminal.h"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>

#define PTMX "/dev/pts/ptmx"

void
cnt_terminal_look(int fd, struct cnt_terminal *t)
{
	memset(t, 0, sizeof(*t));
	t->fd = isatty(fd) ? fd : -1;
	if (t->fd == -1 || tcgetattr(fd, &t->modes) == -1 ||
	    ioctl(fd, TIOCGWINSZ, &t->size) == -1)
		t->fd = -1;
}

int
cnt_terminal_raw(struct cnt_terminal *t, struct cnt_err *e)
{
	struct termios raw = t->modes;

	if (t->fd == -1)
		return 0;
	cfmakeraw(&raw);
	if (tcsetattr(t->fd, TCSANOW, &raw) == -1)
		return cnt_fail_sys(e, "terminal");
	t->raw = true;
	return 0;
}

void
cnt_terminal_restore(struct cnt_terminal *t)
{
	if (t->raw)
		tcsetattr(t->fd, TCSANOW, &t->modes);
	t->raw = false;
}

void
cnt_terminal_resize(struct cnt_terminal *t, int master)
{
	if (t->fd != -1 && master != -1 && ioctl(t->fd, TIOCGWINSZ, &t->size) == 0)
		ioctl(master, TIOCSWINSZ, &t->size);
}

int
cnt_terminal_open(const struct cnt_terminal *like, int *master, int *slave, struct cnt_err *e)
{
	CNT_CLOSE int m = open(PTMX, O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CNT_CLOSE int s = -1;
	struct statfs f = { 0 };
	int locked = 0;

	if (m == -1 || fstatfs(m, &f) == -1)
		return cnt_fail_sys(e, PTMX " in the box");
	if (f.f_type != DEVPTS_SUPER_MAGIC)
		return cnt_fail(e, CNT_NO, PTMX " in the box: not a terminal's");
	if (ioctl(m, TIOCSPTLCK, &locked) == -1 ||
	    (s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) == -1)
		return cnt_fail_sys(e, "terminal in the box");
	if (like->fd != -1 && (tcsetattr(s, TCSANOW, &like->modes) == -1 ||
	    ioctl(s, TIOCSWINSZ, &like->size) == -1))
		return cnt_fail_sys(e, "terminal in the box");
	*master = take_fd(&m);
	*slave = take_fd(&s);
	return 0;
}

int
cnt_terminal_reopen(int fd)
{
	char path[32];
	unsigned number;

	if (!isatty(fd) || ioctl(fd, TIOCGPTN, &number) == 0)
		return -1;	/* the name of a master opens another terminal */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

struct pollfd
cnt_pump_wait(const struct cnt_pump *p)
{
	bool full = p->n > 0;

	return (struct pollfd){ .fd = full ? p->to : p->from, .events = full ? POLLOUT : POLLIN };
}

void
cnt_pump_end(struct cnt_pump *p)
{
	if ((p->ours & CNT_PUMP_FROM) != 0)
		cnt_cleanup_close(&p->from);
	if ((p->ours & CNT_PUMP_TO) != 0)
		cnt_cleanup_close(&p->to);
	p->from = p->to = -1;
	p->n = 0;
}

static void
end_input(struct cnt_pump *p)
{
	if (!p->typed) {
		cnt_pump_end(p);
		return;
	}
	p->from = -1;
	p->buf[p->n++] = 4;	/* VEOF */
}

static void
fill(struct cnt_pump *p)
{
	ssize_t n = read(p->from, p->buf, sizeof(p->buf));

	p->at = 0;
	if (n > 0)
		p->n = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_input(p);		/* EIO: the last one closed the terminal */
}

static void
drain(struct cnt_pump *p)
{
	ssize_t n = write(p->to, p->buf + p->at, p->n);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		p->lost = true;
		cnt_pump_end(p);
		return;
	}
	p->at += (size_t)n;
	p->n -= (size_t)n;
}

void
cnt_pump_move(struct cnt_pump *p, short revents)
{
	if (revents == 0)
		return;
	if (p->n > 0)
		drain(p);
	else if (p->from != -1)
		fill(p);
}
