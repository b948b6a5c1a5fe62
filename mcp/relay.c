/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what a box sends. Each line passes the strict door, must be an answer or progress for a
 * call that was begun, and is written anew from the tree; the first line that is anything else
 * ends the session. Whoever takes this process over holds an account that owns nothing, no
 * capability, no file, and two pipes.
 */
#include "mcp/relay.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>

#include "lib/file.h"
#include "mcp/frame.h"
#include "mcp/rpc.h"

#define NOBODY		65534
#define CALLS		1024
#define MEMORY		((rlim_t)768 << 20)	/* a tree of 4 MiB of "[]," and its print */
#define TEXT_MAX	500			/* of a progress message */

enum { FROM_BOX, TO_MAIN, FROM_MAIN };

struct relay {
	const char		*box;
	struct cnt_reader	 in, told;
	long long		 calls[CALLS];
	size_t			 n;
};

static int
limit(int what, rlim_t most)
{
	return setrlimit(what, &(struct rlimit){ most, most });
}

static int
confine(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (syscall(SYS_close_range, 3, ~0U, 0) == -1 || chdir("/") == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    setgroups(0, NULL) == -1 || setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
	    setresuid(NOBODY, NOBODY, NOBODY) == -1 || syscall(SYS_capset, &head, none) == -1 ||
	    limit(RLIMIT_NOFILE, 3) == -1 || limit(RLIMIT_NPROC, 0) == -1 ||
	    limit(RLIMIT_FSIZE, 0) == -1 || limit(RLIMIT_CORE, 0) == -1)
		return -1;
#ifndef __SANITIZE_ADDRESS__
	if (limit(RLIMIT_AS, MEMORY) == -1)
		return -1;
#endif
	return prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a change of account takes it away */
}

static bool
known(const struct relay *y, const cJSON *number, size_t *at)
{
	for (*at = 0; cJSON_IsNumber(number) && *at < y->n; (*at)++)
		if ((double)y->calls[*at] == number->valuedouble)
			return true;
	return false;
}

/* Nobody reads any more, or what was made is not what we may send: the end. */
static void
send_line(struct cnt_buf *b)
{
	if (b->n > CNT_RELAY_OUT)
		_exit(1);
	cnt_buf_add(b, "\n", 1);
	if (cnt_file_write(TO_MAIN, b->p, b->n) == -1)
		_exit(0);
}

/* A result that says what went wrong. */
static void
add_error(struct cnt_buf *b, const char *code, const char *message, const char *hint)
{
	cJSON *j CNT_JSON = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(j, "error");
	char *text CNT_FREE = NULL;

	cnt_json_set_str(error, "code", code);
	cnt_json_set_str(error, "message", message);
	if (hint != NULL)
		cnt_json_set_str(error, "hint", hint);
	text = cnt_json_print(j);
	cnt_buf_adds(b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(b, text, strlen(text));
	cnt_buf_adds(b, "}],\"isError\":true}");
}

CNT_NORETURN static void
finish(const char *code, const char *message, const char *hint)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "F ");
	add_error(&b, code, message, hint);
	send_line(&b);
	_exit(0);
}

CNT_NORETURN static void
babble(const struct relay *y, const char *what)
{
	char *text CNT_FREE = cnt_format("%s: its agent-box sent %s", y->box, what);

	finish("no", text, "the next call starts a new one");
}

static void
answer(const struct relay *y, long long number, const cJSON *msg)
{
	const cJSON *result = cnt_json_get(msg, "result"), *error = cnt_json_get(msg, "error");
	const char *message = cnt_json_str(error, "message");
	struct cnt_buf b CNT_BUF = { 0 };
	char *text CNT_FREE = NULL;

	cnt_buf_addf(&b, "R %lld ", number);
	if (cJSON_IsObject(result)) {
		text = cnt_json_print(result);
		cnt_buf_adds(&b, text);
	} else if (message != NULL) {
		add_error(&b, "no", message, NULL);
	} else {
		babble(y, "neither a result nor an error");
	}
	send_line(&b);
}

static void
progress(long long number, const cJSON *params)
{
	const char *text = cnt_json_str(params, "message");
	struct cnt_buf b CNT_BUF = { 0 };

	if (text == NULL)
		text = "";
	cnt_buf_addf(&b, "P %lld %.15g %.15g ", number, cnt_json_num(params, "progress", 0),
	    cnt_json_num(params, "total", 0));
	cnt_buf_add(&b, text, cnt_utf8_valid(text, strnlen(text, TEXT_MAX)));
	for (size_t i = 0; i < b.n; i++)
		if ((unsigned char)b.p[i] < 0x20 || b.p[i] == 0x7f)
			b.p[i] = ' ';
	send_line(&b);
}

/* What `cnt mcp --box` says when it could not enter. */
static void
own_error(const cJSON *msg)
{
	const cJSON *error = cnt_json_get(msg, "error");
	const char *code = cnt_json_str(error, "code"), *message = cnt_json_str(error, "message");

	if (cnt_json_get(msg, "jsonrpc") == NULL && code != NULL && message != NULL)
		finish(code, message, cnt_json_str(error, "hint"));
}

static void
on_line(struct relay *y, struct cnt_span line)
{
	struct cnt_err e = { 0 };
	cJSON *msg CNT_JSON = cnt_json_parse(line.p, line.n, &e);
	const cJSON *params = cnt_json_get(msg, "params"), *id = cnt_json_get(msg, "id");
	const char *method = cnt_json_str(msg, "method"), *version = cnt_json_str(msg, "jsonrpc");
	size_t at;

	own_error(msg);
	if (version == NULL || strcmp(version, "2.0") != 0)
		babble(y, "what is not MCP");
	if (method != NULL && strcmp(method, "notifications/progress") == 0) {
		if (known(y, cnt_json_get(params, "progressToken"), &at))
			progress(y->calls[at], params);
	} else if (method == NULL && known(y, id, &at)) {
		answer(y, y->calls[at], msg);
		y->calls[at] = y->calls[--y->n];
	}
}

static void
lines(struct relay *y)
{
	struct cnt_span line;
	enum cnt_line got;

	while ((got = cnt_reader_next(&y->in, false, &line)) != CNT_LINE_MORE) {
		if (got == CNT_LINE_LONG)
			babble(y, "a line longer than 4 MiB");
		on_line(y, line);
	}
}

/* "+N", "-N" */
static void
on_told(struct relay *y)
{
	struct cnt_span line;

	while (cnt_reader_next(&y->told, false, &line) == CNT_LINE_READY) {
		cJSON number = { .type = cJSON_Number, .valuedouble = strtod(line.p + 1, NULL) };
		size_t at;

		if (*line.p == '+' && y->n < CALLS)
			y->calls[y->n++] = (long long)number.valuedouble;
		else if (*line.p == '-' && known(y, &number, &at))
			y->calls[at] = y->calls[--y->n];
	}
}

/* agent-box has ended; what it wrote before is still in the pipe, which others may hold open. */
static void
last_lines(struct relay *y)
{
	struct pollfd p = { .fd = FROM_BOX, .events = POLLIN };

	while (poll(&p, 1, 0) == 1 && p.revents & POLLIN && cnt_reader_fill(&y->in, FROM_BOX) > 0)
		lines(y);
}

int
cnt_relay(const char *box)
{
	struct relay y = { .box = box, .in.max = CNT_RELAY_IN, .told.max = 64 };
	struct pollfd p[2] = { { .fd = FROM_BOX, .events = POLLIN },
	    { .fd = FROM_MAIN, .events = POLLIN } };

	if (confine() == -1)
		return 1;
	for (;;) {
		if (poll(p, 2, -1) == -1)
			return 1;
		if (p[1].revents != 0 && cnt_reader_fill(&y.told, FROM_MAIN) <= 0) {
			last_lines(&y);
			return 0;
		}
		on_told(&y);
		if (p[0].revents != 0) {
			if (cnt_reader_fill(&y.in, FROM_BOX) <= 0)
				return 0;
			lines(&y);
		}
	}
}
