/* SPDX-License-Identifier: Apache-2.0
 *
 * One line a call: tool, SHA-256 of the arguments as they came (JSON in one line), outcome and
 * duration, never a value. Written as syslog(3) would, but without ever waiting: that one blocks
 * on a log that nobody reads. What could not be handed over is counted, and the next line says
 * how many are missing. No /dev/log: nothing.
 */
#include "mcp/box/syslog.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <syslog.h>
#include <time.h>

#include "lib/crypto.h"
#include "mcp/box/box.h"

struct note {
	char	tool[32];
	char	hash[65];
	int64_t	started;
};

static bool wanted;
static unsigned lost;

int
cnt_syslog_init(struct cnt_err *e)
{
	int asked = cnt_box_switch("AGENTBOX_AUDIT", e);

	wanted = asked == 1;
	return asked == -1 ? -1 : 0;
}

void *
cnt_syslog_began(const char *tool, const cJSON *arguments)
{
	char *text CNT_FREE = NULL;
	struct note *n = NULL;

	if (!wanted)
		return NULL;
	text = arguments != NULL ? cnt_json_print(arguments) : cnt_strdup("{}");
	n = cnt_alloc(sizeof(*n));
	snprintf(n->tool, sizeof(n->tool), "%s", tool);
	cnt_sha256_hex(text, strlen(text), n->hash);
	n->started = cnt_ticks_us();
	return n;
}

static int
hand_over(const char *line, size_t n)
{
	const struct sockaddr_un log = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd CNT_CLOSE = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd == -1 || sendto(fd, line, n, MSG_NOSIGNAL, (const struct sockaddr *)&log,
	    sizeof(log)) == -1 ? -1 : 0;
}

void
cnt_syslog_ended(void *note, const char *outcome)
{
	struct note *n = note;
	struct cnt_buf line CNT_BUF = { 0 };
	time_t now = time(NULL);
	struct tm tm = { 0 };
	char date[32] = "";

	if (n == NULL)
		return;
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%h %e %T", &tm);
	cnt_buf_addf(&line, "<%d>%s agent-box[%d]: tool=%s arguments=sha256:%s outcome=%s "
	    "duration_ms=%lld", LOG_AUTHPRIV | LOG_INFO, date, (int)getpid(), n->tool, n->hash,
	    outcome, (long long)(cnt_ticks_us() - n->started) / 1000);
	if (lost > 0)
		cnt_buf_addf(&line, " lost=%u", lost);
	if (hand_over(line.p, line.n) == 0)
		lost = 0;
	else if (errno == EAGAIN)
		lost++;
	free(n);
}
