/* SPDX-License-Identifier: Apache-2.0
 *
 * From main() to exit status: which verb of the program the words mean, its arguments checked, one
 * run for each operand, what is printed, and the other faces: help, --describe, --mcp.
 */
#include "lib/main.h"

#include <sys/stat.h>

#include <signal.h>

#include "lib/cancel.h"
#include "lib/frame.h"
#include "lib/standard.h"
#include "mcp/server.h"

#define EXIT_TIMED_OUT	124	/* as timeout(1) */
#define EXIT_OWN	125	/* as env(1), timeout(1) */

/* Is a line of progress on the terminal? It goes before anything else is written there. */
static bool progress_shown;

static void
erase_progress(void)
{
	if (progress_shown)
		fprintf(stderr, "\r\033[K");
	progress_shown = false;
}

static void
print_error(const struct cnt_err *e, bool json)
{
	erase_progress();
	cnt_err_print(e, "cnt", json);
}

static void
progress_line(struct cnt_call *c CNT_UNUSED, double done CNT_UNUSED, double total CNT_UNUSED,
    const char *text)
{
	char line[80] = "";

	snprintf(line, sizeof(line), "%s", text);
	line[cnt_utf8_valid(line, strlen(line))] = '\0';
	for (char *p = line; *p != '\0'; p++)	/* a script's own words, or what it read */
		memset(p, ' ', cnt_utf8_control(p));
	erase_progress();
	fputs(line, stderr);
	progress_shown = true;
}

/* What a verb says as text is, as JSON, one member. */
static void
print_body(const struct cnt_buf *body, bool json)
{
	struct cnt_buf quoted CNT_BUF = { 0 };

	if (json) {
		cnt_json_quote(&quoted, body->p, body->n);
		printf("{\"text\":%s}\n", quoted.p);
	} else {
		fwrite(body->p, 1, body->n, stdout);
	}
}

static void
print_call(const struct cnt_call *c, bool json)
{
	char *text CNT_FREE = NULL;

	erase_progress();
	if (c->verb->interactive)
		return;
	if (c->verb->bulk) {
		print_body(&c->body, json);
	} else if (json) {
		text = cnt_json_print(c->out);
		printf("%s\n", text);
	} else {
		cnt_print(c->verb, c->out, stdout);
	}
}

/* What ran in a box may exit with any of the table's codes: cnt's own failure has its own. */
static int
exit_of(const struct cnt_verb *v, const struct cnt_err *e)
{
	if (!v->passes_status)
		return cnt_code_exit(e->code);
	return e->code == CNT_TIMEOUT ? EXIT_TIMED_OUT : EXIT_OWN;
}

static int
run_once(const struct cnt_verb *v, const cJSON *in, bool json)
{
	struct cnt_err e = { 0 };
	cJSON *out CNT_JSON = cJSON_CreateObject();
	bool shown = !v->interactive && isatty(STDERR_FILENO);
	struct cnt_call c = { .verb = v, .in = in, .out = out, .err = &e,
	    .progress = shown ? progress_line : NULL };

	if (cnt_frame_run(&c) == -1) {
		print_error(&e, json);
		return exit_of(v, &e);
	}
	print_call(&c, json);
	cnt_buf_free(&c.body);
	return c.status;
}

/* The arguments of each run: one for each operand of a CNT_EACH field. */
static cJSON *
each(const struct cnt_verb *v, const cJSON *args)
{
	const struct cnt_field *f = v->params;
	cJSON *runs = cJSON_CreateArray();
	const cJSON *all = NULL, *one = NULL;

	while (f != NULL && f->name != NULL && (f->flags & CNT_EACH) == 0)
		f++;
	all = f != NULL && f->name != NULL ? cnt_json_get(args, f->name) : NULL;
	if (all == NULL)
		cJSON_AddItemToArray(runs, cJSON_Duplicate(args, true));
	cJSON_ArrayForEach(one, all) {
		cJSON *single = cJSON_Duplicate(args, true);

		cnt_json_set(single, f->name, cJSON_Duplicate(one, true));
		cJSON_AddItemToArray(runs, single);
	}
	return runs;
}

/* All are checked before the first runs; the first failure is the exit status. One that is
 * cancelled is the last. */
static int
run_each(const struct cnt_verb *v, const cJSON *args, bool json)
{
	cJSON *runs CNT_JSON = each(v, args), *checked CNT_JSON = cJSON_CreateArray();
	const cJSON *one = NULL;
	int status = 0;

	cJSON_ArrayForEach(one, runs) {
		struct cnt_err e = { 0 };
		cJSON *in = cnt_check_args(v, one, &e);

		if (in == NULL) {
			print_error(&e, json);
			return exit_of(v, &e);
		}
		cJSON_AddItemToArray(checked, in);
	}
	cJSON_ArrayForEach(one, checked) {
		struct cnt_err e = { 0 };
		int s = run_once(v, one, json);

		status = status != 0 ? status : s;
		if (s != 0 && cnt_cancel_check(&e) == -1)
			break;
	}
	return status;
}

static int
serve(const struct cnt_verb *const *verbs, bool json)
{
	const struct cnt_verb *const *v = verbs;
	struct cnt_err e = { 0 };
	struct cnt_verbs_offer o = {
		.base = { .name = "cnt", .title = "cnt", .version = CNT_VERSION,
		    .instructions = verbs[0]->about },
		.verbs = verbs, .run = cnt_frame_run, .death_signal = SIGTERM,
	};

	while (*v != NULL && (*v)->tool == NULL)
		v++;
	if (*v == NULL) {
		cnt_fail(&e, CNT_INVALID, "%s: not offered over MCP", verbs[0]->name);
		cnt_hint(&e, "`cnt mcp` offers the verbs that are tools, and those of a box");
	} else if (cnt_serve_verbs(&o, &e) == 0) {
		return 0;
	}
	print_error(&e, json);
	return cnt_code_exit(e.code);
}

static const char *
second_word(const struct cnt_verb *v)
{
	const char *space = strchr(v->name, ' ');

	return space != NULL ? space + 1 : NULL;
}

static void
print_family(const struct cnt_verb *const *verbs, FILE *f)
{
	const char *name = verbs[0]->name;

	fprintf(f, "usage: cnt %.*s COMMAND [OPTION]...\n\n", (int)strcspn(name, " "), name);
	for (; *verbs != NULL; verbs++)
		fprintf(f, "  %-10s %s\n", second_word(*verbs), (*verbs)->summary);
}

/* Two verbs of one name: the second is what it does without operands (`cnt info`). */
static const struct cnt_verb *
without_operands(const struct cnt_verb *const *verbs, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (argv[i][0] != '-' || argv[i][1] == '\0' ||
		    (i > 0 && strcmp(argv[i - 1], "--") == 0))
			return verbs[0];
	return verbs[1] != NULL ? verbs[1] : verbs[0];
}

/* Picks the verb of a family by the first word that is no option. */
static const struct cnt_verb *
pick(const struct cnt_verb *const *verbs, const char *word)
{
	for (; *verbs != NULL; verbs++)
		if (strcmp(second_word(*verbs), word) == 0)
			return *verbs;
	return NULL;
}

static int
missing_word(const struct cnt_verb *const *verbs, bool json)
{
	struct cnt_err e = { 0 };
	const char *family = verbs[0]->name;

	cnt_fail(&e, CNT_INVALID, "%.*s: a command is missing", (int)strcspn(family, " "), family);
	cnt_hint(&e, "--help lists them");
	if (json)
		print_error(&e, true);
	else
		print_family(verbs, stderr);
	return cnt_code_exit(e.code);
}

/* Of two verbs of one name both. */
static void
print_help(const struct cnt_verb *const *verbs, const struct cnt_verb *v, const char *prog)
{
	bool more = false;

	for (; *verbs != NULL; verbs++)
		if (strcmp((*verbs)->name, v->name) == 0) {
			fputs(more ? "\n" : "", stdout);
			cnt_help_print(*verbs, prog, stdout);
			more = true;
		}
}

static int
unknown_word(const struct cnt_verb *const *verbs, const char *word, bool json)
{
	const char *words[16] = { NULL }, *family = verbs[0]->name, *best = NULL;
	struct cnt_err e = { 0 };
	size_t n = 0;

	for (; n < nitems(words) && verbs[n] != NULL; n++)
		words[n] = second_word(verbs[n]);
	best = cnt_nearest(word, words, n);
	cnt_fail(&e, CNT_INVALID, "%.*s: unknown command \"%.64s\"",
	    (int)strcspn(family, " "), family, word);
	cnt_hint(&e, best != NULL ? "did you mean %s?" : "--help lists them", best);
	print_error(&e, json);
	return cnt_code_exit(e.code);
}

static int
dispatch(int argc, char **argv, const struct cnt_verb *const *verbs)
{
	const struct cnt_verb *v = verbs[0];
	struct cnt_argv opt = { 0 };
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = NULL;
	char *prog CNT_FREE = NULL;
	bool family = second_word(v) != NULL, chosen = !family;

	argc--;
	argv++;
	if (family && argc > 0 && argv[0][0] != '-') {
		v = pick(verbs, argv[0]);
		if (v == NULL)
			return unknown_word(verbs, argv[0], cnt_argv_json(argc, argv));
		chosen = true;
		argc--;
		argv++;
	}
	if (!family)
		v = without_operands(verbs, argc, argv);
	args = cnt_argv_parse(v, argc, argv, &opt, &e);
	if (args == NULL) {
		print_error(&e, cnt_argv_json(argc, argv));
		return exit_of(v, &e);
	}
	prog = cnt_format("cnt %s", v->name);
	if (opt.version)
		return printf("cnt %s\n", CNT_VERSION), 0;
	if (opt.describe != NULL)
		return cnt_describe_print(verbs, opt.describe, stdout), 0;
	if (opt.help && chosen)
		return print_help(verbs, v, prog), 0;
	if (opt.help)
		return print_family(verbs, stdout), 0;
	if (opt.mcp)
		return serve(verbs, opt.json);
	if (!chosen)
		return missing_word(verbs, opt.json);
	return run_each(v, args, opt.json);
}

int
cnt_main(int argc, char **argv, const struct cnt_verb *const *verbs)
{
	int status = 0;

	cnt_standard_begin();
	umask(022);
	status = cnt_standard_end(dispatch(argc, argv, verbs), "cnt");
	if (status != 0)
		cnt_cancel_die();
	return status;
}
