/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning is the way back from describing: a table described, learned and described again says the
 * same, and holds arguments and results to the same.
 */
#include "lib/learn.h"

#include <setjmp.h>

#include <cmocka.h>

static int
nothing(struct cnt_call *c CNT_UNUSED)
{
	return 0;
}

static const char *const colours[] = { "red", "green", NULL };

static const struct cnt_field params[] = {
	{ .name = "who", .type = CNT_STRING, .flags = CNT_REQUIRED, .help = "whom" },
	{ .name = "colour", .type = CNT_STRING, .choices = colours, .def = "red" },
	{ .name = "times", .type = CNT_INTEGER, .def = "1", .min = 1, .max = 9 },
	{ .name = "share", .type = CNT_NUMBER, .min = -CNT_UNBOUNDED, .max = 1 },
	{ .name = "least", .type = CNT_INTEGER, .min = 2, .max = CNT_UNBOUNDED },
	{ .name = "loud", .type = CNT_BOOLEAN, .def = "false" },
	{ .name = "tags", .type = CNT_STRINGS },
	{ .name = "box", .type = CNT_BOX },
	{ 0 }
};

static const struct cnt_field row[] = {
	{ .name = "id", .type = CNT_INTEGER },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "rows", .type = CNT_OBJECTS, .of = row },
	{ .name = "first", .type = CNT_OBJECT, .of = row, .flags = CNT_OPTIONAL },
	{ .name = "name", .type = CNT_STRING, .flags = CNT_NULLABLE, .help = "or null" },
	{ .name = "names", .type = CNT_STRINGS },
	{ .name = "ids", .type = CNT_INTEGERS },
	{ .name = "done", .type = CNT_BOOLEAN },
	{ .name = "share", .type = CNT_NUMBER },
	{ 0 }
};

static const struct cnt_verb verb = {
	.name = "greet", .tool = "greet", .title = "Greet", .group = "Words", .also = "hello",
	.summary = "greet somebody", .about = "Greets\nsomebody.", .scope = "containers:read",
	.boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_IDEMPOTENT, .params = params,
	.results = results, .run = nothing,
};

static const struct cnt_verb reader = {
	.name = "greet", .tool = "greet", .title = "Greet", .group = "Words",
	.summary = "greet somebody", .effects = CNT_READS | CNT_IDEMPOTENT, .bulk = true,
	.params = params, .results = results, .run = nothing,
};

static void
check_learned(const struct cnt_verb *v, enum cnt_boxes boxes)
{
	const struct cnt_verb *const verbs[] = { v, NULL };
	struct cnt_learned l CNT_LEARNED = { 0 };
	struct cnt_err e = { 0 };
	cJSON *said CNT_JSON = cnt_describe(verbs), *again CNT_JSON = NULL;
	char *one CNT_FREE = cnt_json_print(said), *two CNT_FREE = NULL;

	assert_int_equal(cnt_learn(&l, take(&said), "greet", nothing, &e), 0);
	again = cnt_describe(l.list);
	two = cnt_json_print(again);
	assert_string_equal(one, two);
	assert_true(l.mcp);
	assert_int_equal(l.list[0]->boxes, boxes);
	assert_int_equal(l.list[0]->effects, v->effects);
	assert_int_equal(l.list[0]->bulk, v->bulk);
}

static void
what_is_described_is_learned(void **state CNT_UNUSED)
{
	check_learned(&verb, CNT_OWN_BOX);
	check_learned(&reader, CNT_ADMIN);
}

static void
parse(struct cnt_learned *l, const char *text)
{
	struct cnt_err e = { 0 };
	cJSON *said = cnt_json_parse(text, strlen(text), &e);

	assert_non_null(said);
	if (cnt_learn(l, said, "x", nothing, &e) == -1)
		fail_msg("%s", e.text);
}

static void
what_is_not_said_gives_away_least(void **state CNT_UNUSED)
{
	struct cnt_learned l CNT_LEARNED = { 0 };

	parse(&l, "{\"verbs\":[{\"name\":\"x\",\"tool\":{}}]}");
	assert_int_equal(l.list[0]->boxes, CNT_ADMIN);
	assert_null(l.list[0]->scope);
	assert_string_equal(l.list[0]->summary, "x");
	assert_int_equal(l.list[0]->effects, CNT_DESTROYS | CNT_OPEN_WORLD);
	assert_true(l.list[0]->bulk);
	assert_false(l.list[0]->unprivileged);
	assert_false(l.list[0]->storeless);
	assert_false(l.mcp);
}

static void
operands_come_first_and_in_order(void **state CNT_UNUSED)
{
	struct cnt_learned l CNT_LEARNED = { 0 };
	char *argv[] = { (char *)"1", (char *)"2", (char *)"--a", (char *)"x", (char *)"3",
	    (char *)"4" };
	struct cnt_argv opt = { 0 };
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = NULL;
	char *text CNT_FREE = NULL;

	parse(&l, "{\"verbs\":[{\"name\":\"x\",\"summary\":\"s\",\"operands\":[\"c\",\"b\",\"d\"],"
	    "\"input\":{\"type\":\"object\",\"required\":[\"b\",\"c\"],"
	    "\"properties\":{\"a\":{\"type\":\"string\"},"
	    "\"b\":{\"type\":\"string\"},\"c\":{\"type\":\"string\"},"
	    "\"d\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}]}");
	args = cnt_argv_parse(l.list[0], (int)nitems(argv), argv, &opt, &e);
	text = cnt_json_print(args);
	assert_string_equal(text, "{\"c\":\"1\",\"b\":\"2\",\"a\":\"x\",\"d\":[\"3\",\"4\"]}");
}

static void
what_nobody_holds_is_refused_by_name(void **state CNT_UNUSED)
{
#define STRINGS "\"type\":\"array\",\"items\":{\"type\":\"string\"}"
	static const struct { const char *side, *schema, *why; } bad[] = {
		{ "input", STRINGS ",\"enum\":[\"a\",\"b\"]", "\"enum\" is not understood" },
		{ "input", STRINGS ",\"maximum\":3", "\"maximum\" is not understood" },
		{ "input", STRINGS ",\"default\":\"a\"", "\"default\" is not understood" },
		{ "input", "\"type\":\"string\",\"items\":{}", "\"items\" is not understood" },
		{ "input", "\"type\":\"boolean\",\"minimum\":0", "\"minimum\" is not understood" },
		{ "input", "\"type\":\"integer\",\"enum\":[\"1\"]", "\"enum\" is not understood" },
		{ "input", "\"type\":\"array\",\"items\":{\"type\":\"string\",\"required\":[]}",
		    "\"required\" is not understood" },
		{ "output", "\"type\":\"string\",\"properties\":{}",
		    "\"properties\" is not understood" },
		{ "output", "\"type\":\"object\",\"properties\":{},\"items\":{}",
		    "\"items\" is not understood" },
		{ "output", STRINGS ",\"required\":[]", "\"required\" is not understood" },
		{ "output", "\"type\":\"array\",\"items\":{\"type\":\"integer\",\"properties\":{}}",
		    "\"properties\" is not understood" },
		{ "input", "\"type\":\"string\",\"description\":\"a\\u009bb\"",
		    "description: has a control character" },
	};

	for (size_t i = 0; i < nitems(bad); i++) {
		struct cnt_learned l CNT_LEARNED = { 0 };
		struct cnt_err e = { 0 };
		char *text CNT_FREE = cnt_format("{\"verbs\":[{\"name\":\"x\",\"%s\":{\"type\":"
		    "\"object\",\"properties\":{\"a\":{%s}}}}]}", bad[i].side, bad[i].schema);
		cJSON *said = cnt_json_parse(text, strlen(text), &e);

		assert_non_null(said);
		if (cnt_learn(&l, said, "x", nothing, &e) == 0 ||
		    strstr(e.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].schema, e.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_described_is_learned),
		cmocka_unit_test(what_is_not_said_gives_away_least),
		cmocka_unit_test(operands_come_first_and_in_order),
		cmocka_unit_test(what_nobody_holds_is_refused_by_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
