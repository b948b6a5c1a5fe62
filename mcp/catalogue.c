/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools of the platform, of boxes, and those that an operator dropped in: in this order, so
 * that of two with one name ours is the tool.
 */
#include "mcp/catalogue.h"

#include "mcp/described.h"

/* A tool of agent-box's gets the box it is for, before everything else. What it answers stands in
 * the schema of agent-box itself: here it would be paid for by each turn of the model. */
static void
add_box(cJSON *tool)
{
	cJSON *schema = cJSON_GetObjectItemCaseSensitive(tool, "inputSchema");
	cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
	cJSON *required = cJSON_GetObjectItemCaseSensitive(schema, "required");
	cJSON *box = cJSON_CreateObject(), *all = cJSON_CreateObject(), *m;

	cnt_json_set_str(box, "type", "string");
	cJSON_AddItemToObject(all, "box", box);
	while (properties != NULL && (m = cJSON_DetachItemFromArray(properties, 0)) != NULL)
		cJSON_AddItemToObject(all, m->string, m);
	cnt_json_set(schema, "properties", all);
	if (!cJSON_IsArray(required)) {
		required = cJSON_CreateArray();
		cnt_json_set(schema, "required", required);
	}
	cJSON_InsertItemInArray(required, 0, cJSON_CreateString("box"));
	cJSON_DeleteItemFromObjectCaseSensitive(tool, "outputSchema");
}

static bool
in_box(const cJSON *entry)
{
	const char *name = cnt_json_str(entry, "name");

	return name != NULL && strcmp(name, "agent-box") == 0 && !cnt_json_bool(entry, "dropin");
}

/* A tool that is not wanted has its name all the same: nobody else's goes by it. */
static void
add_tool(struct cnt_catalogue *c, const cJSON *entry, const cJSON *said, bool wanted, cJSON *names)
{
	const char *name = cnt_json_str(said, "name");
	cJSON *tool;

	if (name == NULL || !cJSON_IsObject(cnt_json_get(said, "inputSchema")) ||
	    cnt_json_get(names, name) != NULL)
		return;
	cnt_json_set_bool(names, name, true);
	if (!wanted ||
	    (c->read_only && !cnt_json_bool(cnt_json_get(said, "annotations"), "readOnlyHint")))
		return;
	tool = cJSON_Duplicate(said, true);
	c->of = cnt_realloc(c->of, (c->n + 1) * sizeof(*c->of));
	c->of[c->n] = (struct cnt_tool){ .name = cnt_strdup(name) };
	if (in_box(entry))
		add_box(tool);
	else
		c->of[c->n].program = cnt_described_program(entry, &c->of[c->n].first);
	cJSON_AddItemToArray(c->tools, tool);
	c->n++;
}

static void
empty(struct cnt_catalogue *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->of[i].name);
		free(c->of[i].program);
		free(c->of[i].first);
	}
	free(take(&c->of));
	c->n = 0;
	cJSON_Delete(take(&c->tools));
}

void
cnt_catalogue_look(struct cnt_catalogue *c)
{
	const cJSON *entry = NULL, *verb = NULL;
	cJSON *names CNT_JSON = NULL;

	if (!cnt_described_look(&c->known))
		return;
	empty(c);
	c->tools = cJSON_CreateArray();
	names = cJSON_CreateObject();
	for (int pass = 0; pass < 3; pass++)
		cJSON_ArrayForEach(entry, c->known) {
			int its = in_box(entry) ? 1 : cnt_json_bool(entry, "dropin") ? 2 : 0;

			if (its != pass)
				continue;
			cJSON_ArrayForEach(verb, cnt_json_get(entry, "verbs"))
				add_tool(c, entry, cnt_json_get(verb, "tool"),
				    its == 1 ? c->box : c->platform, names);
		}
}

const struct cnt_tool *
cnt_catalogue_find(const struct cnt_catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->of[i].name, name) == 0)
			return &c->of[i];
	return NULL;
}

void
cnt_catalogue_free(struct cnt_catalogue *c)
{
	empty(c);
	cJSON_Delete(take(&c->known));
}
