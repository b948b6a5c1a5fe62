/* SPDX-License-Identifier: Apache-2.0
 *
 * agent-box: the tools of a box, as an MCP server on standard input and output, and one at a
 * time from a shell. It runs inside a box as the box's user and may do what that user may do,
 * within AGENTBOX_ROOT where that is set. One static program: it finds nothing in the box but
 * the kernel.
 */
#include "lib/base64.h"
#include "lib/standard.h"
#include "mcp/box/box.h"
#include "mcp/box/process/enforce.h"
#include "mcp/box/process/supervise.h"
#include "mcp/box/resources.h"
#include "mcp/box/syslog.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"
#include "mcp/server.h"

static const struct cnt_verb *const tools[] = {
	&cnt_box_shell_exec, &cnt_box_process_start, &cnt_box_process_list,
	&cnt_box_process_read, &cnt_box_process_write, &cnt_box_process_wait,
	&cnt_box_process_kill, &cnt_box_read_file, &cnt_box_write_file, &cnt_box_edit_file,
	&cnt_box_list_directory, &cnt_box_search_files, &cnt_box_find_files,
	&cnt_box_file_info, &cnt_box_make_directory, &cnt_box_move_file,
	&cnt_box_copy_file, &cnt_box_delete_file, &cnt_box_tail_log, &cnt_box_wait_for_port,
	&cnt_box_info, &cnt_box_write_ci_context, NULL,
};

static const char instructions[] =
    "Tools of a persistent Linux box. shell_exec runs a command and waits; servers and long jobs "
    "go to process_start, which outlives this connection. Relative paths and commands start in "
    "the home directory. Output is cut at 20000 bytes, head and tail kept, unless you ask for "
    "more; the rest is in a file or behind next_offset, next or next_cursor. A non-zero exit "
    "status is an answer; errors are {code, message, hint}. Give sha256 of read_file as if_match "
    "to write_file or edit_file. After a failed CI run read cnt://ci-context first.";

static const char reading[] =
    "Tools that look into a persistent Linux box and change nothing. Relative paths start in the "
    "home directory. Output is cut at 20000 bytes unless you ask for more; the rest is behind "
    "next_offset, next or next_cursor. Errors are {code, message, hint}. After a failed CI run "
    "read cnt://ci-context first.";

/* What every call passes, whichever way it came. */
static int
frame(struct cnt_call *c)
{
	if (c->verb->run(c) == -1)
		return -1;
	return cnt_check_result(c->verb, c->out, c->err);
}

/* What is quick and never waits is done by the server itself. */
static bool
in_process(const struct cnt_verb *v)
{
	return v == &cnt_box_read_file || v == &cnt_box_file_info || v == &cnt_box_process_list;
}

static int
serve(const struct cnt_verb *const *verbs, const char *words, const struct cnt_offered *offered,
    struct cnt_err *e)
{
	struct cnt_verbs_offer o = {
		.base = { .name = "agent-box", .title = "agent-box", .version = CNT_VERSION,
		    .instructions = words, .offered = offered },
		.verbs = verbs, .run = frame, .in_process = in_process,
		.began = cnt_syslog_began, .ended = cnt_syslog_ended,
	};

	cnt_supervise_for_server();
	return cnt_serve_verbs(&o, e);
}

static int
serve_reads(struct cnt_err *e)
{
	const struct cnt_verb *reads[nitems(tools)] = { NULL };
	size_t n = 0;

	for (size_t i = 0; tools[i] != NULL; i++)
		if ((tools[i]->effects & CNT_READS) != 0)
			reads[n++] = tools[i];
	return serve(reads, reading, &cnt_box_offered_reading, e);
}

static int
print_help(void)
{
	fputs("usage: agent-box TOOL [--ARGUMENT VALUE]... [--json]\n"
	    "       agent-box TOOL --help\n"
	    "       agent-box [--mcp] [--read-only]\n\n"
	    "Tools of a box from a shell, or as an MCP server on standard input and output.\n",
	    stdout);
	for (size_t i = 0; tools[i] != NULL; i++) {
		if (i == 0 || strcmp(tools[i]->group, tools[i - 1]->group) != 0)
			printf("\n%s\n", tools[i]->group);
		printf("  %-16s %s\n", tools[i]->name, tools[i]->summary);
	}
	return 0;
}

/* A pipe wants the file's own bytes, not their base64. */
static void
print_body(const struct cnt_call *c)
{
	const char *encoding = cnt_json_str(c->out, "encoding");
	const char *asked = cnt_json_str(c->in, "encoding");
	struct cnt_buf bytes CNT_BUF = { 0 };

	if (encoding != NULL && strcmp(encoding, "base64") == 0 && strcmp(asked, "auto") == 0 &&
	    cnt_base64_decode(&bytes, c->body.p) == 0)
		fwrite(bytes.p, 1, bytes.n, stdout);
	else
		fwrite(c->body.p, 1, c->body.n, stdout);
}

static void
print_call(const struct cnt_call *c, bool json)
{
	char *text CNT_FREE = json ? cnt_json_print(c->out) : NULL;
	const char *note = cnt_json_str(c->out, "note");

	if (json) {
		printf("%s\n", text);
	} else if (c->verb->bulk) {
		if (c->body.n > 0)
			print_body(c);
		(void)fflush(stdout);
		if (c->foot.n > 0)
			fwrite(c->foot.p, 1, c->foot.n, stderr);
	} else {
		cnt_print(c->verb, c->out, stdout);
	}
	/* Where it is no field of what was printed. */
	if (!json && note != NULL && (c->verb->bulk || c->verb->print != NULL))
		fprintf(stderr, "[%s]\n", note);
}

static int
run_once(const struct cnt_verb *v, const cJSON *args, bool json)
{
	struct cnt_err e = { 0 };
	void *note = cnt_syslog_began(v->name, args);
	cJSON *in CNT_JSON = cnt_check_args(v, args, &e);
	cJSON *out CNT_JSON = cJSON_CreateObject();
	struct cnt_call c = { .verb = v, .in = in, .out = out, .err = &e };
	int r = -1;

	if (json)
		cnt_text_want_facts();
	if (in != NULL)
		r = frame(&c);
	cnt_syslog_ended(note, cnt_code_name(r == -1 ? e.code : CNT_OK));
	if (r == 0 || (c.head.n > 0 && !json))
		print_call(&c, json);
	cnt_buf_free(&c.head);
	cnt_buf_free(&c.body);
	cnt_buf_free(&c.foot);
	if (r == 0)
		return c.status;
	cnt_err_print(&e, "agent-box", json);
	return cnt_code_exit(e.code);
}

static const struct cnt_verb *
find(const char *name, struct cnt_err *e)
{
	const char *names[nitems(tools)], *best = NULL;
	size_t n = 0;

	for (; tools[n] != NULL; n++) {
		if (strcmp(tools[n]->name, name) == 0)
			return tools[n];
		names[n] = tools[n]->name;
	}
	best = cnt_nearest(name, names, n);
	cnt_fail(e, CNT_INVALID, "unknown tool \"%.64s\"", name);
	if (best != NULL)
		cnt_hint(e, "did you mean %s?", best);
	else
		cnt_hint(e, "agent-box --help lists them");
	return NULL;
}

static int
run_tool(int argc, char **argv)
{
	struct cnt_err e = { 0 };
	struct cnt_argv opt = { 0 };
	const struct cnt_verb *v = find(argv[0], &e), *one[] = { v, NULL };
	cJSON *args CNT_JSON = v != NULL ? cnt_argv_parse(v, argc - 1, argv + 1, &opt, &e) : NULL;
	char *prog CNT_FREE = cnt_format("agent-box %s", argv[0]);

	if (args == NULL) {
		cnt_err_print(&e, "agent-box", cnt_argv_json(argc, argv));
		return cnt_code_exit(e.code);
	}
	if (opt.help)
		return cnt_help_print(v, prog, stdout), 0;
	if (opt.version)
		return printf("agent-box %s\n", CNT_VERSION), 0;
	if (opt.describe != NULL)
		return cnt_describe_print(one, opt.describe, stdout), 0;
	if (opt.mcp && v->tool == NULL)
		cnt_fail(&e, CNT_INVALID, "not offered over MCP");
	else if (!opt.mcp)
		return run_once(v, args, opt.json);
	else if (serve(one, v->about, NULL, &e) == 0)
		return 0;
	cnt_err_print(&e, "agent-box", opt.json);
	return cnt_code_exit(e.code);
}

static int
misuse(const char *word, bool known, bool json)
{
	struct cnt_err e = { 0 };

	cnt_fail(&e, CNT_INVALID, known ? "%s stands alone" : word[0] == '-' ?
	    "unknown option %.64s" : "surplus operand \"%.64s\": a tool comes first", word);
	cnt_hint(&e, "agent-box --help has what there is");
	cnt_err_print(&e, "agent-box", json);
	return cnt_code_exit(e.code);
}

/* A word that is neither a tool nor how to serve. */
static int
tell(const char *what, bool alone, bool json)
{
	static const char *const forms[] = { "--describe", "--describe=json", "--describe=words",
	    "--describe=mdoc" };
	bool help = strcmp(what, "--help") == 0, version = strcmp(what, "--version") == 0;
	size_t form = 0;

	while (form < nitems(forms) && strcmp(forms[form], what) != 0)
		form++;
	if (!alone || (!help && !version && form == nitems(forms)))
		return misuse(what, help || version || form < nitems(forms), json);
	if (help)
		return print_help();
	if (version)
		return printf("agent-box %s\n", CNT_VERSION), 0;
	cnt_describe_print(tools, form > 0 ? what + strlen("--describe=") : "json", stdout);
	return 0;
}

static int
run(int argc, char **argv, struct cnt_err *e)
{
	bool tool = argc > 1 && argv[1][0] != '-', reads = false;

	if (argc == 1 && isatty(STDIN_FILENO))
		return print_help();
	for (int i = 1; i < argc && !tool; i++)
		if (strcmp(argv[i], "--read-only") == 0)
			reads = true;
		else if (strcmp(argv[i], "--mcp") != 0)
			return tell(argv[i], argc == 2, cnt_argv_json(argc, argv));
	if (cnt_wall_init(e) == -1 || cnt_enforce_init(e) == -1 || cnt_syslog_init(e) == -1)
		return -1;
	if (tool)
		return run_tool(argc - 1, argv + 1);
	return reads ? serve_reads(e) : serve(tools, instructions, &cnt_box_offered, e);
}

int
main(int argc, char **argv)
{
	struct cnt_err e = { 0 };
	int status = 0;

	cnt_standard_begin();
	status = run(argc, argv, &e);
	if (status == -1) {
		cnt_err_print(&e, "agent-box", cnt_argv_json(argc, argv));
		status = cnt_code_exit(e.code);
	}
	return cnt_standard_end(status, "agent-box");
}
