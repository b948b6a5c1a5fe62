/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts rendered rules into force, compares them with what is there, takes them away: each by one
 * run of nft(8), which is told JSON and answers with it.
 */
#include "lib/nft.h"

/* "add" first: deleting an absent one is an error. */
#define REMOVE(family) "{\"add\":{\"table\":{\"family\":\"" family "\",\"name\":\"%s\"}}}," \
	"{\"delete\":{\"table\":{\"family\":\"" family "\",\"name\":\"%s\"}}}"

static void
start(struct cnt_run *r, const char *text)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"-f", (char *)"-", NULL };

	cnt_run_start(r, argv, text, strlen(text));
}

static int
render_and_start(struct cnt_run *r, const struct cnt_instance *i,
    const struct cnt_nft_boxes *b, bool whole, struct cnt_err *e)
{
	CNT_JSON cJSON *doc = cnt_nft_render(i, b, whole, e);
	char *text CNT_FREE = doc == NULL ? NULL : cnt_json_print(doc);

	if (text == NULL)
		return -1;
	start(r, text);
	return 0;
}

void
cnt_nft_start(struct cnt_run *r, const struct cnt_instance *i, const struct cnt_nft_boxes *b)
{
	struct cnt_err again;		/* the end comes to it too */

	*r = (struct cnt_run){ 0 };
	(void)render_and_start(r, i, b, false, &again);
}

int
cnt_nft_end(struct cnt_run *r, const struct cnt_instance *i, const struct cnt_nft_boxes *b,
    struct cnt_err *e)
{
	const struct cnt_nft_boxes there = { .boxes = b->boxes, .n = b->n };

	if (r->program != NULL && cnt_run_end(r, NULL, e) == 0)
		return 0;
	return render_and_start(r, i, &there, true, e) == -1 ? -1 : cnt_run_end(r, NULL, e);
}

static size_t
count_rules(const cJSON *items, const char *tag)
{
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach(item, items) {
		const cJSON *add = cnt_json_get(item, "add");
		const cJSON *r = cnt_json_get(add == NULL ? item : add, "rule");
		const char *of = r == NULL ? NULL : cnt_json_str(r, "table");

		n += of != NULL && strcmp(of, tag) == 0;
	}
	return n;
}

/* The hash in the sets' names says which rules were put there, their number that none was lost. */
int
cnt_nft_check(const struct cnt_instance *i, struct cnt_err *e)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"list", (char *)"ruleset",
	    NULL };
	const struct cnt_nft_boxes none = { 0 };
	CNT_JSON cJSON *wanted = cnt_nft_render(i, &none, true, e);
	CNT_JSON cJSON *is = NULL;
	CNT_BUF struct cnt_buf out = { 0 };
	const cJSON *command;

	if (wanted == NULL || cnt_run(argv, &out, e) == -1)
		return -1;
	cnt_buf_adds(&out, "");
	is = cnt_json_parse(out.p, out.n, e);
	if (is == NULL)
		return -1;
	cJSON_ArrayForEach(command, cnt_json_get(wanted, "nftables")) {
		const cJSON *set = cnt_json_get(cnt_json_get(command, "add"), "set");

		if (set != NULL && strstr(out.p, cnt_json_str(set, "name")) == NULL)
			return cnt_fail(e, CNT_NO, "table %s %s: missing or of another version",
			    cnt_json_str(set, "family"), i->tag);
	}
	if (count_rules(cnt_json_get(is, "nftables"), i->tag) !=
	    count_rules(cnt_json_get(wanted, "nftables"), i->tag))
		return cnt_fail(e, CNT_NO, "tables inet and bridge %s: rules were changed", i->tag);
	return 0;
}

int
cnt_nft_remove(const char *tag, struct cnt_err *e)
{
	char *text CNT_FREE = cnt_format("{\"nftables\":[" REMOVE("inet") "," REMOVE("bridge") "]}",
	    tag, tag, tag, tag);
	struct cnt_run r;

	start(&r, text);
	return cnt_run_end(&r, NULL, e);
}
