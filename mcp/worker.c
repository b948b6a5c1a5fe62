/* SPDX-License-Identifier: Apache-2.0
 *
 * The child that runs one call. It holds neither the wire nor anything else of the server's but
 * standard error, and speaks on one pipe.
 */
#include "mcp/worker.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>

static void
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did == -1 && errno != EINTR)
			_exit(cnt_code_exit(CNT_SYSTEM));
		if (did > 0) {
			p += did;
			n -= (size_t)did;
		}
	}
}

static void
child_progress(struct cnt_call *c, double done, double total, const char *text)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_addf(&b, "P %.17g %.17g %s", done, total, text != NULL ? text : "");
	for (char *p = b.p; (p = strpbrk(p, "\r\n")) != NULL; )
		*p = ' ';
	cnt_buf_add(&b, "\n", 1);
	write_all(*(int *)c->arg, b.p, b.n);
}

void
cnt_worker_run(const struct cnt_verb *v, const cJSON *in, int (*run)(struct cnt_call *c), int out,
    bool progress)
{
	cJSON *result = cJSON_CreateObject();
	struct cnt_err e = { 0 };
	struct cnt_buf b = { 0 };
	int fd = 3;
	struct cnt_call c = { .verb = v, .in = in, .out = result, .err = &e, .arg = &fd,
	    .progress = progress ? child_progress : NULL };

	if ((out != fd && dup3(out, fd, O_CLOEXEC) == -1) ||
	    syscall(SYS_close_range, fd + 1, ~0U, 0) == -1)
		_exit(cnt_code_exit(CNT_SYSTEM));
	cnt_buf_add(&b, "R ", 2);
	cnt_call_result(&c, run(&c), &b);
	cnt_buf_add(&b, "\n", 1);
	write_all(fd, b.p, b.n);
	if (c.after != NULL)
		c.after();
	_exit(0);
}
