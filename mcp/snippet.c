/* SPDX-License-Identifier: Apache-2.0
 *
 * What connects an MCP client with `cnt mcp`: one table of clients, and the command that they are
 * to start. It is for the user who asks: root's client starts cnt itself, another's by sudo(8), and
 * one on another machine by ssh(1), where nobody could answer a question. A host's name is refused
 * when ssh or a shell could take it for anything else.
 */
#include "mcp/snippet.h"

#include "lib/paths.h"
#include "mcp/entry.h"

#define ALNUM	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Each %s, in this order: the server's name, the command, its arguments. */
#define SERVERS(key, type) \
	"{\n  \"" key "\": {\n    \"%s\": { " type "\"command\": %s, \"args\": [%s] }\n  }\n}\n"

static const struct client {
	const char	*name, *file, *form;
	const char	*command;	/* its own, that does the same; NULL: none */
} clients[] = {		/* as cnt_snippet_clients has them */
	{ "claude", ".mcp.json of a project, or mcpServers of ~/.claude.json",
	    SERVERS("mcpServers", "\"type\": \"stdio\", "), "claude mcp add" },
	{ "claude-desktop", "claude_desktop_config.json (Settings, Developer, Edit Config)",
	    SERVERS("mcpServers", ""), NULL },
	{ "codex", "~/.codex/config.toml",
	    "[mcp_servers.\"%s\"]\ncommand = %s\nargs = [%s]\n", "codex mcp add" },
	{ "gemini", "~/.gemini/settings.json", SERVERS("mcpServers", ""), NULL },
	{ "opencode", "opencode.json of a project, or ~/.config/opencode/opencode.json",
	    "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": {\n"
	    "    \"%s\": { \"type\": \"local\", \"command\": [%s, %s] }\n  }\n}\n", NULL },
	{ "cursor", "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
	    SERVERS("mcpServers", "\"type\": \"stdio\", "), NULL },
	{ "vscode", ".vscode/mcp.json of a folder", SERVERS("servers", "\"type\": \"stdio\", "),
	    NULL },
};

const char *const cnt_snippet_clients[] = { "claude", "claude-desktop", "codex", "gemini",
	"opencode", "cursor", "vscode", NULL };

_Static_assert(nitems(clients) + 1 == nitems(cnt_snippet_clients), "a client in both");

const struct cnt_field cnt_snippet_results[] = {
	{ .name = "file", .type = CNT_STRING, .help = "where it goes" },
	{ .name = "snippet", .type = CNT_STRING },
	{ .name = "command", .type = CNT_STRING, .flags = CNT_OPTIONAL,
	    .help = "of the client, that does the same" },
	{ 0 }
};

struct words {
	struct cnt_buf	command, args;	/* quoted; args with commas between */
	struct cnt_buf	line;		/* all of them as a shell reads them, a space before each */
};

#define WORDS	__attribute__((cleanup(words_free)))

static void
words_free(struct words *w)
{
	cnt_buf_free(&w->command);
	cnt_buf_free(&w->args);
	cnt_buf_free(&w->line);
}

static void
add_for_shell(struct cnt_buf *b, const char *word)
{
	static const char plain[] = ALNUM "._-:/=@,%";
	const char *quote = word[strspn(word, plain)] == '\0' ? "" : "'";

	cnt_buf_addf(b, " %s", quote);
	for (; *word != '\0'; word++)
		cnt_buf_addf(b, *word == '\'' ? "'\\''" : "%c", *word);
	cnt_buf_adds(b, quote);
}

/* The first word is the command. TOML reads JSON's strings as its own. */
static void
add(struct words *w, const char *word)
{
	struct cnt_buf *b = w->command.n == 0 ? &w->command : &w->args;

	if (b->n > 0)
		cnt_buf_adds(b, ", ");
	cnt_json_quote(b, word, strlen(word));
	add_for_shell(&w->line, word);
}

/* Of this instance, by whoever is not root with sudo(8). */
static void
add_here(struct words *w)
{
	char *cnt CNT_FREE = cnt_path_beside("cnt");
	char *root CNT_FREE = cnt_format("CNT_ROOT=%s", cnt_root());

	if (geteuid() != 0) {
		add(w, "sudo");
		add(w, "-n");
	}
	if (*cnt_root() != '\0') {
		add(w, "env");
		add(w, root);
	}
	add(w, cnt);
}

static int
check_host(const char *host, struct cnt_err *e)
{
	static const char plain[] = ALNUM "._-:%[]";
	size_t user = strcspn(host, "@");
	const char *name = host[user] == '@' ? host + user + 1 : host;

	if (strchr("-@", *host) == NULL && strchr("-", *name) == NULL &&
	    strspn(host, plain) >= user && name[strspn(name, plain)] == '\0')
		return 0;
	cnt_fail(e, CNT_INVALID, "ssh: %s: not a host", host);
	return cnt_hint(e, "[USER@]HOST as for ssh(1); a port belongs into ~/.ssh/config");
}

/* A client has no terminal to answer a question on. */
static int
add_there(struct words *w, const char *host, struct cnt_err *e)
{
	char *root CNT_FREE = cnt_format("root@%s", host);

	if (check_host(host, e) == -1)
		return -1;
	add(w, "ssh");
	add(w, "-T");
	add(w, "-oBatchMode=yes");
	add(w, strchr(host, '@') != NULL ? host : root);
	add(w, "cnt");
	return 0;
}

/* Those that are not the snippet's own nor what they are anyway. */
static void
add_options(struct words *w, const struct cnt_call *c)
{
	for (const struct cnt_field *f = c->verb->params; f->name != NULL; f++) {
		const cJSON *value = cnt_json_get(c->in, f->name);
		char *option CNT_FREE = cnt_argv_option(f);

		if (strcmp(f->name, "config") == 0 || strcmp(f->name, "ssh") == 0)
			continue;
		if (cJSON_IsTrue(value)) {
			add(w, option);
		} else if (cJSON_IsString(value) &&
		    (f->def == NULL || strcmp(value->valuestring, f->def) != 0)) {
			add(w, option);
			add(w, value->valuestring);
		}
	}
}

int
cnt_snippet(struct cnt_call *c)
{
	const char *box = cnt_json_str(c->in, "box"), *host = cnt_json_str(c->in, "ssh");
	const char *name = cnt_json_str(c->in, "config");
	const struct client *client = clients;
	struct words w WORDS = { 0 };
	const char *server = box != NULL ? box : "cnt";
	char *text CNT_FREE = NULL;

	if (name == NULL) {
		cnt_fail(c->err, CNT_INVALID, "config: missing");
		return cnt_hint(c->err, "--ssh is for --config: which client is it for?");
	}
	if (cnt_entry_check(c->in, c->err) == -1)
		return -1;
	while (strcmp(client->name, name) != 0)		/* one of the choices */
		client++;
	if (host == NULL)
		add_here(&w);
	else if (add_there(&w, host, c->err) == -1)
		return -1;
	add(&w, "mcp");
	add_options(&w, c);
	text = cnt_format(client->form, server, w.command.p, w.args.p);
	cnt_json_set_str(c->out, "file", client->file);
	cnt_json_set_str(c->out, "snippet", text);
	if (client->command != NULL) {
		char *line CNT_FREE = cnt_format("%s %s --%s", client->command, server, w.line.p);

		cnt_json_set_str(c->out, "command", line);
	}
	return 0;
}

void
cnt_snippet_print(const cJSON *out, FILE *f)
{
	const char *command = cnt_json_str(out, "command");

	fprintf(stderr, "# %s\n", cnt_json_str(out, "file"));
	if (command != NULL)
		fprintf(stderr, "# or: %s\n", command);
	fputs(cnt_json_str(out, "snippet"), f);
}
