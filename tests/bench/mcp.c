/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp FILE PREFIX ROUNDS DIRECTORY COMMAND...
 *
 * Times an MCP server on its pipes, from the write of a request's line to the last byte of its
 * answer, and appends "PREFIX-what value" to FILE: start (fork to the first answer, microseconds),
 * rss (KiB after the first answer), call (list of DIRECTORY/empty), shell (echo hi), read
 * (DIRECTORY/1MiB), all in microseconds.
 */
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>

#include "lib/base.h"

#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"

struct server {
	pid_t	pid;
	int	in, out;
};

static struct server
start(char **argv)
{
	struct server s = { .pid = -1 };
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 || (s.pid = fork()) == -1)
		err(71, "start");
	if (s.pid == 0) {
		if (dup2(in[0], 0) == -1 || dup2(out[1], 1) == -1)
			_exit(71);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s.in = in[1];
	s.out = out[0];
	return s;
}

static void
end(struct server *s)
{
	close(s->in);
	close(s->out);
	if (waitpid(s->pid, NULL, 0) == -1)
		err(71, "wait");
}

/* One request, one answer; returns microseconds. */
static int64_t
ask(struct server *s, const char *line)
{
	static char answer[8 << 20];
	size_t n = 0, want = strlen(line);
	int64_t from = cnt_ticks_us();
	ssize_t r = 0;

	if (write(s->in, line, want) != (ssize_t)want)
		err(71, "write");
	do {
		r = read(s->out, answer + n, sizeof(answer) - n);
		if (r <= 0)
			errx(70, "the server is gone");
		n += (size_t)r;
	} while (answer[n - 1] != '\n');
	from = cnt_ticks_us() - from;
	answer[n] = '\0';
	if (strstr(answer, "\"isError\":false") == NULL && strstr(answer,
	    "supportedVersions") == NULL)
		errx(70, "unexpected answer: %.300s", answer);
	return from;
}

static long
resident(pid_t pid)
{
	char *path CNT_FREE = cnt_format("/proc/%d/status", (int)pid);
	FILE *f CNT_FILE = fopen(path, "re");
	char line[256];
	long kib = -1;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			return kib;
	return -1;
}

static char *
call(const char *tool, const char *arguments)
{
	return cnt_format("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":%s," META "}}\n", tool, arguments);
}

int
main(int argc, char **argv)
{
	static const char discover[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"server/discover\","
	    "\"params\":{" META "}}\n";
	FILE *f CNT_FILE = argc > 5 ? fopen(argv[1], "ae") : NULL;
	const char *prefix = argc > 5 ? argv[2] : NULL;
	char *big CNT_FREE = NULL, *trivial CNT_FREE = NULL, *shell CNT_FREE = NULL;
	char *empty CNT_FREE = NULL, *file CNT_FREE = NULL;
	struct server s = { 0 };

	if (f == NULL)
		errx(2, "usage: mcp FILE PREFIX ROUNDS DIRECTORY COMMAND...");
	signal(SIGPIPE, SIG_IGN);
	empty = cnt_format("{\"path\":\"%s/empty\"}", argv[4]);
	file = cnt_format("{\"path\":\"%s/1MiB\",\"limit\":1048576}", argv[4]);
	trivial = call("list_directory", empty);
	shell = call("shell_exec", "{\"command\":\"echo hi\"}");
	big = call("read_file", file);
	for (int round = 0; round < atoi(argv[3]); round++) {
		int64_t from = cnt_ticks_us();

		s = start(argv + 5);
		ask(&s, discover);
		fprintf(f, "%s-start\t%" PRId64 "\n", prefix, cnt_ticks_us() - from);
		fprintf(f, "%s-rss\t%ld\n", prefix, resident(s.pid));
		ask(&s, trivial);
		fprintf(f, "%s-call\t%" PRId64 "\n", prefix, ask(&s, trivial));
		ask(&s, shell);
		fprintf(f, "%s-shell\t%" PRId64 "\n", prefix, ask(&s, shell));
		ask(&s, big);
		fprintf(f, "%s-read\t%" PRId64 "\n", prefix, ask(&s, big));
		end(&s);
	}
	return 0;
}
