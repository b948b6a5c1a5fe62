/* SPDX-License-Identifier: Apache-2.0
 *
 * From shell_exec to a process that outlives the connection. The call's process logs what it reads
 * until it hands over; the supervisor, which alone can reap the command, reads on from there. The
 * lock on the directory is held by one or the other all the time.
 */
#include "mcp/box/process/background.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "mcp/box/process/supervise.h"
#include "mcp/box/process/tree.h"
#include "mcp/box/user.h"

#define ANSWER_MS	10000

int
cnt_background_prepare(struct cnt_keep *k, const char *command, const char *cwd,
    struct cnt_err *e)
{
	*k = (struct cnt_keep){ .dir = -1, .out = { -1, -1 }, .in = -1, .signals = -1,
	    .report = -1, .r = { .started = cnt_now_us(), .log_stopped = -1 } };
	k->r.command = cnt_strdup(command);
	k->r.cwd = cnt_strdup(cwd != NULL ? cwd : cnt_user_self()->home);
	k->dir = cnt_process_create(&k->r, e);
	if (k->dir == -1) {
		cnt_record_free(&k->r);
		return -1;
	}
	cnt_log_open(&k->log, k->dir);
	return 0;
}

int
cnt_background_hand_over(const struct cnt_keep *k, pid_t supervisor, int control,
    struct cnt_supervised *ended, struct cnt_err *e)
{
	struct cnt_handover h = { .op = 'B', .start = k->log.start, .total = k->log.total,
	    .stopped = k->log.stopped };
	struct pollfd p = { .fd = control, .events = POLLIN };
	struct cnt_kept kept = { .error = ETIMEDOUT };
	ssize_t n = -1;

	(void)send(control, &h, sizeof(h), MSG_NOSIGNAL);
	kill(supervisor, SIGCONT);		/* a command may have stopped it */
	if (poll(&p, 1, ANSWER_MS) == 1)
		n = recv(control, ended, sizeof(*ended), 0);
	if (n == (ssize_t)sizeof(*ended))
		return 0;
	if (n == (ssize_t)sizeof(kept))
		memcpy(&kept, ended, sizeof(kept));
	memset(ended, 0, sizeof(*ended));
	if (kept.error == 0)
		return 1;
	errno = kept.error;
	cnt_fail_sys(e, "%s: could not be kept, and was killed", k->r.id);
	cnt_end_descendants();
	return -1;
}

void
cnt_background_take_over(struct cnt_keep *k, const struct cnt_handover *h)
{
	prctl(PR_SET_PDEATHSIG, 0);
	cnt_log_resume(&k->log, k->dir, h->start, h->total, h->stopped);
	cnt_keep(k);
}

void
cnt_background_end(struct cnt_keep *k, bool handed_over)
{
	if (k->dir == -1)
		return;
	if (!handed_over)
		cnt_process_remove(k->dir, k->r.id);
	if (k->log.fd != -1)
		close(k->log.fd);
	close(k->dir);
	cnt_record_free(&k->r);
}
