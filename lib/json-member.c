/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of JSON objects, read and set by their exact names. A reader gets its default where there
 * is none or one of another type; what was checked before is not reported again.
 */
#include "lib/json.h"

#include <inttypes.h>
#include <math.h>

#define EXACT 9007199254740992.0	/* 2^53: integers up to here are exact in a double */
#define PRINTED 1000000000000000	/* cJSON 1.7.15 prints 15 digits of an integer */

const cJSON *
cnt_json_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *
cnt_json_str(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cnt_json_get(object, name));
}

double
cnt_json_num(const cJSON *object, const char *name, double def)
{
	const cJSON *m = cnt_json_get(object, name);

	if (cJSON_IsNumber(m))
		return m->valuedouble;
	if (cJSON_IsRaw(m))		/* cnt_json_set_int */
		return strtod(m->valuestring, NULL);
	return def;
}

int64_t
cnt_json_int(const cJSON *object, const char *name, int64_t def)
{
	const cJSON *m = cnt_json_get(object, name);

	if (cJSON_IsRaw(m))
		return strtoll(m->valuestring, NULL, 10);
	if (!cJSON_IsNumber(m) || fabs(m->valuedouble) > EXACT)
		return def;
	return (int64_t)m->valuedouble;
}

bool
cnt_json_bool(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cnt_json_get(object, name));
}

void
cnt_json_set(cJSON *object, const char *name, cJSON *owned)
{
	if (cnt_json_get(object, name) != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, owned);
	else
		cJSON_AddItemToObject(object, name, owned);
}

void
cnt_json_set_str(cJSON *object, const char *name, const char *value)
{
	size_t n = strlen(value);
	struct cnt_buf b CNT_BUF = { 0 };

	if (cnt_utf8_valid(value, n) == n) {
		cnt_json_set(object, name, cJSON_CreateString(value));
		return;
	}
	cnt_utf8_add(&b, value, n);
	cnt_json_set(object, name, cJSON_CreateString(b.p));
}

void
cnt_json_set_int(cJSON *object, const char *name, int64_t value)
{
	char text[24];

	if (value > -PRINTED && value < PRINTED) {
		cnt_json_set(object, name, cJSON_CreateNumber((double)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64, value);
	cnt_json_set(object, name, cJSON_CreateRaw(text));
}

/* cJSON has no way to hand it a text: it would copy megabytes. */
void
cnt_json_take_raw(cJSON *object, const char *name, struct cnt_buf *text)
{
	cJSON *j = cJSON_CreateNull();

	j->type = cJSON_Raw;
	j->valuestring = take(&text->p);
	cnt_buf_free(text);
	cnt_json_set(object, name, j);
}

void
cnt_json_set_num(cJSON *object, const char *name, double value)
{
	cnt_json_set(object, name, cJSON_CreateNumber(value));
}

void
cnt_json_set_bool(cJSON *object, const char *name, bool value)
{
	cnt_json_set(object, name, cJSON_CreateBool(value));
}

void
cnt_json_set_null(cJSON *object, const char *name)
{
	cnt_json_set(object, name, cJSON_CreateNull());
}

cJSON *
cnt_json_add_object(cJSON *array)
{
	cJSON *j = cJSON_CreateObject();

	cJSON_AddItemToArray(array, j);
	return j;
}
