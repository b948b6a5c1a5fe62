/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for the tests of the protocol: tools that answer at once, slowly, much, never, wrongly
 * or by dying. It is also a verb's program (--describe, --mcp) for `cnt mcp` to find.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "mcp/server.h"

static int
run_echo(struct cnt_call *c)
{
	cnt_json_set_str(c->out, "text", cnt_json_str(c->in, "text"));
	return 0;
}

/* Says so on standard error when it is asked to end; `stubborn` stays. */
static volatile sig_atomic_t told;

static void
on_term(int signo CNT_UNUSED)
{
	told = 1;
}

static int
run_sleep(struct cnt_call *c)
{
	double seconds = cnt_json_num(c->in, "seconds", 0);
	int64_t until = cnt_ticks_us() + (int64_t)(seconds * 1e6);
	bool stubborn = cnt_json_bool(c->in, "stubborn");

	signal(SIGTERM, on_term);
	if (cnt_json_bool(c->in, "child") && fork() == 0) {
		signal(SIGTERM, SIG_IGN);
		pause();
	}
	for (int i = 0; cnt_ticks_us() < until && (!told || stubborn); i++) {
		cnt_progress(c, i, seconds * 100, "sleeping");
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	cnt_json_set_bool(c->out, "told", told != 0);
	return 0;
}

static int
run_big(struct cnt_call *c)
{
	size_t n = (size_t)cnt_json_int(c->in, "bytes", 0);
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (size_t at = 0; at < n; at += sizeof(block))
		cnt_buf_add(&c->body, block, n - at < sizeof(block) ? n - at : sizeof(block));
	cnt_buf_adds(&c->head, "big\n");
	cnt_json_set_int(c->out, "bytes", (int64_t)n);
	return 0;
}

static int
run_die(struct cnt_call *c)
{
	const char *how = cnt_json_str(c->in, "how");

	if (strcmp(how, "exit") == 0)
		_exit(3);
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "print") == 0)
		printf("this is no JSON\n"), fflush(stdout);
	return cnt_fail(c->err, CNT_NOTFOUND, "%s: not found", how);
}

static const struct cnt_field echo_params[] = {
	{ .name = "text", .type = CNT_STRING, .flags = CNT_REQUIRED, .help = "what comes back" },
	{ 0 }
};
static const struct cnt_field echo_results[] = {
	{ .name = "text", .type = CNT_STRING },
	{ 0 }
};
static const struct cnt_field sleep_params[] = {
	{ .name = "seconds", .type = CNT_NUMBER, .flags = CNT_REQUIRED, .min = 0, .max = 600 },
	{ .name = "stubborn", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "child", .type = CNT_BOOLEAN, .def = "false" },
	{ 0 }
};
static const struct cnt_field sleep_results[] = {
	{ .name = "told", .type = CNT_BOOLEAN },
	{ 0 }
};
static const struct cnt_field big_params[] = {
	{ .name = "bytes", .type = CNT_INTEGER, .flags = CNT_REQUIRED, .min = 0, .max = 1 << 26 },
	{ 0 }
};
static const struct cnt_field big_results[] = {
	{ .name = "bytes", .type = CNT_INTEGER },
	{ 0 }
};
static const struct cnt_field die_params[] = {
	{ .name = "how", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ 0 }
};

static const struct cnt_verb echo = {
	.name = "echo", .tool = "echo", .title = "Echo", .summary = "gives back its text",
	.effects = CNT_READS | CNT_IDEMPOTENT, .params = echo_params, .results = echo_results,
	.run = run_echo,
};
static const struct cnt_verb echo_child = {
	.name = "echo child", .tool = "echo_child", .title = "Echo",
	.summary = "the same in a child",
	.effects = CNT_READS | CNT_IDEMPOTENT, .params = echo_params, .results = echo_results,
	.run = run_echo,
};
static const struct cnt_verb sleeper = {
	.name = "sleep", .tool = "sleep", .title = "Sleep",
	.summary = "sleeps and says how far it is",
	.effects = CNT_READS, .params = sleep_params, .results = sleep_results, .run = run_sleep,
};
static const struct cnt_verb big = {
	.name = "big", .tool = "big", .title = "Big", .summary = "answers with much text",
	.effects = CNT_READS, .bulk = true, .params = big_params, .results = big_results,
	.run = run_big,
};
static const struct cnt_verb die = {
	.name = "die", .tool = "die", .title = "Die", .summary = "ends in one of several bad ways",
	.effects = CNT_DESTROYS, .params = die_params, .results = sleep_results, .run = run_die,
};

static const struct cnt_verb *const verbs[] = { &echo, &echo_child, &sleeper, &big, &die, NULL };

static int
run(struct cnt_call *c)
{
	return c->verb->run(c);
}

static bool
in_process(const struct cnt_verb *v)
{
	return v == &echo;
}

int
main(int argc, char **argv)
{
	struct cnt_err e = { 0 };
	struct cnt_verbs_offer o = {
		.base = { .name = "echo", .title = "Echo", .version = "1",
		    .instructions = "For tests." },
		.verbs = verbs, .run = run, .in_process = in_process,
	};

	if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
		cJSON *d CNT_JSON = cnt_describe(verbs);
		char *text CNT_FREE = cnt_json_print(d);

		return printf("%s\n", text) < 0;
	}
	if (cnt_serve_verbs(&o, &e) == -1) {
		fprintf(stderr, "echo: %s\n", e.text);
		return cnt_code_exit(e.code);
	}
	return 0;
}
