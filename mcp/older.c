/* SPDX-License-Identifier: Apache-2.0
 *
 * What older revisions do not know. Members that they lack are left out where clients of that time
 * may refuse them; content of a kind that they lack becomes text that says so.
 */
#include "mcp/serving.h"

/* Before 2026-07-28 a result is an object. */
static bool
is_object(const cJSON *schema)
{
	const char *type = cnt_json_str(schema, "type");

	return type != NULL && strcmp(type, "object") == 0;
}

void
cnt_older_tools(cJSON *tools, enum cnt_revision revision)
{
	cJSON *t = NULL;

	cJSON_ArrayForEach(t, tools) {
		if (revision < CNT_R_2025_03_26)
			cJSON_DeleteItemFromObjectCaseSensitive(t, "annotations");
		if (revision < CNT_R_2025_06_18) {
			cJSON_DeleteItemFromObjectCaseSensitive(t, "title");
			cJSON_DeleteItemFromObjectCaseSensitive(t, "_meta");
		} else {
			cJSON_DeleteItemFromObjectCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(t, "annotations"), "title");
		}
		if (revision < CNT_R_2025_06_18 || (revision < CNT_R_2026_07_28 &&
		    !is_object(cnt_json_get(t, "outputSchema"))))
			cJSON_DeleteItemFromObjectCaseSensitive(t, "outputSchema");
	}
}

/* One content block, or what stands for it. */
static void
add_block(struct cnt_buf *b, struct cnt_span block, enum cnt_revision revision)
{
	struct cnt_span type = cnt_raw_member(block, "type");
	struct cnt_span uri = cnt_raw_member(block, "uri");

	if (type.p != NULL && revision < CNT_R_2025_03_26 && cnt_raw_is(type, "audio")) {
		cnt_buf_adds(b, "{\"type\":\"text\",\"text\":\"[audio]\"}");
	} else if (type.p != NULL && cnt_raw_is(type, "resource_link") && uri.n > 2 &&
	    *uri.p == '"') {
		cnt_buf_adds(b, "{\"type\":\"text\",\"text\":\"[resource] ");
		cnt_buf_add(b, uri.p + 1, uri.n - 1);
		cnt_buf_adds(b, "}");
	} else {
		cnt_buf_add(b, block.p, block.n);
	}
}

static void
add_message(struct cnt_buf *b, struct cnt_span message, enum cnt_revision revision)
{
	struct cnt_span role = cnt_raw_member(message, "role");
	struct cnt_span content = cnt_raw_member(message, "content");

	if (role.p == NULL || content.p == NULL) {
		cnt_buf_add(b, message.p, message.n);
		return;
	}
	cnt_buf_adds(b, "{\"role\":");
	cnt_buf_add(b, role.p, role.n);
	cnt_buf_adds(b, ",\"content\":");
	add_block(b, content, revision);
	cnt_buf_adds(b, "}");
}

bool
cnt_older_content(struct cnt_buf *b, const struct cnt_raw *result, enum cnt_revision revision)
{
	bool messages = cnt_raw_is(result->name, "messages");
	struct cnt_raw it;
	const char *comma = "";

	if ((!messages && !cnt_raw_is(result->name, "content")) ||
	    !cnt_raw_walk(&it, result->value) || it.close != ']')
		return false;
	cnt_buf_adds(b, messages ? "\"messages\":[" : "\"content\":[");
	for (; cnt_raw_next(&it) == 1; comma = ",") {
		cnt_buf_adds(b, comma);
		(messages ? add_message : add_block)(b, it.value, revision);
	}
	cnt_buf_adds(b, "],");
	return true;
}
