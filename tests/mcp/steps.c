/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb in C that is dropped into /etc/cnt/verbs.d by verbs.t: it goes in steps of 20 ms, says how
 * far it is, and ends when it is asked to.
 */
#include <poll.h>

#include "lib/cancel.h"
#include "lib/main.h"

static int
steps(struct cnt_call *c)
{
	int64_t n = cnt_json_int(c->in, "steps", 0);

	if (cnt_cancel_catch(c->err) == -1)
		return -1;
	for (int64_t i = 0; i < n; i++) {
		struct pollfd p = { cnt_cancel_fd(), POLLIN, 0 };

		cnt_progress(c, (double)i + 1, (double)n, "step");
		if (poll(&p, 1, 20) != 0)
			return cnt_cancel_check(c->err);
	}
	cnt_json_set_int(c->out, "done", n);
	return 0;
}

static const struct cnt_field params[] = {
	{ .name = "steps", .type = CNT_INTEGER, .flags = CNT_REQUIRED | CNT_OPERAND },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "done", .type = CNT_INTEGER },
	{ 0 }
};

static const struct cnt_verb verb = {
	.name = "steps", .tool = "steps", .title = "Steps", .summary = "go in steps",
	.effects = CNT_READS, .storeless = true, .params = params, .results = results, .run = steps,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
