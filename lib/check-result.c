/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb's result against its own table: what it says must be there, and nothing else.
 */
#include "lib/verb.h"

#include <math.h>

static bool
is_array_of(cJSON_bool (*is_one)(const cJSON *v), const cJSON *v)
{
	const cJSON *one = NULL;

	cJSON_ArrayForEach(one, v)
		if (!is_one(one))
			return false;
	return cJSON_IsArray(v);
}

static cJSON_bool
is_integer(const cJSON *v)
{
	return cJSON_IsRaw(v) ||
	    (cJSON_IsNumber(v) && v->valuedouble == trunc(v->valuedouble));
}

static bool
is_of_type(const struct cnt_field *f, const cJSON *v)
{
	switch (f->type) {
	case CNT_INTEGER:
	case CNT_SIZE:
		return is_integer(v);
	case CNT_NUMBER:
	case CNT_DURATION:
		return cJSON_IsNumber(v);
	case CNT_BOOLEAN:
		return cJSON_IsBool(v);
	case CNT_OBJECTS:	/* raw: many of them, written as JSON by the verb itself */
		return is_array_of(cJSON_IsObject, v) || cJSON_IsRaw(v);
	case CNT_STRINGS:
		return is_array_of(cJSON_IsString, v);
	case CNT_INTEGERS:
		return is_array_of(is_integer, v);
	case CNT_MAP:
	case CNT_OBJECT:
		return cJSON_IsObject(v);
	default:
		return cJSON_IsString(v);
	}
}

static int
check_members(const char *what, const struct cnt_field *fields, const cJSON *out, struct cnt_err *e)
{
	const cJSON *m = NULL, *one = NULL;

	cJSON_ArrayForEach(m, out)
		if (cnt_field_named(fields, m->string) == NULL)
			return cnt_fail(e, CNT_BUG, "%s: result \"%s\" is not in its table", what,
			    m->string);
	for (const struct cnt_field *f = fields; f != NULL && f->name != NULL; f++) {
		m = cnt_json_get(out, f->name);
		if (m == NULL && (f->flags & CNT_OPTIONAL) != 0)
			continue;
		if (m != NULL && cJSON_IsNull(m) && (f->flags & CNT_NULLABLE) != 0)
			continue;
		if (m == NULL || !is_of_type(f, m))
			return cnt_fail(e, CNT_BUG, "%s: result \"%s\" is %s", what, f->name,
			    m == NULL ? "missing" : "of another type");
		if (f->type == CNT_OBJECT && check_members(f->name, f->of, m, e) == -1)
			return -1;
		if (f->type == CNT_OBJECTS)
			cJSON_ArrayForEach(one, m)
				if (check_members(f->name, f->of, one, e) == -1)
					return -1;
	}
	return 0;
}

int
cnt_check_result(const struct cnt_verb *v, const cJSON *out, struct cnt_err *e)
{
	return check_members(v->name, v->results, out, e);
}
