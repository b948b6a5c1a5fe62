/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine end to end: what a client may write to its socket, cut anywhere, with time passing in
 * between, to the end of input. Every line that comes back is JSON-RPC; a request gets one
 * answer, or none where it was cancelled or the input ended before it was done; the server ends in
 * time. The clock is ours (the linker puts __wrap_ppoll and __wrap_cnt_ticks_us in place), so that
 * nothing is waited for. A byte of the input from 0x80 on stands for a piece of a message.
 */
#include <sys/socket.h>

#include <poll.h>
#include <signal.h>

#include "mcp/rpc.h"
#include "tests/fuzz/conversation.h"

#define PAUSE_US	2000000
#define LEAVES_US	100000		/* after the end of input, with work running */
#define SENT_MAX	2048		/* a dozen messages: more say little more */
#define PIECE_MAX	1024

enum { CUT = 1, PAUSE, AS_IT_IS };	/* bytes with a meaning of their own */

static struct {
	struct cnt_buf	 in, out;	/* all bytes that go, that came */
	size_t		 at;		/* of those that go, sent */
	uint8_t		*marks;		/* CUT or PAUSE before the byte of `in`, and at its end */
	int		 client_in, client_out;
	int64_t		 now, until, ended_at;
} f;

/* What the conversation says, and where it is cut. */
static void
expand(const uint8_t *data, size_t n)
{
	f.marks = cnt_alloc(SENT_MAX + PIECE_MAX);
	for (size_t i = 0; i < n && f.in.n < SENT_MAX; i++) {
		if (data[i] == CUT || data[i] == PAUSE)
			f.marks[f.in.n] = data[i];
		else if (data[i] >= 0x80)
			cnt_buf_adds(&f.in, pieces[data[i] % 0x80 % nitems(pieces)]);
		else if (data[i] != AS_IT_IS || ++i < n)
			cnt_buf_add(&f.in, &data[i], 1);
	}
}

static void
drain(void)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = recv(f.client_out, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		cnt_buf_add(&f.out, bytes, (size_t)n);
}

/* The bytes up to the next mark, or the end of input. */
static void
feed(void)
{
	size_t to = f.at + 1;

	if (f.at >= f.in.n) {
		must(shutdown(f.client_in, SHUT_WR) == 0);
		f.ended_at = f.now;
		return;
	}
	while (to < f.in.n && f.marks[to] == 0)
		to++;
	must(send(f.client_in, f.in.p + f.at, to - f.at, 0) == (ssize_t)(to - f.at));
	f.at = to;
	f.until = f.marks[to] == PAUSE ? f.now + PAUSE_US : 0;
}

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int	__real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask);
int	__wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask);
int64_t	__wrap_cnt_ticks_us(void);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

int64_t
__wrap_cnt_ticks_us(void)
{
	return f.now;
}

/* What there is to do; else the next bytes, or the time of the next timer. */
int
__wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask)
{
	for (;;) {
		int r;

		drain();
		r = __real_ppoll(fds, n, &(struct timespec){ 0 }, mask);
		if (r != 0)
			return r;
		if (f.ended_at == 0 && (ts == NULL || f.now >= f.until)) {
			feed();
			continue;
		}
		must(ts != NULL);	/* else it would wait for ever */
		f.now += ts->tv_sec * 1000000 + ts->tv_nsec / 1000 + 1;
		must(f.ended_at == 0 || f.now < f.ended_at + LEAVES_US);
		return 0;
	}
}

static void
serve(void)
{
	struct cnt_err e = { 0 };
	int in[2], out[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, in) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0);
	must(dup2(in[0], 0) == 0 && dup2(out[0], 1) == 1);
	close(in[0]);
	close(out[0]);
	f.client_in = in[1];
	f.client_out = out[1];
	must(cnt_serve(&offer, &e) == 0);
	drain();
	close(in[1]);
	close(out[1]);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}

struct asked {
	struct cnt_span	 id;
	unsigned	 asked, perhaps, cancelled, answered;	/* how often; perhaps: in a batch */
	bool		 lasts;		/* the end of input may find it in flight */
};

static struct asked *asked;
static size_t asked_n;

static struct asked *
find(struct cnt_span id)
{
	for (size_t i = 0; i < asked_n; i++)
		if (asked[i].id.n == id.n && memcmp(asked[i].id.p, id.p, id.n) == 0)
			return &asked[i];
	asked = cnt_realloc(asked, (asked_n + 1) * sizeof(*asked));
	asked[asked_n] = (struct asked){ .id = id };
	return &asked[asked_n++];
}

static void
message_sent(const cJSON *msg, struct cnt_span raw, bool in_batch)
{
	struct cnt_rpc m;
	struct cnt_span id;

	cnt_rpc_gate(msg, raw, &m);
	if (m.kind == CNT_RPC_NOTIFICATION && strcmp(m.method, "notifications/cancelled") == 0) {
		id = cnt_rpc_raw(m.params, cnt_rpc_raw(msg, raw, "params"), "requestId");
		if (id.p != NULL)
			find(id)->cancelled++;
	} else if ((m.kind == CNT_RPC_REQUEST || m.kind == CNT_RPC_BAD) && m.id.p != NULL) {
		struct asked *a = find(m.id);

		*(in_batch ? &a->perhaps : &a->asked) += 1;
		a->lasts = a->lasts || (m.kind == CNT_RPC_REQUEST &&
		    (strcmp(m.method, "tools/call") == 0 ||
		    strcmp(m.method, "subscriptions/listen") == 0));
	}
}

static void
line_sent(struct cnt_span line)
{
	struct cnt_rpc m;
	struct cnt_raw it;
	cJSON *j CNT_JSON = cnt_rpc_parse(line, &m);
	const cJSON *msg = NULL;

	if (j == NULL) {
		if (m.id.p != NULL)
			find(m.id)->asked++;
		if (m.cancels.p != NULL)
			find(m.cancels)->cancelled++;
	} else if (!cJSON_IsArray(j)) {
		message_sent(j, line, false);
	} else if (cnt_raw_walk(&it, line)) {
		cJSON_ArrayForEach(msg, j)
			if (cnt_raw_next(&it) == 1)
				message_sent(msg, it.value, true);
	}
}

/* A response, a request or a notification. */
static void
message_came(const cJSON *msg, struct cnt_span raw)
{
	struct cnt_span id = cnt_rpc_raw(msg, raw, "id");
	const cJSON *error = cnt_json_get(msg, "error"), *result = cnt_json_get(msg, "result");

	must(strcmp(cnt_json_str(msg, "jsonrpc"), "2.0") == 0);
	if (cnt_json_get(msg, "method") != NULL) {
		must(cnt_json_str(msg, "method") != NULL && error == NULL && result == NULL);
		return;
	}
	must((error != NULL) != (result != NULL) && (result == NULL || cJSON_IsObject(result)));
	must(error == NULL || (cJSON_IsNumber(cnt_json_get(error, "code")) &&
	    cnt_json_str(error, "message") != NULL));
	must(error != NULL || id.p != NULL);
	if (id.p != NULL)
		find(id)->answered++;
}

static void
line_came(struct cnt_span line)
{
	struct cnt_err e = { 0 };
	struct cnt_raw it;
	cJSON *j CNT_JSON = cnt_json_parse(line.p, line.n, &e);
	const cJSON *msg = NULL;

	must(j != NULL);
	if (cJSON_IsObject(j)) {
		message_came(j, line);
		return;
	}
	must(cJSON_IsArray(j) && j->child != NULL && cnt_raw_walk(&it, line));
	cJSON_ArrayForEach(msg, j) {
		must(cnt_raw_next(&it) == 1);
		message_came(msg, it.value);
	}
}

static void
each_line(const struct cnt_buf *all, void (*fn)(struct cnt_span line))
{
	for (size_t at = 0, n = 0; at < all->n; at += n + 1) {
		const char *p = all->p + at, *nl = memchr(p, '\n', all->n - at);
		size_t end;

		n = end = nl != NULL ? (size_t)(nl - p) : all->n - at;
		if (end > 0 && p[end - 1] == '\r')
			end--;
		if (end > 0)
			fn((struct cnt_span){ p, end });
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	f.now = 1000000;
	expand(data, n);
	serve();
	each_line(&f.in, line_sent);
	must(f.out.n == 0 || f.out.p[f.out.n - 1] == '\n');
	each_line(&f.out, line_came);
	for (size_t i = 0; i < asked_n; i++) {
		const struct asked *a = &asked[i];

		must(a->answered <= a->asked + a->perhaps);
		must(a->answered + a->cancelled + a->lasts >= a->asked);
	}
	cnt_buf_free(&f.in);
	cnt_buf_free(&f.out);
	free(f.marks);
	free(asked);
	asked = NULL;
	asked_n = f.at = 0;
	f.ended_at = f.until = 0;
	return 0;
}
