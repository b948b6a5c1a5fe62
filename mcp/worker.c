/* SPDX-License-Identifier: Apache-2.0
 *
 * The child that runs one call. It holds neither the wire nor anything else of the server's but
 * standard error, and speaks on one pipe.
 */
#include "mcp/worker.h"

#include <sys/syscall.h>

#include <fcntl.h>

#include "lib/file.h"

static void
child_progress(struct cnt_call *c, double done, double total, const char *text)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_addf(&b, "P %.17g %.17g %s", done, total, text != NULL ? text : "");
	for (char *p = b.p; (p = strpbrk(p, "\r\n")) != NULL; )
		*p = ' ';
	cnt_buf_add(&b, "\n", 1);
	/* Who is gone hears nothing; what takes back comes to its end all the same. */
	(void)cnt_file_write(*(int *)c->arg, b.p, b.n);
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
	int r = 0;

	if ((out != fd && dup3(out, fd, O_CLOEXEC) == -1) ||
	    syscall(SYS_close_range, fd + 1, ~0U, 0) == -1)
		_exit(cnt_code_exit(CNT_SYSTEM));
	r = run(&c);
	cnt_buf_addf(&b, "R %s ", cnt_code_name(r == -1 ? e.code : CNT_OK));
	cnt_call_result(&c, r, &b);
	cnt_buf_add(&b, "\n", 1);
	(void)cnt_file_write(fd, b.p, b.n);
	if (c.after != NULL)
		c.after();
	_exit(0);
}
