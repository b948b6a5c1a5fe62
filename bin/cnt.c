/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt VERB ... executes cnt-VERB, found beside this program. It knows no verb: the list that it
 * prints, and what it suggests for a word it does not find, come from what the programs there say
 * of themselves.
 */
#include <errno.h>

#include "lib/json.h"
#include "lib/paths.h"
#include "lib/run.h"
#include "lib/verb.h"

#define VERBS_MAX	64

struct known {
	cJSON	*verbs[VERBS_MAX];	/* as --describe has them */
	size_t	 n;
};

static int
is_verb(const struct dirent *d)
{
	return strncmp(d->d_name, "cnt-", 4) == 0 && strchr(d->d_name, '.') == NULL;
}

static void
ask(const char *dir, const char *program, struct known *k)
{
	char *path CNT_FREE = cnt_format("%s/%s", dir, program);
	char *argv[] = { path, (char[]){ "--describe" }, NULL };
	struct cnt_buf out CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	cJSON *d CNT_JSON = NULL;
	cJSON *verbs = NULL;

	if (cnt_run(argv, NULL, 0, &out, &e) == -1)
		return;
	d = cnt_json_parse(out.p != NULL ? out.p : "", out.n, &e);
	verbs = cJSON_GetObjectItemCaseSensitive(d, "verbs");
	while (cJSON_GetArraySize(verbs) > 0 && k->n < VERBS_MAX)
		k->verbs[k->n++] = cJSON_DetachItemFromArray(verbs, 0);
}

static void
learn(const char *dir, struct known *k)
{
	struct dirent **found = NULL;
	int n = scandir(dir, &found, is_verb, alphasort);

	for (int i = 0; i < n; i++) {
		ask(dir, found[i]->d_name, k);
		free(found[i]);
	}
	free(found);
}

static void
print_group(const struct known *k, const char *group)
{
	const char *last = "";

	printf("\n%s\n", group);
	for (size_t i = 0; i < k->n; i++) {
		const char *name = cnt_json_str(k->verbs[i], "name");
		const char *own = cnt_json_str(k->verbs[i], "group");

		if (own == NULL || strcmp(own, group) != 0 || strcmp(name, last) == 0)
			continue;
		printf("  %-16s %s\n", name, cnt_json_str(k->verbs[i], "summary"));
		last = name;
	}
}

/* Groups in the order in which they first appear among the verbs. */
static void
print_list(const struct known *k)
{
	printf("usage: cnt VERB [OPTION]... ; cnt VERB --help\n");
	for (size_t i = 0; i < k->n; i++) {
		const char *group = cnt_json_str(k->verbs[i], "group");
		size_t j = 0;

		while (j < i && (group == NULL || cnt_json_str(k->verbs[j], "group") == NULL ||
		    strcmp(group, cnt_json_str(k->verbs[j], "group")) != 0))
			j++;
		if (group != NULL && j == i)
			print_group(k, group);
	}
}

static bool
has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; p != NULL && (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

static int
unknown(const char *dir, const char *word)
{
	struct known k = { 0 };
	const char *names[VERBS_MAX] = { NULL }, *meant = NULL;

	learn(dir, &k);
	for (size_t i = 0; i < k.n; i++) {
		names[i] = cnt_json_str(k.verbs[i], "name");
		if (has_word(cnt_json_str(k.verbs[i], "also"), word))
			meant = names[i];
	}
	if (meant == NULL)
		meant = cnt_argv_nearest(word, names, k.n);
	fprintf(stderr, "cnt: %.64s: no such verb\n", word);
	if (meant != NULL)
		fprintf(stderr, "hint: did you mean `cnt %s`?\n", meant);
	else
		fprintf(stderr, "hint: `cnt` alone lists the verbs\n");
	return cnt_code_exit(CNT_INVALID);
}

int
main(int argc, char **argv)
{
	static char help[] = "--help";
	char *dir CNT_FREE = cnt_path_beside(".");
	const char *verb = argc > 1 ? argv[1] : NULL;
	char *path CNT_FREE = NULL;
	struct known k = { 0 };

	if (verb != NULL && strcmp(verb, "help") == 0 && argc == 3) {
		verb = argv[2];
		argv[2] = help;
	} else if (verb == NULL || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 ||
	    strcmp(verb, "help") == 0) {
		learn(dir, &k);
		print_list(&k);
		return ferror(stdout) != 0 || fflush(stdout) == EOF ? cnt_code_exit(CNT_SYSTEM) :
		    verb != NULL ? 0 :
		    cnt_code_exit(CNT_INVALID);
	}
	if (strcmp(verb, "--version") == 0)
		verb = "version";
	path = cnt_format("%s/cnt-%s", dir, verb);
	if (strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(verb) &&
	    verb[0] != '-') {
		argv[1] = path;
		execv(path, argv + 1);
		if (errno != ENOENT) {
			fprintf(stderr, "cnt: %s: %s\n", path, strerror(errno));
			return cnt_code_exit(CNT_SYSTEM);
		}
	}
	return unknown(dir, verb);
}
