/* SPDX-License-Identifier: Apache-2.0
 *
 * requestState: who gets it back, until when, and that no byte of it can be changed.
 */
#include "mcp/request-state.h"

#include <setjmp.h>

#include <cmocka.h>

#define NOW	((int64_t)1000 * 1000000)

static cJSON *
params(const char *text)
{
	struct cnt_err e = { 0 };
	cJSON *j = cnt_json_parse(text, strlen(text), &e);

	assert_non_null(j);
	return j;
}

/* What comes back of `text` that was sealed for one request and is opened for another. */
static void
opens(bool wanted, const char *method, const char *given, int64_t after_us)
{
	cJSON *first CNT_JSON = params("{\"name\":\"a\",\"arguments\":{\"b\":1},"
	    "\"_meta\":{\"c\":1}}");
	cJSON *second CNT_JSON = params(given);
	char *sealed CNT_FREE = cnt_request_state_seal("tools/call", first, "a:b\n\xc3\xa9", NOW);
	char *opened CNT_FREE = cnt_request_state_open(method, second, sealed, NOW + after_us);

	if (wanted)
		assert_string_equal(opened, "a:b\n\xc3\xa9");
	else
		assert_null(opened);
}

#define SAME	"{\"arguments\":{\"b\":1},\"name\":\"a\",\"inputResponses\":{},\"_meta\":{\"c\":2}}"

static void
the_same_request_gets_it_back(void **state CNT_UNUSED)
{
	opens(true, "tools/call", SAME, 0);
	opens(true, "tools/call", SAME, CNT_REQUEST_STATE_US - 1);
}

static void
its_time_ends(void **state CNT_UNUSED)
{
	opens(false, "tools/call", SAME, CNT_REQUEST_STATE_US);
}

static void
another_request_gets_nothing(void **state CNT_UNUSED)
{
	opens(false, "prompts/get", SAME, 0);
	opens(false, "tools/call", "{\"name\":\"a\"}", 0);
	opens(false, "tools/call", "{\"name\":\"a\",\"arguments\":{}}", 0);
	opens(false, "tools/call", "{\"name\":\"b\",\"arguments\":{\"b\":1}}", 0);
	opens(false, "tools/call", "{\"uri\":\"a\",\"arguments\":{\"b\":1}}", 0);
	opens(false, "tools/call", "{\"name\":\"a\",\"uri\":\"\",\"arguments\":{\"b\":1}}", 0);
	opens(false, "tools/call", "{\"name\":\"a\\n\",\"arguments\":{\"b\":1}}", 0);
}

static void
a_changed_byte_is_found(void **state CNT_UNUSED)
{
	cJSON *p CNT_JSON = params("{\"name\":\"a\"}");
	char *sealed CNT_FREE = cnt_request_state_seal("tools/call", p, "text", NOW);

	for (size_t i = 0; sealed[i] != '\0'; i++) {
		char *opened CNT_FREE = NULL;

		sealed[i] ^= 1;
		opened = cnt_request_state_open("tools/call", p, sealed, NOW);
		assert_null(opened);
		sealed[i] ^= 1;
	}
	for (size_t n = strlen(sealed); n-- > 0; ) {
		sealed[n] = '\0';
		assert_null(cnt_request_state_open("tools/call", p, sealed, NOW));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_request_gets_it_back),
		cmocka_unit_test(its_time_ends),
		cmocka_unit_test(another_request_gets_nothing),
		cmocka_unit_test(a_changed_byte_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
