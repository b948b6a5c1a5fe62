/* SPDX-License-Identifier: Apache-2.0
 *
 * The one checker of arguments, for JSON and for argv alike. An error names the field, what was
 * expected and what came; a secret's value never shows.
 */
#include "lib/verb.h"

#include <math.h>

static const char *const box_names[] = { "name", "box", "username", "container" };

static bool
means(const struct cnt_field *f, const char *name)
{
	if (strcmp(f->name, name) == 0 || (f->alias != NULL && strcmp(f->alias, name) == 0))
		return true;
	for (size_t i = 0; f->type == CNT_BOX && i < nitems(box_names); i++)
		if (strcmp(box_names[i], name) == 0)
			return true;
	return false;
}

const struct cnt_field *
cnt_field_named(const struct cnt_field *fields, const char *name)
{
	for (const struct cnt_field *f = fields; f != NULL && f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static const struct cnt_field *
find(const struct cnt_field *fields, const char *name)
{
	const struct cnt_field *f = cnt_field_named(fields, name);

	if (f != NULL)
		return f;
	for (f = fields; f != NULL && f->name != NULL; f++)
		if (means(f, name))
			return f;
	return NULL;
}

/* "got 12", "got \"x\"", "got an array". */
static char *
shown(const struct cnt_field *f, const cJSON *v)
{
	if ((f->flags & CNT_SECRET) != 0)
		return cnt_strdup("something else");
	if (cJSON_IsString(v))
		return cnt_format("\"%.*s\"", cnt_utf8_cut(v->valuestring, 80), v->valuestring);
	if (cJSON_IsObject(v) || cJSON_IsArray(v))
		return cnt_strdup(cJSON_IsArray(v) ? "an array" : "an object");
	return cnt_json_print(v);
}

static int
unfit(const struct cnt_field *f, const cJSON *v, const char *expected, struct cnt_err *e)
{
	char *got CNT_FREE = shown(f, v);

	return cnt_fail(e, CNT_INVALID, "%s: expected %s, got %s", f->name, expected, got);
}

static int
number_of(const struct cnt_field *f, const cJSON *v, double *value, struct cnt_err *e)
{
	const char *kind = f->type == CNT_INTEGER ? "an integer" : "a number";
	char *end = NULL;

	if (cJSON_IsNumber(v)) {
		*value = v->valuedouble;
	} else if (cJSON_IsString(v) &&
	    v->valuestring[strspn(v->valuestring, "+-.0123456789eE")] == '\0') {
		*value = strtod(v->valuestring, &end);
		if (*end != '\0' || end == v->valuestring)
			return unfit(f, v, kind, e);
	} else {
		return unfit(f, v, kind, e);
	}
	if (!isfinite(*value) || (f->type == CNT_INTEGER && *value != trunc(*value)))
		return unfit(f, v, kind, e);
	return 0;
}

static int
in_bounds(const struct cnt_field *f, const cJSON *v, double value, struct cnt_err *e)
{
	char *range CNT_FREE = NULL, *least CNT_FREE = NULL, *most CNT_FREE = NULL;

	if ((f->min == 0 && f->max == 0) || (value >= f->min && value <= f->max))
		return 0;
	if (f->type == CNT_SIZE) {
		least = cnt_print_size((int64_t)f->min);
		most = cnt_print_size((int64_t)f->max);
		range = cnt_format("%s to %s", least, most);
	} else if (f->min <= -CNT_UNBOUNDED) {
		range = cnt_format("at most %.15g", f->max);
	} else if (f->max >= CNT_UNBOUNDED) {
		range = cnt_format("at least %.15g", f->min);
	} else {
		range = cnt_format("%.15g to %.15g%s", f->min, f->max,
		    f->type == CNT_DURATION ? " seconds" : "");
	}
	return unfit(f, v, range, e);
}

static cJSON *
check_number(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	double value = 0;
	int64_t bytes = 0;

	if (f->type == CNT_SIZE && cJSON_IsString(v)) {
		if (cnt_parse_size(v->valuestring, &bytes, e) == -1)
			return unfit(f, v, "a size such as 512m (bytes, or with k m g t)", e), NULL;
		value = (double)bytes;
	} else if (f->type == CNT_DURATION && cJSON_IsString(v)) {
		if (cnt_parse_duration(v->valuestring, &value, e) == -1)
			return unfit(f, v, "a duration such as 30s (seconds, or with s m h d)",
			    e), NULL;
	} else if (number_of(f, v, &value, e) == -1) {
		return NULL;
	}
	if ((f->type == CNT_SIZE || f->type == CNT_DURATION) && value < 0)
		return unfit(f, v, "no negative value", e), NULL;
	if (f->type == CNT_SIZE && value != trunc(value))
		return unfit(f, v, "whole bytes", e), NULL;
	if (in_bounds(f, v, value, e) == -1)
		return NULL;
	return cJSON_CreateNumber(value);
}

static int
check_text(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	struct cnt_buf all CNT_BUF = { 0 };
	size_t n = strlen(v->valuestring);

	for (size_t i = 0; (f->flags & CNT_PLAIN) != 0 && i < n; i++)
		if ((unsigned char)v->valuestring[i] < 0x20 || v->valuestring[i] == 0x7f)
			return unfit(f, v, "text without control characters", e);
	if (f->type != CNT_STRINGS && f->max != 0 && ((double)n < f->min || (double)n > f->max)) {
		cnt_buf_addf(&all, "%.15g to %.15g bytes", f->min, f->max);
		return cnt_fail(e, CNT_INVALID, "%s: expected %s, got %zu", f->name, all.p, n);
	}
	if (f->choices == NULL)
		return 0;
	for (const char *const *c = f->choices; *c != NULL; c++) {
		if (strcmp(*c, v->valuestring) == 0)
			return 0;
		cnt_buf_addf(&all, "%s%s", c == f->choices ? "" : c[1] == NULL ? " or " : ", ", *c);
	}
	return unfit(f, v, all.p, e);
}

static cJSON *
check_boolean(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	if (cJSON_IsBool(v))
		return cJSON_CreateBool(cJSON_IsTrue(v));
	if (cJSON_IsString(v) && strcmp(v->valuestring, "true") == 0)
		return cJSON_CreateTrue();
	if (cJSON_IsString(v) && strcmp(v->valuestring, "false") == 0)
		return cJSON_CreateFalse();
	unfit(f, v, "true or false", e);
	return NULL;
}

static cJSON *
check_strings(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	cJSON *all CNT_JSON = cJSON_CreateArray();
	const cJSON *m = NULL;

	if (cJSON_IsString(v)) {
		if (check_text(f, v, e) == -1)
			return NULL;
		cJSON_AddItemToArray(all, cJSON_CreateString(v->valuestring));
		return take(&all);
	}
	if (!cJSON_IsArray(v))
		return unfit(f, v, "an array of strings", e), NULL;
	cJSON_ArrayForEach(m, v) {
		if (!cJSON_IsString(m))
			return unfit(f, m, "strings in the array", e), NULL;
		if (check_text(f, m, e) == -1)
			return NULL;
		cJSON_AddItemToArray(all, cJSON_CreateString(m->valuestring));
	}
	if (f->max != 0 && cJSON_GetArraySize(all) > f->max) {
		cnt_fail(e, CNT_INVALID, "%s: expected at most %.0f items, got %d", f->name, f->max,
		    cJSON_GetArraySize(all));
		return NULL;
	}
	return take(&all);
}

static cJSON *
check_map(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	cJSON *all CNT_JSON = cJSON_CreateObject();
	const cJSON *m = NULL;

	if (!cJSON_IsObject(v))
		return unfit(f, v, "an object of strings", e), NULL;
	cJSON_ArrayForEach(m, v) {
		bool plain = cJSON_IsNumber(m) || cJSON_IsBool(m);
		char *text CNT_FREE = plain ? cnt_json_print(m) : NULL;

		if (!plain && !cJSON_IsString(m)) {
			char *got CNT_FREE = shown(f, m);

			cnt_fail(e, CNT_INVALID, "%s.%.*s: expected a string, got %s", f->name,
			    cnt_utf8_cut(m->string, 64), m->string, got);
			return NULL;
		}
		cJSON_AddStringToObject(all, m->string, plain ? text : m->valuestring);
	}
	return take(&all);
}

static cJSON *check_object(const char *what, const struct cnt_field *fields, const cJSON *args,
    struct cnt_err *e);

/* An error of a member's value names the member; in an object of many it must say which. */
static int
name_whole(const char *what, struct cnt_err *e)
{
	struct cnt_err inner = *e;

	if (strncmp(inner.text, what, strlen(what)) == 0)
		return -1;
	cnt_fail(e, inner.code, "%s.%s", what, inner.text);
	return inner.hint[0] != '\0' ? cnt_hint(e, "%s", inner.hint) : -1;
}

/* One object, or JSON text of one or of several: some clients, and the command line, have no other
 * way to say it. */
static int
add_objects(cJSON *all, const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	cJSON *text CNT_JSON = cJSON_IsString(v) ?
	    cnt_json_parse(v->valuestring, strlen(v->valuestring), e) : NULL;
	char *what CNT_FREE = cnt_format("%s[%d]", f->name, cJSON_GetArraySize(all));
	const cJSON *m = NULL;
	cJSON *one = NULL;

	if (cJSON_IsString(v) && !cJSON_IsObject(text) && !cJSON_IsArray(text))
		return unfit(f, v, "JSON: an array of objects", e);
	if (cJSON_IsArray(text)) {
		cJSON_ArrayForEach(m, text) {
			if (cJSON_IsString(m))
				return unfit(f, m, "objects in the array", e);
			if (add_objects(all, f, m, e) == -1)
				return -1;
		}
		return 0;
	}
	if (text == NULL && !cJSON_IsObject(v))
		return unfit(f, v, "objects in the array", e);
	one = check_object(what, f->of, text != NULL ? text : v, e);
	if (one == NULL)
		return name_whole(what, e);
	cJSON_AddItemToArray(all, one);
	return 0;
}

static cJSON *
check_objects(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	cJSON *all CNT_JSON = cJSON_CreateArray();
	const cJSON *m = NULL;
	int n = 0;

	if (!cJSON_IsArray(v) && !cJSON_IsObject(v) && !cJSON_IsString(v))
		return unfit(f, v, "an array of objects", e), NULL;
	if (!cJSON_IsArray(v) && add_objects(all, f, v, e) == -1)
		return NULL;
	for (m = cJSON_IsArray(v) ? v->child : NULL; m != NULL; m = m->next)
		if (add_objects(all, f, m, e) == -1)
			return NULL;
	n = cJSON_GetArraySize(all);
	if (f->max != 0 && (n < f->min || n > f->max)) {
		cnt_fail(e, CNT_INVALID, "%s: expected %.0f to %.0f items, got %d", f->name, f->min,
		    f->max, n);
		return NULL;
	}
	return take(&all);
}

static cJSON *
check_value(const struct cnt_field *f, const cJSON *v, struct cnt_err *e)
{
	switch (f->type) {
	case CNT_STRING:
	case CNT_BOX:
		if (!cJSON_IsString(v))
			return unfit(f, v, "a string", e), NULL;
		if (check_text(f, v, e) == -1 ||
		    (f->type == CNT_BOX && cnt_check_name(v->valuestring, e) == -1))
			return NULL;
		return cJSON_CreateString(v->valuestring);
	case CNT_BOOLEAN:
		return check_boolean(f, v, e);
	case CNT_STRINGS:
		return check_strings(f, v, e);
	case CNT_MAP:
		return check_map(f, v, e);
	case CNT_OBJECT:
		return check_object(f->name, f->of, v, e);
	case CNT_OBJECTS:
		return check_objects(f, v, e);
	default:
		return check_number(f, v, e);
	}
}

static void
list_names(const struct cnt_field *fields, struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 };
	const struct cnt_field *f = fields;

	for (; f != NULL && f->name != NULL; f++)
		cnt_buf_addf(&b, "%s%s", f == fields ? "" : ", ", f->name);
	if (b.p != NULL)
		cnt_hint(e, "it takes %s", b.p);
	else
		cnt_hint(e, "it takes none");
}

static const cJSON *
given(const struct cnt_field *f, const struct cnt_field *fields, const cJSON *args)
{
	const cJSON *m = NULL;

	cJSON_ArrayForEach(m, args)
		if (find(fields, m->string) == f && !cJSON_IsNull(m))
			return m;
	return NULL;
}

static int
check_names(const char *what, const struct cnt_field *fields, const cJSON *args, struct cnt_err *e)
{
	const cJSON *m = NULL;

	cJSON_ArrayForEach(m, args) {
		const struct cnt_field *f = find(fields, m->string);

		if (f == NULL && strcmp(m->string, "wait_for_previous") != 0) {
			cnt_fail(e, CNT_INVALID, "%s: unknown argument \"%.*s\"", what,
			    cnt_utf8_cut(m->string, 64), m->string);
			list_names(fields, e);
			return -1;
		}
		if (f != NULL && !cJSON_IsNull(m) && given(f, fields, args) != m)
			return cnt_fail(e, CNT_INVALID, "%s: given twice", f->name);
	}
	return 0;
}

static cJSON *
check_object(const char *what, const struct cnt_field *fields, const cJSON *args, struct cnt_err *e)
{
	cJSON *out CNT_JSON = cJSON_CreateObject();

	if (args != NULL && !cJSON_IsObject(args)) {
		cnt_fail(e, CNT_INVALID, "%s: expected an object of arguments", what);
		return NULL;
	}
	if (check_names(what, fields, args, e) == -1)
		return NULL;
	for (const struct cnt_field *f = fields; f != NULL && f->name != NULL; f++) {
		const cJSON *v = given(f, fields, args);
		cJSON *def CNT_JSON =
		    v == NULL && f->def != NULL ? cJSON_CreateString(f->def) : NULL;
		cJSON *checked = NULL;

		if (v == NULL && def == NULL) {
			if ((f->flags & CNT_REQUIRED) == 0)
				continue;
			cnt_fail(e, CNT_INVALID, "%s: missing %s", what, f->name);
			if (f->help != NULL)
				cnt_hint(e, "%s", f->help);
			return NULL;
		}
		checked = check_value(f, v != NULL ? v : def, e);
		if (checked == NULL)
			return NULL;
		cJSON_AddItemToObject(out, f->name, checked);
	}
	return take(&out);
}

cJSON *
cnt_check_args(const struct cnt_verb *v, const cJSON *args, struct cnt_err *e)
{
	return check_object(v->name, v->params, args, e);
}
