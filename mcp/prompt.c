/* SPDX-License-Identifier: Apache-2.0
 *
 * The two shapes of a prompt on the wire, both from its description.
 */
#include "mcp/prompt.h"

cJSON *
cnt_prompt_describe(const struct cnt_verb *v)
{
	cJSON *p = cJSON_CreateObject(), *arguments = NULL;

	cnt_json_set_str(p, "name", v->name);
	cnt_json_set_str(p, "title", v->title);
	cnt_json_set_str(p, "description", v->about);
	arguments = cJSON_AddArrayToObject(p, "arguments");
	for (const struct cnt_field *f = v->params; f->name != NULL; f++) {
		cJSON *a = cnt_json_add_object(arguments);

		cnt_json_set_str(a, "name", f->name);
		cnt_json_set_str(a, "description", f->help);
		cnt_json_set_bool(a, "required", (f->flags & CNT_REQUIRED) != 0);
	}
	return p;
}

void
cnt_prompt_result(const struct cnt_verb *v, const char *text, size_t n, struct cnt_buf *result)
{
	cnt_buf_adds(result, "{\"description\":");
	cnt_json_quote(result, v->about, strlen(v->about));
	cnt_buf_adds(result, ",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
	    "\"text\":");
	cnt_json_quote(result, text, n);
	cnt_buf_adds(result, "}}]}");
}
