/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt-dropin VERB ...: a verb that an operator dropped into /etc/cnt/verbs.d. What it says of
 * itself becomes a table, and the one frame does the rest: arguments checked, scope, audit, result.
 * So it has the faces of every verb, and sees none of the frame. `cnt` and `cnt mcp` start this.
 */
#include "lib/learn.h"
#include "lib/main.h"
#include "lib/paths.h"
#include "lib/trust.h"
#include "mcp/ask.h"
#include "mcp/script.h"
#include "mcp/server.h"

#define WITHIN_US	2000000		/* for the answer to --describe */

static char *path;
static struct cnt_learned learned;

static int
run(struct cnt_call *c)
{
	return cnt_script_run(c, path, learned.mcp);
}

static int
learn(const char *name, struct cnt_err *e)
{
	struct cnt_question q = { .argv = { cnt_strdup(path), cnt_strdup("--describe") },
	    .env = cnt_script_env(), .within_us = WITHIN_US };
	struct cnt_err inner = { 0 };
	cJSON *said = NULL;

	cnt_ask(&q, 1);
	if (q.why == NULL)
		said = cnt_json_parse(q.said.p != NULL ? q.said.p : "", q.said.n, &inner);
	if (said == NULL) {
		cnt_fail(e, q.unasked ? CNT_SYSTEM : CNT_BUG, "%s: --describe: %s", name,
		    q.why != NULL ? q.why : inner.text);
		cnt_hint(e, "cnt-verbs(7) has what it must answer");
	}
	cnt_question_free(&q);
	return said == NULL ? -1 : cnt_learn(&learned, said, name, run, e);
}

static cJSON *
no_tools(void *arg CNT_UNUSED)
{
	return cJSON_CreateArray();
}

static int
refuse(struct cnt_request *r, const char *tool CNT_UNUSED, const cJSON *arguments CNT_UNUSED,
    void *arg)
{
	cnt_request_error(r, arg);
	return 0;
}

static void
no_cancel(struct cnt_request *r, void *arg CNT_UNUSED)
{
	cnt_request_drop(r);
}

/* The verb cannot be used: whoever asks for it, by whatever face, is told why. */
static int
tell(struct cnt_err *why, int argc, char **argv)
{
	const struct cnt_offer o = { .name = "cnt", .version = CNT_VERSION, .tools = no_tools,
	    .call = refuse, .cancel = no_cancel, .arg = why };
	struct cnt_err e = { 0 };

	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--mcp") == 0)
			return cnt_serve(&o, &e) == 0 ? 0 : cnt_code_exit(e.code);
	cnt_err_print(why, "cnt", cnt_argv_json(argc, argv));
	return cnt_code_exit(why->code);
}

int
main(int argc, char **argv)
{
	struct cnt_err e = { 0 };
	int status;

	if (argc < 2 || !cnt_learn_name(argv[1])) {
		cnt_fail(&e, CNT_INVALID, "cnt-dropin: expected the name of a verb");
		return tell(&e, argc, argv);
	}
	path = cnt_path("%s/%s", CNT_VERBS, argv[1]);
	if (cnt_trust_file(path, &e) == -1 || learn(argv[1], &e) == -1)
		status = tell(&e, argc, argv);
	else
		status = cnt_main(argc - 1, argv + 1, learned.list);
	cnt_learned_free(&learned);
	free(path);
	return status;
}
