/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, read by the verb's table into the object that tools/call would carry. Grammar:
 * options anywhere before `--`, each long, as `--name value` or `--name=value`; a boolean needs no
 * value; operands in the table's order.
 */
#include "lib/verb.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_MAX	65536

static char *
dashes(char *s)
{
	for (char *p = s; (p = strchr(p, '_')) != NULL; )
		*p = '-';
	return s;
}

char *
cnt_argv_option(const struct cnt_field *f)
{
	return dashes(cnt_format("--%s", f->name));
}

bool
cnt_argv_is_option(const struct cnt_field *f)
{
	return (f->flags & (CNT_OPERAND | CNT_REST)) == 0;
}

static int
unknown_option(const struct cnt_verb *v, const char *typed, struct cnt_err *e)
{
	static const char *const common[] = { "--json", "--help", "--version", "--describe",
		"--mcp" };
	const char *words[64] = { NULL }, *best = NULL;
	char *own[64] = { NULL };
	bool known = false;
	size_t n = 0, m = 0;

	for (; n < nitems(common); n++)
		words[n] = common[n];
	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL && n < 64; f++)
		if (cnt_argv_is_option(f))
			words[n++] = own[m++] = cnt_argv_option(f);
	best = cnt_nearest(typed, words, n);
	known = best != NULL && strcmp(best, typed) == 0;
	cnt_fail(e, CNT_INVALID, known ? "%s: option %.64s does not take that value" :
	    "%s: unknown option %.64s", v->name, typed);
	if (best != NULL && !known)
		cnt_hint(e, "did you mean %s?", best);
	else
		cnt_hint(e, "--help lists the options");
	while (m > 0)
		free(own[--m]);
	return -1;
}

/* What a file named on the command line holds, its last newline left out. */
static char *
content(const char *path, struct cnt_err *e)
{
	int fd CNT_CLOSE = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) :
	    open(path, O_RDONLY | O_CLOEXEC);
	struct cnt_buf b CNT_BUF = { 0 };
	char chunk[4096];
	ssize_t n = 0;

	if (fd == -1 && errno == ENOENT)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such file", path), NULL;
	if (fd == -1)
		return cnt_fail_sys(e, "%s", path), NULL;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && b.n <= FILE_MAX)
		cnt_buf_add(&b, chunk, (size_t)n);
	if (n == -1)
		return cnt_fail_sys(e, "%s", path), NULL;
	if (b.n == 0 || b.n > FILE_MAX || strlen(b.p) != b.n) {
		cnt_fail(e, CNT_INVALID, "%s: expected 1 to %d bytes of text", path, FILE_MAX);
		return NULL;
	}
	if (b.p[b.n - 1] == '\n')
		b.p[b.n - 1] = '\0';
	return cnt_strdup(b.p);
}

static int
add_pair(cJSON *map, const struct cnt_field *f, const char *value, struct cnt_err *e)
{
	const char *eq = strchr(value, '=');
	char *key CNT_FREE = NULL;

	if (eq == NULL || eq == value)	/* the value may be a secret without its name */
		return cnt_fail(e, CNT_INVALID, "%s: expected KEY=VALUE", f->name);
	key = cnt_format("%.*s", (int)(eq - value), value);
	cnt_json_set_str(map, key, eq + 1);
	return 0;
}

bool
cnt_argv_repeats(const struct cnt_field *f)
{
	return f->type == CNT_STRINGS || f->type == CNT_OBJECTS || f->type == CNT_MAP ||
	    (f->flags & CNT_EACH) != 0;
}

/* Puts one value under its field's name; a second one only where the table takes several. */
static int
put(cJSON *args, const struct cnt_field *f, const char *value, struct cnt_err *e)
{
	cJSON *at = cJSON_GetObjectItemCaseSensitive(args, f->name);
	char *text CNT_FREE = NULL;

	if ((f->flags & CNT_FROM_FILE) != 0) {
		text = content(value, e);
		if (text == NULL)
			return -1;
		value = text;
	}
	if (cnt_utf8_valid(value, strlen(value)) != strlen(value))
		return cnt_fail(e, CNT_INVALID, "%s: expected UTF-8", f->name);
	if (f->type == CNT_MAP) {
		if (at == NULL)
			at = cJSON_AddObjectToObject(args, f->name);
		return add_pair(at, f, value, e);
	}
	if (!cnt_argv_repeats(f)) {
		if (at != NULL)
			return cnt_fail(e, CNT_INVALID, "%s: given twice", f->name);
		cnt_json_set_str(args, f->name, value);
		return 0;
	}
	if (at == NULL)
		at = cJSON_AddArrayToObject(args, f->name);
	cJSON_AddItemToArray(at, cJSON_CreateString(value));
	return 0;
}

static bool
common_option(const char *name, const char *value, struct cnt_argv *opt)
{
	const struct {
		const char	*name;
		bool		*flag;
	} flags[] = { { "--json", &opt->json }, { "--help", &opt->help },
		{ "--version", &opt->version }, { "--mcp", &opt->mcp } };

	for (size_t i = 0; value == NULL && i < nitems(flags); i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].flag = true;
	if (strcmp(name, "--describe") == 0) {
		opt->describe = value != NULL ? value : "json";
		return strcmp(opt->describe, "json") == 0 || strcmp(opt->describe, "words") == 0 ||
		    strcmp(opt->describe, "mdoc") == 0;
	}
	return false;
}

/* One option at argv[0]; how many words it took, or -1. */
static int
option(const struct cnt_verb *v, char **argv, cJSON *args, struct cnt_argv *opt, struct cnt_err *e)
{
	const char *eq = strchr(argv[0], '=');
	/* Both spellings: tools' arguments have `_`. */
	char *name CNT_FREE = dashes(cnt_format("%.*s", (int)strcspn(argv[0], "="), argv[0]));

	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL; f++) {
		char *own CNT_FREE = cnt_argv_option(f);

		if (!cnt_argv_is_option(f) || strcmp(own, name) != 0)
			continue;
		if (eq != NULL)
			return put(args, f, eq + 1, e) == -1 ? -1 : 1;
		if (f->type == CNT_BOOLEAN)
			return put(args, f, "true", e) == -1 ? -1 : 1;
		if (argv[1] == NULL)
			return cnt_fail(e, CNT_INVALID, "%s: option %s needs a value", v->name,
			    name);
		return put(args, f, argv[1], e) == -1 ? -1 : 2;
	}
	if (common_option(name, eq != NULL ? eq + 1 : NULL, opt))
		return 1;
	return unknown_option(v, name, e);
}

static const struct cnt_field *
next_operand(const struct cnt_verb *v, const cJSON *args)
{
	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL; f++)
		if ((f->flags & CNT_OPERAND) != 0 && (f->flags & CNT_REST) == 0 &&
		    ((f->flags & CNT_EACH) != 0 || cnt_json_get(args, f->name) == NULL))
			return f;
	return NULL;
}

static const struct cnt_field *
rest_of(const struct cnt_verb *v)
{
	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL; f++)
		if ((f->flags & CNT_REST) != 0)
			return f;
	return NULL;
}

cJSON *
cnt_argv_parse(const struct cnt_verb *v, int argc, char **argv, struct cnt_argv *opt,
    struct cnt_err *e)
{
	cJSON *args CNT_JSON = cJSON_CreateObject();
	const struct cnt_field *f = NULL, *rest = rest_of(v);
	bool options = true;
	int i = 0, took = 0;

	while (i < argc) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			i++;
			if (rest != NULL)
				break;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			took = option(v, argv + i, args, opt, e);
			if (took == -1)
				return NULL;
			i += took;
			continue;
		}
		f = next_operand(v, args);
		if (f == NULL && rest != NULL)
			break;
		if (f == NULL) {
			cnt_fail(e, CNT_INVALID, "%s: surplus operand \"%.64s\"", v->name, argv[i]);
			cnt_hint(e, "--help lists the options");
			return NULL;
		}
		if (put(args, f, argv[i++], e) == -1)
			return NULL;
	}
	for (; i < argc; i++)
		if (put(args, rest, argv[i], e) == -1)
			return NULL;
	return take(&args);
}

bool
cnt_argv_json(int argc, char **argv)
{
	int i = 0;

	while (i < argc && strcmp(argv[i], "--json") != 0 && strcmp(argv[i], "--") != 0)
		i++;
	return i < argc && argv[i][2] != '\0';
}
