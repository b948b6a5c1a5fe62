/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt mcp: the MCP server for everything. It contains no verb: the programs beside it say what they
 * are, and each call goes to one of them, or to the agent-box of a box. With --box it is that box's
 * agent-box on this standard input and output; that is also how it reaches a box itself.
 */
#include "lib/conf.h"
#include "lib/main.h"
#include "lib/paths.h"
#include "mcp/catalogue.h"
#include "mcp/entry.h"
#include "mcp/guide.h"
#include "mcp/peer.h"
#include "mcp/relay.h"
#include "mcp/session.h"
#include "mcp/snippet.h"
#include "mcp/undertaker.h"

#define GRACE_US	2000000		/* for verbs that are cancelled by our end */
#define TOOLS_MS	60000		/* a verb that is dropped in is a tool after that */

struct mcp {
	struct cnt_catalogue	 catalogue;
	struct cnt_peers	*peers;
	struct cnt_sessions	*sessions;
};

static cJSON *
tools(void *arg)
{
	struct mcp *m = arg;

	cnt_catalogue_look(&m->catalogue);
	return cJSON_Duplicate(m->catalogue.tools, true);
}

/* As tools/list has it. */
static const cJSON *
listed(const struct mcp *m, const char *tool)
{
	const cJSON *t = NULL;

	cJSON_ArrayForEach(t, m->catalogue.tools)
		if (strcmp(cnt_json_str(t, "name"), tool) == 0)
			break;
	return t;
}

static void
call_in_box(struct mcp *m, struct cnt_request *r, const char *tool, const cJSON *arguments)
{
	cJSON *rest CNT_JSON = cJSON_Duplicate(arguments, true);
	const char *box = cnt_json_str(arguments, "box");
	struct cnt_err e = { 0 };

	cJSON_DeleteItemFromObjectCaseSensitive(rest, "box");
	if (box == NULL) {
		cnt_fail(&e, CNT_INVALID, "box: %s; expected the name of a box",
		    cnt_json_get(arguments, "box") != NULL ? "not a string" : "missing");
		cnt_hint(&e, "list_containers shows the boxes");
		cnt_request_error(r, &e);
	} else if (cnt_check_name(box, &e) == -1) {
		cnt_request_error(r, &e);
	} else {
		cnt_session_call(m->sessions, r, box, listed(m, tool), rest);
	}
}

static int
call(struct cnt_request *r, const char *tool, const cJSON *arguments, void *arg)
{
	struct mcp *m = arg;
	const struct cnt_tool *t = cnt_catalogue_find(&m->catalogue, tool);

	if (t == NULL)
		cnt_catalogue_look(&m->catalogue);
	if (t == NULL && (t = cnt_catalogue_find(&m->catalogue, tool)) == NULL)
		return -1;
	if (t->program != NULL)
		cnt_peer_call(m->peers, r, t->program, t->first, tool, arguments);
	else
		call_in_box(m, r, tool, arguments);
	return 0;
}

static void
cancel(struct cnt_request *r, void *arg)
{
	const struct mcp *m = arg;

	if (!cnt_peer_cancel(m->peers, r))
		cnt_session_cancel(m->sessions, r);
}

static bool
ending(void *arg)
{
	const struct mcp *m = arg;

	cnt_sessions_end(m->sessions);
	return cnt_peers_ending(m->peers);
}

static int
serve(struct cnt_call *c)
{
	const char *sets = cnt_json_str(c->in, "tools");
	CNT_CONF_END struct cnt_conf conf = { 0 };
	struct cnt_ways ways = { .caller = c->caller, .start = cnt_json_bool(c->in, "start"),
	    .read_only = cnt_json_bool(c->in, "read_only") };
	struct mcp m = { .catalogue = { .platform = strstr(sets, "platform") != NULL,
	    .box = strstr(sets, "box") != NULL, .read_only = ways.read_only } };
	bool whole = m.catalogue.platform && m.catalogue.box && !ways.read_only;
	struct cnt_offer o = {
		.name = "cnt", .title = "cnt: boxes for agents", .version = CNT_VERSION,
		.instructions = whole ? cnt_guide : cnt_guide_in_part,
		.offered = whole ? &cnt_guide_offered : NULL,
		.tools = tools, .tools_ms = TOOLS_MS, .call = call, .cancel = cancel,
		.ending = ending, .arg = &m,
	};
	pid_t *groups CNT_FREE = NULL;
	size_t n = 0;
	int r;

	if (cnt_entry_check(c->in, c->err) == -1 || cnt_conf_read(&conf, c->err) == -1)
		return -1;
	ways.patience = conf.mcp_box_wait;
	m.peers = cnt_peers_new(conf.mcp_calls, (int64_t)(conf.mcp_deadline * 1e6));
	m.sessions = cnt_sessions_new(&ways);
	r = cnt_serve(&o, c->err);
	groups = cnt_peers_free(m.peers, &n);
	cnt_sessions_free(m.sessions);
	cnt_catalogue_free(&m.catalogue);
	cnt_undertaker(groups, n, GRACE_US);
	return r;
}

#define ABOUT "The MCP server: every tool of the platform, and the tools of each box " \
	"(shell_exec, read_file ...), over one connection on standard input and output."

static const struct cnt_verb everything = {
	.name = "mcp", .title = "MCP server", .group = "Agents",
	.summary = "serve MCP on standard input and output", .about = ABOUT,
	.effects = CNT_READS, .storeless = true, .interactive = true,
	.params = cnt_entry_params, .run = serve,
};

static const struct cnt_verb snippet = {
	.name = "mcp", .title = "MCP client", .group = "Agents",
	.summary = "print what connects an MCP client",
	.about = "Prints the lines that connect an MCP client, for the file that it reads.",
	.effects = CNT_READS, .storeless = true, .unprivileged = true,
	.params = cnt_entry_params, .results = cnt_snippet_results, .run = cnt_snippet,
	.print = cnt_snippet_print,
};

static bool
given(char **argv, const char *option)
{
	size_t n = strlen(option);

	while (*argv != NULL && (strncmp(*argv, option, n) != 0 || strchr("=", (*argv)[n]) == NULL))
		argv++;
	return *argv != NULL;
}

/* With --box it enters a box, so it needs the store, is authorized and recorded. */
static const struct cnt_verb *
asked(int argc, char **argv)
{
	struct cnt_argv opt = { 0 };
	struct cnt_err e = { 0 };
	cJSON *args CNT_JSON = NULL, *in CNT_JSON = NULL;

	if (given(argv, "--config") || given(argv, "--ssh"))
		return &snippet;
	if (!given(argv, "--box"))
		return &everything;
	args = cnt_argv_parse(&cnt_entry, argc - 1, argv + 1, &opt, &e);
	in = args != NULL ? cnt_check_args(&cnt_entry, args, &e) : NULL;
	return cnt_json_bool(in, "read_only") ? &cnt_entry_reads : &cnt_entry;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "cnt-mcp-relay") == 0)
		cnt_relay(argv[1]);
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ asked(argc, argv), NULL });
}
