/* SPDX-License-Identifier: Apache-2.0
 *
 * Cursors. The order in which a tree is listed is the order of its paths' parts; the pages of a
 * tool are what it gives in one, each thing once, however small they are; and a cursor may say
 * anything.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/base64.h"
#include "lib/file.h"
#include "mcp/box/box.h"
#include "mcp/box/search/trail.h"
#include "mcp/box/search/walk.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"
#include "tests/fuzz/fuzz.h"

#define SORT(x)	(((x) > 0) - ((x) < 0))

static char *root;

/* A few names that sort around `/` and around each other. */
static void
make_tree(void)
{
	static const char *const dirs[] = { "a", "a/b", "a-b", "ab", "a/b/c", "\xc3\xa9" };
	static const char *const files[] = {
		"a/b.c", "a/b/c/d", "a-b/x", "a.c", "ab/a", "a!", "b", ".hidden", "\xc3\xa9/x",
		"\xff", " a b", "a/ b", "\ta", "a\nb", "0 a",
	};
	static const char text[] = "one\ntwo \xc3\xa9\nthree \xf0\x9f\x98\x80\none\ntwo one\nsix\n";
	struct cnt_err e = { 0 };
	const char *tmp = getenv("TMPDIR");

	root = cnt_format("%s/cnt-fuzz-cursor.XXXXXX", tmp != NULL ? tmp : "/tmp");
	must(mkdtemp(root) != NULL && chdir(root) == 0);
	must(setenv("HOME", root, 1) == 0 && setenv("AGENTBOX_ROOT", root, 1) == 0);
	for (size_t i = 0; i < nitems(dirs); i++)
		must(mkdir(dirs[i], 0755) == 0);
	for (size_t i = 0; i < nitems(files); i++)
		must(cnt_file_write_in(AT_FDCWD, files[i], text, strlen(text), 0644, getuid(),
		    getgid(), &e) == 0);
	must(cnt_wall_init(&e) == 0);
}

/* Parts compared one by one. */
static int
by_parts(const char *a, const char *b)
{
	for (;;) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");
		int order = memcmp(a, b, n < m ? n : m);

		if (order != 0 || n != m)
			return order != 0 ? order : n < m ? -1 : 1;
		a += n;
		b += m;
		if (*a == '\0' || *b == '\0')
			return *a - *b;
		a++;
		b++;
	}
}

/* How a tool is asked for a page, and what it gives. */
struct paged {
	const struct cnt_verb	*verb;
	const char		*args, *from, *next, *items;	/* items NULL: text */
};

static const struct paged tools[] = {
	{ &cnt_box_list_directory, "{\"depth\":16,\"include_hidden\":true}", "cursor",
	    "next_cursor", "entries" },
	{ &cnt_box_list_directory, "{\"depth\":16,\"glob\":\"*b*\"}", "cursor", "next_cursor",
	    "entries" },
	{ &cnt_box_find_files, "{\"glob\":\"*\"}", "cursor", "next_cursor", "paths" },
	{ &cnt_box_find_files, "{\"glob\":\"**/a/*\"}", "cursor", "next_cursor", "paths" },
	{ &cnt_box_search_files, "{\"pattern\":\"one\"}", "cursor", "next_cursor", "matches" },
	{ &cnt_box_search_files, "{\"pattern\":\"t|x\",\"context\":1}", "cursor", "next_cursor",
	    "matches" },
	{ &cnt_box_tail_log, "{\"follow_seconds\":0}", "since", "next", NULL },
};

/* What was given is added to all; the next cursor, NULL at the end or on an error. */
static char *
page(const struct paged *t, const char *cursor, int64_t limit, cJSON *all, struct cnt_buf *text)
{
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = cnt_json_parse(t->args, strlen(t->args), &e), *in CNT_JSON = NULL;
	cJSON *out CNT_JSON = cJSON_CreateObject(), *read CNT_JSON = NULL;
	char *text_of CNT_FREE = NULL;
	struct cnt_call c = { .verb = t->verb, .out = out, .err = &e };
	char *path CNT_FREE = cnt_format("%s%s", root, t->items == NULL ? "/a/b.c" : "");
	const char *next = NULL;
	const cJSON *m = NULL;
	int n = 0;

	cnt_json_set_str(args, "path", path);
	cnt_json_set_int(args, "limit", limit);
	if (cursor != NULL)
		cnt_json_set_str(args, t->from, cursor);
	c.in = in = cnt_check_args(t->verb, args, &e);
	must(in != NULL);
	if (t->verb->run(&c) == -1) {
		must(cursor != NULL && e.text[0] != '\0');
	} else {
		must(cnt_check_result(t->verb, out, &e) == 0);
		text_of = cnt_json_print(out);		/* parts of it may be text already */
		read = cnt_json_parse(text_of, strlen(text_of), &e);
		must(read != NULL);
		next = cnt_json_str(read, t->next);
		m = t->items != NULL ? cnt_json_get(read, t->items)->child : NULL;
		for (; m != NULL; m = m->next, n++) {
			cJSON *one = cJSON_Duplicate(m, true);

			/* A page has no context beyond its borders. */
			cJSON_DeleteItemFromObjectCaseSensitive(one, "before");
			cJSON_DeleteItemFromObjectCaseSensitive(one, "after");
			cJSON_AddItemToArray(all, one);
		}
		must(n <= limit);
		cnt_buf_add(text, c.body.p, c.body.n);
	}
	cnt_buf_free(&c.head);
	cnt_buf_free(&c.body);
	cnt_buf_free(&c.foot);
	return next != NULL ? cnt_strdup(next) : NULL;
}

/* From the cursor on, which is freed, page by page. */
static void
pages(const struct paged *t, char *cursor, int64_t limit, cJSON *all, struct cnt_buf *text)
{
	int n = 0;

	do {
		size_t before = text->n;
		char *next = page(t, cursor, limit, all, text);

		must(++n < 1000);
		free(cursor);
		cursor = next;
		if (t->items == NULL && text->n == before)
			break;			/* a log has no last page */
	} while (cursor != NULL);
	free(cursor);
}

/* A cursor for the beginning, or NULL. */
static char *
beginning(const struct paged *t)
{
	struct cnt_mark m = { .check = 2166136261U };
	struct stat st = { 0 };

	if (t->items != NULL)
		return NULL;
	must(stat("a/b.c", &st) == 0);
	m.inode = st.st_ino;
	return cnt_mark_text(&m);
}

static void
whole_and_pages(const struct paged *t, int64_t limit)
{
	cJSON *whole CNT_JSON = cJSON_CreateArray(), *parts CNT_JSON = cJSON_CreateArray();
	struct cnt_buf a CNT_BUF = { 0 }, b CNT_BUF = { 0 };

	pages(t, NULL, 5000, whole, &a);
	pages(t, beginning(t), limit, parts, &b);
	must(cJSON_GetArraySize(whole) > 0 || t->items == NULL);
	must(cJSON_Compare(whole, parts, true));
	if (t->items == NULL)
		must(a.n == b.n && a.n > 0 && memcmp(a.p, b.p, a.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct paged *t = &tools[pick(&data, &n, nitems(tools) - 1)];
	int64_t limit = 1 + pick(&data, &n, 7);
	char *a CNT_FREE = pick_text(&data, &n), *b CNT_FREE = pick_text(&data, &n);
	struct cnt_buf coded CNT_BUF = { 0 }, text CNT_BUF = { 0 };
	cJSON *all CNT_JSON = cJSON_CreateArray();

	if (root == NULL)
		make_tree();
	cnt_text_want_facts();
	must(SORT(cnt_walk_order(a, b)) == SORT(by_parts(a, b)));
	must(SORT(cnt_walk_order(b, a)) == -SORT(cnt_walk_order(a, b)));
	if (a[0] == '\0')
		whole_and_pages(t, limit);
	cnt_base64_add(&coded, a, strlen(a));
	a[cnt_utf8_valid(a, strlen(a))] = '\0';
	pages(t, cnt_strdup(coded.p != NULL ? coded.p : ""), limit, all, &text);
	pages(t, cnt_strdup(a), limit, all, &text);
	return 0;
}
