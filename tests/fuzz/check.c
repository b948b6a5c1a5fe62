/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments for every tool of agent-box, made from its own table or read as JSON or as words of a
 * command line: what the checker takes is complete, within its bounds, and stays as it is when it
 * is checked again; what it refuses is refused with a reason. Nothing is run.
 */
#include <math.h>

int	agent_box(int argc, char **argv);

#define main agent_box
#include "bin/agent-box.c"	/* NOLINT(bugprone-suspicious-include): its table */
#undef main

#include "tests/fuzz/fuzz.h"

static cJSON *
some_value(const struct cnt_field *f, const uint8_t **data, size_t *n, int depth);

static cJSON *
some_object(const struct cnt_field *fields, const uint8_t **data, size_t *n, int depth)
{
	static const char *const more[] = { "wait_for_previous", "", "x" };
	cJSON *j = cJSON_CreateObject();
	size_t known = 0;

	while (fields != NULL && fields[known].name != NULL)
		known++;
	for (unsigned k = pick(data, n, 8); k > 0 && *n > 0; k--) {
		size_t i = pick(data, n, (unsigned)known + 2);
		const struct cnt_field *f = i < known ? &fields[i] : NULL;

		cnt_json_set(j, f != NULL ? f->name : more[i - known],
		    some_value(f, data, n, depth + 1));
	}
	return j;
}

static cJSON *
some_array(const struct cnt_field *f, const uint8_t **data, size_t *n, int depth)
{
	cJSON *j = cJSON_CreateArray();

	for (unsigned k = pick(data, n, 3); k > 0; k--)
		cJSON_AddItemToArray(j, some_value(f, data, n, depth + 1));
	return j;
}

/* About the field's own bounds, most of the time. */
static cJSON *
some_number(const struct cnt_field *f, const uint8_t **data, size_t *n)
{
	static const double about[] = { -1, 0, 1, 0.5 };
	unsigned where = pick(data, n, 2);
	double least = f != NULL ? f->min : 0, most = f != NULL ? f->max : 0;

	if (where == 2)
		return cJSON_CreateNumber((int)pick(data, n, 255) - 100);
	return cJSON_CreateNumber((where == 0 ? least : most) + about[pick(data, n, 3)]);
}

static cJSON *
some_value(const struct cnt_field *f, const uint8_t **data, size_t *n, int depth)
{
	char *text CNT_FREE = NULL;
	unsigned kind = pick(data, n, depth > 4 ? 4 : 7);

	switch (kind) {
	case 0:
		return cJSON_CreateNull();
	case 1:
		return cJSON_CreateBool(pick(data, n, 1) == 1);
	case 2:
		return some_number(f, data, n);
	case 3:
		text = pick_text(data, n);
		return cJSON_CreateNumber(strtod(text, NULL));
	case 4:
		text = pick_text(data, n);
		text[cnt_utf8_valid(text, strlen(text))] = '\0';
		return cJSON_CreateString(text);
	case 5:
		return some_array(f, data, n, depth);
	case 6:
		return some_object(f != NULL ? f->of : NULL, data, n, depth);
	default:
		return cJSON_CreateString(f != NULL && f->choices != NULL ? f->choices[0] : "30");
	}
}

static void
check_field(const struct cnt_field *f, const cJSON *v)
{
	must(v != NULL || ((f->flags & CNT_REQUIRED) == 0 && f->def == NULL));
	if (v == NULL)
		return;
	if (f->type == CNT_INTEGER)
		must(cJSON_IsNumber(v) && v->valuedouble == trunc(v->valuedouble));
	if (cJSON_IsNumber(v) && (f->min != 0 || f->max != 0))
		must(v->valuedouble >= f->min && v->valuedouble <= f->max);
	if (f->type == CNT_STRING) {
		bool found = f->choices == NULL;

		must(cJSON_IsString(v));
		for (const char *const *c = f->choices; c != NULL && *c != NULL; c++)
			found = found || strcmp(*c, v->valuestring) == 0;
		must(found);
	}
}

static void
check(const struct cnt_verb *v, const cJSON *args)
{
	struct cnt_err e = { 0 };
	cJSON *in CNT_JSON = cnt_check_args(v, args, &e), *again CNT_JSON = NULL;
	size_t len = strlen(e.text);

	if (in == NULL) {
		must(e.code == CNT_INVALID && len > 0 && cnt_utf8_valid(e.text, len) == len);
		for (size_t i = 0; i < len; i++)
			must((unsigned char)e.text[i] >= 0x20 && e.text[i] != 0x7f);
		return;
	}
	must(len == 0 && cnt_json_get(in, "wait_for_previous") == NULL);
	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL; f++)
		check_field(f, cnt_json_get(in, f->name));
	again = cnt_check_args(v, in, &e);
	must(again != NULL && cJSON_Compare(in, again, true));
}

static void
words(const struct cnt_verb *v, const uint8_t *data, size_t n)
{
	char *argv[9] = { NULL };
	int argc = 0;
	struct cnt_argv opt = { 0 };
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = NULL;

	while (n > 0 && argc < 8)
		argv[argc++] = pick_text(&data, &n);
	args = cnt_argv_parse(v, argc, argv, &opt, &e);
	if (args != NULL)
		check(v, args);
	else
		must(e.code != CNT_OK && e.text[0] != '\0');
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct cnt_verb *v = tools[pick(&data, &n, nitems(tools) - 2)];
	unsigned face = pick(&data, &n, 2);
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = NULL;

	if (face == 0) {
		words(v, data, n);
		return 0;
	}
	args = face == 1 ? some_object(v->params, &data, &n, 0) :
	    cnt_json_parse(n > 0 ? (const char *)data : "", n, &e);
	if (args != NULL)
		check(v, args);
	return 0;
}
