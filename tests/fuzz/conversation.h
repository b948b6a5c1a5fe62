/* SPDX-License-Identifier: Apache-2.0
 *
 * What the conversation harness is made of: the pieces of messages that its bytes stand for, and a
 * server that offers some of everything, whose calls are answered at once, later, never, or after
 * the client has been asked.
 */
#ifndef CNT_TESTS_FUZZ_CONVERSATION_H
#define CNT_TESTS_FUZZ_CONVERSATION_H

#include "mcp/subjects.h"
#include "tests/fuzz/fuzz.h"

#define META	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
		"\"io.modelcontextprotocol/logLevel\":\"debug\",\"progressToken\":0," \
		"\"io.modelcontextprotocol/clientCapabilities\":"
#define HELLO	",\"method\":\"initialize\",\"params\":{\"capabilities\":{\"elicitation\":{}}," \
		"\"clientInfo\":{\"name\":\"f\",\"version\":\"1\"},\"protocolVersion\":\""
#define TOOL	",\"method\":\"tools/call\",\"params\":{\"name\":\""

static const char *const pieces[] = {
	"{\"jsonrpc\":\"2.0\",\"id\":", "{\"jsonrpc\":\"2.0\"", "}}\n", META "{}}}}\n",
	META "{\"elicitation\":{}}}}}\n", "\"_meta\":{\"progressToken\":\"t\"}}}\n",
	HELLO "2024-11-05\"}}\n", HELLO "2025-03-26\"}}\n", HELLO "2025-11-25\"}}\n",
	",\"method\":\"notifications/initialized\"}\n",
	",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":",
	",\"method\":\"ping\"}\n", ",\"method\":\"server/discover\",\"params\":{",
	",\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":{"
	"\"toolsListChanged\":true,\"resourceSubscriptions\":[\"x:1\"]},",
	",\"method\":\"tools/list\",\"params\":{", ",\"method\":\"resources/list\",\"params\":{",
	",\"method\":\"prompts/list\",\"params\":{",
	",\"method\":\"resources/read\",\"params\":{\"uri\":\"x:1\",",
	",\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"x:1\",",
	",\"method\":\"resources/unsubscribe\",\"params\":{\"uri\":\"x:1\",",
	",\"method\":\"prompts/get\",\"params\":{\"name\":\"p\",\"arguments\":{\"a\":\"1\"},",
	",\"method\":\"completion/complete\",\"params\":{\"ref\":{\"type\":\"ref/prompt\","
	"\"name\":\"p\"},\"argument\":{\"name\":\"a\",\"value\":\"1\"},",
	",\"method\":\"logging/setLevel\",\"params\":{\"level\":\"debug\",",
	TOOL "now\",", TOOL "later\",", TOOL "never\",", TOOL "ask\",", TOOL "change\",",
	"\"arguments\":{\"text\":\"", "\"}", "\"x\":0}}\n", "[", "]\n", ",",
	",\"result\":{\"action\":\"accept\",\"content\":{\"name\":\"x\"}}}\n",
	",\"error\":{\"code\":-1,\"message\":\"x\"}}\n",
	"\"inputResponses\":{\"name\":{\"action\":\"accept\",\"content\":{\"name\":\"x\"}}},",
	"\"requestState\":\"", "\\ud83d", "\\u0000",
};

static void
answer(struct cnt_request *r, const char *text)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(&b, text, strlen(text));
	cnt_buf_adds(&b, "}],\"structuredContent\":{\"a\":1},\"_meta\":{\"x\":[]}}");
	cnt_request_answer_raw(r, b.p, b.n);
}

struct later {
	struct cnt_timer	*timer;
	int			 step;
};

static void
on_time(void *arg)
{
	struct cnt_request *r = arg;
	struct later *l = cnt_request_get(r);

	l->timer = NULL;
	if (++l->step > 3) {
		free(l);
		answer(r, "late");
		return;
	}
	cnt_request_progress(r, l->step, 3, "on its way");
	l->timer = cnt_loop_timer(cnt_request_loop(r), 150000, on_time, r);
}

/* Since `started`. */
static struct cnt_server *serving;

static cJSON *
tools(void *arg CNT_UNUSED)
{
	struct cnt_err e = { 0 };
	static const char text[] = "[{\"name\":\"now\",\"title\":\"N\",\"description\":\"d\","
	    "\"inputSchema\":{\"type\":\"object\"},\"annotations\":{\"title\":\"N\"}}]";

	return cnt_json_parse(text, sizeof(text) - 1, &e);
}

static int
call(struct cnt_request *r, const char *tool, const cJSON *arguments, void *arg CNT_UNUSED)
{
	static const struct cnt_input in = { "name", "elicitation/create", "{\"message\":\"m\","
	    "\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"name\":{"
	    "\"type\":\"string\"}},\"required\":[\"name\"]}}" };
	const char *text = cnt_json_str(arguments, "text");

	cnt_request_log(r, CNT_LOG_DEBUG, "f", "{\"tool\":1}");
	if (strcmp(tool, "later") == 0) {
		cnt_request_set(r, cnt_alloc(sizeof(struct later)));
		on_time(r);
	} else if (strcmp(tool, "ask") == 0 && cnt_request_input(r, &in) == NULL) {
		return cnt_request_ask(r, &in, 1, text);
	} else if (strcmp(tool, "change") == 0) {
		cnt_server_changed(serving, CNT_TOOLS);
		cnt_server_updated(serving, "x:1");
		answer(r, "changed");
	} else if (strcmp(tool, "now") == 0 || strcmp(tool, "ask") == 0) {
		answer(r, text != NULL ? text : "");
	} else if (strcmp(tool, "never") != 0) {
		return -1;
	}
	return 0;
}

/* `later` answers all the same: nobody hears it. */
static void
cancel(struct cnt_request *r, void *arg CNT_UNUSED)
{
	struct later *l = cnt_request_get(r);

	if (l == NULL) {
		cnt_request_drop(r);
		return;
	}
	cnt_loop_untimer(l->timer);
	free(l);
	answer(r, "late");
}

static void
started(struct cnt_server *s, void *arg CNT_UNUSED)
{
	serving = s;
}

static cJSON *
list(void)
{
	struct cnt_err e = { 0 };
	static const char text[] = "[{\"name\":\"p\",\"uri\":\"x:1\",\"title\":\"P\",\"arguments\":"
	    "[{\"name\":\"a\",\"required\":true}]}]";

	return cnt_json_parse(text, sizeof(text) - 1, &e);
}

static int
read_uri(struct cnt_request *r CNT_UNUSED, const char *uri, struct cnt_buf *b, struct cnt_err *e)
{
	if (strcmp(uri, "x:1") != 0)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such resource", uri);
	cnt_buf_adds(b, "{\"contents\":[{\"uri\":\"x:1\",\"text\":\"\"}]}");
	return 0;
}

static int
prompt(struct cnt_request *r CNT_UNUSED, const char *name CNT_UNUSED,
    const cJSON *arguments CNT_UNUSED, struct cnt_buf *b, struct cnt_err *e CNT_UNUSED)
{
	cnt_buf_adds(b, "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"audio\","
	    "\"data\":\"\",\"mimeType\":\"audio/wav\"}}]}");
	return 0;
}

static int
complete(const cJSON *ref CNT_UNUSED, const char *name CNT_UNUSED, const char *value,
    const cJSON *context CNT_UNUSED, cJSON *values, struct cnt_err *e CNT_UNUSED)
{
	cJSON_AddItemToArray(values, cJSON_CreateString(value));
	return 0;
}

static const struct cnt_offered offered = {
	.resources = list, .templates = list, .prompts = list, .read = read_uri, .prompt = prompt,
	.complete = complete,
};

static const struct cnt_subject *const subjects[] = { &cnt_listening, &cnt_completion,
    &cnt_logging, &cnt_client_input, NULL };

static const struct cnt_offer offer = {
	.name = "f", .title = "F", .version = "1", .instructions = "i", .tools = tools,
	.call = call, .cancel = cancel, .offered = &offered, .subjects = subjects,
	.changes = CNT_TOOLS | CNT_UPDATES, .started = started,
};

#endif
