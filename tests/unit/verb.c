/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb engine: argv and JSON give one object, one checker reads both, schemas and help come
 * from the same table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/verb.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .help = "the box" },
	{ .name = "memory", .type = CNT_SIZE, .min = 1024, .max = 1e12, .help = "bytes" },
	{ .name = "wait_time", .type = CNT_DURATION, .def = "30s", .max = 3600,
	  .help = "how long" },
	{ .name = "count", .type = CNT_INTEGER, .min = 1, .max = 10, .help = "how many" },
	{ .name = "force", .type = CNT_BOOLEAN, .def = "false", .help = "really" },
	{ .name = "colour", .type = CNT_STRING, .choices = colours, .help = "which" },
	{ .name = "key", .type = CNT_STRINGS, .alias = "keys", .help = "some" },
	{ .name = "env", .type = CNT_MAP, .help = "variables" },
	{ .name = "command", .type = CNT_STRINGS, .flags = CNT_REST, .help = "what" },
	{ 0 }
};
static const struct cnt_field row[] = {
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ 0 }
};
static const struct cnt_field results[] = {
	{ .name = "ok", .type = CNT_BOOLEAN },
	{ .name = "note", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "names", .type = CNT_STRINGS, .flags = CNT_OPTIONAL },
	{ .name = "pids", .type = CNT_INTEGERS, .flags = CNT_OPTIONAL },
	{ .name = "rows", .type = CNT_OBJECTS, .flags = CNT_OPTIONAL, .of = row },
	{ 0 }
};
static const struct cnt_verb verb = { .name = "try", .tool = "try_it", .title = "Try",
	.summary = "try it", .params = params, .results = results };

/* The checked arguments as text, or "code: message". */
static char *
from_json(const struct cnt_verb *v, const char *text)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(text, strlen(text), &e);
	cJSON *in CNT_JSON = j != NULL ? cnt_check_args(v, j, &e) : NULL;

	return in != NULL ? cnt_json_print(in) : cnt_format("%s: %s", cnt_code_name(e.code),
	    e.text);
}

static char *
from_argv(const struct cnt_verb *v, char **argv)
{
	struct cnt_argv opt = { 0 };
	struct cnt_err e = { 0 };
	cJSON *in CNT_JSON = NULL, *j CNT_JSON = NULL;
	int n = 0;

	while (argv[n] != NULL)
		n++;
	j = cnt_argv_parse(v, n, argv, &opt, &e);
	in = j != NULL ? cnt_check_args(v, j, &e) : NULL;
	return in != NULL ? cnt_json_print(in) : cnt_format("%s: %s", cnt_code_name(e.code),
	    e.text);
}

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })
#define W(s) ((char[]){ s })

static void
check_same(const struct cnt_verb *v, char **argv, const char *json, const char *want)
{
	char *a CNT_FREE = from_argv(v, argv), *j CNT_FREE = from_json(v, json);

	assert_string_equal(a, want);
	assert_string_equal(j, want);
}

static void
both_faces_agree(void **state CNT_UNUSED)
{
	check_same(&verb, ARGV(W("web"), W("--memory"), W("1g"), W("--force")),
	    "{\"name\":\"web\",\"memory\":\"1g\",\"force\":true}",
	    "{\"box\":\"web\",\"memory\":1073741824,\"wait_time\":30,\"force\":true}");
	check_same(&verb, ARGV(W("--count=3"), W("web"), W("--wait-time"), W("2m"), W("--key=a"),
	    W("--key=b")),
	    "{\"box\":\"web\",\"count\":\"3\",\"wait_time\":120,\"keys\":[\"a\",\"b\"],"
	    "\"wait_for_previous\":1}",
	    "{\"box\":\"web\",\"wait_time\":120,\"count\":3,\"force\":false,"
	    "\"key\":[\"a\",\"b\"]}");
	check_same(&verb,
	    ARGV(W("web"), W("--env"), W("A=b=c"), W("--"), W("ls"), W("-l"), W("--")),
	    "{\"container\":\"web\",\"env\":{\"A\":\"b=c\"},\"command\":[\"ls\",\"-l\",\"--\"]}",
	    "{\"box\":\"web\",\"wait_time\":30,\"force\":false,\"env\":{\"A\":\"b=c\"},"
	    "\"command\":[\"ls\",\"-l\",\"--\"]}");
	check_same(&verb, ARGV(W("web"), W("--env"), W("A=8080"), W("--env"), W("B=true")),
	    "{\"box\":\"web\",\"env\":{\"A\":8080,\"B\":true}}",
	    "{\"box\":\"web\",\"wait_time\":30,\"force\":false,"
	    "\"env\":{\"A\":\"8080\",\"B\":\"true\"}}");
}

static void
errors_agree(void **state CNT_UNUSED)
{
	check_same(&verb, ARGV(W("--force")), "{\"force\":true}", "invalid: try: missing box");
	check_same(&verb, ARGV(W("web"), W("--count"), W("11")),
	    "{\"box\":\"web\",\"count\":\"11\"}",
	    "invalid: count: expected 1 to 10, got \"11\"");
	check_same(&verb, ARGV(W("web"), W("--count"), W("1.5")),
	    "{\"box\":\"web\",\"count\":\"1.5\"}",
	    "invalid: count: expected an integer, got \"1.5\"");
	check_same(&verb, ARGV(W("web"), W("--memory"), W("1x")),
	    "{\"box\":\"web\",\"memory\":\"1x\"}",
	    "invalid: memory: expected a size such as 512m (bytes, or with k m g t), got \"1x\"");
	check_same(&verb, ARGV(W("web"), W("--colour"), W("blue")),
	    "{\"box\":\"web\",\"colour\":\"blue\"}",
	    "invalid: colour: expected red or green, got \"blue\"");
	check_same(&verb, ARGV(W("../x")), "{\"box\":\"../x\"}",
	    "invalid: \"../x\": not a name for a box");
}

static void
refuses_in_json(void **state CNT_UNUSED)
{
	static const char *const cases[][2] = {
		{ "{\"box\":\"web\",\"x\":1}", "invalid: try: unknown argument \"x\"" },
		{ "{\"box\":\"web\",\"name\":\"b\"}", "invalid: box: given twice" },
		{ "{\"box\":7}", "invalid: box: expected a string, got 7" },
		{ "{\"box\":\"web\",\"key\":[1]}",
		    "invalid: key: expected strings in the array, got 1" },
		{ "{\"box\":\"web\",\"env\":{\"A\":[1]}}",
		    "invalid: env.A: expected a string, got an array" },
		{ "{\"box\":\"web\",\"force\":\"yes\"}",
		    "invalid: force: expected true or false, got \"yes\"" },
		{ "{\"box\":\"web\",\"count\":0}", "invalid: count: expected 1 to 10, got 0" },
		{ "[]", "invalid: try: expected an object of arguments" },
	};

	for (size_t i = 0; i < nitems(cases); i++) {
		char *got CNT_FREE = from_json(&verb, cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void
refuses_in_argv(void **state CNT_UNUSED)
{
	char *unknown CNT_FREE = from_argv(&verb, ARGV(W("web"), W("--forse")));
	char *surplus CNT_FREE = NULL;
	char *value CNT_FREE = from_argv(&verb, ARGV(W("web"), W("--count")));
	char *twice CNT_FREE = from_argv(&verb, ARGV(W("web"), W("--count=1"), W("--count=2")));
	char *flag CNT_FREE = from_argv(&verb, ARGV(W("web"), W("--json=1")));

	assert_string_equal(unknown, "invalid: try: unknown option --forse");
	assert_string_equal(value, "invalid: try: option --count needs a value");
	assert_string_equal(twice, "invalid: count: given twice");
	assert_string_equal(flag, "invalid: try: option --json does not take that value");
	surplus = from_argv(&verb, ARGV(W("web"), W("ls"), W("--count=1")));
	assert_string_equal(surplus, "{\"box\":\"web\",\"wait_time\":30,\"force\":false,"
	    "\"command\":[\"ls\",\"--count=1\"]}");
}

static const struct cnt_field edit_fields[] = {
	{ .name = "old", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "new", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "expect", .type = CNT_INTEGER, .def = "1", .min = 1, .max = 9 },
	{ 0 }
};
static const struct cnt_field edit_params[] = {
	{ .name = "edits", .type = CNT_OBJECTS, .flags = CNT_REQUIRED, .min = 1, .max = 2,
	  .of = edit_fields, .help = "what to replace" },
	{ 0 }
};
static const struct cnt_verb edit = { .name = "edit", .tool = "edit_it", .title = "Edit",
	.summary = "edit it", .params = edit_params, .results = results };

static void
objects_as_arguments(void **state CNT_UNUSED)
{
#define AB	"{\"old\":\"a\",\"new\":\"b\"}"
#define WHOLE	"{\"old\":\"a\",\"new\":\"b\",\"expect\":1}"
	check_same(&edit, ARGV(W("--edits"), W(AB)), "{\"edits\":[" AB "]}",
	    "{\"edits\":[" WHOLE "]}");
	check_same(&edit, ARGV(W("--edits"), W("[" AB "," AB "]")),
	    "{\"edits\":\"[{\\\"old\\\":\\\"a\\\",\\\"new\\\":\\\"b\\\"},"
	    "{\\\"old\\\":\\\"a\\\",\\\"new\\\":\\\"b\\\"}]\"}",
	    "{\"edits\":[" WHOLE "," WHOLE "]}");
	check_same(&edit, ARGV(W("--edits"), W(AB), W("--edits=" AB)),
	    "{\"edits\":[" AB "," AB "]}",
	    "{\"edits\":[" WHOLE "," WHOLE "]}");
	check_same(&edit, ARGV(W("--edits"), W(AB)), "{\"edits\":" AB "}",
	    "{\"edits\":[" WHOLE "]}");
	check_same(&edit, ARGV(W("--edits"), W("x")), "{\"edits\":[\"x\"]}",
	    "invalid: edits: expected JSON: an array of objects, got \"x\"");
	check_same(&edit, ARGV(W("--edits"), W("[1]")), "{\"edits\":[1]}",
	    "invalid: edits: expected objects in the array, got 1");
	check_same(&edit, ARGV(W("--edits=[]")), "{\"edits\":[]}",
	    "invalid: edits: expected 1 to 2 items, got 0");
	check_same(&edit, ARGV(W("--edits=[" AB "," AB "," AB "]")),
	    "{\"edits\":[" AB "," AB "," AB "]}",
	    "invalid: edits: expected 1 to 2 items, got 3");
	check_same(&edit, ARGV(W("--edits=[" AB ",{\"old\":\"a\"}]")),
	    "{\"edits\":[" AB ",{\"old\":\"a\"}]}", "invalid: edits[1]: missing new");
	check_same(&edit, ARGV(W("--edits={\"old\":\"a\",\"now\":\"b\"}")),
	    "{\"edits\":[{\"old\":\"a\",\"now\":\"b\"}]}",
	    "invalid: edits[0]: unknown argument \"now\"");
}

static void
sizes(void **state CNT_UNUSED)
{
	static const struct { const char *text; int64_t bytes; } good[] = {
		{ "0", 0 }, { "1k", 1024 }, { "1K", 1024 }, { "2kb", 2048 }, { "4GB", 4294967296 },
		{ "1.5g", 1610612736 }, { "2KiB", 2048 }, { "7b", 7 }, { "1t", 1099511627776 },
	};
	static const char *const bad[] = { "", "-1", "1e", "0x10", "1kk", "1bb", "k", " 1",
	    "1 k", "inf", "16777216.5", "7.5b" };
	struct cnt_err e = { 0 };
	int64_t n = 0;
	double s = 0;

	for (size_t i = 0; i < nitems(good); i++) {
		assert_int_equal(cnt_parse_size(good[i].text, &n, &e), 0);
		assert_true(n == good[i].bytes);
	}
	for (size_t i = 0; i < nitems(bad); i++)
		if (cnt_parse_size(bad[i], &n, &e) == 0)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(cnt_parse_duration("1.5h", &s, &e), 0);
	assert_true(s == 5400);
	assert_int_equal(cnt_parse_duration("5w", &s, &e), -1);
}

static void
names(void **state CNT_UNUSED)
{
	static const char *const bad[] = { "", "Web", "9a", "-a", "a-", "a_b", "a.b", "root",
	    "agent-box",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a/b", "..", "\xc3\x84", "a b", "a\n" };
	struct cnt_err e = { 0 };

	for (size_t i = 0; i < nitems(bad); i++) {
		if (cnt_check_name(bad[i], &e) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.code, CNT_INVALID);
	}
	assert_int_equal(cnt_check_name("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &e), 0);
	assert_int_equal(cnt_check_name("a-9", &e), 0);
}

static int
result_of(const char *text)
{
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(text, strlen(text), &e);

	return cnt_check_result(&verb, j, &e) == 0 ? 0 : (int)e.code;
}

static void
results_keep_their_word(void **state CNT_UNUSED)
{
	assert_int_equal(result_of("{\"ok\":true}"), 0);
	assert_int_equal(result_of("{\"ok\":true,\"note\":\"x\"}"), 0);
	assert_int_equal(result_of("{}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":1}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"more\":1}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"names\":[],\"pids\":[]}"), 0);
	assert_int_equal(result_of("{\"ok\":true,\"names\":[\"x\"],\"pids\":[1,2]}"), 0);
	assert_int_equal(result_of("{\"ok\":true,\"names\":[\"x\",1]}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"names\":{\"x\":\"y\"}}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"pids\":[1,\"2\"]}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"pids\":[1.5]}"), CNT_BUG);
	assert_int_equal(result_of("{\"ok\":true,\"rows\":[{},{\"note\":\"x\"}]}"), 0);
	assert_int_equal(result_of("{\"ok\":true,\"rows\":[1]}"), CNT_BUG);
}

static void
schema(void **state CNT_UNUSED)
{
	cJSON *tool CNT_JSON = cnt_describe_tool(&verb);
	const cJSON *in = cnt_json_get(tool, "inputSchema"), *p = cnt_json_get(in, "properties");
	char *count CNT_FREE = cnt_json_print(cnt_json_get(p, "count"));
	char *required CNT_FREE = cnt_json_print(cnt_json_get(in, "required"));
	const cJSON *said = cnt_json_get(cnt_json_get(tool, "outputSchema"), "properties");
	char *pids CNT_FREE = cnt_json_print(cnt_json_get(said, "pids"));

	assert_string_equal(cnt_json_str(tool, "name"), "try_it");
	assert_string_equal(required, "[\"box\"]");
	assert_string_equal(pids, "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}");
	assert_string_equal(count,
	    "{\"type\":\"integer\",\"description\":\"how many\",\"minimum\":1,"
	    "\"maximum\":10}");
	assert_false(cnt_json_bool(in, "additionalProperties"));
	assert_int_equal(cJSON_GetArraySize(cnt_json_get(tool, "annotations")), 5);
}

/* A model reads `help` alone. */
static void
about_a_command_line(void **state CNT_UNUSED)
{
	static const struct cnt_field from_file = { .name = "ssh_key", .type = CNT_STRINGS,
	    .flags = CNT_FROM_FILE, .help = "a key" };
	char *file CNT_FREE = cnt_help_about(&from_file);
	char *option CNT_FREE = cnt_argv_option(&from_file);
	char *wait CNT_FREE = cnt_help_about(&params[2]);
	char *force CNT_FREE = cnt_help_about(&params[4]);
	char *env CNT_FREE = cnt_help_about(&params[7]);
	char *rest CNT_FREE = cnt_help_about(&params[8]);

	assert_string_equal(file, "a key; repeatable; - is standard input");
	assert_string_equal(option, "--ssh-key");
	assert_string_equal(wait, "how long (default 30s)");
	assert_string_equal(force, "really");
	assert_string_equal(env, "variables; repeatable");
	assert_string_equal(rest, "what");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_faces_agree), cmocka_unit_test(errors_agree),
		cmocka_unit_test(refuses_in_json), cmocka_unit_test(refuses_in_argv),
		cmocka_unit_test(objects_as_arguments), cmocka_unit_test(sizes),
		cmocka_unit_test(names),
		cmocka_unit_test(results_keep_their_word), cmocka_unit_test(schema),
		cmocka_unit_test(about_a_command_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
