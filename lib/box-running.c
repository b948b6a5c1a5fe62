/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a box runs. The kernel is asked: the monitor is in its cgroup, init is the monitor's
 * child; both are held by pidfd while they are looked at, so no recycled number is ever taken for
 * one of them. Nothing is believed that the box says of itself.
 */
#include "lib/box-own.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "lib/cancel.h"
#include "lib/cgroup.h"
#include "lib/proc.h"

#define STARTING_S	5		/* for a box that starts, to let anyone in */

void
cnt_running_let_go(struct cnt_running *r)
{
	cnt_cleanup_close(&r->init_fd);
	cnt_cleanup_close(&r->monitor_fd);
	*r = (struct cnt_running){ .init_fd = -1, .monitor_fd = -1 };
}

/* Keeps errno, but for what says that a process or a group is not there (any more). */
static void
keep_error(int *error)
{
	if (errno != ENOENT && errno != ESRCH && errno != ENODEV && errno != EINVAL)
		*error = errno;
}

static int
open_process(long pid, int *error)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	if (fd == -1)
		keep_error(error);
	return fd;
}

const char *
cnt_running_small(int *error, char *to, size_t size, const char *fmt, ...)
{
	char path[160];
	va_list ap;
	ssize_t r = -1;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		keep_error(error);
	} else {
		r = read(fd, to, size - 1);
		close(fd);
	}
	to[r > 0 ? r : 0] = '\0';
	return to;
}

const char *
cnt_running_monitors(const char *tag, const char *name, int *error, char *to, size_t size)
{
	/* While the box reboots or ends liblxc moves it to the second; it may move meanwhile. */
	static const char *const places[] = { "mon", "pivot/lxc.pivot", "mon" };

	for (size_t k = 0; k < nitems(places); k++) {
		char *procs CNT_FREE = cnt_cgroup_path("%s/%s.%s/cgroup.procs", tag, name,
		    places[k]);

		if (*cnt_running_small(error, to, size, "%s", procs) != '\0')
			break;
	}
	return to;
}

static bool
has_pid(const char *list, pid_t pid)
{
	char *end = NULL;

	for (long n; (n = strtol(list, &end, 10)) != 0 && end != list; list = end)
		if (n == pid)
			return true;
	return false;
}

/* Is pid a child of parent's, in another pid namespace? liblxc's monitor has only one such child:
 * pid 1 of the box. Nothing is read here whose length the box decides, as it does in status. */
static bool
is_init(pid_t pid, pid_t parent, int *error)
{
	char path[64];
	struct stat own, its;
	struct cnt_proc p;

	if (cnt_proc_read(pid, &p) == -1) {
		keep_error(error);
		return false;
	}
	if (p.parent != parent)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (stat(path, &its) == -1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)parent);
	return stat(path, &own) == 0 && (own.st_ino != its.st_ino || own.st_dev != its.st_dev);
}

bool
cnt_running_has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A pidfd is opened before its process is looked at, and is alive after: then it was that one. */
static bool
find_init(pid_t monitor, struct cnt_running *r)
{
	char children[4096];
	const char *list = cnt_running_small(&r->error, children, sizeof(children),
	    "/proc/%d/task/%d/children", (int)monitor, (int)monitor);
	char *end = NULL;

	for (long n; (n = strtol(list, &end, 10)) > 0 && end != list; list = end) {
		CNT_CLOSE int fd = open_process(n, &r->error);

		if (fd != -1 && is_init((pid_t)n, monitor, &r->error) &&
		    !cnt_running_has_ended(fd)) {
			r->init = (pid_t)n;
			r->init_fd = take_fd(&fd);
			return true;
		}
	}
	return false;
}

int
cnt_running_find(const char *tag, const char *name, struct cnt_running *r, struct cnt_err *e)
{
	char list[1024], again[1024], *end = NULL;
	const char *p = cnt_running_monitors(tag, name, &r->error, list, sizeof(list));

	for (long n; (n = strtol(p, &end, 10)) > 0 && end != p; p = end) {
		CNT_CLOSE int fd = open_process(n, &r->error);

		if (fd == -1 || !find_init((pid_t)n, r))
			continue;
		cnt_running_monitors(tag, name, &r->error, again, sizeof(again));
		if (has_pid(again, (pid_t)n) && !cnt_running_has_ended(fd)) {
			r->monitor = (pid_t)n;
			r->monitor_fd = take_fd(&fd);
			return 1;
		}
		close(take_fd(&r->init_fd));
	}
	errno = r->error;
	return r->error == 0 ? 0 : cnt_fail_sys(e, "%s: whether it runs", name);
}

int
cnt_box_runs(const char *tag, const char *name, struct cnt_err *e)
{
	CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };

	return cnt_running_find(tag, name, &r, e);
}

/* liblxc's child is pid 1 of the box's namespaces long before it has the box's mounts, ids and
 * confinement, and runs our program until then; what the box executes never is that one, since no
 * path in the box leads to it. An exec under way shows its new program before its new credentials
 * and label: opening `auxv` waits for its end, which on Linux before 5.11 a box can put off for
 * ever. */
static bool
has_executed(const struct cnt_running *r, bool to_its_end)
{
	char path[64];
	struct stat init, monitor;
	CNT_CLOSE int auxv = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)r->monitor);
	if (stat(path, &monitor) == -1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)r->init);
	if (stat(path, &init) == -1 ||
	    (init.st_ino == monitor.st_ino && init.st_dev == monitor.st_dev))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)r->init);
	if (to_its_end)
		auxv = open(path, O_RDONLY | O_CLOEXEC);
	return (!to_its_end || auxv != -1) && !cnt_running_has_ended(r->monitor_fd) &&
	    !cnt_running_has_ended(r->init_fd);
}

/* While the box reboots there is only the monitor: 2. */
static int
find_rebooting(const char *tag, const char *name, struct cnt_running *r, struct cnt_err *e)
{
	char list[1024];
	int found = cnt_running_find(tag, name, r, e);

	return found == 0 &&
	    *cnt_running_monitors(tag, name, &r->error, list, sizeof(list)) != '\0' ? 2 : found;
}

int
cnt_running_await(const char *tag, const char *name, bool to_enter, int64_t until,
    struct cnt_running *r, struct cnt_err *e)
{
	for (;;) {
		int found = find_rebooting(tag, name, r, e);

		if (found <= 0 || (found == 1 && has_executed(r, to_enter)))
			return found;
		if (cnt_cancel_check(e) == -1)
			return -1;
		if (cnt_ticks_us() >= until) {
			cnt_fail(e, CNT_BUSY, "%s: is starting", name);
			return cnt_hint(e, "try again in a moment");
		}
		cnt_running_let_go(r);
		cnt_box_pause(CNT_BOX_STEP_US / 10);
	}
}

int
cnt_box_await(const char *tag, const char *name, pid_t *init, struct cnt_err *e)
{
	CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };
	int found = cnt_running_await(tag, name, false, cnt_box_deadline(STARTING_S), &r, e);

	if (found == 1 && init != NULL)
		*init = r.init;
	return found;
}

int
cnt_box_open(const char *tag, const char *name, pid_t *init, pid_t *monitor, int *pidfd,
    struct cnt_err *e)
{
	CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };
	int found = cnt_running_await(tag, name, true, cnt_box_deadline(STARTING_S), &r, e);

	if (found == 1) {
		*init = r.init;
		*monitor = r.monitor;
		*pidfd = take_fd(&r.init_fd);
	}
	return found;
}

/* One attempt; a box may answer with silence for ever. */
static bool
answers_ssh(const char *address, int64_t until)
{
	CNT_CLOSE int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(22) };
	struct pollfd p[] = { { s, POLLIN, 0 }, { cnt_cancel_fd(), POLLIN, 0 } };
	int64_t left = (until - cnt_ticks_us()) / 1000;
	char banner[4];

	if (s == -1 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return false;
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) == -1 && errno != EINPROGRESS)
		return false;
	return poll(p, nitems(p), left > 500 ? 500 : left > 0 ? (int)left : 0) == 1 &&
	    recv(s, banner, sizeof(banner), 0) == sizeof(banner) &&
	    memcmp(banner, "SSH-", sizeof(banner)) == 0;
}

int
cnt_box_wait(const struct cnt_instance *i, const struct cnt_box *b, const char *until,
    double timeout, struct cnt_err *e)
{
	int64_t end = cnt_box_deadline(timeout);
	bool wants_ssh = strcmp(until, "ssh") == 0;
	struct cnt_slot p;

	if (cnt_box_slot(i, b->slot, &p, e) == -1)
		return -1;
	for (;;) {
		CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };

		int found = find_rebooting(i->tag, b->name, &r, e);

		if (found == -1 || cnt_cancel_check(e) == -1)
			return -1;
		if (found == 0)
			return cnt_fail(e, CNT_NO, "%s: not running", b->name);
		if (found == 1 && has_executed(&r, true) &&
		    (!wants_ssh || answers_ssh(p.address, end)))
			return 0;
		if (cnt_ticks_us() >= end)
			return cnt_fail(e, CNT_TIMEOUT, "%s: %s after %g s", b->name,
			    wants_ssh ? "no ssh server answers" : "no command can run", timeout);
		cnt_box_pause(wants_ssh ? CNT_BOX_STEP_US : CNT_BOX_STEP_US / 10);
	}
}
