/* SPDX-License-Identifier: Apache-2.0
 *
 * A script's command line, made of checked arguments: no shell reads it, an option and its value
 * are one word, and what a caller chose can never be taken for an option.
 */
#include "mcp/script-own.h"

#define WORD_MAX	131072			/* kernel's MAX_ARG_STRLEN */
#define ROOM_FOR_REST	((size_t)16384)		/* environment, interpreter */

static void
add_word(char ***words, size_t *n, char *word)
{
	if ((*n & (*n + 1)) == 0)		/* 0, 1, 3, 7 ...: it is full */
		*words = cnt_realloc(*words, 2 * (*n + 1) * sizeof(**words));
	(*words)[(*n)++] = word;
	(*words)[*n] = NULL;
}

static void
add_value(char ***words, size_t *n, const struct cnt_field *f, const cJSON *v)
{
	char *value CNT_FREE = cJSON_IsString(v) ? cnt_strdup(v->valuestring) :
	    f->type == CNT_INTEGER ? cnt_format("%.0f", v->valuedouble) : cnt_json_print(v);
	char *option CNT_FREE = cnt_argv_option(f);

	add_word(words, n, (f->flags & (CNT_OPERAND | CNT_REST)) != 0 ? take(&value) :
	    cnt_format("%s=%s", option, value));
}

static void
add_fields(char ***words, size_t *n, const struct cnt_call *c, bool operands)
{
	for (const struct cnt_field *f = c->verb->params; f->name != NULL; f++) {
		const cJSON *v = cnt_json_get(c->in, f->name), *m = NULL;

		if (v == NULL || ((f->flags & (CNT_OPERAND | CNT_REST)) != 0) != operands)
			continue;
		if (cJSON_IsArray(v))
			cJSON_ArrayForEach(m, v)
				add_value(words, n, f, m);
		else
			add_value(words, n, f, v);
	}
}

/* What execve(2) would refuse is the caller's mistake. */
static int
check_room(char *const words[], struct cnt_err *e)
{
	size_t all = ROOM_FOR_REST, longest = 0, most = (size_t)sysconf(_SC_ARG_MAX);

	for (; *words != NULL; words++) {
		size_t n = strlen(*words) + 1;

		all += n + sizeof(*words);
		longest = n > longest ? n : longest;
	}
	if (longest <= WORD_MAX && all <= most)
		return 0;
	cnt_fail(e, CNT_INVALID, "arguments: too long for the command line of a program");
	return cnt_hint(e, "less than %d KiB each, %zu KiB together", WORD_MAX >> 10, most >> 10);
}

char **
cnt_script_words(const struct cnt_call *c, const char *path)
{
	const char *second = strchr(c->verb->name, ' ');
	char **words = NULL;
	size_t n = 0;

	add_word(&words, &n, cnt_strdup(path));
	if (second != NULL)
		add_word(&words, &n, cnt_strdup(second + 1));
	add_fields(&words, &n, c, false);
	add_word(&words, &n, cnt_strdup("--"));
	add_fields(&words, &n, c, true);
	if (check_room(words, c->err) == 0)
		return words;
	cnt_script_words_free(words);
	return NULL;
}

void
cnt_script_words_free(char **words)
{
	for (char **w = words; *w != NULL; w++)
		free(*w);
	free(words);
}
