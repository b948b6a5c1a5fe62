/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict door and the walk in place are two readers of one grammar: what the door takes the
 * walk takes, and what only the walk takes is refused for a stated reason. What is taken is printed
 * and read back as the same value. A JSON-RPC line is judged, and its id echoed as the bytes that
 * came.
 */
#include "mcp/rpc.h"
#include "tests/fuzz/fuzz.h"

static const char *const reasons[] = {
	"json: invalid UTF-8", "json: \\u0000 in a string", "json: nested too deeply",
	"stands twice in one object", "json: a number is out of range",
	"json: half a surrogate pair", "json: too many values",
};

static bool
has_reason(const char *text)
{
	for (size_t i = 0; i < nitems(reasons); i++)
		if (strstr(text, reasons[i]) != NULL)
			return true;
	return false;
}

static void
round_trip(const cJSON *j)
{
	struct cnt_err e = { 0 };
	char *text CNT_FREE = cnt_json_print(j), *again CNT_FREE = NULL;
	cJSON *back CNT_JSON = cnt_json_parse(text, strlen(text), &e);

	must(back != NULL);
	must(cJSON_Compare(j, back, true));
	again = cnt_json_print(back);
	must(strcmp(text, again) == 0);
}

/* Each member found by its place is the tree's. */
static void
walk(const cJSON *j, struct cnt_span text)
{
	struct cnt_raw it;
	const cJSON *m = j->child;
	int i = 0, got = 0;

	must(cnt_raw_walk(&it, text) == (cJSON_IsObject(j) || cJSON_IsArray(j)));
	if (!cJSON_IsObject(j) && !cJSON_IsArray(j))
		return;
	for (; (got = cnt_raw_next(&it)) == 1; m = m->next, i++) {
		struct cnt_err e = { 0 };
		struct cnt_span nth = i < 20 ? cnt_raw_nth(text, i) : it.value;
		cJSON *value CNT_JSON = cnt_json_parse(it.value.p, it.value.n, &e);
		cJSON *name CNT_JSON = cJSON_IsObject(j) ?
		    cnt_json_parse(it.name.p, it.name.n, &e) : NULL;

		must(m != NULL && value != NULL && cJSON_Compare(value, m, true));
		must(nth.p == it.value.p && nth.n == it.value.n);
		if (cJSON_IsObject(j))
			must(name != NULL && strcmp(name->valuestring, m->string) == 0);
	}
	must(got == 0 && m == NULL);
}

static void
rpc(struct cnt_span line)
{
	struct cnt_rpc m = { 0 };
	cJSON *msg CNT_JSON = cnt_rpc_parse(line, &m);
	struct cnt_buf answer CNT_BUF = { 0 };

	if (msg != NULL)
		cnt_rpc_gate(msg, line, &m);
	if (m.id.p != NULL) {
		must(m.id.p >= line.p && m.id.p + m.id.n <= line.p + line.n);
		must(cnt_raw_check(m.id) && m.id.p[0] != '{' && m.id.p[0] != '[');
	}
	if (m.kind == CNT_RPC_REQUEST)
		must(m.id.p != NULL && m.method != NULL);
	if (m.kind != CNT_RPC_BAD)
		return;
	must(m.text != NULL && m.code != 0);
	cnt_rpc_error(&answer, m.id, m.code, m.text, NULL);
	must(cnt_raw_check((struct cnt_span){ answer.p, answer.n }));
}

static void
quote(const char *s, size_t n)
{
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = NULL;

	cnt_json_quote(&b, s, n);
	must(cnt_raw_check((struct cnt_span){ b.p, b.n }));
	j = cnt_json_parse(b.p, b.n, &e);
	must((j == NULL) == (n > 0 && memchr(s, '\0', n) != NULL));
	if (j != NULL)
		must(strlen(j->valuestring) == n && memcmp(j->valuestring, s, n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cnt_span text = { n > 0 ? (const char *)data : "", n };
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = cnt_json_parse(text.p, text.n, &e);

	if (j == NULL) {
		must(e.code == CNT_INVALID);
		must(cnt_utf8_valid(e.text, strlen(e.text)) == strlen(e.text));
		must(!cnt_raw_check(text) || has_reason(e.text));
	} else {
		must(cnt_raw_check(text));
		round_trip(j);
		walk(j, text);
	}
	rpc(text);
	quote(text.p, cnt_utf8_valid(text.p, n));
	return 0;
}
