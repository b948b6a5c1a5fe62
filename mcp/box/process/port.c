/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP ports: names from /etc/hosts, connects that never block, and wait_for_port, which is both in
 * a loop. A connection that a port of ours makes to itself is none. Who listens is found by the
 * sockets' inodes in /proc, in the process's own network namespace.
 */
#include "mcp/box/process/port.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "mcp/box/box.h"

#define LISTEN		0x0A		/* TCP_LISTEN in /proc/net/tcp */
#define ATTEMPT_US	1000000		/* one connect waits no longer */
#define FIRST_PAUSE_US	5000
#define LAST_PAUSE_US	200000
#define PROGRESS_US	500000

static const struct cnt_field port_params[] = {
	{ .name = "port", .type = CNT_INTEGER, .flags = CNT_REQUIRED, .min = 1, .max = 65535 },
	{ .name = "host", .type = CNT_STRING, .flags = CNT_PLAIN, .def = "127.0.0.1", .min = 1,
	    .max = 255 },
	{ .name = "timeout_seconds", .type = CNT_NUMBER, .def = "30", .min = 0.1, .max = 600 },
	{ 0 },
};

static const struct cnt_field port_results[] = {
	{ .name = "open", .type = CNT_BOOLEAN },
	{ .name = "waited_ms", .type = CNT_INTEGER },
	{ 0 },
};

static bool
add_address(struct cnt_addresses *a, const char *text, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	if (a->n == nitems(a->at))
		return false;
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		memcpy(&a->at[a->n++], &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		memcpy(&a->at[a->n++], &v6, sizeof(v6));
	else
		return false;
	return true;
}

static void
look_in_hosts(const char *host, int port, struct cnt_addresses *a)
{
	FILE *f CNT_FILE = fopen("/etc/hosts", "re");
	char line[1024], *at = NULL;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *address = NULL;

		line[strcspn(line, "#\n")] = '\0';
		address = strtok_r(line, " \t", &at);
		for (const char *name = address; name != NULL; name = strtok_r(NULL, " \t", &at))
			if (name != address && strcasecmp(name, host) == 0) {
				add_address(a, address, port);
				break;
			}
	}
}

int
cnt_port_resolve(const char *host, int port, struct cnt_addresses *a, struct cnt_err *e)
{
	size_t n = strlen(host);
	char *inner CNT_FREE = host[0] == '[' && host[n - 1] == ']' ?
	    cnt_format("%.*s", (int)n - 2, host + 1) : cnt_strdup(host);

	a->n = 0;
	if (add_address(a, inner, port))
		return 0;
	if (strcasecmp(host, "localhost") == 0) {
		add_address(a, "127.0.0.1", port);
		add_address(a, "::1", port);
		return 0;
	}
	look_in_hosts(host, port, a);
	if (a->n > 0)
		return 0;
	cnt_fail(e, CNT_NOTFOUND, "%s: no address, and not in /etc/hosts", host);
	return cnt_hint(e, "give its address (shell_exec: getent hosts %.64s)", host);
}

static bool
is_self(int fd)
{
	struct sockaddr_storage us = { 0 }, them = { 0 };
	socklen_t n = sizeof(us), m = sizeof(them);

	return getsockname(fd, (struct sockaddr *)&us, &n) == 0 &&
	    getpeername(fd, (struct sockaddr *)&them, &m) == 0 && n == m &&
	    memcmp(&us, &them, n) == 0;
}

static bool
connects(const struct sockaddr_storage *a, int64_t deadline)
{
	int fd CNT_CLOSE = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = a->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6), m = sizeof(int);
	int64_t left = deadline - cnt_ticks_us();
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;

	if (fd == -1)
		return false;
	if (connect(fd, (const struct sockaddr *)a, n) == 0)
		return !is_self(fd);
	left = left > ATTEMPT_US ? ATTEMPT_US : left;
	return errno == EINPROGRESS && poll(&p, 1, left > 0 ? (int)(left / 1000) + 1 : 0) == 1 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &m) == 0 && error == 0 && !is_self(fd);
}

bool
cnt_port_connects(const struct cnt_addresses *a, int64_t deadline)
{
	for (size_t i = 0; i < a->n; i++)
		if (connects(&a->at[i], deadline))
			return true;
	return false;
}

/* Is a socket with this inode open in the process? */
static bool
holds(pid_t pid, unsigned long inode)
{
	char *path CNT_FREE = cnt_format("/proc/%d/fd", (int)pid);
	DIR *d CNT_DIR = opendir(path);
	struct dirent *entry = NULL;
	char link[64], wanted[64];

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		if (n > 0 && (size_t)n == strlen(wanted) && memcmp(link, wanted, (size_t)n) == 0)
			return true;
	}
	return false;
}

bool
cnt_port_next(FILE *table, unsigned *port, unsigned long *inode)
{
	char line[512];
	unsigned state = 0;

	while (fgets(line, sizeof(line), table) != NULL)
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x "
		    "%*u %*u %lu", port, &state, inode) == 3 && state == LISTEN)
			return true;
	return false;
}

static int
port_in(const char *table, const pid_t *pids, size_t n, int wanted)
{
	char *path CNT_FREE = cnt_format("/proc/%d/net/%s", (int)pids[0], table);
	FILE *f CNT_FILE = fopen(path, "re");
	unsigned port = 0;
	unsigned long inode = 0;

	while (f != NULL && cnt_port_next(f, &port, &inode))
		for (size_t i = 0; i < n && (wanted == 0 || (int)port == wanted); i++)
			if (holds(pids[i], inode))
				return (int)port;
	return 0;
}

int
cnt_port_of(const pid_t *pids, size_t n, int port)
{
	int found = n > 0 ? port_in("tcp", pids, n, port) : 0;

	return found != 0 || n == 0 ? found : port_in("tcp6", pids, n, port);
}

static int
wait_for_port(struct cnt_call *c)
{
	int port = (int)cnt_json_int(c->in, "port", 0);
	const char *host = cnt_json_str(c->in, "host");
	int64_t started = cnt_ticks_us(), now = 0, pause = FIRST_PAUSE_US;
	int64_t deadline = started + (int64_t)(cnt_json_num(c->in, "timeout_seconds", 30) * 1e6);
	int64_t next_progress = started + PROGRESS_US;
	struct cnt_addresses a;
	bool is_open = false;

	if (cnt_port_resolve(host, port, &a, c->err) == -1)
		return -1;
	while (!(is_open = cnt_port_connects(&a, deadline)) &&
	    (now = cnt_ticks_us()) < deadline) {
		int64_t left = deadline - now < pause ? deadline - now : pause;

		if (c->progress != NULL && now >= next_progress) {
			cnt_progress(c, (double)(now - started) / 1e6, 0, "not open yet");
			next_progress = now + PROGRESS_US;
		}
		nanosleep(&(struct timespec){ 0, left * 1000 }, NULL);
		pause = pause * 2 < LAST_PAUSE_US ? pause * 2 : LAST_PAUSE_US;
	}
	cnt_json_set_bool(c->out, "open", is_open);
	cnt_json_set_int(c->out, "waited_ms", (cnt_ticks_us() - started) / 1000);
	c->status = is_open ? 0 : cnt_code_exit(CNT_TIMEOUT);
	return 0;
}

const struct cnt_verb cnt_box_wait_for_port = {
	.name = "wait_for_port", .tool = "wait_for_port", .title = "Wait for a TCP port",
	.group = "The box",
	.summary = "wait until a TCP port is open",
	.about = "Wait until a TCP port accepts connections (a server is ready).",
	.effects = CNT_READS, .storeless = true,
	.params = port_params, .results = port_results, .run = wait_for_port,
};
