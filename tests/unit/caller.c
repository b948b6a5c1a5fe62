/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what, for callers that there is no way in for yet, and which of the two ways into a
 * box they get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mcp/entry.h"

static const char *const read_scope[] = { "containers:read", NULL };
static const char *const write_scope[] = { "containers:write", NULL };
static const char *const both[] = { "audit:read", "containers:read", "containers:write", NULL };
static const char *const other[] = { "containers", "containers:read2", "Containers:read", NULL };

static const struct cnt_verb reads = { .name = "list", .scope = "containers:read",
    .boxes = CNT_OWN_BOX };
static const struct cnt_verb admin = { .name = "setup", .scope = "containers:read",
    .boxes = CNT_ADMIN };
static const struct cnt_field repair[] = {
	{ .name = "repair", .type = CNT_BOOLEAN, .flags = CNT_ADMINS, .def = "false" },
	{ 0 }
};
static const struct cnt_verb checks = { .name = "doctor", .scope = "containers:read",
    .params = repair };
static const struct cnt_verb free_for_all = { .name = "version" };

static struct cnt_caller
caller(const char *const *scopes)
{
	return (struct cnt_caller){ .subject = "alice", .via = "test", .scopes = scopes };
}

static bool
may(const char *const *scopes, const struct cnt_verb *v)
{
	struct cnt_caller c = caller(scopes);
	struct cnt_err e = { 0 };
	int r = cnt_caller_may(&c, v, NULL, &e);

	assert_int_equal(e.code, r == 0 ? CNT_OK : CNT_DENIED);
	return r == 0;
}

static void
scopes(void **state CNT_UNUSED)
{
	const struct cnt_caller root = { .subject = "root", .via = "root", .admin = true };
	struct cnt_err e = { 0 };

	assert_true(may(read_scope, &reads));
	assert_true(may(both, &reads));
	assert_false(may(write_scope, &reads));
	assert_false(may(other, &reads));
	assert_false(may(NULL, &reads));
	assert_false(may(both, &admin));
	assert_true(may(NULL, &free_for_all));
	assert_int_equal(cnt_caller_may(&root, &admin, NULL, &e), 0);
}

static void
a_switch_for_administrators(void **state CNT_UNUSED)
{
	const struct cnt_caller root = { .subject = "root", .via = "root", .admin = true };
	struct cnt_caller c = caller(both);
	cJSON *on CNT_JSON = cJSON_Parse("{\"repair\":true}");
	cJSON *off CNT_JSON = cJSON_Parse("{\"repair\":false}");
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_caller_may(&c, &checks, off, &e), 0);
	assert_int_equal(cnt_caller_may(&c, &checks, on, &e), -1);
	assert_int_equal(e.code, CNT_DENIED);
	assert_int_equal(cnt_caller_may(&root, &checks, on, &e), 0);
}

static const struct cnt_verb *
way(const char *const *has, bool tool_reads, struct cnt_err *e)
{
	struct cnt_caller c = caller(has);

	*e = (struct cnt_err){ 0 };
	return cnt_entry_for(&c, tool_reads, e);
}

/* The verbs themselves are authorized once more, in the process that enters. */
static void
ways_into_a_box(void **state CNT_UNUSED)
{
	struct cnt_err e;

	assert_ptr_equal(way(both, false, &e), &cnt_entry);
	assert_ptr_equal(way(both, true, &e), &cnt_entry);
	assert_ptr_equal(way(write_scope, true, &e), &cnt_entry);
	assert_ptr_equal(way(read_scope, true, &e), &cnt_entry_reads);
	assert_null(way(read_scope, false, &e));
	assert_int_equal(e.code, CNT_DENIED);
	assert_string_equal(e.text, "mcp: alice lacks the scope containers:write");
	assert_null(way(NULL, true, &e));
	assert_int_equal(e.code, CNT_DENIED);
	assert_null(way(other, false, &e));
	assert_string_equal(cnt_entry.scope, "containers:write");
	assert_string_equal(cnt_entry_reads.scope, "containers:read");
	assert_int_equal(cnt_entry_reads.boxes, CNT_OWN_BOX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes), cmocka_unit_test(a_switch_for_administrators),
		cmocka_unit_test(ways_into_a_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
