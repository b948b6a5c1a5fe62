/* SPDX-License-Identifier: Apache-2.0
 *
 * The firewall as it is rendered: each command as nft.json holds it, one a line; what a start may
 * and may not send; slots without a place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/nft.h"

static const struct cnt_instance instance = {
	.tag = "cntn0001", .id_base = 1879048192, .id_count = 256 * CNT_IDS, .subnet = 0x0a7e1000,
	.prefix = 20,
};

static const struct cnt_box boxes[] = { { .slot = 0, .name = "web" }, { .slot = 7, .name = "db" } };

static cJSON *
render(const struct cnt_instance *i, size_t n, bool whole)
{
	const struct cnt_nft_boxes b = { .boxes = boxes, .n = n };
	struct cnt_err e = { 0 };
	cJSON *doc = cnt_nft_render(i, &b, whole, &e);

	assert_non_null(doc);
	return doc;
}

/* Tests run in the tree or in its tests directory. */
static FILE *
golden(void)
{
	FILE *f = fopen("unit/nft.json", "re");

	return f != NULL ? f : fopen("tests/unit/nft.json", "re");
}

static void
is_as_recorded(void **state)
{
	CNT_JSON cJSON *doc = render(&instance, nitems(boxes), true);
	CNT_FILE FILE *f = golden();
	const cJSON *command;
	char line[4096];

	(void)state;
	assert_non_null(f);
	cJSON_ArrayForEach(command, cnt_json_get(doc, "nftables")) {
		char *is CNT_FREE = cnt_json_print(command);

		assert_non_null(fgets(line, sizeof(line), f));
		line[strcspn(line, "\n")] = '\0';
		assert_string_equal(is, line);
	}
	assert_null(fgets(line, sizeof(line), f));
}

/* Deleting would cost a start 16 ms, and replacing rules would race with them. */
static void
start_only_adds_elements(void **state)
{
	CNT_JSON cJSON *doc = render(&instance, nitems(boxes), false);
	const cJSON *command;
	int n = 0;

	(void)state;
	cJSON_ArrayForEach(command, cnt_json_get(doc, "nftables")) {
		assert_non_null(cnt_json_get(cnt_json_get(command, "add"), "element"));
		n++;
	}
	assert_int_equal(n, 2);
}

static void
no_boxes_no_elements(void **state)
{
	CNT_JSON cJSON *doc = render(&instance, 0, false);
	char *text CNT_FREE = cnt_json_print(doc);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(cnt_json_get(doc, "nftables")), 1);
	assert_null(strstr(text, "\"boxes"));
	assert_non_null(strstr(text, "10.126.16.1"));
}

/* The name of the resolver's set, which the mark ends. */
static char *
mark_of(const struct cnt_instance *i, size_t n)
{
	CNT_JSON cJSON *doc = render(i, n, false);
	const cJSON *first = cJSON_GetArrayItem(cnt_json_get(doc, "nftables"), 0);
	const cJSON *element = cnt_json_get(cnt_json_get(first, "add"), "element");

	return cnt_strdup(cnt_json_str(element, "name"));
}

static void
other_rules_have_another_mark(void **state)
{
	struct cnt_instance other = instance;
	char *none CNT_FREE = mark_of(&instance, 0);
	char *two CNT_FREE = mark_of(&instance, 2);
	char *moved CNT_FREE = NULL;

	(void)state;
	other.subnet += 4096;
	moved = mark_of(&other, 0);
	assert_string_equal(none, two);
	assert_string_not_equal(none, moved);
}

static void
what_is_gone_is_deleted(void **state)
{
	static const int gone[] = { 3 };
	const struct cnt_nft_boxes b = { .gone = gone, .n_gone = 1 };
	struct cnt_err e = { 0 };
	CNT_JSON cJSON *doc = cnt_nft_render(&instance, &b, false, &e);
	const cJSON *last = cJSON_GetArrayItem(cnt_json_get(doc, "nftables"), 2);
	char *text CNT_FREE = cnt_json_print(cnt_json_get(last, "delete"));

	(void)state;
	assert_non_null(strstr(text, "\"elem\":[{\"concat\":[\"cntn0001-3\",\"02:"));
}

static void
slot_without_place_is_refused(void **state)
{
	const struct cnt_box far = { .slot = 256 };
	const struct cnt_nft_boxes b = { .boxes = &far, .n = 1 };
	struct cnt_err e = { 0 };

	(void)state;
	assert_null(cnt_nft_render(&instance, &b, true, &e));
	assert_int_equal(e.code, CNT_BUSY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_as_recorded),
		cmocka_unit_test(start_only_adds_elements),
		cmocka_unit_test(no_boxes_no_elements),
		cmocka_unit_test(other_rules_have_another_mark),
		cmocka_unit_test(what_is_gone_is_deleted),
		cmocka_unit_test(slot_without_place_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
