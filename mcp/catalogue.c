/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools of the programs beside us. Asking twenty programs costs twenty milliseconds, so their
 * answers are kept; the file that keeps them is believed only when it is our own account's and
 * nobody else may write it. One that cannot be read or written is done without.
 */
#include "mcp/catalogue.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "lib/file.h"
#include "lib/paths.h"
#include "lib/run.h"

#define CACHE		CNT_RUN "/verbs.json"
#define CACHE_MAX	((size_t)1 << 20)

static int
candidate(const struct dirent *d)
{
	return (strncmp(d->d_name, "cnt-", 4) == 0 && strcmp(d->d_name, "cnt-mcp") != 0) ||
	    strcmp(d->d_name, "agent-box") == 0;
}

static cJSON *
read_cache(void)
{
	char *path CNT_FREE = cnt_path("%s", CACHE);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	char chunk[16384];
	struct stat st;
	ssize_t n;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0 || (size_t)st.st_size > CACHE_MAX)
		return NULL;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && b.n <= CACHE_MAX)
		cnt_buf_add(&b, chunk, (size_t)n);
	return b.n > 0 ? cnt_json_parse(b.p, b.n, &e) : NULL;
}

static void
write_cache(const cJSON *cache)
{
	char *path CNT_FREE = cnt_path("%s", CACHE);
	char *temp CNT_FREE = cnt_format("%s.XXXXXX", path);
	char *text CNT_FREE = cnt_json_print(cache);
	int fd CNT_CLOSE = mkostemp(temp, O_CLOEXEC);
	size_t n = strlen(text);

	if (fd == -1)
		return;
	if (write(fd, text, n) != (ssize_t)n || rename(temp, path) == -1)
		unlink(temp);
}

/* What a program says of itself, cut to what is used here: [{"tool":...}]. A program that says
 * nothing sensible has no tools. */
static cJSON *
ask(const char *path)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)"--describe", NULL };
	struct cnt_buf out CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	cJSON *said CNT_JSON = NULL, *tools = cJSON_CreateArray();
	const cJSON *v = NULL;

	if (cnt_run(argv, NULL, 0, &out, &e) == 0 && out.n > 0)
		said = cnt_json_parse(out.p, out.n, &e);
	cJSON_ArrayForEach(v, cnt_json_get(said, "verbs")) {
		const cJSON *tool = cnt_json_get(v, "tool");

		if (cnt_json_str(tool, "name") != NULL &&
		    cJSON_IsObject(cnt_json_get(tool, "inputSchema")))
			cJSON_AddItemToArray(tools, cJSON_Duplicate(tool, true));
	}
	return tools;
}

/* {"size":...,"mtime":"...","tools":[...]} of one program, from the cache or anew. */
static cJSON *
entry(const cJSON *cache, const char *name, const char *path, const struct stat *st, bool *changed)
{
	const cJSON *had = cnt_json_get(cache, name);
	char *mtime CNT_FREE = cnt_format("%lld.%09ld", (long long)st->st_mtim.tv_sec,
	    st->st_mtim.tv_nsec);
	const char *was = cnt_json_str(had, "mtime"), *at = cnt_json_str(had, "path");
	cJSON *j;

	if (was != NULL && at != NULL && strcmp(was, mtime) == 0 && strcmp(at, path) == 0 &&
	    cnt_json_int(had, "size", -1) == st->st_size)
		return cJSON_Duplicate(had, true);
	*changed = true;
	j = cJSON_CreateObject();
	cnt_json_set_str(j, "path", path);
	cnt_json_set_int(j, "size", st->st_size);
	cnt_json_set_str(j, "mtime", mtime);
	cnt_json_set(j, "tools", ask(path));
	return j;
}

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

static void
add_tools(struct cnt_catalogue *c, const cJSON *tools, const char *program, bool read_only)
{
	const cJSON *t = NULL;

	cJSON_ArrayForEach(t, tools) {
		cJSON *tool;

		if ((read_only && !cnt_json_bool(cnt_json_get(t, "annotations"), "readOnlyHint")) ||
		    cnt_catalogue_find(c, cnt_json_str(t, "name")) != NULL)
			continue;
		tool = cJSON_Duplicate(t, true);
		if (program == NULL)
			add_box(tool);
		cJSON_AddItemToArray(c->tools, tool);
		c->of = cnt_realloc(c->of, (c->n + 1) * sizeof(*c->of));
		c->of[c->n++] = (struct cnt_tool){ cnt_strdup(cnt_json_str(t, "name")),
		    program != NULL ? cnt_strdup(program) : NULL };
	}
}

int
cnt_catalogue_read(struct cnt_catalogue *c, const char *dir, bool platform, bool box,
    bool read_only, struct cnt_err *e)
{
	cJSON *cache CNT_JSON = read_cache(), *now CNT_JSON = cJSON_CreateObject();
	struct dirent **names = NULL;
	int n = scandir(dir, &names, candidate, alphasort);
	bool changed = false;

	if (n == -1)
		return cnt_fail_sys(e, "%s", dir);
	c->tools = cJSON_CreateArray();
	for (int pass = 0; pass < 2; pass++)		/* the platform's tools first */
		for (int i = 0; i < n; i++) {
			const char *name = names[i]->d_name;
			bool in_box = strcmp(name, "agent-box") == 0;
			char *path CNT_FREE = cnt_format("%s/%s", dir, name);
			struct stat st;
			cJSON *j;

			if (in_box != (pass == 1) || stat(path, &st) == -1 ||
			    !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
				continue;
			j = entry(cache, name, path, &st, &changed);
			cJSON_AddItemToObject(now, name, j);
			if (in_box ? box : platform)
				add_tools(c, cnt_json_get(j, "tools"), in_box ? NULL : path,
				    read_only);
		}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (changed)
		write_cache(now);
	return 0;
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
	for (size_t i = 0; i < c->n; i++) {
		free(c->of[i].name);
		free(c->of[i].program);
	}
	free(c->of);
	cJSON_Delete(c->tools);
	*c = (struct cnt_catalogue){ 0 };
}
