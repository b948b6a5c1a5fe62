/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that offers all that the protocol has: the fixtures of the official conformance suite,
 * and what the tests of the protocol ask for besides. A tool is a row of a table: what it answers,
 * what it needs from the client first, or a function.
 */
#include "mcp/subjects.h"

#include <float.h>

#define STEP_US		110000	/* the engine tells of progress ten times a second at most */
#define PNG		"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAE" \
			"hQGAhKmMIQAAAABJRU5ErkJggg=="
#define WAV		"UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
#define TEXT(t)		"{\"type\":\"text\",\"text\":\"" t "\"}"
#define IMAGE		"{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}"
#define RESOURCE(uri, mime, t) "{\"type\":\"resource\",\"resource\":{\"uri\":\"" uri "\"," \
			"\"mimeType\":\"" mime "\",\"text\":\"" t "\"}}"
#define CONTENT(c)	"{\"content\":[" c "]}"
#define USER(c)		"{\"role\":\"user\",\"content\":" c "}"
#define SCHEMA(p)	"{\"type\":\"object\",\"properties\":{" p "}}"
#define FORM(message, name, type) "{\"message\":\"" message "\",\"requestedSchema\":{\"type\":" \
			"\"object\",\"properties\":{\"" name "\":{\"type\":\"" type "\"}}," \
			"\"required\":[\"" name "\"]}}"
#define MODEL(t)	"{\"messages\":[" USER(TEXT(t)) "],\"maxTokens\":100}"

static struct cnt_server *server;

static const struct cnt_input user_name = { "user_name", "elicitation/create",
    FORM("What is your name?", "name", "string") };
static const struct cnt_input confirm = { "confirm", "elicitation/create",
    FORM("Please confirm", "ok", "boolean") };
static const struct cnt_input step1 = { "step1", "elicitation/create",
    FORM("Step 1: What is your name?", "name", "string") };
static const struct cnt_input step2 = { "step2", "elicitation/create",
    FORM("Step 2: What is your favorite color?", "color", "string") };
static const struct cnt_input user_context = { "user_context", "elicitation/create",
    FORM("What context should the prompt use?", "context", "string") };
static const struct cnt_input capital = { "capital_question", "sampling/createMessage",
    MODEL("What is the capital of France?") };
static const struct cnt_input roots = { "client_roots", "roots/list", "{}" };
static const struct cnt_input several[] = {
	{ "user_name", "elicitation/create", FORM("What is your name?", "name", "string") },
	{ "greeting", "sampling/createMessage", MODEL("Generate a greeting") },
	{ "client_roots", "roots/list", "{}" },
};
static const struct cnt_input url = { "visit", "elicitation/create",
    "{\"mode\":\"url\",\"elicitationId\":\"1\",\"message\":\"Sign in\","
    "\"url\":\"https://localhost/\"}" };
static const struct cnt_input defaults = { "form", "elicitation/create",
    "{\"message\":\"Please review\",\"requestedSchema\":" SCHEMA(
    "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
    "\"age\":{\"type\":\"integer\",\"default\":30},"
    "\"score\":{\"type\":\"number\",\"default\":95.5},"
    "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
    "\"default\":\"active\"},\"verified\":{\"type\":\"boolean\",\"default\":true}") "}" };
static const struct cnt_input enums = { "form", "elicitation/create",
    "{\"message\":\"Please choose\",\"requestedSchema\":" SCHEMA(
    "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
    "\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"value1\",\"title\":\"First\"},"
    "{\"const\":\"value2\",\"title\":\"Second\"}]},"
    "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\"],"
    "\"enumNames\":[\"Option One\",\"Option Two\"]},"
    "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
    "\"enum\":[\"option1\",\"option2\",\"option3\"]}},"
    "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"value1\","
    "\"title\":\"First\"},{\"const\":\"value2\",\"title\":\"Second\"}]}}") "}" };

static void
answer_text(struct cnt_request *r, const char *text)
{
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"content\":[{\"type\":\"text\",\"text\":");
	cnt_json_quote(&b, text, strlen(text));
	cnt_buf_adds(&b, "}]}");
	cnt_request_answer_raw(r, b.p, b.n);
}

/* Asks for what is needed until all of it is there, then answers with it. */
static void
need(struct cnt_request *r, const struct cnt_input *in, size_t n, const char *state,
    const char *say)
{
	struct cnt_buf b CNT_BUF = { 0 };
	bool all = state == NULL || cnt_request_state(r) != NULL;

	cnt_buf_adds(&b, say);
	for (size_t i = 0; i < n; i++) {
		const cJSON *v = cnt_request_input(r, &in[i]);
		char *text CNT_FREE = v != NULL ? cnt_json_print(v) : NULL;

		all = all && v != NULL;
		cnt_buf_addf(&b, " %s", text != NULL ? text : "");
	}
	if (all)
		answer_text(r, b.p);
	else
		cnt_request_ask(r, in, n, state);
}

static void
two_rounds(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	const char *state = cnt_request_state(r);
	const cJSON *name = cnt_request_input(r, &step1);

	if (state != NULL && strncmp(state, "2 ", 2) == 0)
		need(r, &step2, 1, state, state);
	else if (state != NULL && name != NULL) {
		char *next CNT_FREE = cnt_format("2 %s",
		    cnt_json_str(cnt_json_get(name, "content"), "name"));

		cnt_request_ask(r, &step2, 1, next);
	} else {
		cnt_request_ask(r, &step1, 1, "1");
	}
}

static void
what_the_client_can(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	struct cnt_input in[2];
	size_t n = 0;

	if (cnt_request_may_ask(r, &user_name))
		in[n++] = user_name;
	if (cnt_request_may_ask(r, &capital))
		in[n++] = capital;
	need(r, in, n, NULL, "Asked:");
}

static void
sampling(struct cnt_request *r, const cJSON *arguments)
{
	const char *prompt = cnt_json_str(arguments, "prompt");
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
	    "\"text\":");
	cnt_json_quote(&b, prompt, strlen(prompt));
	cnt_buf_adds(&b, "}}],\"maxTokens\":100}");
	need(r, &(struct cnt_input){ "answer", "sampling/createMessage", b.p }, 1, NULL,
	    "LLM response:");
}

static void
elicitation(struct cnt_request *r, const cJSON *arguments)
{
	const char *message = cnt_json_str(arguments, "message");
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"message\":");
	cnt_json_quote(&b, message, strlen(message));
	cnt_buf_adds(&b, ",\"requestedSchema\":{\"type\":\"object\",\"properties\":{"
	    "\"username\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
	    "\"required\":[\"username\",\"email\"]}}");
	need(r, &(struct cnt_input){ "answer", "elicitation/create", b.p }, 1, NULL,
	    "User response:");
}

/* Three steps: a log message or a progress notification each. */
struct steps {
	struct cnt_request	*r;
	struct cnt_timer	*timer;
	bool			 logs;
	int			 n;
};

static void
step(void *arg)
{
	static const char *const messages[] = { "\"Tool execution started\"",
	    "\"Tool processing data\"", "\"Tool execution completed\"" };
	struct steps *s = arg;

	if (s->n == 3) {
		answer_text(s->r, "Three steps.");
		free(s);
		return;
	}
	if (s->logs)
		cnt_request_log(s->r, CNT_LOG_INFO, "steps", messages[s->n]);
	else
		cnt_request_progress(s->r, 50 * s->n, 100, NULL);
	s->n++;
	s->timer = cnt_loop_timer(cnt_request_loop(s->r), STEP_US, step, s);
}

static void
start_steps(struct cnt_request *r, bool logs)
{
	struct steps *s = cnt_alloc(sizeof(*s));

	*s = (struct steps){ .r = r, .logs = logs };
	cnt_request_set(r, s);
	step(s);
}

static void
log_steps(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	start_steps(r, true);
}

static void
progress_steps(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	start_steps(r, false);
}

static void
far_progress(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	cnt_request_progress(r, DBL_MAX, DBL_MAX, "far");
	cnt_request_progress(r, 5, DBL_MAX, "near");
	answer_text(r, "Both.");
}

static void
log_all(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	for (int i = CNT_LOG_DEBUG; i <= CNT_LOG_EMERGENCY; i++)
		cnt_request_log(r, (enum cnt_level)i, NULL, "{\"a\":[1]}");
	answer_text(r, "Eight messages.");
}

static void
change(struct cnt_request *r, const cJSON *arguments)
{
	const char *uri = cnt_json_str(arguments, "uri");

	if (uri != NULL)
		cnt_server_updated(server, uri);
	else
		cnt_server_changed(server, CNT_RESOURCES);
	answer_text(r, "Told.");
}

static void
change_tools(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	cnt_server_changed(server, CNT_TOOLS);
	answer_text(r, "Told.");
}

static void
change_prompts(struct cnt_request *r, const cJSON *arguments CNT_UNUSED)
{
	cnt_server_changed(server, CNT_PROMPTS);
	answer_text(r, "Told.");
}

static const struct tool {
	const char	*name, *about, *schema;		/* schema NULL: no arguments */
	const char	*output;			/* its outputSchema, or NULL */
	const char	*answer;			/* or */
	void		(*call)(struct cnt_request *r, const cJSON *arguments);	/* or: */
	const struct cnt_input *needs;
	size_t		 n;
	const char	*state, *say;
} all[] = {
	{ "test_simple_text", "answers with text",
	    .answer = CONTENT(TEXT("This is a simple text response for testing.")) },
	{ "test_image_content", "answers with an image", .answer = CONTENT(IMAGE) },
	{ "test_audio_content", "answers with audio",
	    .answer = CONTENT("{\"type\":\"audio\",\"data\":\"" WAV "\","
	    "\"mimeType\":\"audio/wav\"}") },
	{ "test_resource_link", "answers with a link",
	    .answer = CONTENT("{\"type\":\"resource_link\",\"uri\":\"test://static-text\","
	    "\"name\":\"text\"}") },
	{ "test_any_result", "answers with an array", .output = "{\"type\":\"array\"}",
	    .answer = "{\"content\":[" TEXT("[1]") "],\"structuredContent\":[1]}" },
	{ "test_embedded_resource", "answers with a resource",
	    .answer = CONTENT(RESOURCE("test://embedded-resource", "text/plain",
	    "This is an embedded resource content.")) },
	{ "test_multiple_content_types", "answers with three kinds of content",
	    .answer = CONTENT(TEXT("Multiple content types test:") "," IMAGE ","
	    RESOURCE("test://mixed-content-resource", "application/json",
	    "{\\\"test\\\":\\\"data\\\",\\\"value\\\":123}")) },
	{ "test_error_handling", "fails", .answer = "{\"content\":["
	    TEXT("This tool intentionally returns an error for testing") "],\"isError\":true}" },
	{ "json_schema_2020_12_tool", "has a schema with much in it",
	    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
	    "\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":\"object\","
	    "\"properties\":{\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"}}}},"
	    "\"properties\":{\"name\":{\"type\":\"string\"},"
	    "\"address\":{\"$ref\":\"#/$defs/address\"},"
	    "\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]},"
	    "\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
	    "\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],"
	    "\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},"
	    "\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},"
	    "\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}",
	    .answer = CONTENT(TEXT("fits")) },
	{ "test_tool_with_logging", "logs three messages", .call = log_steps },
	{ "test_logging_tool", "logs a message of each level", .call = log_all },
	{ "test_tool_with_progress", "tells of its progress", .call = progress_steps },
	{ "test_far_progress", "tells of more than readers can read", .call = far_progress },
	{ "test_sampling", "asks the client's model",
	    SCHEMA("\"prompt\":{\"type\":\"string\"}"), .call = sampling },
	{ "test_elicitation", "asks the person",
	    SCHEMA("\"message\":{\"type\":\"string\"}"), .call = elicitation },
	{ "test_elicitation_sep1034_defaults", "asks with defaults", .needs = &defaults, .n = 1,
	    .say = "Elicitation completed:" },
	{ "test_elicitation_sep1330_enums", "asks with choices", .needs = &enums, .n = 1,
	    .say = "Elicitation completed:" },
	{ "test_elicitation_url", "asks the person to go somewhere", .needs = &url, .n = 1,
	    .say = "Went:" },
	{ "test_streaming_elicitation", "asks the person", .needs = &user_name, .n = 1,
	    .say = "Hello," },
	{ "test_missing_capability", "asks the client's model", .needs = &capital, .n = 1,
	    .say = "Asked:" },
	{ "test_input_required_result_elicitation", "asks the person", .needs = &user_name, .n = 1,
	    .say = "Hello," },
	{ "test_input_required_result_sampling", "asks the model", .needs = &capital, .n = 1,
	    .say = "Capital:" },
	{ "test_input_required_result_list_roots", "asks for the roots", .needs = &roots, .n = 1,
	    .say = "Roots:" },
	{ "test_input_required_result_request_state", "asks and remembers", .needs = &confirm,
	    .n = 1, .state = "asked", .say = "state-ok" },
	{ "test_input_required_result_multiple_inputs", "asks three things", .needs = several,
	    .n = nitems(several), .state = "asked", .say = "All:" },
	{ "test_input_required_result_multi_round", "asks twice", .call = two_rounds },
	{ "test_input_required_result_tampered_state", "asks and remembers", .needs = &confirm,
	    .n = 1, .state = "asked", .say = "state-ok" },
	{ "test_input_required_result_capabilities", "asks what the client can answer",
	    .call = what_the_client_can },
	{ "test_trigger_tool_change", "says that the tools changed", .call = change_tools },
	{ "test_trigger_prompt_change", "says that the prompts changed", .call = change_prompts },
	{ "test_trigger_resource_change", "says that the resources, or one by its uri, changed",
	    SCHEMA("\"uri\":{\"type\":\"string\"}"), .call = change },
};

static cJSON *
parsed(const char *text)
{
	struct cnt_err e = { 0 };
	cJSON *j = cnt_json_parse(text, strlen(text), &e);

	if (j == NULL)
		fprintf(stderr, "everything: %s\n", e.text);
	return j;
}

static cJSON *
tools(void *arg CNT_UNUSED)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < nitems(all); i++) {
		cJSON *t = cnt_json_add_object(list);

		cnt_json_set_str(t, "name", all[i].name);
		cnt_json_set_str(t, "title", all[i].name);
		cnt_json_set_str(t, "description", all[i].about);
		cnt_json_set(t, "inputSchema",
		    parsed(all[i].schema != NULL ? all[i].schema : SCHEMA("")));
		if (all[i].output != NULL)
			cnt_json_set(t, "outputSchema", parsed(all[i].output));
	}
	return list;
}

static int
call(struct cnt_request *r, const char *name, const cJSON *arguments, void *arg CNT_UNUSED)
{
	for (const struct tool *t = all; t < all + nitems(all); t++) {
		if (strcmp(t->name, name) != 0)
			continue;
		if (t->answer != NULL)
			cnt_request_answer_raw(r, t->answer, strlen(t->answer));
		else if (t->call != NULL)
			t->call(r, arguments);
		else
			need(r, t->needs, t->n, t->state, t->say);
		return 0;
	}
	return -1;
}

static void
cancel(struct cnt_request *r, void *arg CNT_UNUSED)
{
	struct steps *s = cnt_request_get(r);

	cnt_loop_untimer(s->timer);
	free(s);
	cnt_request_drop(r);
}

static cJSON *
resources(void)
{
	return parsed("[{\"uri\":\"test://static-text\",\"name\":\"text\",\"title\":\"Text\","
	    "\"description\":\"text\",\"mimeType\":\"text/plain\"},"
	    "{\"uri\":\"test://static-binary\",\"name\":\"binary\",\"description\":\"an image\","
	    "\"mimeType\":\"image/png\"},{\"uri\":\"test://watched-resource\",\"name\":\"watched\","
	    "\"description\":\"text\",\"mimeType\":\"text/plain\"},"
	    "{\"uri\":\"test://asking\",\"name\":\"asking\",\"description\":\"asks who reads it\","
	    "\"mimeType\":\"text/plain\"}]");
}

static cJSON *
templates(void)
{
	return parsed("[{\"uriTemplate\":\"test://template/{id}/data\",\"name\":\"template\","
	    "\"description\":\"data of an id\",\"mimeType\":\"application/json\"}]");
}

static void
add_contents(struct cnt_buf *b, const char *uri, const char *mime, const char *member,
    const char *value)
{
	cnt_buf_adds(b, "{\"contents\":[{\"uri\":");
	cnt_json_quote(b, uri, strlen(uri));
	cnt_buf_addf(b, ",\"mimeType\":\"%s\",\"%s\":", mime, member);
	cnt_json_quote(b, value, strlen(value));
	cnt_buf_adds(b, "}]}");
}

static int
read_resource(struct cnt_request *r, const char *uri, struct cnt_buf *b, struct cnt_err *e)
{
	char id[64] = "", *text CNT_FREE = NULL;
	const cJSON *who = NULL;
	int at = 0;

	if (strcmp(uri, "test://static-text") == 0) {
		add_contents(b, uri, "text/plain", "text",
		    "This is the content of the static text resource.");
	} else if (strcmp(uri, "test://static-binary") == 0) {
		add_contents(b, uri, "image/png", "blob", PNG);
	} else if (strcmp(uri, "test://watched-resource") == 0) {
		add_contents(b, uri, "text/plain", "text", "Watched.");
	} else if (strcmp(uri, "test://asking") == 0) {
		who = cnt_request_input(r, &user_name);
		if (who == NULL)
			return cnt_request_ask(r, &user_name, 1, NULL);
		text = cnt_json_print(who);
		add_contents(b, uri, "text/plain", "text", text);
	} else if (sscanf(uri, "test://template/%63[^/]/data%n", id, &at) == 1 && at > 0 &&
	    uri[at] == '\0') {
		text = cnt_format("{\"id\":\"%s\",\"templateTest\":true,"
		    "\"data\":\"Data for ID: %s\"}", id, id);
		add_contents(b, uri, "application/json", "text", text);
	} else {
		return cnt_fail(e, CNT_NOTFOUND, "Resource not found");
	}
	return 0;
}

static cJSON *
prompts(void)
{
	return parsed("[{\"name\":\"test_simple_prompt\",\"title\":\"Simple\","
	    "\"description\":\"text\"},"
	    "{\"name\":\"test_prompt_with_arguments\",\"description\":\"text with two arguments\","
	    "\"arguments\":[{\"name\":\"arg1\",\"description\":\"the first\",\"required\":true},"
	    "{\"name\":\"arg2\",\"description\":\"the second\",\"required\":true}]},"
	    "{\"name\":\"test_prompt_with_embedded_resource\",\"description\":\"a resource\","
	    "\"arguments\":[{\"name\":\"resourceUri\",\"description\":\"its uri\","
	    "\"required\":true}]},"
	    "{\"name\":\"test_prompt_with_image\",\"description\":\"an image\"},"
	    "{\"name\":\"test_input_required_result_prompt\",\"description\":\"asks first\"}]");
}

static void
add_message(struct cnt_buf *b, const char *text)
{
	cnt_buf_adds(b, "{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":");
	cnt_json_quote(b, text, strlen(text));
	cnt_buf_adds(b, "}}");
}

static int
prompt(struct cnt_request *r, const char *name, const cJSON *arguments, struct cnt_buf *b,
    struct cnt_err *e CNT_UNUSED)
{
	char *text CNT_FREE = NULL;

	if (strcmp(name, "test_input_required_result_prompt") == 0 &&
	    cnt_request_input(r, &user_context) == NULL)
		return cnt_request_ask(r, &user_context, 1, NULL);
	cnt_buf_adds(b, "{\"messages\":[");
	if (strcmp(name, "test_prompt_with_arguments") == 0) {
		text = cnt_format("Prompt with arguments: arg1='%s', arg2='%s'",
		    cnt_json_str(arguments, "arg1"), cnt_json_str(arguments, "arg2"));
		add_message(b, text);
	} else if (strcmp(name, "test_prompt_with_embedded_resource") == 0) {
		const char *uri = cnt_json_str(arguments, "resourceUri");

		cnt_buf_adds(b, "{\"role\":\"user\",\"content\":{\"type\":\"resource\","
		    "\"resource\":{\"uri\":");
		cnt_json_quote(b, uri, strlen(uri));
		cnt_buf_adds(b, ",\"mimeType\":\"text/plain\",\"text\":"
		    "\"Embedded resource content for testing.\"}}},");
		add_message(b, "Please process the embedded resource above.");
	} else if (strcmp(name, "test_prompt_with_image") == 0) {
		cnt_buf_adds(b, USER(IMAGE) ",");
		add_message(b, "Please analyze the image above.");
	} else {
		add_message(b, "This is a simple prompt for testing.");
	}
	cnt_buf_adds(b, "]}");
	return 0;
}

/* arg1 is a word, or what arg2 is; arg2 one of 150 numbers. */
static int
complete(const cJSON *ref, const char *name, const char *value, const cJSON *context,
    cJSON *values, struct cnt_err *e)
{
	static const char *const words[] = { "paris", "park", "party" };
	const char *other = cnt_json_str(context, "arg2");

	if (cnt_json_str(ref, "name") == NULL)
		return cnt_fail(e, CNT_NOTFOUND, "no such template");
	for (size_t i = 0; strcmp(name, "arg1") == 0 && i < nitems(words); i++)
		if (strncmp(words[i], value, strlen(value)) == 0)
			cJSON_AddItemToArray(values, cJSON_CreateString(words[i]));
	if (strcmp(name, "arg1") == 0 && other != NULL)
		cJSON_AddItemToArray(values, cJSON_CreateString(other));
	for (int i = 0; strcmp(name, "arg2") == 0 && i < 150; i++) {
		char *number CNT_FREE = cnt_format("%d", i);

		cJSON_AddItemToArray(values, cJSON_CreateString(number));
	}
	return 0;
}

static void
started(struct cnt_server *s, void *arg CNT_UNUSED)
{
	server = s;
}

int
main(void)
{
	static const struct cnt_subject *const subjects[] = { &cnt_listening, &cnt_completion,
	    &cnt_logging, &cnt_client_input, NULL };
	static const struct cnt_offered offered = { .resources = resources,
	    .templates = templates, .read = read_resource, .prompts = prompts, .prompt = prompt,
	    .complete = complete };
	static const struct cnt_offer o = { .name = "everything", .title = "Everything",
	    .version = "1", .instructions = "For tests.", .tools = tools, .call = call,
	    .cancel = cancel, .offered = &offered, .subjects = subjects, .started = started,
	    .changes = CNT_TOOLS | CNT_PROMPTS | CNT_RESOURCES | CNT_UPDATES };
	struct cnt_err e = { 0 };

	if (cnt_serve(&o, &e) == -1) {
		fprintf(stderr, "everything: %s\n", e.text);
		return cnt_code_exit(e.code);
	}
	return 0;
}
