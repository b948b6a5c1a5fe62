/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb's help, from the table by which its command line is read: usage, what it is, its options
 * in the table's order, and those that every verb has.
 */
#include "lib/verb.h"

static const char *
value_name(const struct cnt_field *f)
{
	static const char *const names[] = {
		[CNT_STRING] = "TEXT", [CNT_INTEGER] = "N", [CNT_NUMBER] = "N", [CNT_SIZE] = "SIZE",
		[CNT_DURATION] = "DURATION", [CNT_BOX] = "BOX", [CNT_STRINGS] = "TEXT",
		[CNT_MAP] = "KEY=VALUE", [CNT_OBJECT] = "JSON", [CNT_OBJECTS] = "JSON",
	};

	if (f->value != NULL)
		return f->value;
	return f->type == CNT_BOOLEAN ? "" : names[f->type];
}

char *
cnt_help_choices(const struct cnt_field *f)
{
	struct cnt_buf b = { 0 };

	for (const char *const *c = f->choices; *c != NULL; c++)
		cnt_buf_addf(&b, "%s%s", c == f->choices ? "" : "|", *c);
	return b.p;
}

static char *
value_shown(const struct cnt_field *f)
{
	return f->choices != NULL && f->value == NULL ? cnt_help_choices(f) :
	    cnt_strdup(value_name(f));
}

static void
print_usage(const struct cnt_verb *v, const char *prog, FILE *f)
{
	bool any = false;

	fprintf(f, "usage: %s", prog);
	for (const struct cnt_field *p = v->params; p != NULL && p->name != NULL; p++) {
		char *own CNT_FREE = cnt_argv_option(p), *value CNT_FREE = value_shown(p);

		if (cnt_argv_is_option(p) && (p->flags & CNT_REQUIRED) != 0)
			fprintf(f, " %s %s", own, value);
		else
			any = any || cnt_argv_is_option(p);
	}
	if (any)
		fputs(" [OPTION]...", f);
	for (const struct cnt_field *p = v->params; p != NULL && p->name != NULL; p++) {
		const char *dots = (p->flags & (CNT_EACH | CNT_REST)) != 0 ? "..." : "";
		bool must = (p->flags & CNT_REQUIRED) != 0;

		if (cnt_argv_is_option(p))
			continue;
		fprintf(f, must ? " %s%s%s" : " [%s%s%s]", (p->flags & CNT_REST) != 0 ? "-- " : "",
		    value_name(p), dots);
	}
	fputc('\n', f);
}

/* A switch that is on by default is there to be turned off. */
static bool
is_on(const struct cnt_field *p)
{
	return p->def != NULL && strcmp(p->def, "true") == 0;
}

char *
cnt_help_about(const struct cnt_field *f)
{
	struct cnt_buf b = { 0 };

	cnt_buf_adds(&b, f->help != NULL ? f->help : "");
	if (cnt_argv_is_option(f) && cnt_argv_repeats(f))
		cnt_buf_addf(&b, "%srepeatable", b.n > 0 ? "; " : "");
	if ((f->flags & (CNT_FROM_FILE | CNT_OR_INPUT)) != 0)
		cnt_buf_addf(&b, "%s- is standard input", b.n > 0 ? "; " : "");
	if (f->def != NULL && f->type != CNT_BOOLEAN)
		cnt_buf_addf(&b, "%s(default %s)", b.n > 0 ? " " : "", f->def);
	return b.p;
}

/* What does not fit beside it stands below. */
static void
print_option(const char *left, const struct cnt_field *p, FILE *f)
{
	char *about CNT_FREE = cnt_help_about(p);

	if (*about == '\0')
		fprintf(f, "  %s\n", left);
	else
		fprintf(f, strlen(left) > 22 ? "  %s\n  %22s %s\n" : "  %-22s%s %s\n", left, "",
		    about);
}

void
cnt_help_print(const struct cnt_verb *v, const char *prog, FILE *f)
{
	print_usage(v, prog, f);
	fprintf(f, "\n%s\n\n", v->about != NULL ? v->about : v->summary);
	for (const struct cnt_field *p = v->params; p != NULL && p->name != NULL; p++) {
		char *own CNT_FREE = cnt_argv_option(p), *value CNT_FREE = value_shown(p);
		char *left CNT_FREE = !cnt_argv_is_option(p) ? cnt_strdup(value_name(p)) :
		    p->type != CNT_BOOLEAN ? cnt_format("%s %s", own, value) :
		    cnt_format("%s%s", own, is_on(p) ? "=false" : "");

		print_option(left, p, f);
	}
	fprintf(f, "  %-22s %s\n", "--json", "print the result, or the error, as one line of JSON");
	if (v->tool != NULL)
		fprintf(f, "  %-22s %s\n", "--mcp",
		    "serve this verb as an MCP tool on standard input");
	fprintf(f, "  %-22s %s\n", "--describe[=FORM]",
	    "print the verb's own table: json, words, mdoc");
	fprintf(f, "  --help, --version\n");
}
