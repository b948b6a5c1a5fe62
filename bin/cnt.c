/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt VERB ... executes cnt-VERB, found beside this program, or what an operator dropped into
 * /etc/cnt/verbs.d under that name. It knows no verb: the list that it prints, and what it suggests
 * for a word it does not find, come from what the programs there say of themselves.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/learn.h"
#include "lib/paths.h"
#include "lib/standard.h"
#include "mcp/described.h"

#define VERBS_MAX	128

struct known {
	cJSON		*programs;		/* owned by whoever learns */
	const cJSON	*verbs[VERBS_MAX];	/* as --describe has them */
	size_t		 n;
};

/* agent-box is no verb. */
static void
learn(struct known *k)
{
	const cJSON *program = NULL, *verb = NULL;

	cnt_described_look(&k->programs);
	cJSON_ArrayForEach(program, k->programs) {
		const char *file = cnt_json_str(program, "name");

		if (file == NULL || (strcmp(file, "agent-box") == 0 &&
		    !cnt_json_bool(program, "dropin")))
			continue;
		cJSON_ArrayForEach(verb, cnt_json_get(program, "verbs"))
			if (cnt_json_str(verb, "name") != NULL && k->n < VERBS_MAX)
				k->verbs[k->n++] = verb;
	}
}

static void
print_group(const struct known *k, const char *group)
{
	const char *last = "";

	printf("\n%s\n", group);
	for (size_t i = 0; i < k->n; i++) {
		const char *name = cnt_json_str(k->verbs[i], "name");
		const char *own = cnt_json_str(k->verbs[i], "group");
		const char *summary = cnt_json_str(k->verbs[i], "summary");

		if (own == NULL || strcmp(own, group) != 0 || strcmp(name, last) == 0)
			continue;
		printf("  %-16s %s\n", name, summary != NULL ? summary : "");
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

static int
unknown(const char *word, bool json)
{
	struct known k = { 0 };
	const char *names[VERBS_MAX] = { NULL }, *meant = NULL;
	struct cnt_err e = { 0 };

	learn(&k);
	for (size_t i = 0; i < k.n; i++) {
		names[i] = cnt_json_str(k.verbs[i], "name");
		if (cnt_list_has(cnt_json_str(k.verbs[i], "also"), word, " "))
			meant = names[i];
	}
	if (meant == NULL)
		meant = cnt_nearest(word, names, k.n);
	cnt_fail(&e, CNT_INVALID, "%.64s: no such verb", word);
	cnt_hint(&e, meant != NULL ? "did you mean `cnt %s`?" : "`cnt` alone lists the verbs",
	    meant);
	cnt_err_print(&e, "cnt", json);
	cJSON_Delete(k.programs);
	return cnt_code_exit(e.code);
}

/* -1: there is no such verb. */
static int
execute(const char *verb, int argc, char **argv, bool json)
{
	char *beside CNT_FREE = cnt_path_beside("cnt-");
	char *own CNT_FREE = cnt_format("%s%s", beside, verb);
	char *dropped CNT_FREE = cnt_path("%s/%s", CNT_VERBS, verb);
	char *runner CNT_FREE = cnt_path_beside("../lib/cnt/cnt-dropin");
	char **words CNT_FREE = cnt_alloc(((size_t)argc + 2) * sizeof(*words));
	struct cnt_err e = { 0 };

	argv[1] = own;
	execv(own, argv + 1);
	if (errno == ENOENT) {
		if (faccessat(AT_FDCWD, dropped, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
			return -1;
		words[0] = runner;
		words[1] = (char *)(uintptr_t)verb;
		memcpy(words + 2, argv + 2, (size_t)(argc - 2) * sizeof(*words));
		execv(runner, words);
	}
	cnt_fail_sys(&e, "%s", verb);
	cnt_err_print(&e, "cnt", json);
	return cnt_code_exit(e.code);
}

/* asked: for the list, or there was no verb. */
static int
list_verbs(bool asked)
{
	struct known k = { 0 };

	learn(&k);
	print_list(&k);
	cJSON_Delete(k.programs);
	return asked ? 0 : cnt_code_exit(CNT_INVALID);
}

static int
run(int argc, char **argv)
{
	static char help[] = "--help";
	const char *verb = argc > 1 ? argv[1] : "help";
	bool json = cnt_argv_json(argc - 1, argv + 1);
	int status = -1;

	if (strcmp(verb, "help") == 0 && argc == 3) {
		verb = argv[2];
		argv[2] = help;
	} else if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 ||
	    strcmp(verb, "help") == 0) {
		return list_verbs(argc > 1);
	}
	if (strcmp(verb, "--version") == 0)
		verb = "version";
	if (cnt_learn_name(verb))
		status = execute(verb, argc, argv, json);
	return status != -1 ? status : unknown(verb, json);
}

int
main(int argc, char **argv)
{
	cnt_standard_begin();
	return cnt_standard_end(run(argc, argv), "cnt");
}
