/* SPDX-License-Identifier: Apache-2.0
 *
 * What enters a box is confined here, step by step, as the box's own init is; setns(2) does none of
 * it. This process is seen in the box, so that every moment of it until exec is looked at by an
 * enemy. It cannot be traced (not dumpable), holds nothing of the host's but standard input and
 * output, and follows no link that could lead to them.
 */
#include "lib/entrant-own.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <signal.h>

#include "lib/account.h"
#include "lib/filter.h"

#define PATH_IN_BOX "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CAPS_MAX 64

/* Through the host's /proc, since the box may have mounted something else on its own. */
static int
set_label(const char *label, struct cnt_err *e)
{
	CNT_CLOSE int fd = label == NULL ? -1 :
	    openat(FD_PROC, "self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);

	if (label != NULL && (fd == -1 || write(fd, label, strlen(label)) == -1))
		return cnt_fail_sys(e, "apparmor label");
	return 0;
}

static int
drop_bounding(struct cnt_err *e)
{
	uint64_t keep = 0;

	for (size_t i = 0; i < cnt_box_caps_n; i++)
		keep |= UINT64_C(1) << cnt_box_caps[i].number;
	for (int cap = 0; cap < CAPS_MAX; cap++)
		if ((keep & UINT64_C(1) << cap) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1) {
			if (errno == EINVAL)	/* above the kernel's last */
				break;
			return cnt_fail_sys(e, "capability %d", cap);
		}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "ambient capabilities");
	return 0;
}

/* The uid of a process that came from the host is not the box's root's, so changing it drops no
 * capability by itself. Root's are cut to the bounding set by exec. */
static int
become(const struct cnt_account *a, struct cnt_err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (setresuid(a->uid, a->uid, a->uid) == -1)
		return cnt_fail_sys(e, "uid %ju", (uintmax_t)a->uid);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "dumpable");
	if (a->uid != 0 && syscall(SYS_capset, &h, none) == -1)
		return cnt_fail_sys(e, "capabilities");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)	/* a change of ids clears it */
		return cnt_fail_sys(e, "parent-death signal");
	return 0;
}

static int
take_terminal(const struct cnt_terminal *like, struct cnt_err *e)
{
	struct cnt_report r = { .kind = CNT_ENTRANT_MASTER };
	CNT_CLOSE int master = -1;
	CNT_CLOSE int slave = -1;

	if (cnt_terminal_open(like, &master, &slave, e) == -1)
		return -1;
	cnt_entrant_tell(&r, master);
	if (ioctl(slave, TIOCSCTTY, 0) == -1)
		return cnt_fail_sys(e, "terminal in the box");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) == -1)
			return cnt_fail_sys(e, "terminal in the box");
	return 0;
}

static void
set_env(char ***env, size_t *n, char *entry)
{
	size_t name = strcspn(entry, "=") + 1;
	size_t i = 0;

	while (i < *n && strncmp((*env)[i], entry, name) != 0)
		i++;
	if (i == *n) {
		*env = cnt_realloc(*env, (*n + 2) * sizeof(**env));
		(*env)[++*n] = NULL;
	}
	(*env)[i] = entry;
}

static bool
is_term(const char *s)
{
	size_t n = 0;

	while (s != NULL && (isalnum((unsigned char)s[n]) || (s[n] != '\0' &&
	    strchr("+-._", s[n]) != NULL)))
		n++;
	return n > 0 && n < 64 && s[n] == '\0';
}

static char **
make_env(const struct cnt_entry *en, const struct cnt_account *a)
{
	const char *term = getenv("TERM");
	char **env = NULL;
	size_t n = 0;

	set_env(&env, &n, cnt_format("HOME=%s", a->home));
	set_env(&env, &n, cnt_format("USER=%s", a->name));
	set_env(&env, &n, cnt_format("LOGNAME=%s", a->name));
	set_env(&env, &n, cnt_format("SHELL=%s", a->shell));
	set_env(&env, &n, cnt_strdup(PATH_IN_BOX));
	set_env(&env, &n, cnt_strdup("LANG=C.UTF-8"));
	if (en->terminal)
		set_env(&env, &n, cnt_format("TERM=%s", is_term(term) ? term : "xterm"));
	for (const char *const *p = en->env; p != NULL && *p != NULL; p++)
		set_env(&env, &n, cnt_strdup(*p));
	return env;
}

static void
unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* From here on nothing is cnt's to report: as with a shell, the command's own standard error says
 * why it could not be executed. */
static CNT_NORETURN void
execute(const struct cnt_entry *en, const struct cnt_account *a)
{
	const char *slash = strrchr(a->shell, '/');
	char *login[] = { cnt_format("-%s", slash + 1), NULL };
	char *box[] = { cnt_strdup("agent-box"), NULL };
	char *const *argv = en->argv != NULL ? en->argv : en->memfd != -1 ? box : login;
	int error;

	environ = make_env(en, a);
	unblock_signals();
	cnt_entrant_tell(&(struct cnt_report){ .kind = CNT_ENTRANT_READY }, -1);
	if (en->memfd != -1)
		execveat(FD_MEMFD, "", argv, environ, AT_EMPTY_PATH);
	else if (en->argv == NULL)
		execve(a->shell, argv, environ);
	else
		execvp(argv[0], argv);
	error = errno;
	signal(SIGPIPE, SIG_IGN);	/* the status says it too */
	dprintf(STDERR_FILENO, "cnt: %s: %s\n", argv[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

static int
confine(const struct cnt_entrant *x, const char *label, struct cnt_account *a, struct cnt_err *e)
{
	const struct cnt_entry *en = x->en;

	if (setsid() == -1)
		return cnt_fail_sys(e, "session");
	if (drop_bounding(e) == -1 || set_label(label, e) == -1)
		return -1;
	close(FD_PROC);
	close(FD_PIDFD);
	umask(022);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 && errno != ENOSYS)
		return cnt_fail_sys(e, "session keyring");
	if (cnt_account_find(en->user != NULL ? en->user : en->box, a, e) == -1)
		return -1;
	if (setgroups(a->groups_n, a->groups) == -1 || setresgid(a->gid, a->gid, a->gid) == -1)
		return cnt_fail_sys(e, "groups of %s", a->name);
	if (cnt_filter_load(x->filter, e) == -1 || become(a, e) == -1)
		return -1;
	if (en->terminal && take_terminal(x->like, e) == -1)
		return -1;
	if (chdir(en->cwd != NULL ? en->cwd : a->home) == -1)
		return cnt_fail(e, errno == ENOENT || errno == ENOTDIR ? CNT_NOTFOUND : CNT_NO,
		    "%s: cannot be the working directory: %s",
		    en->cwd != NULL ? en->cwd : a->home, strerror(errno));
	return 0;
}

void
cnt_entrant_inside(const struct cnt_entrant *x, const char *label)
{
	struct cnt_account a = { 0 };
	struct cnt_err e = { 0 };

	if (confine(x, label, &a, &e) == -1 || a.shell == NULL)
		cnt_entrant_give_up(&e);
	execute(x->en, &a);
}
