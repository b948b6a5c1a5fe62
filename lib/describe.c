/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb's table as JSON Schema, as words for completion and as the manual's OPTIONS. Schemas stay
 * in the subset that every provider accepts: one object at the root, plain types below it, no $ref,
 * no unions of schemas, additionalProperties false.
 */
#include "lib/verb.h"

#include <math.h>

static const char *const json_types[] = {
	[CNT_STRING] = "string", [CNT_INTEGER] = "integer", [CNT_NUMBER] = "number",
	[CNT_BOOLEAN] = "boolean", [CNT_SIZE] = "string", [CNT_DURATION] = "string",
	[CNT_BOX] = "string", [CNT_STRINGS] = "array", [CNT_INTEGERS] = "array",
	[CNT_MAP] = "object", [CNT_OBJECT] = "object", [CNT_OBJECTS] = "array",
};

static cJSON *object_schema(const struct cnt_field *fields, bool result);

static void
set_default(cJSON *s, const struct cnt_field *f)
{
	if (f->type == CNT_BOOLEAN)
		cnt_json_set_bool(s, "default", strcmp(f->def, "true") == 0);
	else if (f->type == CNT_INTEGER || f->type == CNT_NUMBER)
		cnt_json_set_num(s, "default", strtod(f->def, NULL));
	else if (f->type != CNT_STRINGS && f->type != CNT_MAP)
		cnt_json_set_str(s, "default", f->def);
}

/* Of an array's items; NULL: it is no array. */
static const char *
item_name(const struct cnt_field *f)
{
	return f->type == CNT_STRINGS ? "string" : f->type == CNT_INTEGERS ? "integer" :
	    f->type == CNT_OBJECTS ? "object" : NULL;
}

static const char *
type_name(const struct cnt_field *f, bool result)
{
	if (result && f->type == CNT_SIZE)
		return "integer";
	return result && f->type == CNT_DURATION ? "number" : json_types[f->type];
}

static void
set_type(cJSON *s, const struct cnt_field *f, bool result)
{
	cJSON *types = NULL;

	if ((f->flags & CNT_NULLABLE) == 0) {
		cnt_json_set_str(s, "type", type_name(f, result));
		return;
	}
	types = cJSON_AddArrayToObject(s, "type");
	cJSON_AddItemToArray(types, cJSON_CreateString(type_name(f, result)));
	cJSON_AddItemToArray(types, cJSON_CreateString("null"));
}

static cJSON *
field_schema(const struct cnt_field *f, bool result)
{
	cJSON *s = f->type == CNT_OBJECT ? object_schema(f->of, result) : cJSON_CreateObject();

	set_type(s, f, result);
	if (f->help != NULL)
		cnt_json_set_str(s, "description", f->help);
	if (f->type == CNT_OBJECTS)
		cnt_json_set(s, "items", object_schema(f->of, result));
	else if (item_name(f) != NULL)
		cnt_json_set_str(cJSON_AddObjectToObject(s, "items"), "type", item_name(f));
	if (f->type == CNT_MAP) {
		cJSON_AddObjectToObject(s, "properties");	/* some providers demand it */
		cJSON_AddStringToObject(cJSON_AddObjectToObject(s, "additionalProperties"), "type",
		    "string");
	}
	if (f->choices != NULL && !result) {
		cJSON *all = cJSON_AddArrayToObject(s, "enum");

		for (const char *const *c = f->choices; *c != NULL; c++)
			cJSON_AddItemToArray(all, cJSON_CreateString(*c));
	}
	if ((f->type == CNT_INTEGER || f->type == CNT_NUMBER) && (f->min != 0 || f->max != 0)) {
		if (f->min > -CNT_UNBOUNDED)
			cnt_json_set_num(s, "minimum", f->min);
		if (f->max < CNT_UNBOUNDED)
			cnt_json_set_num(s, "maximum", f->max);
	}
	if (f->def != NULL && !result)
		set_default(s, f);
	return s;
}

static cJSON *
object_schema(const struct cnt_field *fields, bool result)
{
	cJSON *s = cJSON_CreateObject(), *properties = NULL, *required = NULL;

	cnt_json_set_str(s, "type", "object");
	properties = cJSON_AddObjectToObject(s, "properties");
	required = cJSON_CreateArray();
	for (const struct cnt_field *f = fields; f != NULL && f->name != NULL; f++) {
		bool must =
		    result ? (f->flags & CNT_OPTIONAL) == 0 : (f->flags & CNT_REQUIRED) != 0;

		cJSON_AddItemToObject(properties, f->name, field_schema(f, result));
		if (must)
			cJSON_AddItemToArray(required, cJSON_CreateString(f->name));
	}
	if (cJSON_GetArraySize(required) > 0)
		cnt_json_set(s, "required", required);
	else
		cJSON_Delete(required);
	cnt_json_set_bool(s, "additionalProperties", false);
	return s;
}

static cJSON *
input_schema(const struct cnt_verb *v)
{
	return object_schema(v->params, false);
}

static cJSON *
output_schema(const struct cnt_verb *v)
{
	return v->bulk ? NULL : object_schema(v->results, true);
}

/* What tools/list says of a result: its members and their types. All of it would be sent to the
 * model with each turn; --describe has the rest, and every result is checked against its table. */
static cJSON *
outline(const struct cnt_field *fields)
{
	cJSON *s = cJSON_CreateObject(), *properties = NULL;

	cnt_json_set_str(s, "type", "object");
	properties = cJSON_AddObjectToObject(s, "properties");
	for (const struct cnt_field *f = fields; f != NULL && f->name != NULL; f++) {
		cJSON *p = cJSON_AddObjectToObject(properties, f->name);

		set_type(p, f, true);
		if (item_name(f) != NULL)
			cnt_json_set_str(cJSON_AddObjectToObject(p, "items"), "type", item_name(f));
	}
	return s;
}

/* Claude Code shows 50,000 characters of an answer, unless the tool says that it may be longer.
 * Each turn of the model pays for saying it: what is read on as it grows comes in parts anyway. */
static bool
is_read_whole(const struct cnt_verb *v)
{
	return v->bulk && (v->effects & CNT_READS) != 0 && (v->effects & CNT_IDEMPOTENT) != 0;
}

cJSON *
cnt_describe_tool(const struct cnt_verb *v)
{
	cJSON *t = cJSON_CreateObject(), *a = NULL;

	cnt_json_set_str(t, "name", v->tool);
	cnt_json_set_str(t, "title", v->title);
	cnt_json_set_str(t, "description", v->about != NULL ? v->about : v->summary);
	cnt_json_set(t, "inputSchema", input_schema(v));
	if (!v->bulk)
		cnt_json_set(t, "outputSchema", outline(v->results));
	a = cJSON_AddObjectToObject(t, "annotations");
	cnt_json_set_str(a, "title", v->title);
	cnt_json_set_bool(a, "readOnlyHint", (v->effects & CNT_READS) != 0);
	cnt_json_set_bool(a, "destructiveHint", (v->effects & CNT_DESTROYS) != 0);
	cnt_json_set_bool(a, "idempotentHint", (v->effects & CNT_IDEMPOTENT) != 0);
	cnt_json_set_bool(a, "openWorldHint", (v->effects & CNT_OPEN_WORLD) != 0);
	if (is_read_whole(v))
		cnt_json_set_num(cJSON_AddObjectToObject(t, "_meta"),
		    "anthropic/maxResultSizeChars", 500000);
	return t;
}

cJSON *
cnt_describe(const struct cnt_verb *const *verbs)
{
	cJSON *d = cJSON_CreateObject(), *all = cJSON_AddArrayToObject(d, "verbs");

	cnt_json_set_bool(d, "mcp", verbs[0]->tool != NULL);
	for (; *verbs != NULL; verbs++) {
		const struct cnt_verb *v = *verbs;
		cJSON *j = cnt_json_add_object(all), *output = output_schema(v);

		cnt_json_set_str(j, "name", v->name);
		cnt_json_set_str(j, "summary", v->summary);
		if (v->group != NULL)
			cnt_json_set_str(j, "group", v->group);
		if (v->also != NULL)
			cnt_json_set_str(j, "also", v->also);
		if (v->scope != NULL)
			cnt_json_set_str(j, "scope", v->scope);
		cnt_json_set(j, "input", input_schema(v));
		if (output != NULL)
			cnt_json_set(j, "output", output);
		if (v->tool != NULL)
			cnt_json_set(j, "tool", cnt_describe_tool(v));
	}
	return d;
}

/* One line for each verb: its name, then its options; what a completion offers. */
static void
words(const struct cnt_verb *const *verbs, FILE *f)
{
	for (; *verbs != NULL; verbs++) {
		fprintf(f, "%s", (*verbs)->name);
		for (const struct cnt_field *p = (*verbs)->params; p != NULL && p->name != NULL;
		    p++)
			if ((p->flags & (CNT_OPERAND | CNT_REST)) == 0) {
				char *option CNT_FREE = cnt_argv_option(p);

				fprintf(f, " %s", option);
			}
		fputs(" --json --help --version --describe\n", f);
	}
}

/* roff reads a backslash, and a dot or quote at the start of a line. */
static void
put_roff(const char *s, FILE *f)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", f);
	for (; *s != '\0'; s++)
		if (*s == '\\')
			fputs("\\e", f);
		else
			fputc(*s, f);
}

static void
mdoc_field(const struct cnt_field *p, FILE *f)
{
	char *choices CNT_FREE = p->choices != NULL ? cnt_help_choices(p) : NULL;
	char *option CNT_FREE = cnt_argv_option(p), *about CNT_FREE = cnt_help_about(p);

	if ((p->flags & (CNT_OPERAND | CNT_REST)) != 0) {
		fprintf(f, ".It Ar %s\n", p->value != NULL ? p->value : p->name);
	} else {
		fprintf(f, ".It Fl Fl %s", option + 2);
		if (p->type != CNT_BOOLEAN)
			fprintf(f, " Ar %s", p->value != NULL ? p->value :
			    choices != NULL ? choices : p->type == CNT_SIZE ? "size" :
			    p->type == CNT_DURATION ? "duration" : p->name);
		else if (p->def != NULL && strcmp(p->def, "true") == 0)
			fputs(" Ns =false", f);
		fputc('\n', f);
	}
	put_roff(about, f);
	fputs(".\n", f);
}

static void
mdoc(const struct cnt_verb *const *verbs, FILE *f)
{
	bool family = verbs[0] != NULL && verbs[1] != NULL;

	for (; *verbs != NULL; verbs++) {
		if (family) {
			fprintf(f, ".Ss %s\n", (*verbs)->name);
			put_roff((*verbs)->about != NULL ? (*verbs)->about : (*verbs)->summary, f);
			fputc('\n', f);
		}
		if ((*verbs)->params == NULL)
			continue;
		fputs(".Bl -tag -width Ds\n", f);
		for (const struct cnt_field *p = (*verbs)->params; p->name != NULL; p++)
			mdoc_field(p, f);
		fputs(".El\n", f);
	}
}

void
cnt_describe_print(const struct cnt_verb *const *verbs, const char *form, FILE *f)
{
	cJSON *d CNT_JSON = NULL;
	char *text CNT_FREE = NULL;

	if (strcmp(form, "words") == 0) {
		words(verbs, f);
	} else if (strcmp(form, "mdoc") == 0) {
		mdoc(verbs, f);
	} else {
		d = cnt_describe(verbs);
		text = cnt_json_print(d);
		fprintf(f, "%s\n", text);
	}
}
