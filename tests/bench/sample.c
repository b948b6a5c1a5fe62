/* SPDX-License-Identifier: Apache-2.0
 *
 * sample FILE LABEL ROUNDS COMMAND... [++ COMMAND...]... [@@ COMMAND...]
 *
 * Runs the commands one after another ROUNDS times, timing from the first's fork to the last's end,
 * and appends "LABEL microseconds" to FILE for each round; what follows @@ is run untimed after
 * each round. A word "@" in a command stands for the round's number. A command that fails ends all.
 */
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>

#include "lib/base.h"

static void
run(char **words, int n, int round)
{
	posix_spawn_file_actions_t quiet;
	char *argv[64] = { NULL };
	pid_t pid = -1;
	int status = 0;

	for (int i = 0; i < n && i < 63; i++) {
		char *at = strchr(words[i], '@');

		argv[i] = at != NULL ? cnt_format("%.*s%d%s", (int)(at - words[i]), words[i], round,
		    at + 1) : words[i];
	}
	if (argv[0] == NULL)
		errx(64, "no command");
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) != 0)
		err(71, "%s", argv[0]);
	posix_spawn_file_actions_destroy(&quiet);
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(70, "%s %s: wait status %d", argv[0], n > 1 ? argv[1] : "", status);
}

/* Runs commands up to the word `end` or the last; returns how many words that were. */
static int
run_all(char **words, int n, const char *end, int round)
{
	int from = 0, i = 0;

	for (; i < n && strcmp(words[i], end) != 0; i++)
		if (strcmp(words[i], "++") == 0) {
			run(words + from, i - from, round);
			from = i + 1;
		}
	if (i > from)
		run(words + from, i - from, round);
	return i;
}

int
main(int argc, char **argv)
{
	FILE *f = argc > 4 ? fopen(argv[1], "ae") : NULL;
	int rounds = argc > 4 ? atoi(argv[3]) : 0, n = 0;

	if (f == NULL || rounds < 1)
		errx(2, "usage: sample FILE LABEL ROUNDS COMMAND... [++ COMMAND...] [@@ "
		    "COMMAND...]");
	for (int round = 0; round < rounds; round++) {
		int64_t from = cnt_ticks_us();

		n = run_all(argv + 4, argc - 4, "@@", round);
		fprintf(f, "%s\t%" PRId64 "\n", argv[2], cnt_ticks_us() - from);
		if (4 + n < argc)
			run_all(argv + 5 + n, argc - 5 - n, "@@", round);
	}
	return fclose(f) == 0 ? 0 : 71;
}
