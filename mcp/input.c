/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request needs from the client's side: a person's answer, a model's, the roots. A request
 * asks while it begins and ends there; when the answers have come it begins anew and finds them. In
 * 2026-07-28 the client keeps what is between (request-state.c guards it); before, it is kept here,
 * and the client is sent requests (sent.c). Only what it declared is asked for; what it sends is
 * checked (fit.c).
 */
#include "mcp/request-state.h"

#include "mcp/serving.h"

/* What is kept between two beginnings, and of a request that begins anew. */
struct cnt_asking {
	cJSON		*params;	/* older revisions: its own copy */
	cJSON		*inputs;	/* results by key; owned */
	char		*state;
};

static void
asking_free(struct cnt_request *r)
{
	struct cnt_asking *k = take(&r->asking);

	if (k == NULL)
		return;
	cJSON_Delete(k->params);
	cJSON_Delete(k->inputs);
	free(k->state);
	free(k);
}

static const cJSON *
capabilities(const struct cnt_request *r)
{
	if (r->revision < CNT_R_2026_07_28)
		return r->server->client;
	return cnt_json_get(cnt_json_get(r->server->params, "_meta"),
	    CNT_META "clientCapabilities");
}

bool
cnt_request_may_ask(const struct cnt_request *r, const struct cnt_input *in)
{
	return cnt_input_possible(in, capabilities(r), r->revision);
}

const cJSON *
cnt_request_input(const struct cnt_request *r, const struct cnt_input *in)
{
	const cJSON *v = r->asking != NULL ? cnt_json_get(r->asking->inputs, in->key) : NULL;

	return v != NULL && cnt_input_fits(in, v) ? v : NULL;
}

const char *
cnt_request_state(const struct cnt_request *r)
{
	return r->asking != NULL ? r->asking->state : NULL;
}

static void
cancelled(struct cnt_request *r)
{
	cnt_sent_withdraw(r);
	cnt_request_drop(r);
}

static struct cnt_asking *
keep(struct cnt_request *r)
{
	if (r->asking == NULL)
		r->asking = cnt_alloc(sizeof(*r->asking));
	r->release = asking_free;
	return r->asking;
}

static void
ask_client(struct cnt_request *r, const struct cnt_input *in, size_t n, const char *state)
{
	struct cnt_asking *k = keep(r);
	char *old CNT_FREE CNT_UNUSED = take(&k->state);

	k->params = cJSON_Duplicate(r->server->params, true);
	k->state = state != NULL ? cnt_strdup(state) : NULL;
	cJSON_Delete(k->inputs);
	k->inputs = cJSON_CreateObject();
	r->cancel = cancelled;
	for (size_t i = 0; i < n; i++)
		cnt_sent_add(r, &in[i]);
}

static void
ask_by_answer(struct cnt_request *r, const struct cnt_input *in, size_t n, const char *state)
{
	char *sealed CNT_FREE = NULL;
	struct cnt_buf b CNT_BUF = { 0 };

	cnt_buf_adds(&b, "{\"inputRequests\":{");
	for (size_t i = 0; i < n; i++)
		cnt_buf_addf(&b, "%s\"%s\":{\"method\":\"%s\",\"params\":%s}", i > 0 ? "," : "",
		    in[i].key, in[i].method, in[i].params);
	cnt_buf_adds(&b, "}");
	if (state != NULL) {
		sealed = cnt_request_state_seal(r->method, r->server->params, state,
		    cnt_ticks_us());
		cnt_buf_adds(&b, ",\"requestState\":");
		cnt_json_quote(&b, sealed, strlen(sealed));
	}
	cnt_buf_adds(&b, "}");
	cnt_request_result(r, &b, CNT_KEEP_ASKS);
}

static void
refuse_incapable(struct cnt_request *r, const cJSON *required)
{
	char *text CNT_FREE = cnt_json_print(required);
	char *data CNT_FREE = cnt_format("{\"requiredCapabilities\":%s}", text);
	struct cnt_err e = { 0 };

	if (r->revision == CNT_R_2026_07_28) {
		cnt_request_refuse(r, CNT_RPC_CAPABILITY, "Missing required client capability",
		    data);
		return;
	}
	cnt_fail(&e, CNT_UNAVAILABLE, "client: cannot be asked, it has not declared %s", text);
	cnt_request_error(r, &e);
}

/* In older revisions a client that answers what was not asked would be asked for ever. */
static bool
was_answered(const struct cnt_request *r, const struct cnt_input *in)
{
	return r->revision < CNT_R_2026_07_28 && r->asking != NULL &&
	    cnt_json_get(r->asking->inputs, in->key) != NULL;
}

int
cnt_request_ask(struct cnt_request *r, const struct cnt_input *in, size_t n, const char *state)
{
	cJSON *required CNT_JSON = cJSON_CreateObject();
	struct cnt_err e = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (!cnt_request_may_ask(r, &in[i]))
			cnt_json_set(required, cnt_input_capability(&in[i]), cJSON_CreateObject());
		else if (was_answered(r, &in[i]))
			cnt_fail(&e, CNT_INVALID, "client: its answer to %s does not fit",
			    in[i].method);
	}
	if (r->revision < CNT_R_2026_07_28 && !r->server->ready)
		cnt_fail(&e, CNT_BUSY, "client: has not sent notifications/initialized");
	if (required->child != NULL)
		refuse_incapable(r, required);
	else if (e.code != CNT_OK)
		cnt_request_error(r, &e);
	else if (r->revision == CNT_R_2026_07_28)
		ask_by_answer(r, in, n, state);
	else
		ask_client(r, in, n, state);
	return CNT_ASKED;
}

/* What the client brings of an earlier beginning; -1: it has been refused. */
static int
check(struct cnt_request *r, const cJSON *params)
{
	const cJSON *inputs = cnt_json_get(params, "inputResponses");
	const cJSON *sealed = cnt_json_get(params, "requestState");
	struct cnt_asking *k;

	if (r->revision < CNT_R_2026_07_28 || (inputs == NULL && sealed == NULL))
		return 0;
	k = keep(r);
	if (inputs != NULL && !cJSON_IsObject(inputs)) {
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: inputResponses must be an "
		    "object", NULL);
		return -1;
	}
	k->inputs = cJSON_Duplicate(inputs, true);
	if (cJSON_IsString(sealed))
		k->state = cnt_request_state_open(r->method, params, sealed->valuestring,
		    cnt_ticks_us());
	if (sealed != NULL && k->state == NULL) {
		cnt_request_refuse(r, CNT_RPC_PARAMS, "Invalid params: requestState is not what "
		    "this request was given, or too old; send the request without it", NULL);
		return -1;
	}
	return 0;
}

static void
begin_anew(struct cnt_request *r)
{
	cJSON *params CNT_JSON = take(&r->asking->params);

	r->cancel = NULL;
	cnt_request_begin(r, params);
}

void
cnt_input_came(struct cnt_request *r, const char *key, const char *method, const cJSON *response)
{
	const cJSON *result = cnt_json_get(response, "result");
	const char *why = cnt_json_str(cnt_json_get(response, "error"), "message");
	struct cnt_err e = { 0 };

	if (!cJSON_IsObject(result)) {
		cnt_sent_withdraw(r);
		cnt_fail(&e, CNT_NO, "client: refused %s: %.200s", method,
		    why != NULL ? why : "no result");
		cnt_request_error(r, &e);
		return;
	}
	cnt_json_set(r->asking->inputs, key, cJSON_Duplicate(result, true));
	if (!cnt_sent_waits(r))
		begin_anew(r);
}

static void
met(struct cnt_server *s, const cJSON *params)
{
	cJSON_Delete(s->client);
	s->client = cJSON_Duplicate(cnt_json_get(params, "capabilities"), true);
}

static void
end(struct cnt_server *s)
{
	cnt_sent_free(s);
	cJSON_Delete(s->client);
	s->client = NULL;
}

const struct cnt_subject cnt_client_input = {
	.met = met, .response = cnt_sent_response, .check = check, .end = end,
};
