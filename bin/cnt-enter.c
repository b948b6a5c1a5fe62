/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt enter: a login shell in a box with a terminal, or any command on this terminal. The word
 * agent-box alone means the host's own agent-box, sealed in memory, whatever the box holds.
 */
#include "lib/enter.h"
#include "lib/life.h"
#include "lib/main.h"
#include "lib/paths.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .value = "BOX",
	  .help = "name of the box" },
	{ .name = "command", .type = CNT_STRINGS, .flags = CNT_REST, .value = "COMMAND",
	  .help = "program and its arguments, by default a login shell; agent-box is the MCP "
	      "server" },
	{ .name = "user", .type = CNT_STRING, .flags = CNT_PLAIN, .min = 1, .max = 32,
	  .help = "account in the box, by default the one with the box's name" },
	{ 0 }
};

static char **
words_of(const cJSON *command)
{
	char **argv = cnt_alloc(((size_t)cJSON_GetArraySize(command) + 1) * sizeof(*argv));
	const cJSON *m = NULL;
	size_t n = 0;

	cJSON_ArrayForEach(m, command)
		argv[n++] = m->valuestring;
	return argv;
}

static int
enter(struct cnt_call *c)
{
	const cJSON *command = cnt_json_get(c->in, "command");
	char **argv CNT_FREE = words_of(command), *agent CNT_FREE = cnt_path_beside("agent-box");
	int memfd CNT_CLOSE = -1;
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_ended ended = { 0 };
	struct cnt_entry en = { .in = 0, .out = 1, .err = 2, .terminal = isatty(0) != 0 };

	if (cnt_life_begin(c, &l, -1) == -1)
		return -1;
	if (argv[0] != NULL && strcmp(argv[0], "agent-box") == 0) {
		if (cnt_enter_seal(agent, &memfd, c->err) == -1)
			return -1;
		en.keep = true;
		en.server = argv[1] == NULL || argv[1][0] == '-';
	}
	en.tag = l.instance.tag;
	en.box = l.box.name;
	en.user = cnt_json_str(c->in, "user");
	en.memfd = memfd;
	en.argv = argv[0] != NULL ? argv : NULL;
	if (cnt_enter(&en, &ended, c->err) == -1)
		return -1;
	c->status = ended.status;
	return 0;
}

static const struct cnt_verb verb = {
	.name = "enter", .title = "Enter a box", .group = "In a box",
	.also = "shell attach console ssh",
	.summary = "a shell in a box, or a command on this terminal",
	.about = "Opens a login shell in a box, or runs a command there, with a terminal of the "
	    "box's own when standard input is one. Exits with its status, as exec does.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_OPEN_WORLD,
	.interactive = true, .passes_status = true, .params = params, .run = enter,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
