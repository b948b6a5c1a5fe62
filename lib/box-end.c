/* SPDX-License-Identifier: Apache-2.0
 *
 * A box's end: init is asked, then all of it is killed, and what it leaves is taken away.
 * Everything here may be repeated after a kill.
 */
#include "lib/box-own.h"

#include <sys/syscall.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>

#include "lib/apparmor.h"
#include "lib/cancel.h"
#include "lib/cgroup.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/paths.h"

#define POWER_OFF	(SIGRTMIN + 3)	/* systemd: halt.target */
#define VETH_S		10		/* for the kernel to take a dead network namespace apart */

/* Until then at most, or until the verb is cancelled. */
static bool
wait_end(int pidfd, int64_t until)
{
	struct pollfd p[] = { { pidfd, POLLIN, 0 }, { cnt_cancel_fd(), POLLIN, 0 } };
	int64_t left;

	while ((left = until - cnt_ticks_us()) > 0)
		if (poll(p, nitems(p), (int)(left / 1000 + 1)) > 0)
			break;
	return cnt_running_has_ended(pidfd);
}

/* An init that neither catches nor blocks the signal would lose it: systemd's first 50 ms. One that
 * hides its masks behind a long list of groups gets it now. */
static bool
can_hear(pid_t init, int sig)
{
	char status[4096];
	const char *blocked, *caught;
	unsigned long long heard = 0;
	int ignored = 0;

	cnt_running_small(&ignored, status, sizeof(status), "/proc/%d/status", (int)init);
	blocked = strstr(status, "\nSigBlk:\t");
	caught = strstr(status, "\nSigCgt:\t");
	if (blocked == NULL || caught == NULL)
		return true;
	heard = strtoull(blocked + 9, NULL, 16) | strtoull(caught + 9, NULL, 16);
	return (heard >> (sig - 1) & 1) != 0;
}

/* 1: it runs, and its init, when r holds one, can hear that or the time is over; 0, -1. */
static int
await_hearing(const char *tag, const char *name, int64_t until, struct cnt_running *r,
    struct cnt_err *e)
{
	int found = cnt_running_await(tag, name, false, until, r, e);

	if (found == -1 && e->code == CNT_BUSY) {
		cnt_running_let_go(r);		/* not the box's program yet */
		return 1;
	}
	while (found == 1 && !can_hear(r->init, POWER_OFF) && !cnt_running_has_ended(r->init_fd) &&
	    cnt_ticks_us() < until) {
		if (cnt_cancel_check(e) == -1)
			return -1;
		cnt_box_pause(CNT_BOX_STEP_US);
	}
	return found;
}

/* 0: it has ended by itself or did not run, 1: it runs still. An init on its way into a reboot
 * hears nothing more, but the next one does. */
static int
ask(const char *tag, const char *name, int64_t until, bool *asked, struct cnt_err *e)
{
	for (;;) {
		CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };
		int found = await_hearing(tag, name, until, &r, e);

		if (found != 1 || r.init_fd == -1)
			return found;
		syscall(SYS_pidfd_send_signal, r.init_fd, POWER_OFF, NULL, 0);
		*asked = true;
		if (!wait_end(r.init_fd, until))
			return 1;
	}
}

bool
cnt_box_ask(const char *tag, const char *name)
{
	struct cnt_err ignored;
	bool asked = false;

	return ask(tag, name, cnt_ticks_us(), &asked, &ignored) == 1;
}

int
cnt_box_hears(const char *tag, const char *name, int64_t until, struct cnt_err *e)
{
	CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };

	return await_hearing(tag, name, until, &r, e) == -1 ? -1 : 0;
}

/* The veth's host end as the last start's configuration names it; "": never started. */
static void
veth_of(const char *name, char veth[IF_NAMESIZE])
{
	char *path CNT_FREE = cnt_path(CNT_BOXES "/%s/config", name);
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e;
	const char *p = NULL;

	if (cnt_file_read(path, 1 << 16, &b, &e) == 0 && b.n > 0)
		p = strstr(b.p, "\nlxc.net.0.veth.pair = ");
	if (p == NULL || sscanf(p, "\nlxc.net.0.veth.pair = %15s", veth) != 1)
		veth[0] = '\0';
}

/* What is left when the monitor is gone, however it went: processes, cgroups, the AppArmor profile,
 * the veth. Names in the cgroup tree with a `.` are never a box's: NAME.start holds a start that
 * has not come to its end. It goes first: it could still put a monitor into an empty cgroup. */
static int
sweep(const char *tag, const char *name, struct cnt_err *e)
{
	char *start CNT_FREE = cnt_format("%s.start", name);
	int64_t until = cnt_box_deadline(VETH_S);
	char veth[IF_NAMESIZE];

	if (cnt_cgroup_remove(tag, start, e) == -1 ||
	    CNT_STEP("no start of the box is under way", e) == -1 ||
	    cnt_cgroup_remove(tag, name, e) == -1 ||
	    CNT_STEP("the box's control groups are gone", e) == -1)
		return -1;
	cnt_apparmor_unload(name);
	veth_of(name, veth);
	while (veth[0] != '\0' && if_nametoindex(veth) != 0) {
		if (cnt_ticks_us() >= until)
			return cnt_fail(e, CNT_TIMEOUT, "%s: %s does not go away", name, veth);
		cnt_box_pause(CNT_BOX_STEP_US / 4);
	}
	return 0;
}

int
cnt_box_stop(const char *tag, const char *name, int64_t until, struct cnt_box_end *end,
    struct cnt_err *e)
{
	CNT_RUNNING struct cnt_running r = { .init_fd = -1, .monitor_fd = -1 };
	struct cnt_box_end own = { 0 };
	bool force = until == 0;
	int runs = force ? cnt_running_find(tag, name, &r, e) :
	    ask(tag, name, until, &own.begun, e);

	if (end != NULL)
		*end = own;
	if ((runs == -1 && !force) || CNT_STEP("the box's end has begun", e) == -1 ||
	    (runs == 1 && !force && cnt_cancel_check(e) == -1))
		return -1;
	if (end != NULL)
		*end = (struct cnt_box_end){ .begun = true, .killed = runs != 0 };
	return sweep(tag, name, e);
}

/* A monitor that has lost its starter gives up, but only when its box has begun to run: NAME.start,
 * which is removed last of all, tells such a box from one that stays. */
int
cnt_box_settle(const char *tag, const char *name, struct cnt_err *e)
{
	char *start CNT_FREE = cnt_cgroup_path("%s/%s.start", tag, name);

	return access(start, F_OK) == -1 ? 0 : sweep(tag, name, e);
}

int
cnt_box_sweep(const char *tag, const char *name, struct cnt_err *e)
{
	char list[1024];
	int error = 0;

	if (cnt_box_settle(tag, name, e) == -1)
		return -1;
	if (*cnt_running_monitors(tag, name, &error, list, sizeof(list)) != '\0')
		return 0;
	errno = error;
	return error == 0 ? sweep(tag, name, e) : cnt_fail_sys(e, "%s: whether it runs", name);
}
