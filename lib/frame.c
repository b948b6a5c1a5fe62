/* SPDX-License-Identifier: Apache-2.0
 *
 * The one frame around every verb, whatever face it was called by. The order is fixed: caller,
 * authorize (default deny), store, recovery, audit intent, run, check of the result, audit
 * outcome. Nothing else in cnt calls a verb's function. Secret arguments never reach the audit.
 */
#include "lib/frame.h"

#include <errno.h>

#include "lib/audit.h"
#include "lib/caller.h"
#include "lib/cancel.h"
#include "lib/crypto.h"
#include "lib/fault.h"
#include "lib/paths.h"
#include "lib/recover.h"
#include "lib/store.h"

#define ARGS_MAX	4096	/* longer arguments stand in the audit as length and hash */

static const char *
box_of(const struct cnt_call *c)
{
	for (const struct cnt_field *f = c->verb->params; f != NULL && f->name != NULL; f++)
		if (f->type == CNT_BOX && cnt_json_str(c->in, f->name) != NULL)
			return cnt_json_str(c->in, f->name);
	return "";
}

static char *
args_for_audit(const struct cnt_call *c)
{
	cJSON *args CNT_JSON = cJSON_Duplicate(c->in, true);
	char *text CNT_FREE = NULL;
	char hex[65];

	for (const struct cnt_field *f = c->verb->params; f != NULL && f->name != NULL; f++)
		if ((f->flags & CNT_SECRET) != 0)
			cJSON_DeleteItemFromObjectCaseSensitive(args, f->name);
	text = cnt_json_print(args);
	if (strlen(text) <= ARGS_MAX)
		return take(&text);
	cnt_sha256_hex(text, strlen(text), hex);
	return cnt_format("{\"bytes\":%zu,\"sha256\":\"%s\"}", strlen(text), hex);
}

static int
record(struct cnt_call *c, const char *args, int64_t intent, int r, int64_t *seq, struct cnt_err *e)
{
	struct cnt_audit a = {
		.kind = args != NULL ? CNT_INTENT : CNT_OUTCOME, .intent = intent,
		.subject = c->caller->subject, .via = c->caller->via, .verb = c->verb->name,
		.box = box_of(c), .args = args != NULL ? args : "",
		.result = args != NULL ? "" : r == 0 ? "ok" : cnt_code_name(c->err->code),
		.text = args == NULL && r == -1 ? c->err->text : "",
	};

	if (cnt_store_audit(c->store, &a, e) == -1)
		return -1;
	*seq = a.seq;
	return 0;
}

static int
run(struct cnt_call *c)
{
	int r = c->verb->run(c);

	return r == 0 && !c->verb->interactive ? cnt_check_result(c->verb, c->out, c->err) : r;
}

int
cnt_frame_record(struct cnt_call *c, int (*work)(struct cnt_call *c))
{
	char *args CNT_FREE = args_for_audit(c);
	struct cnt_err late = { 0 };
	int64_t intent = 0, outcome = 0;
	int r = 0;

	if ((!c->verb->interactive && cnt_cancel_catch(c->err) == -1) ||
	    record(c, args, 0, 0, &intent, c->err) == -1 ||
	    CNT_STEP("the intent is recorded", c->err) == -1)
		return -1;
	r = cnt_cancel_check(c->err) == -1 ? -1 : work(c);
	if ((CNT_STEP("the verb has done its work", &late) == -1 ||
	    record(c, NULL, intent, r, &outcome, &late) == -1) && r == 0) {
		*c->err = late;
		return -1;
	}
	return r;
}

/* Taking back what was never made makes nothing. */
static bool
is_storeless(const struct cnt_call *c)
{
	char *state CNT_FREE = cnt_path(CNT_STATE);

	return c->verb->storeless || (c->verb->makes_store && cnt_json_bool(c->in, "undo") &&
	    access(state, F_OK) == -1 && errno == ENOENT);
}

int
cnt_frame_run(struct cnt_call *c)
{
	struct cnt_store *store CNT_STORE = NULL;
	struct cnt_caller caller = { 0 };
	bool storeless = is_storeless(c);
	int r = 0;

	if (!c->verb->unprivileged && (cnt_caller_find(&caller, c->err) == -1 ||
	    cnt_caller_may(&caller, c->verb, c->in, c->err) == -1))
		return -1;
	if (!storeless && c->verb->makes_store && cnt_paths_make(c->err) == -1)
		return -1;
	/* After a reboot of the host what lies in /run is made again. */
	if (!storeless &&
	    (cnt_store_open(&store, c->verb->makes_store, c->err) == -1 ||
	    cnt_paths_make(c->err) == -1))
		return -1;
	if (store != NULL && (r = cnt_recover(store, c->err)) != 0 &&
	    (r == -1 || (c->verb->effects & CNT_READS) == 0))
		return -1;
	c->store = store;
	c->caller = &caller;
	r = store == NULL || (c->verb->effects & CNT_READS) != 0 ? run(c) :
	    cnt_frame_record(c, run);
	c->store = NULL;
	c->caller = NULL;
	return r;
}
