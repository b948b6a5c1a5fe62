/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a recipe and starts it as root, in namespaces of its own that end with it: what it mounts
 * or leaves running ends with the build, however that ends. Its environment is fixed but for the
 * proxies that its downloads may need.
 */
#include "lib/recipe.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/paths.h"
#include "lib/run.h"

static const char *const passed[] = {
	"http_proxy", "https_proxy", "no_proxy", "SOURCE_DATE_EPOCH",
};

/* A word that is neither an option nor a path. */
static bool
is_word(const char *s)
{
	return *s != '\0' && *s != '-' && *s != '.' && strlen(s) <= 64 &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-")] == '\0';
}

/* Beside the program's directory: malloc'd, or NULL. */
static char *
find(const char *recipe)
{
	char *relative CNT_FREE = cnt_format("../share/cnt/image/%s", recipe);
	char *path CNT_FREE = cnt_path_beside(relative);

	return access(path, X_OK) == 0 ? take(&path) : NULL;
}

static int
start(char *const argv[], char *const env[], struct cnt_source *s, struct cnt_err *e)
{
	int archive[2] = { -1, -1 }, lines[2] = { -1, -1 };
	int null CNT_CLOSE = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*s = (struct cnt_source){ .archive = -1, .lines = -1 };
	if (null == -1 || pipe2(archive, O_CLOEXEC) == -1)
		return cnt_fail_sys(e, "%s", argv[0]);
	if (pipe2(lines, O_CLOEXEC) == 0)
		s->pid = cnt_unpack_start(argv, env, (int[3]){ null, archive[1], lines[1] }, true);
	int saved = errno;
	close(archive[1]);
	if (lines[1] != -1)
		close(lines[1]);
	s->archive = archive[0];
	s->lines = lines[0];
	if (s->pid > 0)
		return 0;
	close(s->archive);
	if (s->lines != -1)
		close(s->lines);
	errno = saved;
	return cnt_fail_sys(e, "%s", argv[0]);
}

int
cnt_recipe_start(const char *recipe, const char *suite, const char *tmp, struct cnt_source *s,
    struct cnt_err *e)
{
	char *path CNT_FREE = is_word(recipe) ? find(recipe) : NULL;
	char *dir CNT_FREE = cnt_path_beside("../share/cnt/image");
	char *argv[] = { path, (char *)suite, NULL };
	char *env[nitems(passed) + 5] = { NULL };
	size_t n = 0;

	if (path == NULL) {
		cnt_fail(e, CNT_NOTFOUND, "%s: no such recipe", recipe);
		return cnt_hint(e, "recipes are in %s", dir);
	}
	if (suite != NULL && !is_word(suite))
		return cnt_fail(e, CNT_INVALID, "suite: expected a release's name, got \"%s\"",
		    suite);
	for (; cnt_run_env[n] != NULL; n++)
		env[n] = cnt_strdup(cnt_run_env[n]);
	env[n++] = cnt_format("TMPDIR=%s", tmp);
	for (size_t i = 0; i < nitems(passed); i++) {
		if (getenv(passed[i]) != NULL)
			env[n++] = cnt_format("%s=%s", passed[i], getenv(passed[i]));
	}
	int r = start(argv, env, s, e);
	for (size_t i = 0; i < n; i++)
		free(env[i]);
	return r;
}
