/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt exec: one command in a box, on this program's standard streams, with its status passed on.
 */
#include "lib/enter.h"
#include "lib/life.h"
#include "lib/main.h"

static const struct cnt_field params[] = {
	{ .name = "box", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .value = "BOX",
	  .help = "name of the box" },
	{ .name = "command", .type = CNT_STRINGS, .flags = CNT_REQUIRED | CNT_REST,
	  .value = "COMMAND", .help = "program and its arguments; no shell is in between" },
	{ .name = "user", .type = CNT_STRING, .flags = CNT_PLAIN, .min = 1, .max = 32,
	  .help = "account in the box, by default the one with the box's name" },
	{ .name = "cwd", .type = CNT_STRING, .value = "DIR", .min = 1, .max = 4095,
	  .help = "directory to start in, by default the user's home" },
	{ .name = "env", .type = CNT_MAP, .flags = CNT_SECRET,
	  .help = "variable for the command" },
	{ .name = "timeout", .type = CNT_DURATION, .min = 0.001, .max = 31536000,
	  .help = "end it after this time, by default never" },
	{ 0 }
};

/* What the arrays point to belongs to the call's arguments or to `env`. */
struct words {
	char		**argv;
	const char	**env;
	size_t		  n_env;
};

static void
words_free(struct words *w)
{
	for (size_t i = 0; i < w->n_env; i++)
		free((void *)(uintptr_t)w->env[i]);
	free(w->env);
	free(w->argv);
}

static void
collect(const cJSON *in, struct words *w)
{
	const cJSON *command = cnt_json_get(in, "command"), *env = cnt_json_get(in, "env"),
	    *m = NULL;
	size_t n = 0;

	w->argv = cnt_alloc(((size_t)cJSON_GetArraySize(command) + 1) * sizeof(*w->argv));
	cJSON_ArrayForEach(m, command)
		w->argv[n++] = m->valuestring;
	w->env = cnt_alloc(((size_t)cJSON_GetArraySize(env) + 1) * sizeof(*w->env));
	cJSON_ArrayForEach(m, env)
		w->env[w->n_env++] = cnt_format("%s=%s", m->string, m->valuestring);
}

static int
exec(struct cnt_call *c)
{
	struct words w __attribute__((cleanup(words_free))) = { 0 };
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_ended ended = { 0 };
	struct cnt_entry en = { .memfd = -1, .in = 0, .out = 1, .err = 2 };

	if (cnt_life_begin(c, &l, -1) == -1)
		return -1;
	collect(c->in, &w);
	en.tag = l.instance.tag;
	en.box = l.box.name;
	en.user = cnt_json_str(c->in, "user");
	en.cwd = cnt_json_str(c->in, "cwd");
	en.timeout = cnt_json_num(c->in, "timeout", 0);
	en.argv = w.argv;
	en.env = w.env;
	if (cnt_enter(&en, &ended, c->err) == -1)
		return -1;
	c->status = ended.status;
	if (ended.timed_out)
		return cnt_fail(c->err, CNT_TIMEOUT, "%s: ended after %g s", l.box.name,
		    en.timeout);
	return 0;
}

static const struct cnt_verb verb = {
	.name = "exec", .title = "Run a command", .group = "In a box",
	.summary = "run one command in a box",
	.about = "Runs one command in a box with this program's standard streams. Exits with its "
	    "status; 124 when its timeout was over, 125 when cnt failed, 126 when it cannot be "
	    "executed, 127 when it is not found, 128+n when signal n ended it.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_OPEN_WORLD,
	.interactive = true, .passes_status = true, .params = params, .run = exec,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
