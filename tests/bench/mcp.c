/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp FILE PREFIX ROUNDS MANY CALLS COMMAND...
 *
 * Times an MCP server on its pipes, from the write of a request's line to the last byte of its
 * answer, and appends "PREFIX-what value" to FILE: start (fork to the answer to initialize,
 * microseconds), rss (KiB after it, of the server and all its descendants), list (bytes of the
 * answer to tools/list), for each line "PREFIX what tool arguments" of CALLS, with tabs
 * between, TIMES such calls after a first one, each in microseconds, and exit (end of its input to
 * its own end, microseconds; after EXIT_MS it is ended). A line whose `what` is mix is no row of
 * its own: after the rounds one more process answers MANY of these in turn, and grown is KiB then.
 */
#include <sys/pidfd.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

#include "lib/base.h"

#define ASK	"{\"jsonrpc\":\"2.0\",\"id\":\"ask\",\"method\":\"%s\",\"params\":{%s}}\n"
#define ASKED	"\"id\":\"ask\""
#define HELLO	"\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}," \
	"\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}"
#define INITIALIZED	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
#define CALLS	16
#define TIMES	5
#define EXIT_MS	2000
#define MIX	"mix"
#define SETTLE_US 200000	/* the last call's process shares pages that would count twice */

static struct {
	pid_t	pid;
	int	in, out;
	size_t	line, held;		/* bytes of the line last read, and all that are held */
	char	buffer[8 << 20];
} server;

static struct {
	char	*what, *line;
} calls[CALLS + 1];

static void
start(char **argv)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
	    (server.pid = fork()) == -1)
		err(71, "start");
	if (server.pid == 0) {
		if (dup2(in[0], 0) == -1 || dup2(out[1], 1) == -1)
			_exit(71);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server.in = in[1];
	server.out = out[0];
	server.line = server.held = 0;
}

/* Returns microseconds from the end of its input to its own. */
static int64_t
end(void)
{
	int pidfd CNT_CLOSE = pidfd_open(server.pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t from = cnt_ticks_us(), took = 0;

	close(server.in);
	if (poll(&p, 1, EXIT_MS) != 1)
		kill(server.pid, SIGTERM);
	took = cnt_ticks_us() - from;
	close(server.out);
	if (waitpid(server.pid, NULL, 0) == -1)
		err(71, "wait");
	return took;
}

static void
say(const char *line)
{
	size_t n = strlen(line);

	if (write(server.in, line, n) != (ssize_t)n)
		err(71, "write");
}

static void
next_line(void)
{
	char *nl = NULL;
	ssize_t n = 0;

	server.held -= server.line;
	memmove(server.buffer, server.buffer + server.line, server.held);
	for (size_t seen = 0; (nl = memchr(server.buffer + seen, '\n',
	    server.held - seen)) == NULL; server.held += (size_t)n) {
		seen = server.held;
		n = read(server.out, server.buffer + seen, sizeof(server.buffer) - seen);
		if (n <= 0)
			errx(70, "the server is gone");
	}
	server.line = (size_t)(nl - server.buffer) + 1;
}

/* One request, one answer; what comes beside it is passed over. Returns microseconds. */
static int64_t
ask(const char *line)
{
	int64_t from = cnt_ticks_us(), took = 0;

	say(line);
	do {
		next_line();
		took = cnt_ticks_us() - from;
	} while (memmem(server.buffer, server.line, ASKED, strlen(ASKED)) == NULL);
	if (memmem(server.buffer, server.line, "\"result\":", 9) == NULL ||
	    memmem(server.buffer, server.line, "\"isError\":true", 14) != NULL)
		errx(70, "%.120s unexpected answer: %.300s", line, server.buffer);
	return took;
}

static long
resident(int pid)
{
	char *status CNT_FREE = cnt_format("/proc/%d/status", pid);
	char *pattern CNT_FREE = cnt_format("/proc/%d/task/*/children", pid);
	FILE *f CNT_FILE = fopen(status, "re");
	char line[256];
	glob_t tasks = { 0 };
	long kib = 0;
	int child = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL && kib == 0)
		sscanf(line, "VmRSS: %ld", &kib);
	glob(pattern, 0, NULL, &tasks);
	for (size_t i = 0; i < tasks.gl_pathc; i++) {
		FILE *children CNT_FILE = fopen(tasks.gl_pathv[i], "re");

		while (children != NULL && fscanf(children, "%d", &child) == 1)
			kib += resident(child);
	}
	globfree(&tasks);
	return kib;
}

/* Is there anything to mix? */
static bool
load(const char *path, const char *prefix)
{
	FILE *f CNT_FILE = fopen(path, "re");
	char *line CNT_FREE = NULL, *part[4] = { NULL };
	size_t size = 0, n = 0;
	bool mixed = false;

	if (f == NULL)
		err(71, "%s", path);
	while (getline(&line, &size, f) != -1 && n < CALLS) {
		char *rest = line;

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < nitems(part); i++)
			part[i] = strsep(&rest, "\t");
		if (part[3] == NULL || strcmp(part[0], prefix) != 0)
			continue;
		calls[n].what = cnt_strdup(part[1]);
		mixed = mixed || strcmp(part[1], MIX) == 0;
		rest = cnt_format("\"name\":\"%s\",\"arguments\":%s", part[2], part[3]);
		calls[n++].line = cnt_format(ASK, "tools/call", rest);
		free(rest);
	}
	return mixed;
}

static void
one_round(FILE *f, const char *prefix, char **command)
{
	char *hello CNT_FREE = cnt_format(ASK, "initialize", HELLO);
	char *list CNT_FREE = cnt_format(ASK, "tools/list", "");
	int64_t from = cnt_ticks_us();

	start(command);
	ask(hello);
	fprintf(f, "%s-start\t%" PRId64 "\n", prefix, cnt_ticks_us() - from);
	fprintf(f, "%s-rss\t%ld\n", prefix, resident(server.pid));
	say(INITIALIZED);
	ask(list);
	fprintf(f, "%s-list\t%zu\n", prefix, server.line);
	for (size_t i = 0; calls[i].what != NULL; i++) {
		if (strcmp(calls[i].what, MIX) == 0)
			continue;
		ask(calls[i].line);
		for (int n = 0; n < TIMES; n++)
			fprintf(f, "%s-%s\t%" PRId64 "\n", prefix, calls[i].what,
			    ask(calls[i].line));
	}
	fprintf(f, "%s-exit\t%" PRId64 "\n", prefix, end());
}

static void
grow(FILE *f, const char *prefix, int many, char **command)
{
	char *hello CNT_FREE = cnt_format(ASK, "initialize", HELLO);

	start(command);
	ask(hello);
	say(INITIALIZED);
	for (size_t i = 0; many > 0; i = calls[i].what == NULL ? 0 : i + 1)
		if (calls[i].what != NULL && strcmp(calls[i].what, MIX) == 0) {
			ask(calls[i].line);
			many--;
		}
	usleep(SETTLE_US);
	fprintf(f, "%s-grown\t%ld\n", prefix, resident(server.pid));
	end();
}

int
main(int argc, char **argv)
{
	FILE *f CNT_FILE = argc > 6 ? fopen(argv[1], "ae") : NULL;

	if (f == NULL)
		errx(2, "usage: mcp FILE PREFIX ROUNDS MANY CALLS COMMAND...");
	signal(SIGPIPE, SIG_IGN);
	if (!load(argv[5], argv[2]))
		errx(2, "%s: no mixed calls of %s", argv[5], argv[2]);
	for (int round = 0; round < atoi(argv[3]); round++)
		one_round(f, argv[2], argv + 6);
	grow(f, argv[2], atoi(argv[4]), argv + 6);
	return 0;
}
