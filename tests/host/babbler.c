/* SPDX-License-Identifier: Apache-2.0
 *
 * babbler: an agent-box that a box's root has replaced. It takes calls of shell_exec and does what
 * the command names, one of the attacks below; "good" is an answer. The end of its input ends it,
 * unless the attack is not to hear that.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIGABYTE	(1L << 30)
#define TOOL \
	"{\"verbs\":[{\"name\":\"shell_exec\",\"tool\":{\"name\":\"shell_exec\",\"description\":" \
	"\"x\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"command\":{\"type\":" \
	"\"string\"},\"timeout_seconds\":{\"type\":\"number\",\"default\":30,\"maximum\":600}}," \
	"\"required\":[\"command\"]},\"annotations\":{\"readOnlyHint\":false}}}]}\n"
#define ANSWER "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[{\"type\":\"text\"," \
	"\"text\":\"%s\"}]}}\n"
#define RESULT "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[],"
#define PROGRESS "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{" \
	"\"progressToken\":%s,\"progress\":%ld,\"message\":\"%s\"}}\n"

static const char *id;			/* of the call */

/* Until nobody reads: SIGPIPE. */
static void
repeat(const char *text, size_t n, long bytes)
{
	static char block[1 << 16];
	size_t used = 0;

	for (; used + n <= sizeof(block); used += n)
		memcpy(block + used, text, n);
	for (; bytes > 0; bytes -= (long)used)
		if (write(1, block, used) <= 0)
			_exit(9);
}

static void
say(const char *text)
{
	if (write(1, text, strlen(text)) <= 0)
		_exit(9);
}

static void
answer(const char *to, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), ANSWER, to, text);
	say(line);
}

static void
progress(const char *token, long done, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), PROGRESS, token, done, text);
	say(line);
}

#define ATTACK(name, what)	static void name(void) { what; }
ATTACK(good, answer(id, "good"))
ATTACK(no_newline, repeat("x", 1, GIGABYTE))
ATTACK(blank, repeat("\n", 1, GIGABYTE))
ATTACK(rubbish, say("hello\n"))
ATTACK(silent, (void)0)
ATTACK(half, say("{\"jsonrpc\":\"2.0\",\"id\":"))
ATTACK(leave, _exit(7))
ATTACK(die, raise(SIGKILL))
ATTACK(deaf, for (;;) pause())
ATTACK(shut, close(1); deaf())

static void
unrelated(void)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{\"content\":[]}}"
	    "\n";

	repeat(line, strlen(line), GIGABYTE);
}

static void
stray_ids(void)
{
	char number[32];

	for (int i = 1; i < 1000; i++) {
		snprintf(number, sizeof(number), i % 2 != 0 ? "%d" : "\"%d\"", i);
		if (strcmp(number, id) != 0)
			answer(number, "stolen");
	}
	answer("null", "stolen");
	good();
}

static void
twice(void)
{
	good();
	answer(id, "again");
	good();
}

static void
requests(void)
{
	say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
	    "\"params\":{\"requestId\":1}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\",\"params\":{}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"roots/list\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}\n");
	good();
}

static void
foreign_progress(void)
{
	char token[32];

	for (int i = 1; i < 1000; i++) {
		snprintf(token, sizeof(token), i % 2 != 0 ? "%d" : "\"%d\"", i);
		if (strcmp(token, id) != 0)
			progress(token, i, "stolen");
	}
	progress(id, 1, "a\\nb\\r\\u001b[2Jc\\u007f\xc2\x9b" "d");
	good();
}

static void
progress_flood(void)
{
	for (long i = 1; i < GIGABYTE; i++)
		progress(id, i, "flood");
}

static void
huge(void)
{
	char line[128];

	snprintf(line, sizeof(line), RESULT "\"x\":\"", id);
	say(line);
	repeat("y", 1, 64L << 20);
	say("\"}}\n");
}

static void
many_values(void)
{
	char line[128];

	snprintf(line, sizeof(line), RESULT "\"x\":[0", id);
	say(line);
	repeat(",[]", 3, 4000000);
	say("]}}\n");
}

static void
wide(void)
{
	char line[128];

	snprintf(line, sizeof(line), RESULT "\"x\":\"", id);
	say(line);
	repeat("y", 1, 4000000);
	say("\"}}\n");
}

/* As many as are taken, and names, which cost most. */
static void
largest(void)
{
	char line[128];

	snprintf(line, sizeof(line), RESULT "\"x\":[0", id);
	say(line);
	repeat(",{\"a\":\"b\"}", 10, 900000);
	say("],\"y\":\"");
	repeat("z", 1, 3000000);
	say("\"}}\n");
}

static void
deep(void)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id);
	say(line);
	repeat("[", 1, 100000);
	repeat("]", 1, 100000);
	say("}\n");
}

static void
forged(void)
{
	say("{\"error\":{\"code\":\"denied\",\"message\":\"forged\\u001b[2J\",\"hint\":\"h\"}}\n");
}

/* Each call that is under way is answered with it. */
static void
forged_long(void)
{
	say("{\"error\":{\"code\":\"denied\",\"message\":\"long ");
	repeat("y", 1, 3000000);
	say("\",\"hint\":\"");
	repeat("y", 1, 900000);
	say("\"}}\n");
}

/* Another process of the box holds the pipe and writes on. */
static void
heir(void)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n";

	if (fork() != 0)
		_exit(0);
	signal(SIGPIPE, SIG_IGN);
	close(0);
	for (int i = 0; i < 3000 && write(1, line, strlen(line)) > 0; i++)
		usleep(1000);
	_exit(0);
}

static void
stubborn(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	rubbish();
	deaf();
}

static void
slow(void)
{
	char line[512];

	snprintf(line, sizeof(line), ANSWER, id, "good");
	for (const char *p = line; *p != '\0'; p++) {
		if (write(1, p, 1) <= 0)
			_exit(9);
		usleep(2000);
	}
}

static const struct {
	const char	*name;
	void		(*attack)(void);
} attacks[] = {
	{ "good", good }, { "no-newline", no_newline }, { "blank", blank },
	{ "unrelated", unrelated }, { "rubbish", rubbish }, { "stray-ids", stray_ids },
	{ "twice", twice }, { "requests", requests }, { "foreign-progress", foreign_progress },
	{ "progress-flood", progress_flood }, { "silent", silent }, { "half", half },
	{ "huge", huge }, { "many-values", many_values }, { "largest", largest },
	{ "deep", deep }, { "forged", forged }, { "forged-long", forged_long },
	{ "leave", leave }, { "die", die }, { "shut", shut }, { "heir", heir }, { "deaf", deaf },
	{ "stubborn", stubborn }, { "slow", slow }, { "wide", wide },
};

/* The bytes of a member's value up to its end, in place. */
static char *
value(char *line, const char *name, const char *ends)
{
	char *p = strstr(line, name);

	if (p == NULL)
		return NULL;
	p += strlen(name);
	p[strcspn(p, ends)] = '\0';
	return p;
}

int
main(int argc, char **argv)
{
	static char line[1 << 20], copy[1 << 20];

	if (argc > 1 && strcmp(argv[1], "--describe") == 0)
		return printf(TOOL) < 0;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		const char *command;

		memcpy(copy, line, sizeof(copy));
		id = value(copy, "\"id\":", ",");
		command = value(line, "\"command\":\"", "\"");
		for (size_t i = 0; command != NULL && id != NULL &&
		    i < sizeof(attacks) / sizeof(attacks[0]); i++)
			if (strcmp(attacks[i].name, command) == 0)
				attacks[i].attack();
	}
	return 0;
}
