/* SPDX-License-Identifier: Apache-2.0
 *
 * dnsmasq without any configuration of the host's, without DHCP and /etc/hosts, as an account of no
 * rights. It reads what boxes send, so it is not believed either: its pid file says where to look,
 * and the process found there is ours only when it is in this user namespace (no box can show one
 * there) and was started with exactly our arguments.
 */
#include "lib/resolver.h"

#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>

#include "lib/cgroup.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/paths.h"
#include "lib/run.h"

#define END_MS		2000		/* dnsmasq ends in a few; then it is killed */
#define ANSWER_MS	1000

struct resolver {
	char	*pid_file;
	char	*args[12];
	char	*argv[12];
};

static void
free_resolver(struct resolver *r)
{
	for (size_t k = 0; k < nitems(r->args); k++)
		free(r->args[k]);
	free(r->pid_file);
}
#define RESOLVER __attribute__((cleanup(free_resolver)))

/* args[0] and args[1] tell our process from any other. address NULL: those are all. */
static void
describe(struct resolver *r, const char *address)
{
	static const char *const fixed[] = {
		"--user=dnsmasq", "--conf-file=/dev/null", "--no-hosts", "--bind-interfaces",
		"--domain-needed",	/* names without a dot and */
		"--bogus-priv",		/* private addresses are not asked about outside */
		"--dns-loop-detect",	/* /etc/resolv.conf may name us */
	};
	size_t n = 0;

	r->pid_file = cnt_path(CNT_RUN "/dnsmasq.pid");
	r->args[n++] = cnt_strdup("dnsmasq");
	r->args[n++] = cnt_format("--pid-file=%s", r->pid_file);
	for (size_t k = 0; address != NULL && k < nitems(fixed); k++)
		r->args[n++] = cnt_strdup(fixed[k]);
	if (address != NULL)
		r->args[n++] = cnt_format("--listen-address=%s", address);
	for (size_t k = 0; k < n; k++)
		r->argv[k] = r->args[k];
}

/* Is this pid a dnsmasq with these arguments, all of them or the beginning? */
static bool
is_ours(const struct resolver *r, const char *pid, bool all)
{
	char *cmdline CNT_FREE = cnt_format("/proc/%s/cmdline", pid);
	char *user CNT_FREE = cnt_format("/proc/%s/ns/user", pid);
	CNT_BUF struct cnt_buf is = { 0 }, wanted = { 0 };
	struct stat theirs, mine;
	struct cnt_err e;
	size_t k = 0;

	do
		cnt_buf_add(&wanted, r->argv[k], strlen(r->argv[k]) + 1);
	while (r->argv[++k] != NULL);
	if (cnt_file_read(cmdline, 65536, &is, &e) == -1 || is.n < wanted.n ||
	    (all && is.n != wanted.n) || memcmp(is.p, wanted.p, wanted.n) != 0)
		return false;
	return stat(user, &theirs) == 0 && stat("/proc/self/ns/user", &mine) == 0 &&
	    theirs.st_ino == mine.st_ino && theirs.st_dev == mine.st_dev;
}

/* The pid of the one that runs with these arguments, or NULL. */
static char *
find(const struct resolver *r)
{
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e;

	if (cnt_file_read(r->pid_file, 32, &b, &e) == -1 || b.n == 0)
		return NULL;
	b.p[strspn(b.p, "0123456789")] = '\0';
	return b.p[0] != '\0' && is_ours(r, b.p, true) ? take(&b.p) : NULL;
}

/* The descriptor comes first: a pid that is then ours cannot become another's. */
static int
end_one(const struct resolver *r, const char *pid, struct cnt_err *e)
{
	CNT_CLOSE int fd = pidfd_open((pid_t)strtol(pid, NULL, 10), 0);
	struct pollfd p = { fd, POLLIN, 0 };

	if (fd == -1 || !is_ours(r, pid, false))
		return 0;
	for (int s = SIGTERM; pidfd_send_signal(fd, s, NULL, 0) == 0; s = SIGKILL)
		if (poll(&p, 1, END_MS) == 1 || s == SIGKILL)
			return 0;
	return errno == ESRCH ? 0 : cnt_fail_sys(e, "dnsmasq: process %s", pid);
}

/* Whether or not a pid file tells of them. */
static int
end_all(const struct resolver *r, struct cnt_err *e)
{
	CNT_DIR DIR *proc = opendir("/proc");
	struct dirent *d;

	if (proc == NULL)
		return cnt_fail_sys(e, "/proc");
	while ((d = readdir(proc)) != NULL)
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && is_ours(r, d->d_name, false) &&
		    end_one(r, d->d_name, e) == -1)
			return -1;
	return 0;
}

static bool
has_line(const char *path, const char *text)
{
	char *line CNT_FREE = cnt_format("\n%s\n", text);
	CNT_BUF struct cnt_buf lines = { 0 };
	struct cnt_err e;

	cnt_buf_adds(&lines, "\n");
	return cnt_file_read(path, 65536, &lines, &e) == 0 && strstr(lines.p, line) != NULL;
}

/* systemd ends a session by its cgroup: the resolver must not be in that of whoever ran the first
 * verb. Only the hierarchies that systemd uses; elsewhere there is nothing to escape from. */
static void
leave_session(const char *pid, const char *tag)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t k = 0; k < n; k++) {
		char *dir CNT_FREE = cnt_format("%s/%s.dns", h[k].dir, tag);
		char *procs CNT_FREE = cnt_format("%s/cgroup.procs", dir);

		if ((!h[k].v2 && strstr(h[k].dir, "/systemd") == NULL) || has_line(procs, pid))
			continue;
		mkdir(dir, 0755);
		cnt_file_put(procs, pid);
	}
}

static void
remove_cgroups(const char *tag)
{
	size_t n = 0;
	const struct cnt_hierarchy *h = cnt_cgroup_hierarchies(&n);

	for (size_t k = 0; k < n; k++) {
		char *dir CNT_FREE = cnt_format("%s/%s.dns", h[k].dir, tag);

		for (int tries = 0; rmdir(dir) == -1 && errno == EBUSY && tries < 100; tries++)
			poll(NULL, 0, 10);	/* until its parent has waited for the process */
	}
}

static int
start(const struct resolver *r, const char *tag, const char *address, struct cnt_err *e)
{
	if (cnt_run(r->argv, NULL, e) == 0)
		return CNT_STEP("the resolver is started", e);
	if (strstr(e->text, "in use") == NULL)
		return -1;
	cnt_fail(e, CNT_UNAVAILABLE, "%s: port 53 is taken by another name server", address);
	return cnt_hint(e, "`ss -lnp 'sport = :53'` shows which; keep it off interface %s0 "
	    "(dnsmasq: bind-interfaces and except-interface; named: listen-on)", tag);
}

int
cnt_resolver_ensure(const char *tag, const char *address, struct cnt_err *e)
{
	RESOLVER struct resolver r = { 0 }, any = { 0 };
	char *pid CNT_FREE = NULL;

	describe(&r, address);
	describe(&any, NULL);
	pid = find(&r);
	if (pid == NULL) {
		if (end_all(&any, e) == -1 || start(&r, tag, address, e) == -1)
			return -1;
		pid = find(&r);
	}
	if (pid != NULL)
		leave_session(pid, tag);
	return 0;
}

int
cnt_resolver_stop(const char *tag, struct cnt_err *e)
{
	RESOLVER struct resolver any = { 0 };

	describe(&any, NULL);
	if (end_all(&any, e) == -1)
		return -1;
	unlink(any.pid_file);
	remove_cgroups(tag);
	return 0;
}

int
cnt_resolver_check(const char *address, struct cnt_err *e)
{
	/* RFC 1035, 4.1: id, recursion desired, one question: version.bind TXT CH. */
	static const uint8_t question[] = "\x63\x6e\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	    "\x07version\x04" "bind\x00\x00\x10\x00\x03";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	CNT_CLOSE int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { s, POLLIN, 0 };
	uint8_t answer[512];

	if (s == -1 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(s, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    send(s, question, sizeof(question) - 1, 0) == -1)
		return cnt_fail_sys(e, "%s: question to the resolver", address);
	if (poll(&p, 1, ANSWER_MS) != 1 || recv(s, answer, sizeof(answer), 0) < 12 ||
	    memcmp(answer, question, 2) != 0 || (answer[2] & 0x80) == 0)
		return cnt_fail(e, CNT_NO, "%s: the resolver does not answer", address);
	return 0;
}
