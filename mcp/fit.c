/* SPDX-License-Identifier: Apache-2.0
 *
 * An input against the client: may it be asked for, by what the client declared and its revision
 * knows; and does what came fit. What the client sends is anybody's.
 */
#include "mcp/serving.h"

const char *
cnt_input_capability(const struct cnt_input *in)
{
	return *in->method == 'e' ? "elicitation" : *in->method == 's' ? "sampling" : "roots";
}

static cJSON *
parsed(const char *text)
{
	struct cnt_err e = { 0 };

	return cnt_json_parse(text, strlen(text), &e);
}

/* Elicitation by a form is what an empty capability stands for too. */
static bool
may_elicit(const cJSON *params, const cJSON *has, enum cnt_revision revision)
{
	const char *mode = cnt_json_str(params, "mode");

	if (mode != NULL && strcmp(mode, "url") == 0)
		return revision >= CNT_R_2025_11_25 && cnt_json_get(has, "url") != NULL;
	return revision >= CNT_R_2025_06_18 &&
	    (has->child == NULL || cnt_json_get(has, "form") != NULL);
}

bool
cnt_input_possible(const struct cnt_input *in, const cJSON *capabilities,
    enum cnt_revision revision)
{
	const cJSON *has = cnt_json_get(capabilities, cnt_input_capability(in));
	cJSON *params CNT_JSON = parsed(in->params);

	if (!cJSON_IsObject(has))
		return false;
	if (*in->method == 'e')
		return may_elicit(params, has, revision);
	return *in->method == 'r' || cnt_json_get(params, "tools") == NULL ||
	    cnt_json_get(has, "tools") != NULL;
}

/* Is v of the JSON Schema type? */
static bool
is_type(const cJSON *v, const char *type)
{
	return type == NULL || (strcmp(type, "string") == 0 && cJSON_IsString(v)) ||
	    (strcmp(type, "boolean") == 0 && cJSON_IsBool(v)) ||
	    (strcmp(type, "array") == 0 && cJSON_IsArray(v)) ||
	    (strcmp(type, "number") == 0 && cJSON_IsNumber(v)) ||
	    (strcmp(type, "integer") == 0 && cnt_rpc_is_id(v) && cJSON_IsNumber(v));
}

/* Does a form have what was required, and each member its type? */
static bool
fills(const cJSON *content, const cJSON *schema)
{
	const cJSON *properties = cnt_json_get(schema, "properties"), *it = NULL;

	if (!cJSON_IsObject(content))
		return false;
	cJSON_ArrayForEach(it, cnt_json_get(schema, "required"))
		if (cnt_json_get(content, it->valuestring) == NULL)
			return false;
	cJSON_ArrayForEach(it, content)
		if (!is_type(it, cnt_json_str(cnt_json_get(properties, it->string), "type")))
			return false;
	return true;
}

bool
cnt_input_fits(const struct cnt_input *in, const cJSON *v)
{
	cJSON *params CNT_JSON = parsed(in->params);
	const cJSON *schema = cnt_json_get(params, "requestedSchema"), *it = NULL;
	const char *action = cnt_json_str(v, "action");

	if (*in->method == 'e')
		return action != NULL && (strcmp(action, "decline") == 0 ||
		    strcmp(action, "cancel") == 0 || (strcmp(action, "accept") == 0 &&
		    (schema == NULL || fills(cnt_json_get(v, "content"), schema))));
	if (*in->method == 's')
		return cnt_json_str(v, "role") != NULL && cnt_json_str(v, "model") != NULL &&
		    cnt_json_get(v, "content") != NULL;
	cJSON_ArrayForEach(it, cnt_json_get(v, "roots"))
		if (cnt_json_str(it, "uri") == NULL)
			return false;
	return cJSON_IsArray(cnt_json_get(v, "roots"));
}
