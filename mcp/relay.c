/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what a box sends. Each line passes the strict door, must be an answer or progress for a
 * call that was begun, and is written anew from the tree; the first line that is anything else
 * ends the session, and so does much that nobody asked for. Whoever takes this process over holds
 * what relay-confine.c leaves: three pipes and the calls to use them.
 */
#include "mcp/relay.h"

#include <poll.h>

#include "lib/file.h"
#include "mcp/rpc.h"
#include "mcp/wire.h"

#define VALUES		200000		/* in a line; 10,000 entries of a directory: 70,000 */
#define SPARE		(2 * (long long)CNT_RELAY_IN)	/* bytes that belong to no call */
#define LINE_COST	256		/* a line's share of it, however short */
#define PROGRESS_US	50000		/* agent-box reports at most every 100 ms */
#define TEXT_MAX	500		/* of a progress message */

enum { FROM_BOX, TO_MAIN, FROM_MAIN };

struct call {
	long long	 number;
	int64_t		 told;		/* its last progress */
};

struct relay {
	const char		*box;
	struct cnt_reader	 in, told;
	struct call		 calls[CNT_RELAY_CALLS];
	size_t			 n;
	long long		 spare;
};

static struct call *
find(struct relay *y, const cJSON *number)
{
	for (size_t i = 0; cJSON_IsNumber(number) && i < y->n; i++)
		if ((double)y->calls[i].number == number->valuedouble)
			return &y->calls[i];
	return NULL;
}

/* Nobody reads any more, or what was made is not what we may send: the end. */
static void
send_line(struct cnt_buf *b)
{
	if (b->n >= CNT_RELAY_OUT)
		_exit(1);
	cnt_buf_add(b, "\n", 1);
	if (cnt_file_write(TO_MAIN, b->p, b->n) == -1)
		_exit(0);
}

/* A result that says what went wrong: as short as errors are, for the box's words may go to every
 * call that is under way. */
static void
add_error(struct cnt_buf *b, const struct cnt_err *e)
{
	cJSON *j CNT_JSON = cJSON_CreateObject();
	char *text CNT_FREE = NULL;

	cnt_json_set(j, "error", cnt_err_json(e));
	text = cnt_json_print(j);
	cnt_buf_adds(b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(b, text, strlen(text));
	cnt_buf_adds(b, "}],\"isError\":true}");
}

CNT_NORETURN static void
finish(const struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "F ");
	add_error(&b, e);
	send_line(&b);
	_exit(0);
}

CNT_NORETURN static void
babble(const struct relay *y, const char *what)
{
	struct cnt_err e = { 0 };

	cnt_fail(&e, CNT_NO, "%s: its agent-box sent %s", y->box, what);
	cnt_hint(&e, "the next call starts a new one");
	finish(&e);
}

/* As agent-box answers: text alone. Clients throw away what is no result of a call. */
static bool
is_result(const cJSON *result)
{
	const cJSON *content = cnt_json_get(result, "content"), *part = NULL;
	const cJSON *failed = cnt_json_get(result, "isError");

	cJSON_ArrayForEach(part, content) {
		const char *type = cnt_json_str(part, "type");

		if (type == NULL || strcmp(type, "text") != 0 ||
		    cnt_json_str(part, "text") == NULL || cJSON_GetArraySize(part) != 2)
			return false;
	}
	return cJSON_IsArray(content) && (failed == NULL || cJSON_IsBool(failed));
}

static void
answer(struct relay *y, struct call *c, const cJSON *msg)
{
	const cJSON *result = cnt_json_get(msg, "result"), *error = cnt_json_get(msg, "error");
	const char *message = cnt_json_str(error, "message");
	struct cnt_buf b CNT_BUF = { 0 };
	char *text CNT_FREE = NULL;
	struct cnt_err e = { 0 };

	cnt_buf_addf(&b, "R %lld ", c->number);
	if (is_result(result)) {
		text = cnt_json_print(result);
		cnt_buf_adds(&b, text);
	} else if (message != NULL) {
		cnt_fail(&e, CNT_NO, "%s", message);
		add_error(&b, &e);
	} else {
		babble(y, "neither a result nor an error");
	}
	send_line(&b);
	*c = y->calls[--y->n];
	y->spare = y->spare > SPARE ? y->spare : SPARE;
}

/* What comes faster is left out, and is nothing that was asked for. */
static void
progress(struct relay *y, struct call *c, const cJSON *params, size_t size)
{
	const char *text = cnt_json_str(params, "message");
	int64_t now = cnt_ticks_us();
	struct cnt_buf b CNT_BUF = { 0 };

	if (c->told != 0 && now - c->told < PROGRESS_US)
		return;
	c->told = now;
	y->spare += (long long)size + LINE_COST;
	if (text == NULL)
		text = "";
	cnt_buf_addf(&b, "P %lld %.15g %.15g ", c->number, cnt_json_num(params, "progress", 0),
	    cnt_json_num(params, "total", 0));
	cnt_buf_add(&b, text, cnt_utf8_valid(text, strnlen(text, TEXT_MAX)));
	for (size_t i = 0; i < b.n; i++)
		if ((unsigned char)b.p[i] < 0x20 || b.p[i] == 0x7f)
			b.p[i] = ' ';
	send_line(&b);
}

/* What `cnt mcp --box` says when it could not enter, or when the box ended. */
static void
own_error(const cJSON *msg)
{
	const cJSON *error = cnt_json_get(msg, "error");
	const char *code = cnt_json_str(error, "code"), *message = cnt_json_str(error, "message");
	const char *hint = cnt_json_str(error, "hint");
	struct cnt_err e = { 0 };

	if (cnt_json_get(msg, "jsonrpc") != NULL || code == NULL || message == NULL)
		return;
	cnt_fail(&e, cnt_code_named(code), "%s", message);
	cnt_hint(&e, "%s", hint != NULL ? hint : "");
	finish(&e);
}

/* The tree of a line costs many times its text: NULL for one that would be too large as well. */
static cJSON *
parse(struct cnt_span line)
{
	struct cnt_err e = { 0 };
	bool string = false;
	size_t values = 0;

	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if (c == '"')
			string = !string;
		else if (c == '\\')
			i++;
		else if (!string && (c == ',' || c == '[' || c == '{'))
			values++;
	}
	return values <= VALUES ? cnt_json_parse(line.p, line.n, &e) : NULL;
}

/* The end of a box tears the last line; `cnt mcp --box` ends it, and says in the next what was. */
CNT_NORETURN static void
torn(struct relay *y)
{
	struct cnt_span next = { 0 };

	if (cnt_reader_next(&y->in, false, &next) == CNT_LINE_READY) {
		cJSON *msg CNT_JSON = parse(next);

		own_error(msg);
	}
	babble(y, "what is not MCP");
}

static void
on_line(struct relay *y, struct cnt_span line)
{
	cJSON *msg CNT_JSON = parse(line);
	const cJSON *params = cnt_json_get(msg, "params");
	const char *method = cnt_json_str(msg, "method"), *version = cnt_json_str(msg, "jsonrpc");
	bool is_progress = method != NULL && strcmp(method, "notifications/progress") == 0;
	struct call *c = find(y, is_progress ? cnt_json_get(params, "progressToken") :
	    cnt_json_get(msg, "id"));

	y->spare -= LINE_COST;
	own_error(msg);
	if (version == NULL || strcmp(version, "2.0") != 0)
		torn(y);
	if (c != NULL && is_progress)
		progress(y, c, params, line.n + 1);
	else if (c != NULL && method == NULL)
		answer(y, c, msg);
}

static void
lines(struct relay *y)
{
	struct cnt_span line;
	enum cnt_got got;

	while ((got = cnt_reader_next(&y->in, false, &line)) != CNT_LINE_MORE) {
		if (got == CNT_LINE_LONG)
			babble(y, "a line longer than 4 MiB");
		on_line(y, line);
		if (y->spare < 0)
			break;
	}
	if (y->spare < 0)
		babble(y, "much that nobody asked for");
}

/* "+N", "-N" */
static void
on_told(struct relay *y, struct cnt_span line)
{
	const cJSON number = { .type = cJSON_Number, .valuedouble = strtod(line.p + 1, NULL) };
	struct call *c = find(y, &number);

	if (*line.p == '+' && y->n < CNT_RELAY_CALLS) {
		y->calls[y->n++] = (struct call){ .number = (long long)number.valuedouble };
	} else if (*line.p == '-' && c != NULL) {
		*c = y->calls[--y->n];
		y->spare += (long long)CNT_RELAY_IN;	/* its answer may be on its way */
	}
}

/* All that the main process has said by now; false: agent-box has ended. */
static bool
hear(struct relay *y)
{
	struct pollfd p = { .fd = FROM_MAIN, .events = POLLIN };
	struct cnt_span line;

	while (poll(&p, 1, 0) == 1) {
		if (cnt_reader_fill(&y->told, FROM_MAIN) <= 0)
			return false;
		while (cnt_reader_next(&y->told, false, &line) == CNT_LINE_READY)
			on_told(y, line);
	}
	return true;
}

/* One read; false: nothing more comes. A call is told of before it is made, so whatever answers it
 * is read after that. */
static bool
read_box(struct relay *y)
{
	ssize_t n = cnt_reader_fill(&y->in, FROM_BOX);

	y->spare -= n > 0 ? n : 0;
	return n > 0;
}

/* agent-box has ended; what it wrote before is still in the pipe, which others may hold open. */
CNT_NORETURN static void
end(struct relay *y)
{
	struct pollfd p = { .fd = FROM_BOX, .events = POLLIN };

	lines(y);
	while (poll(&p, 1, 0) == 1 && p.revents & POLLIN && read_box(y))
		lines(y);
	_exit(0);
}

void
cnt_relay(const char *box)
{
	struct relay y = { .box = box, .in.max = CNT_RELAY_IN, .told.max = 64, .spare = SPARE };
	struct pollfd p[2] = { { .fd = FROM_BOX, .events = POLLIN },
	    { .fd = FROM_MAIN, .events = POLLIN } };
	struct cnt_err e = { 0 };

	if (cnt_relay_confine(&e) == -1)
		finish(&e);
	for (;;) {
		if (poll(p, 2, -1) == -1)
			_exit(1);
		if (p[0].revents != 0 && !read_box(&y))
			p[0].fd = -1;		/* how it ended is the main process's to say */
		if (!hear(&y))
			end(&y);
		lines(&y);
	}
}
