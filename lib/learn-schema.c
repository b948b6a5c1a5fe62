/* SPDX-License-Identifier: Apache-2.0
 *
 * A schema turned into fields. It is taken only as far as the checker (lib/check.c) holds whoever
 * calls to it: a keyword that it does not know would promise what nobody keeps, and is refused by
 * name. Text goes to terminals and to models, so it has no control characters.
 */
#include "lib/learn-own.h"

#define FIELDS_MAX	32

#define LETTERS		"abcdefghijklmnopqrstuvwxyz"
#define DIGITS		"0123456789"

/* Of arguments. */
static const char *const string_words[] = { "type", "description", "default", "enum", NULL };
static const char *const number_words[] = { "type", "description", "default", "minimum",
	"maximum", NULL };
static const char *const other_words[] = { "type", "description", "default", NULL };
/* Of results, and of both. */
static const char *const result_words[] = { "type", "description", NULL };
static const char *const object_words[] = { "type", "description", "properties", "required",
	"additionalProperties", NULL };
static const char *const array_words[] = { "type", "description", "items", NULL };
/* Of items. */
static const char *const plain_words[] = { "type", NULL };
static const char *const row_words[] = { "type", "properties", "required",
	"additionalProperties", NULL };

void *
cnt_learn_keep(struct cnt_learned *l, void *p)
{
	l->kept = cnt_realloc(l->kept, (l->n + 1) * sizeof(*l->kept));
	return l->kept[l->n++] = p;
}

bool
cnt_learn_among(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

int
cnt_learn_only(const cJSON *object, const char *const *words, const char *where, struct cnt_err *e)
{
	const cJSON *m = NULL;

	if (!cJSON_IsObject(object))
		return cnt_fail(e, CNT_BUG, "%s: not an object", where);
	cJSON_ArrayForEach(m, object)
		if (!cnt_learn_among(m->string, words))
			return cnt_fail(e, CNT_BUG, "%s: \"%.64s\" is not understood", where,
			    m->string);
	return 0;
}

int
cnt_learn_text(const cJSON *object, const char *name, size_t max, const char **s, struct cnt_err *e)
{
	const cJSON *m = cnt_json_get(object, name);

	*s = NULL;
	if (m == NULL)
		return 0;
	if (!cJSON_IsString(m) || strlen(m->valuestring) > max)
		return cnt_fail(e, CNT_BUG, "%s: not a string of at most %zu bytes", name, max);
	for (const char *p = m->valuestring; *p != '\0'; p++)
		if (cnt_utf8_control(p) > 0 && (*p != '\n' || max == CNT_LEARN_LINE))
			return cnt_fail(e, CNT_BUG, "%s: has a control character", name);
	*s = m->valuestring;
	return 0;
}

bool
cnt_learn_is_name(const char *s, size_t max, const char *more)
{
	char all[48] = "";

	snprintf(all, sizeof(all), LETTERS DIGITS "%s", more);
	return *s >= 'a' && *s <= 'z' && s[strspn(s, all)] == '\0' && strlen(s) <= max;
}

static int
learn_type(const cJSON *schema, bool result, struct cnt_field *f, struct cnt_err *e)
{
	static const struct { const char *name; enum cnt_type type; } types[] = {
		{ "string", CNT_STRING }, { "integer", CNT_INTEGER }, { "number", CNT_NUMBER },
		{ "boolean", CNT_BOOLEAN }, { "array", CNT_STRINGS }, { "object", CNT_OBJECT },
	};
	const cJSON *type = cnt_json_get(schema, "type");

	if (result && cJSON_GetArraySize(type) == 2 && cJSON_IsString(type->child->next) &&
	    strcmp(type->child->next->valuestring, "null") == 0) {
		f->flags |= CNT_NULLABLE;
		type = type->child;
	}
	for (size_t i = 0; i < nitems(types) && cJSON_IsString(type); i++)
		if (strcmp(types[i].name, type->valuestring) == 0)
			f->type = types[i].type;
	if (f->type == 0 || (!result && f->type == CNT_OBJECT))
		return cnt_fail(e, CNT_BUG, "%s: type: expected string, integer, number, boolean%s",
		    f->name, result ? ", array or object" : " or array");
	if (f->type == CNT_STRING && strcmp(f->name, "box") == 0)
		f->type = CNT_BOX;
	return 0;
}

static const char *const *
words_of(const struct cnt_field *f, bool result)
{
	if (f->type == CNT_STRINGS)
		return array_words;
	if (f->type == CNT_OBJECT)
		return object_words;
	if (result)
		return result_words;
	return f->type == CNT_STRING ? string_words :
	    f->type == CNT_INTEGER || f->type == CNT_NUMBER ? number_words : other_words;
}

static int
learn_items(struct cnt_learned *l, const cJSON *schema, bool result, struct cnt_field *f,
    struct cnt_err *e)
{
	const cJSON *items = cnt_json_get(schema, "items");
	const char *type = cnt_json_str(items, "type");
	bool rows = result && type != NULL && strcmp(type, "object") == 0;

	if (cnt_learn_only(items, rows ? row_words : plain_words, f->name, e) == -1)
		return -1;
	if (type != NULL && strcmp(type, "string") == 0)
		return 0;
	if (result && type != NULL && strcmp(type, "integer") == 0) {
		f->type = CNT_INTEGERS;
		return 0;
	}
	if (!rows)
		return cnt_fail(e, CNT_BUG, "%s: items: expected strings%s", f->name,
		    result ? ", integers or objects" : "");
	f->type = CNT_OBJECTS;
	f->of = cnt_learn_fields(l, items, f->name, true, e);
	return f->of == NULL ? -1 : 0;
}

static int
learn_choices(struct cnt_learned *l, const cJSON *all, struct cnt_field *f, struct cnt_err *e)
{
	size_t n = (size_t)cJSON_GetArraySize(all), i = 0;
	const char **choices = cnt_learn_keep(l, cnt_alloc((n + 1) * sizeof(*choices)));
	const cJSON *m = NULL;

	if (all == NULL)
		return 0;
	if (!cJSON_IsArray(all) || n == 0)
		return cnt_fail(e, CNT_BUG, "%s: enum: expected strings for a string", f->name);
	cJSON_ArrayForEach(m, all) {
		if (!cJSON_IsString(m))
			return cnt_fail(e, CNT_BUG, "%s: enum: expected strings", f->name);
		choices[i++] = m->valuestring;
	}
	f->choices = choices;
	return 0;
}

static int
learn_bounds(const cJSON *schema, struct cnt_field *f, struct cnt_err *e)
{
	const cJSON *least = cnt_json_get(schema, "minimum");
	const cJSON *most = cnt_json_get(schema, "maximum");

	if (least == NULL && most == NULL)
		return 0;
	f->min = cnt_json_num(schema, "minimum", -CNT_UNBOUNDED);
	f->max = cnt_json_num(schema, "maximum", CNT_UNBOUNDED);
	if (f->min < f->max && (least == NULL || cJSON_IsNumber(least)) &&
	    (most == NULL || cJSON_IsNumber(most)))
		return 0;
	return cnt_fail(e, CNT_BUG, "%s: minimum, maximum: expected numbers that bound a number",
	    f->name);
}

/* The default is what would have stood on the command line, and must pass its own check. */
static int
learn_default(struct cnt_learned *l, const cJSON *def, struct cnt_field *f, struct cnt_err *e)
{
	const struct cnt_field alone[] = { *f, { 0 } };
	const struct cnt_verb v = { .name = "default", .params = alone };
	cJSON *args CNT_JSON = NULL, *checked CNT_JSON = NULL;
	struct cnt_err inner = { 0 };

	if (def == NULL)
		return 0;
	if (cJSON_IsNull(def))
		return cnt_fail(e, CNT_BUG, "%s: default: expected one value", f->name);
	args = cJSON_CreateObject();
	cJSON_AddItemToObject(args, f->name, cJSON_Duplicate(def, true));
	checked = cnt_check_args(&v, args, &inner);
	if (checked == NULL)
		return cnt_fail(e, CNT_BUG, "default: %s", inner.text);
	f->def = cJSON_IsString(def) ? def->valuestring : cnt_learn_keep(l, cnt_json_print(def));
	return 0;
}

static int
learn_field(struct cnt_learned *l, const cJSON *schema, bool result, struct cnt_field *f,
    struct cnt_err *e)
{
	static const char *const taken[] = { "json", "help", "version", "describe", "mcp",
		"wait_for_previous", NULL };

	f->name = schema->string;
	if (!cnt_learn_is_name(f->name, 32, "_") || (!result && cnt_learn_among(f->name, taken)))
		return cnt_fail(e, CNT_BUG, "\"%.64s\": not a name for %s", f->name,
		    result ? "a result" : "an argument");
	if (learn_type(schema, result, f, e) == -1 ||
	    cnt_learn_only(schema, words_of(f, result), f->name, e) == -1 ||
	    cnt_learn_text(schema, "description", CNT_LEARN_ABOUT, &f->help, e) == -1)
		return -1;
	if (f->type == CNT_STRINGS)
		return learn_items(l, schema, result, f, e);
	if (f->type == CNT_OBJECT) {
		f->of = cnt_learn_fields(l, schema, f->name, true, e);
		return f->of == NULL ? -1 : 0;
	}
	if (learn_choices(l, cnt_json_get(schema, "enum"), f, e) == -1 ||
	    learn_bounds(schema, f, e) == -1)
		return -1;
	return learn_default(l, cnt_json_get(schema, "default"), f, e);
}

int
cnt_learn_mark(struct cnt_field *fields, const cJSON *names, unsigned flag, const char *where,
    struct cnt_err *e)
{
	const cJSON *m = NULL;

	if (names != NULL && !cJSON_IsArray(names))
		return cnt_fail(e, CNT_BUG, "%s: expected an array of names", where);
	cJSON_ArrayForEach(m, names) {
		const char *name = cJSON_IsString(m) ? m->valuestring : "";
		struct cnt_field *f = fields;

		while (f->name != NULL && strcmp(f->name, name) != 0)
			f++;
		if (f->name == NULL)
			return cnt_fail(e, CNT_BUG, "%s: names what there is not", where);
		f->flags |= flag;
	}
	return 0;
}

struct cnt_field *
cnt_learn_fields(struct cnt_learned *l, const cJSON *schema, const char *where, bool result,
    struct cnt_err *e)
{
	const cJSON *properties = cnt_json_get(schema, "properties"), *m = NULL;
	const cJSON *required = cnt_json_get(schema, "required");
	size_t n = (size_t)cJSON_GetArraySize(properties), i = 0;
	struct cnt_field *fields = cnt_learn_keep(l, cnt_alloc((n + 1) * sizeof(*fields)));

	if (!cJSON_IsObject(properties) || n > FIELDS_MAX ||
	    (cnt_json_get(schema, "additionalProperties") != NULL &&
	    !cJSON_IsFalse(cnt_json_get(schema, "additionalProperties")))) {
		cnt_fail(e, CNT_BUG, "%s: expected at most %d properties and no others", where,
		    FIELDS_MAX);
		return NULL;
	}
	cJSON_ArrayForEach(m, properties)
		if (learn_field(l, m, result, &fields[i++], e) == -1)
			return NULL;
	for (i = 0; result && i < n; i++)
		fields[i].flags |= CNT_OPTIONAL;
	if (cnt_learn_mark(fields, required, CNT_REQUIRED, where, e) == -1)
		return NULL;
	for (i = 0; result && i < n; i++)
		if ((fields[i].flags & CNT_REQUIRED) != 0)
			fields[i].flags &= ~(unsigned)(CNT_REQUIRED | CNT_OPTIONAL);
	return fields;
}
