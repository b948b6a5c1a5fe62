/* SPDX-License-Identifier: Apache-2.0
 *
 * How a command begins: its environment, its directory, /bin/sh in a session of its own, and the
 * process above it that lets go of all that is not its own. What the caller gave (names of
 * variables, a directory) is checked before anything is started.
 */
#include "mcp/box/process/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "mcp/box/process/enforce.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

char **
cnt_launch_environment(const cJSON *add, struct cnt_err *e)
{
	const struct cnt_user *u = cnt_user_self();
	char *tmp CNT_FREE = cnt_enforce_tmpdir();
	const char *const base[][2] = {
		{ "HOME", u->home }, { "USER", u->name }, { "LOGNAME", u->name },
		{ "SHELL", u->shell },
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "LANG", "C.UTF-8" }, { "TERM", "dumb" }, { "TMPDIR", tmp },
	};
	size_t n = 0;
	char **env = cnt_alloc((nitems(base) + (size_t)cJSON_GetArraySize(add) + 1) * sizeof(*env));
	const cJSON *m = NULL;

	for (size_t i = 0; i < nitems(base); i++)
		if (base[i][1] != NULL && cnt_json_get(add, base[i][0]) == NULL)
			env[n++] = cnt_format("%s=%s", base[i][0], base[i][1]);
	cJSON_ArrayForEach(m, add) {
		if (m->string[0] == '\0' || strchr(m->string, '=') != NULL) {
			cnt_fail(e, CNT_INVALID, "env: \"%.64s\" is no name of a variable",
			    m->string);
			cnt_launch_free(env);
			return NULL;
		}
		env[n++] = cnt_format("%s=%s", m->string, m->valuestring);
	}
	return env;
}

void
cnt_launch_free(char **env)
{
	for (size_t i = 0; env[i] != NULL; i++)
		free(env[i]);
	free(env);
}

int
cnt_launch_cwd(const char *cwd, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_wall_path(cwd != NULL ? cwd : ".");
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 && cwd == NULL)
		fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd != -1 ? fd : cnt_wall_fail(e, path);
}

static void
close_from(int fd)
{
	if (close_range((unsigned)fd, ~0U, 0) == -1)
		for (; fd < 4096; fd++)
			close(fd);
}

/* In the child of vfork, with every signal blocked: system calls only. What a caller from a shell
 * had open is the caller's; the descriptors here are the child's alone. */
static CNT_NORETURN void
become(const struct cnt_command *c, char *const argv[], int rules, volatile int *error)
{
	const int f[] = { c->in, c->out, c->err };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	if (setsid() != -1 && dup2(f[0], 0) != -1 && dup2(f[1], 1) != -1 && dup2(f[2], 2) != -1 &&
	    fchdir(c->cwd) != -1 && (rules == -1 || cnt_enforce_enter(rules) != -1) &&
	    sigprocmask(SIG_SETMASK, &none, NULL) != -1) {
		close_from(3);
		execve("/bin/sh", argv, c->env);
	}
	*error = errno;
	_exit(127);
}

int
cnt_launch(const struct cnt_command *c, pid_t *shell)
{
	char name[] = "sh", flag[] = "-c", end[] = "--", *text CNT_FREE = cnt_strdup(c->text);
	char *const argv[] = { name, flag, end, text, NULL };
	volatile int error = 0;
	int rules CNT_CLOSE = -1;

	if (cnt_enforce_open(&rules) == -1)
		return errno;
	*shell = vfork();
	if (*shell == 0)
		become(c, argv, rules, &error);
	return *shell == -1 ? errno : error;
}

void
cnt_launch_keep_only(int *const *mine, size_t n)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), at = 3;

	for (size_t i = 0; i < n; i++)
		if (*mine[i] != -1)
			*mine[i] = fcntl(*mine[i], F_DUPFD_CLOEXEC, at + (int)n);
	for (int fd = 0; fd < 3; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			close(fd);
	for (size_t i = 0; i < n; i++)
		if (*mine[i] != -1)
			*mine[i] = dup3(*mine[i], at++, O_CLOEXEC);
	close_from(at);
}
