/* SPDX-License-Identifier: Apache-2.0
 *
 * An archive is read once: the same bytes go through SHA-256 and into tar(1). The archive is an
 * enemy's. What holds it in the directory is GNU tar's own rule: absolute names and `..` are
 * stripped, and links that point outside are made last. Extended attributes that would speak to
 * the host's overlayfs are left out.
 */
#include "lib/unpack.h"

#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "lib/cancel.h"
#include "lib/crypto.h"
#include "lib/fault.h"
#include "lib/proc.h"
#include "lib/run.h"

#define CHUNK		65536
#define MAGIC		6		/* bytes of the longest below */
#define MB		INT64_C(1000000)
#define REPORT_BYTES	(4 * MB)

/* tar detects compression only in files it can seek in. */
static const struct {
	const char	*magic;
	size_t		 n;
	const char	*option;
} compressions[] = {
	{ "\x1f\x8b",			2, "--gzip" },
	{ "\xfd" "7zXZ\0",		6, "--xz" },
	{ "\x28\xb5\x2f\xfd",		4, "--zstd" },
	{ "BZh",			3, "--bzip2" },
};

/* What tar says of the host; all else it says of the archive. */
static const int of_host[] = { ENOSPC, EDQUOT, EROFS, EIO, EMFILE, ENFILE, ENOMEM };

struct flow {
	struct cnt_source	*source;
	struct cnt_call		*call;
	struct cnt_sha256	 sha;
	int			 tar;		/* its standard input; -1: it reads no more */
	pid_t			 pid;
	int			 error_fd;
	int64_t			 bytes, total, reported;
};

/* Outside the namespaces: keeps what the parent had locked until everything in them is dead, and
 * kills it when the parent ends or sends TERM. All signals are blocked here. */
static CNT_NORETURN void
watch(pid_t pid, int parent)
{
	sigset_t term;
	int status;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	struct pollfd p[3] = { { parent, POLLIN, 0 }, { pidfd_open(pid, 0), POLLIN, 0 },
	    { signalfd(-1, &term, SFD_CLOEXEC), POLLIN, 0 } };

	while (poll(p, nitems(p), -1) == -1 && errno == EINTR)
		continue;
	if (p[1].revents == 0)
		kill(pid, SIGKILL);
	status = cnt_proc_reap(pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A pid namespace ends with its first process, a mount namespace with the last. */
static void
contain(int parent)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) == -1 || (pid = fork()) == -1)
		_exit(127);
	if (pid != 0)
		watch(pid, parent);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1)
		_exit(127);
}

pid_t
cnt_unpack_start(char *const argv[], char *const env[], const int fds[3], bool contained)
{
	int self CNT_CLOSE = pidfd_open(getpid(), 0);
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid_t parent = getpid(), pid = self == -1 ? -1 : fork();
	if (pid != 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return pid;
	}
	setpgid(0, 0);		/* what a terminal or a server sends to all is for the verb alone */
	if (contained)
		contain(self);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || (!contained && getppid() != parent))
		_exit(127);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) == -1)
			_exit(127);
	}
	closefrom(3);
	environ = (char **)env;
	execvp(argv[0], argv);
	_exit(127);
}

/* What tar says of an archive need have no end: what the pipe does not hold is lost. That makes tar
 * fail, so it is asked to say nothing of an archive that it takes whole. */
static int
start_tar(struct flow *f, const char *dir, const char *head, size_t n, struct cnt_err *e)
{
	char *into CNT_FREE = cnt_format("--directory=%s", dir);
	char *argv[] = { (char *)"tar", (char *)"--extract", (char *)"--file=-", into,
	    (char *)"--numeric-owner", (char *)"--same-owner", (char *)"--preserve-permissions",
	    (char *)"--acls", (char *)"--xattrs", (char *)"--xattrs-include=security.capability",
	    (char *)"--xattrs-include=user.*", (char *)"--xattrs-exclude=user.overlay.*",
	    (char *)"--warning=none", NULL, NULL };
	int pair[2], said[2];

	for (size_t i = 0; i < nitems(compressions); i++) {
		if (n >= compressions[i].n &&
		    memcmp(head, compressions[i].magic, compressions[i].n) == 0)
			argv[nitems(argv) - 2] = (char *)compressions[i].option;
	}
	if (pipe2(said, O_CLOEXEC | O_NONBLOCK) == -1)
		return cnt_fail_sys(e, "tar");
	f->error_fd = said[0];
	int error CNT_CLOSE = said[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return cnt_fail_sys(e, "tar");
	f->tar = pair[0];
	f->pid = cnt_unpack_start(argv, cnt_run_env, (int[3]){ pair[1], error, error }, false);
	close(pair[1]);
	return f->pid == -1 ? cnt_fail_sys(e, "tar") : 0;
}

/* A tar that reads no more has its reason: its exit status says it. The hash goes on. */
static int
feed(struct flow *f, const char *bytes, size_t n, struct cnt_err *e)
{
	cnt_sha256_add(&f->sha, bytes, n);
	f->bytes += (int64_t)n;
	while (n > 0 && f->tar != -1) {
		struct pollfd p[2] = { { f->tar, POLLOUT, 0 }, { cnt_cancel_fd(), POLLIN, 0 } };
		ssize_t w = send(f->tar, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (w == -1 && errno == EAGAIN)
			poll(p, nitems(p), -1);
		else if (w == -1 && errno != EINTR)
			close(take_fd(&f->tar));
		if (cnt_cancel_check(e) == -1)
			return -1;
		bytes += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
	return 0;
}

/* Bytes of the archive out of those and what the disk then takes as its time; without a total
 * nobody knows. */
static void
report(struct flow *f, const char *text)
{
	if (f->call != NULL)
		cnt_progress(f->call, (double)f->bytes, (double)f->total * 1.125, text);
	f->reported = f->bytes;
}

static void
report_bytes(struct flow *f)
{
	char of[32] = "", text[64];

	if (f->total > 0)
		snprintf(of, sizeof(of), " of %lld", (long long)f->total / MB);
	snprintf(text, sizeof(text), "unpacking: %lld%s MB", (long long)f->bytes / MB, of);
	report(f, text);
}

/* The program's standard error: whole lines, control characters shown as dots. */
static void
take_lines(struct flow *f, struct cnt_buf *line)
{
	char chunk[4096];
	ssize_t r = read(f->source->lines, chunk, sizeof(chunk));

	if (r <= 0 && errno != EINTR) {
		close(f->source->lines);
		f->source->lines = -1;
	}
	for (ssize_t i = 0; i < r; i++) {
		unsigned char byte = (unsigned char)chunk[i];

		if (byte != '\n' && byte != '\r') {
			if (line->n < sizeof(f->source->last) - 1)
				cnt_buf_add(line, byte < ' ' || byte == 127 ? "." : &chunk[i], 1);
			continue;
		}
		if (line->n > 0) {
			strlcpy(f->source->last, line->p, sizeof(f->source->last));
			report(f, f->source->last + (strncmp(line->p, "I: ", 3) == 0 ? 3 : 0));
		}
		line->n = 0;
	}
}

/* Both streams until both have ended. */
static int
pump(struct flow *f, const char *dir, struct cnt_err *e)
{
	struct cnt_buf line CNT_BUF = { 0 };
	char *chunk CNT_FREE = cnt_alloc(CHUNK);
	bool open_end = true;
	size_t have = 0;

	while (open_end || f->source->lines != -1) {
		struct pollfd p[3] = { { open_end ? f->source->archive : -1, POLLIN, 0 },
		    { f->source->lines, POLLIN, 0 }, { cnt_cancel_fd(), POLLIN, 0 } };

		if (poll(p, nitems(p), -1) == -1 && errno != EINTR)
			return cnt_fail_sys(e, "archive");
		if (cnt_cancel_check(e) == -1)
			return -1;
		if (p[1].revents != 0)
			take_lines(f, &line);
		if (p[0].revents == 0)
			continue;
		ssize_t r = read(f->source->archive, chunk + have, CHUNK - have);
		if (r == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r == -1)
			return cnt_fail_sys(e, "archive");
		open_end = r > 0;
		have += (size_t)r;
		if (have == 0 || (f->pid == 0 && have < MAGIC && open_end))
			continue;
		if (f->pid == 0 && (start_tar(f, dir, chunk, have, e) == -1 ||
		    CNT_STEP("the archive's kind is known", e) == -1))
			return -1;
		if (feed(f, chunk, have, e) == -1 ||
		    CNT_STEP("the archive is unpacked in part", e) == -1)
			return -1;
		have = 0;
		if (f->bytes - f->reported >= REPORT_BYTES)
			report_bytes(f);
	}
	return 0;
}

static int
check_source(struct cnt_source *s, struct cnt_err *e)
{
	int status = 0;

	if (s->pid != 0 && cnt_cancel_waitpid(s->pid, &status, e) == -1)
		return -1;
	s->pid = 0;
	if (status == 0)
		return 0;
	return cnt_fail(e, CNT_SYSTEM, "recipe: status %d: %s",
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), s->last);
}

static int
check_tar(struct flow *f, struct cnt_err *e)
{
	char text[513] = "";
	enum cnt_code code = CNT_INVALID;
	int status = 0;

	if (f->tar != -1)
		close(f->tar);
	f->tar = -1;
	if (f->pid == 0)
		return cnt_fail(e, CNT_INVALID, "archive: empty");
	if (cnt_cancel_waitpid(f->pid, &status, e) == -1)
		return -1;
	f->pid = 0;
	if (status == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return cnt_fail(e, CNT_UNAVAILABLE, "tar: cannot be executed");
	if (read(f->error_fd, text, sizeof(text) - 1) == -1)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (size_t i = 0; i < nitems(of_host); i++) {
		if (strstr(text, strerror(of_host[i])) != NULL)
			code = CNT_SYSTEM;
	}
	if (strstr(text, ": Cannot exec: ") != NULL) {
		cnt_fail(e, CNT_UNAVAILABLE, "archive: %s", text);
		return cnt_hint(e, "apt-get install zstd xz-utils bzip2");
	}
	return cnt_fail(e, code, "archive: %s", text[0] == '\0' ? "tar was killed" : text);
}

static void
end_child(pid_t pid, int signo)
{
	if (pid > 0 && kill(pid, signo) == 0)
		cnt_proc_reap(pid);
}

static void
end_flow(struct flow *f)
{
	if (f->tar != -1)
		close(f->tar);
	end_child(f->pid, SIGKILL);
	if (f->error_fd != -1)
		close(f->error_fd);
}

/* A source that is contained has a process which ends all there is of it. */
void
cnt_unpack_end(struct cnt_source *s)
{
	end_child(s->pid, SIGTERM);
	close(s->archive);
	if (s->lines != -1)
		close(s->lines);
}

int
cnt_unpack(struct cnt_source *s, const char *dir, uint8_t digest[32], int64_t *bytes,
    struct cnt_call *c, struct cnt_err *e)
{
	__attribute__((cleanup(end_flow))) struct flow f = { .source = s, .call = c, .tar = -1,
	    .error_fd = -1 };
	struct stat st;

	if (fstat(s->archive, &st) == -1)
		return cnt_fail_sys(e, "archive");
	f.total = S_ISREG(st.st_mode) ? st.st_size : 0;
	cnt_sha256_start(&f.sha);
	if (pump(&f, dir, e) == -1 || check_source(s, e) == -1 || check_tar(&f, e) == -1)
		return -1;
	cnt_sha256_end(&f.sha, digest);
	*bytes = f.bytes;
	return 0;
}
