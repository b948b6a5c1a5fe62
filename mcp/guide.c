/* SPDX-License-Identifier: Apache-2.0
 *
 * From nothing to a working box in three calls, said twice: in short to every model, and with the
 * user's own words in the prompt new_box. The calls stand there as they are to be made; what a user
 * gives is checked before it stands in one of them.
 */
#include "mcp/guide.h"

#include "mcp/prompt.h"

/* One box: it is made, given a program, and runs it. */
#define CALLS(box, between, after) \
	"create_container {\"name\":\"" box "\"}" between \
	"write_file {\"box\":\"" box "\",\"path\":\"hello.sh\"," \
	"\"content\":\"uname -sr; sudo id -un\"}" between \
	"shell_exec {\"box\":\"" box "\",\"command\":\"sh hello.sh\"}" after

#define WHAT "Linux boxes (system containers): each has its own systemd, users and apt, and " \
	"persists"
#define INSIDE "Tools for commands and files work as the box's user, in its home; sudo asks for " \
	"no password. "
#define ANSWERS "A command's status other than 0 is an answer; an operation that failed has " \
	"isError and {error:{code,message,hint}}: do as the hint says."

const char cnt_guide[] = WHAT " until delete_container. A working box in three calls: "
    CALLS("web", "; ", ". ") INSIDE "list_containers shows what exists. " ANSWERS;

const char cnt_guide_in_part[] = WHAT ". " INSIDE ANSWERS;

static const struct cnt_field params[] = {
	{ .name = "name", .type = CNT_BOX, .def = "work", .help = "of the new box; default work" },
	{ .name = "purpose", .type = CNT_STRING, .max = 4096, .help = "what it is for" },
	{ 0 },
};

static const struct cnt_verb new_box = {
	.name = "new_box", .title = "New box",
	.about = "Makes a Linux box and shows that it works, in three calls.", .params = params,
};

static cJSON *
prompts(void)
{
	cJSON *all = cJSON_CreateArray();

	cJSON_AddItemToArray(all, cnt_prompt_describe(&new_box));
	return all;
}

static int
prompt(struct cnt_request *r CNT_UNUSED, const char *name, const cJSON *arguments,
    struct cnt_buf *result, struct cnt_err *e)
{
	cJSON *in CNT_JSON = NULL;
	const char *box = NULL, *purpose = NULL;
	struct cnt_buf text CNT_BUF = { 0 };

	if (strcmp(name, new_box.name) != 0) {
		cnt_fail(e, CNT_NOTFOUND, "%s: no such prompt", name);
		return cnt_hint(e, "prompts/list has them: %s", new_box.name);
	}
	if ((in = cnt_check_args(&new_box, arguments, e)) == NULL)
		return -1;
	box = cnt_json_str(in, "name");
	purpose = cnt_json_str(in, "purpose");
	cnt_buf_addf(&text, "Make a Linux box and show that it works, with these three calls:\n"
	    CALLS("%s", "\n", "\n"), box, box, box);
	if (purpose != NULL)
		cnt_buf_addf(&text, "Then make it ready for this: %s\n", purpose);
	cnt_buf_addf(&text, "Where a call fails, do as its hint says. Tell me in one sentence what "
	    "is in the box; `cnt enter %s` opens a shell in it.\n", box);
	cnt_prompt_result(&new_box, text.p, text.n, result);
	return 0;
}

const struct cnt_offered cnt_guide_offered = { .prompts = prompts, .prompt = prompt };
