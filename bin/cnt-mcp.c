/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt mcp: the MCP server for everything. It contains no verb: the programs beside it say what they
 * are, and each call goes to one of them, or to the agent-box of a box. With --box it is that box's
 * agent-box on this standard input and output; that is also how it reaches a box itself.
 */
#include "lib/enter.h"
#include "lib/life.h"
#include "lib/main.h"
#include "lib/paths.h"
#include "mcp/catalogue.h"
#include "mcp/peer.h"
#include "mcp/relay.h"
#include "mcp/session.h"
#include "mcp/undertaker.h"

#define GRACE_US	2000000		/* for verbs that are cancelled by our end */

#define INSTRUCTIONS \
	"Linux boxes (system containers) on one host. create_container makes a box with its own " \
	"init, users, apt and sudo; it persists until delete_container. Work in it with " \
	"shell_exec, read_file, write_file and the other tools that take `box`, the box's name: " \
	"commands run as the box's user, sudo needs no password. list_containers shows what " \
	"exists. A failed operation answers with isError and {error:{code,message,hint}}; a " \
	"command's non-zero exit status is an answer, not an error."

struct mcp {
	struct cnt_catalogue	 catalogue;
	struct cnt_peers	*peers;
	struct cnt_sessions	*sessions;
};

static cJSON *
tools(void *arg)
{
	const struct mcp *m = arg;

	return cJSON_Duplicate(m->catalogue.tools, true);
}

static void
call_in_box(struct mcp *m, struct cnt_request *r, const char *tool, const cJSON *arguments)
{
	cJSON *rest CNT_JSON = cJSON_Duplicate(arguments, true);
	const char *box = cnt_json_str(arguments, "box");
	struct cnt_err e = { 0 };

	cJSON_DeleteItemFromObjectCaseSensitive(rest, "box");
	if (box == NULL) {
		cnt_fail(&e, CNT_INVALID, "box: missing; expected the name of a box");
		cnt_hint(&e, "list_containers shows the boxes");
		cnt_request_error(r, &e);
	} else if (cnt_check_name(box, &e) == -1) {
		cnt_request_error(r, &e);
	} else {
		cnt_session_call(m->sessions, r, box, tool, rest);
	}
}

static int
call(struct cnt_request *r, const char *tool, const cJSON *arguments, void *arg)
{
	struct mcp *m = arg;
	const struct cnt_tool *t = cnt_catalogue_find(&m->catalogue, tool);

	if (t == NULL)
		return -1;
	if (t->program != NULL)
		cnt_peer_call(m->peers, r, t->program, tool, arguments);
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
	struct mcp m = { .peers = cnt_peers_new(), .sessions = cnt_sessions_new() };
	struct cnt_offer o = {
		.name = "cnt", .title = "cnt: boxes for agents", .version = CNT_VERSION,
		.instructions = INSTRUCTIONS,
		.tools = tools, .call = call, .cancel = cancel, .ending = ending, .arg = &m,
	};
	char *dir CNT_FREE = cnt_path_beside(".");
	pid_t *groups CNT_FREE = NULL;
	size_t n = 0;
	int r;

	if (cnt_catalogue_read(&m.catalogue, dir, strstr(sets, "platform") != NULL,
	    strstr(sets, "box") != NULL, cnt_json_bool(c->in, "read_only"), c->err) == -1)
		return -1;
	r = cnt_serve(&o, c->err);
	groups = cnt_peers_free(m.peers, &n);
	cnt_sessions_free(m.sessions);
	cnt_catalogue_free(&m.catalogue);
	cnt_undertaker(groups, n, GRACE_US);
	return r;
}

static int
enter(struct cnt_call *c)
{
	char *argv[] = { (char *)(uintptr_t)"agent-box", NULL };
	char *agent CNT_FREE = cnt_path_beside("agent-box");
	int memfd CNT_CLOSE = -1;
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_ended ended = { 0 };
	struct cnt_entry en = { .box = l.box.name, .argv = argv, .keep = true,
	    .in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO };

	if (cnt_life_begin(c, &l, -1) == -1 || cnt_enter_seal(agent, &memfd, c->err) == -1)
		return -1;
	en.tag = l.instance.tag;
	en.memfd = memfd;
	if (cnt_enter(&en, &ended, c->err) == -1)
		return -1;
	c->status = ended.status;
	return 0;
}

static const char *const sets[] = { "platform,box", "platform", "box", "box,platform", NULL };

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .help = "be this box's agent-box" },
	{ .name = "tools", .type = CNT_STRING, .choices = sets, .def = "platform,box",
	    .value = "SETS", .help = "which tools to offer" },
	{ .name = "read_only", .type = CNT_BOOLEAN, .def = "false",
	    .help = "offer only tools that change nothing" },
	{ 0 }
};

#define ABOUT "The MCP server: every tool of the platform, and the tools of each box " \
	"(shell_exec, read_file ...), over one connection on standard input and output."

static const struct cnt_verb everything = {
	.name = "mcp", .title = "MCP server", .group = "Agents",
	.summary = "serve MCP on standard input and output", .about = ABOUT,
	.effects = CNT_READS, .storeless = true, .interactive = true, .params = params,
	.run = serve,
};

/* The same verb with --box: it enters a box, so it needs the store and is recorded. */
static const struct cnt_verb one_box = {
	.name = "mcp", .title = "MCP server", .group = "Agents",
	.summary = "serve MCP on standard input and output", .about = ABOUT,
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_OPEN_WORLD,
	.interactive = true, .passes_status = true, .params = params, .run = enter,
};

int
main(int argc, char **argv)
{
	bool box = false;

	if (argc == 2 && strcmp(argv[0], "cnt-mcp-relay") == 0)
		return cnt_relay(argv[1]);
	for (int i = 1; i < argc; i++)
		box = box || strcmp(argv[i], "--box") == 0 || strncmp(argv[i], "--box=", 6) == 0;
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ box ? &one_box : &everything,
	    NULL });
}
