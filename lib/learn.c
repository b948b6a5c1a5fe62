/* SPDX-License-Identifier: Apache-2.0
 *
 * A description turned into verbs: names, rights, effects, and which arguments stand without their
 * name. What a description does not say is the answer that gives away least.
 */
#include "lib/learn.h"

#include <ctype.h>

#include "lib/learn-own.h"

static const char *const scopes[] = {
	"containers:read", "containers:write", "routes:read", "routes:write", "secrets:read",
	"secrets:write", "tokens:read", "tokens:write", "audit:read", "system:read", "system:admin",
	NULL
};

static const char *const root_words[] = { "type", "properties", "required", "additionalProperties",
	NULL };

bool
cnt_learn_name(const char *name)
{
	return cnt_learn_is_name(name, 31, "-");
}

static char *
upper(const char *name)
{
	char *s = cnt_strdup(name);

	for (char *p = s; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return s;
}

/* "operands": in the order of the command line, which is that of the table. An array takes all that
 * is left. One that may be missing is the last: in a script's words the next would stand in its
 * place. */
static int
learn_operands(struct cnt_learned *l, struct cnt_field *fields, const cJSON *names,
    struct cnt_err *e)
{
	const cJSON *m = NULL;
	struct cnt_field *at = fields;

	if (cnt_learn_mark(fields, names, CNT_OPERAND, "operands", e) == -1)
		return -1;
	cJSON_ArrayForEach(m, names) {
		struct cnt_field *f = at, moved;

		while (f->name != NULL && strcmp(f->name, m->valuestring) != 0)
			f++;
		if (f->name == NULL)
			return cnt_fail(e, CNT_BUG, "operands: %s: there twice", m->valuestring);
		moved = *f;
		moved.value = cnt_learn_keep(l, upper(moved.name));
		memmove(at + 1, at, (size_t)(f - at) * sizeof(*at));
		*at++ = moved;
		if (m->next != NULL && !l->mcp && moved.def == NULL &&
		    (moved.flags & CNT_REQUIRED) == 0)
			return cnt_fail(e, CNT_BUG, "operands: %s: must be required or have a "
			    "default, for another stands behind it", moved.name);
		if (moved.type != CNT_STRINGS)
			continue;
		at[-1].flags = (moved.flags & ~(unsigned)CNT_OPERAND) | CNT_REST;
		if (m->next != NULL)
			return cnt_fail(e, CNT_BUG, "operands: %s: an array must be the last",
			    moved.name);
	}
	return 0;
}

static const struct cnt_field none[1];

static int
learn_input(struct cnt_learned *l, const cJSON *said, struct cnt_verb *v, struct cnt_err *e)
{
	const cJSON *in = cnt_json_get(cnt_json_get(said, "tool"), "inputSchema");
	struct cnt_field *fields = NULL;

	in = in != NULL ? in : cnt_json_get(said, "input");
	v->params = none;
	if (in == NULL && cnt_json_get(said, "operands") == NULL)
		return 0;
	if (cnt_learn_only(in, root_words, "inputSchema", e) == -1 ||
	    (fields = cnt_learn_fields(l, in, "inputSchema", false, e)) == NULL)
		return -1;
	v->params = fields;
	return learn_operands(l, fields, cnt_json_get(said, "operands"), e);
}

/* Without a schema the result is text. */
static int
learn_output(struct cnt_learned *l, const cJSON *said, struct cnt_verb *v, struct cnt_err *e)
{
	const cJSON *out = cnt_json_get(said, "output");

	out = out != NULL ? out : cnt_json_get(cnt_json_get(said, "tool"), "outputSchema");
	v->results = none;
	v->bulk = out == NULL;
	if (out == NULL)
		return 0;
	if (cnt_learn_only(out, root_words, "outputSchema", e) == -1)
		return -1;
	v->results = cnt_learn_fields(l, out, "outputSchema", true, e);
	return v->results == NULL ? -1 : 0;
}

/* What MCP takes for granted where nothing is said. */
static unsigned
learn_effects(const cJSON *a)
{
	static const struct { const char *name; unsigned effect; bool by_default; } hints[] = {
		{ "readOnlyHint", CNT_READS, false },
		{ "destructiveHint", CNT_DESTROYS, true },
		{ "idempotentHint", CNT_IDEMPOTENT, false },
		{ "openWorldHint", CNT_OPEN_WORLD, true },
	};
	unsigned effects = 0;

	for (size_t i = 0; i < nitems(hints); i++) {
		const cJSON *m = cnt_json_get(a, hints[i].name);

		if (cJSON_IsBool(m) ? cJSON_IsTrue(m) : hints[i].by_default)
			effects |= hints[i].effect;
	}
	return (effects & CNT_READS) != 0 ? effects & ~(unsigned)CNT_DESTROYS : effects;
}

/* No scope: administrators alone. One that names a box may touch the caller's own. */
static int
learn_rights(const cJSON *said, struct cnt_verb *v, struct cnt_err *e)
{
	const cJSON *scope = cnt_json_get(said, "scope");

	v->boxes = CNT_ADMIN;
	if (scope == NULL)
		return 0;
	if (!cJSON_IsString(scope) || !cnt_learn_among(scope->valuestring, scopes))
		return cnt_fail(e, CNT_BUG, "scope: expected one such as containers:read");
	v->scope = scope->valuestring;
	v->boxes = CNT_NO_BOX;
	for (const struct cnt_field *f = v->params; f->name != NULL; f++)
		if (f->type == CNT_BOX)
			v->boxes = CNT_OWN_BOX;
	return 0;
}

static int
learn_names(struct cnt_learned *l, const cJSON *said, const char *name, struct cnt_verb *v,
    struct cnt_err *e)
{
	const cJSON *tool = cnt_json_get(said, "tool");
	size_t n = strlen(name);

	if (cnt_learn_text(said, "name", CNT_LEARN_LINE, &v->name, e) == -1 ||
	    cnt_learn_text(said, "summary", CNT_LEARN_LINE, &v->summary, e) == -1 ||
	    cnt_learn_text(said, "group", CNT_LEARN_LINE, &v->group, e) == -1 ||
	    cnt_learn_text(said, "also", CNT_LEARN_LINE, &v->also, e) == -1 ||
	    cnt_learn_text(tool, "name", CNT_LEARN_LINE, &v->tool, e) == -1 ||
	    cnt_learn_text(tool, "title", CNT_LEARN_LINE, &v->title, e) == -1 ||
	    cnt_learn_text(tool, "description", CNT_LEARN_ABOUT, &v->about, e) == -1)
		return -1;
	if (v->name == NULL || strncmp(v->name, name, n) != 0 || (v->name[n] != '\0' &&
	    (v->name[n] != ' ' || !cnt_learn_is_name(v->name + n + 1, 32, "-"))))
		return cnt_fail(e, CNT_BUG, "name: expected \"%s\", as the file is called, or that "
		    "and one word", name);
	v->summary = v->summary != NULL ? v->summary : v->name;
	v->group = v->group != NULL ? v->group : "Of this host";
	if (tool == NULL)
		return 0;
	if (v->tool == NULL) {
		char *made = cnt_learn_keep(l, cnt_strdup(v->name));

		for (char *p = made; (p = strpbrk(p, " -")) != NULL; )
			*p = '_';
		v->tool = made;
	}
	v->title = v->title != NULL ? v->title : v->name;
	return cnt_learn_is_name(v->tool, 40, "_") ? 0 : cnt_fail(e, CNT_BUG,
	    "tool: \"%s\": not a name for a tool", v->tool);
}

static int
learn_verb(struct cnt_learned *l, const cJSON *said, const char *name, struct cnt_verb *v,
    struct cnt_err *e)
{
	static const char *const words[] = { "name", "summary", "group", "also", "scope",
		"operands", "input", "output", "tool", NULL };
	static const char *const tool_words[] = { "name", "title", "description", "inputSchema",
		"outputSchema", "annotations", "_meta", NULL };
	const cJSON *tool = cnt_json_get(said, "tool");

	if (cnt_learn_only(said, words, "verb", e) == -1 ||
	    (tool != NULL && cnt_learn_only(tool, tool_words, "tool", e) == -1) ||
	    learn_names(l, said, name, v, e) == -1 || learn_input(l, said, v, e) == -1 ||
	    learn_output(l, said, v, e) == -1)
		return -1;
	v->effects = learn_effects(cnt_json_get(tool, "annotations"));
	v->storeless = (v->effects & CNT_READS) != 0;	/* there is nothing to record */
	return learn_rights(said, v, e);
}

/* A verb beside those before it: of several each has a word of its own, and a
 * tool's name, if any. */
static int
check_beside(const struct cnt_learned *l, const struct cnt_verb *v, int n, struct cnt_err *e)
{
	if (l->mcp && v->tool == NULL)
		return cnt_fail(e, CNT_BUG, "mcp: %s has no tool that could be called", v->name);
	if (n > 1 && strchr(v->name, ' ') == NULL)
		return cnt_fail(e, CNT_BUG, "name: %s: of several each needs a second word",
		    v->name);
	for (const struct cnt_verb *w = l->verbs; w < v; w++)
		if (strcmp(w->name, v->name) == 0 || (w->tool != NULL && v->tool != NULL &&
		    strcmp(w->tool, v->tool) == 0))
			return cnt_fail(e, CNT_BUG, "%s: is there twice, or its tool is", v->name);
	return 0;
}

int
cnt_learn(struct cnt_learned *l, cJSON *said, const char *name, int (*run)(struct cnt_call *c),
    struct cnt_err *e)
{
	const cJSON *verbs = cnt_json_get(said, "verbs"), *m = NULL;
	int n = cJSON_GetArraySize(verbs);
	struct cnt_err inner = { 0 };
	size_t i = 0;

	*l = (struct cnt_learned){ .said = said, .mcp = cnt_json_bool(said, "mcp") };
	if (!cJSON_IsArray(verbs) || n < 1 || n > CNT_LEARNED_MAX)
		return cnt_fail(e, CNT_BUG, "%s: its description: verbs: expected 1 to %d", name,
		    CNT_LEARNED_MAX);
	cJSON_ArrayForEach(m, verbs) {
		if (learn_verb(l, m, name, &l->verbs[i], &inner) == -1 ||
		    check_beside(l, &l->verbs[i], n, &inner) == -1)
			return cnt_fail(e, CNT_BUG, "%s: its description: %s", name, inner.text);
		l->verbs[i].run = run;
		l->list[i] = &l->verbs[i];
		i++;
	}
	return 0;
}

void
cnt_learned_free(struct cnt_learned *l)
{
	while (l->n > 0)
		free(l->kept[--l->n]);
	free(l->kept);
	cJSON_Delete(l->said);
	*l = (struct cnt_learned){ 0 };
}
