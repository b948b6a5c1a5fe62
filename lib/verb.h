/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb is one operation: one subcommand and one MCP tool. struct cnt_verb is the only place
 * where it is described; argument parsing, help, schemas, completion, the manual's OPTIONS,
 * checking of arguments and of results all come from it. agent-box's tools are verbs too.
 *
 * argv becomes the same JSON object that tools/call carries, and one checker reads both.
 */
#ifndef CNT_VERB_H
#define CNT_VERB_H

#include "lib/json.h"

enum cnt_type {
	CNT_STRING = 1,
	CNT_INTEGER,
	CNT_NUMBER,
	CNT_BOOLEAN,
	CNT_SIZE,	/* bytes; from outside also "512m", "1g", "4GB", "2KiB" */
	CNT_DURATION,	/* seconds, may be fractional; from outside also "90s", "5m", "2h", "1d" */
	CNT_BOX,	/* a box's name; `name`, `box`, `username`, `container` mean this field */
	CNT_STRINGS,	/* array of strings; on the command line the option is repeated */
	CNT_INTEGERS,	/* results: array of integers */
	CNT_MAP,	/* object of strings; on the command line --name K=V, repeated */
	CNT_OBJECT,	/* results: members by .of */
	CNT_OBJECTS,	/* array of objects, members by .of; on the command line --name JSON, of one
			 * object or of an array, repeated */
};

enum cnt_flag {
	/* Arguments. */
	CNT_REQUIRED	= 1 << 0,
	CNT_OPERAND	= 1 << 3,	/* on the command line it stands without its name */
	CNT_EACH	= 1 << 4,	/* an operand that may be repeated: one run each */
	CNT_REST	= 1 << 5,	/* CNT_STRINGS: all that follows "--" */
	CNT_SECRET	= 1 << 6,	/* left out of the audit record and of errors */
	CNT_FROM_FILE	= 1 << 7,	/* on the command line it names a file or "-" */
	CNT_PLAIN	= 1 << 8,	/* string: no control characters */
	CNT_OR_INPUT	= 1 << 9,	/* on the command line "-" is standard input */
	CNT_ADMINS	= 1 << 10,	/* a switch that only administrators may turn on */
	/* Results. */
	CNT_OPTIONAL	= 1 << 1,	/* may be missing; without this flag it is always there */
	CNT_NULLABLE	= 1 << 2,
};

#define CNT_UNBOUNDED	9e15	/* as max, or less this as min: no bound */

struct cnt_field {
	const char *name;		/* in JSON; `_` is `-` on the command line */
	enum cnt_type type;
	unsigned flags;
	const char *value;		/* what stands for the value in help; NULL: by type */
	const char *help;		/* one line: what, unit, default when it is not `def`;
					 * nothing that only a command line has */
	const char *def;		/* default as written on the command line, or NULL */
	double min, max;		/* numbers; bytes of strings; items of arrays */
	const char *const *choices;	/* strings: NULL-terminated, or NULL */
	const struct cnt_field *of;	/* members, ended by a field without name */
	const char *alias;		/* another JSON name that means this field, or NULL */
};

enum cnt_effect {			/* MCP's tool annotations, all four written out */
	CNT_READS	= 1 << 0,	/* readOnlyHint */
	CNT_DESTROYS	= 1 << 1,	/* destructiveHint */
	CNT_IDEMPOTENT	= 1 << 2,	/* idempotentHint */
	CNT_OPEN_WORLD	= 1 << 3,	/* openWorldHint */
};

enum cnt_boxes { CNT_NO_BOX, CNT_OWN_BOX, CNT_ANY_BOX, CNT_ADMIN };

struct cnt_call;

struct cnt_verb {
	const char *name;	/* "create"; of a family "image build" */
	const char *tool;	/* MCP name, or NULL: not offered over MCP */
	const char *title;	/* for people */
	const char *group;	/* heading in the list that `cnt` prints */
	const char *also;	/* words that people try for it: "shell attach" */
	const char *summary;	/* one line, lower case; also the manual's NAME */
	const char *about;	/* for models and the manual: what, when, limits */
	const char *scope;	/* "containers:write", or NULL: none */
	enum cnt_boxes boxes;	/* whose boxes it may touch */
	unsigned effects;
	bool bulk;		/* answers with text; typed facts go to _meta["cnt/result"] */
	bool storeless;		/* needs no database (version, mcp) */
	bool unprivileged;	/* anyone may run it (version) */
	bool makes_store;	/* makes the database where there is none, not to `undo` (setup) */
	bool interactive;	/* takes over the standard streams (exec, enter, mcp) */
	bool passes_status;	/* exits as the program it ran; 125 when cnt itself fails */
	const struct cnt_field *params;		/* ended by a field without name; NULL: none */
	const struct cnt_field *results;
	int (*run)(struct cnt_call *c);		/* 0, or -1 with c->err made */
	void (*print)(const cJSON *out, FILE *f);	/* for people; NULL: from the table */
};

struct cnt_store;
struct cnt_caller;

/* What a verb's function gets: checked arguments with every default filled in, and an empty result.
 * in: sizes are integers (bytes), durations numbers (seconds). */
struct cnt_call {
	const struct cnt_verb *verb;
	const cJSON *in;
	cJSON *out;
	struct cnt_err *err;
	struct cnt_store *store;		/* NULL where the verb is storeless */
	const struct cnt_caller *caller;	/* NULL in agent-box */
	int status;				/* of a program that was run, when passing it on */
	/* Bulk verbs: facts in the first lines, payload, what was cut and how to get it. */
	struct cnt_buf head, body, foot;
	/* Behind cnt_progress; NULL: nobody listens. */
	void (*progress)(struct cnt_call *c, double done, double total, const char *text);
	void (*after)(void);			/* set by run: for a worker that has answered */
	void *arg;				/* the frame's own */
};

/* Says how far it is, in the verb's own unit; total 0: unknown. */
void	cnt_progress(struct cnt_call *c, double done, double total, const char *text);

/* lib/check.c */

/* Checks arguments and returns a new object: aliases folded, numeric strings taken for numbers,
 * sizes and durations turned into numbers, numbers and booleans in a map into text, defaults filled
 * in, `wait_for_previous` dropped. An error names the field, what was expected and what came. */
cJSON	*cnt_check_args(const struct cnt_verb *v, const cJSON *args, struct cnt_err *e);

/* The field of exactly this name, or NULL. */
const struct cnt_field *cnt_field_named(const struct cnt_field *fields, const char *name);

/* check-result.c: a result against its own table: -1 with CNT_BUG when a verb breaks its word. */
int	 cnt_check_result(const struct cnt_verb *v, const cJSON *out, struct cnt_err *e);

/* lib/value.c */

/* "512m": bytes; "90s": seconds. -1 with CNT_INVALID. */
int	 cnt_parse_size(const char *s, int64_t *bytes, struct cnt_err *e);
int	 cnt_parse_duration(const char *s, double *seconds, struct cnt_err *e);

/* ^[a-z][a-z0-9-]{0,30}$ without trailing '-', and not root, host, localhost, cnt, agent-box. */
int	 cnt_check_name(const char *name, struct cnt_err *e);

/* lib/argv.c */

struct cnt_argv {			/* what stood on the command line besides arguments */
	bool	json, help, version, mcp;
	const char *describe;		/* "json", "words", "mdoc" or NULL */
};

/* argv[0..] without the program's and the verb's name: an argument object for cnt_check_args, not
 * yet checked. CNT_EACH operands come as an array under their name. */
cJSON	*cnt_argv_parse(const struct cnt_verb *v, int argc, char **argv, struct cnt_argv *opt,
	    struct cnt_err *e);

/* Is there a --json, before any `--`? For the error of words that could not be read. */
bool	 cnt_argv_json(int argc, char **argv);

/* "--read-only"; the caller frees. */
char	*cnt_argv_option(const struct cnt_field *f);

/* Does it stand with its name on the command line, and may it stand there several times? */
bool	 cnt_argv_is_option(const struct cnt_field *f);
bool	 cnt_argv_repeats(const struct cnt_field *f);

/* nearest.c: the word that was probably meant (edit distance at most 2), or NULL. */
const char *cnt_nearest(const char *typed, const char *const *words, size_t n);

/* lib/help.c */

/* What stands for a choice in help, "red|green"; the caller frees. */
char	*cnt_help_choices(const struct cnt_field *f);

/* What is said of it where a command line is explained: its help, which models read as well, and
 * what only concerns people. "" at least; the caller frees. */
char	*cnt_help_about(const struct cnt_field *f);

/* Usage line and options, from the table. prog: "cnt create", "agent-box read_file". */
void	 cnt_help_print(const struct cnt_verb *v, const char *prog, FILE *f);

/* lib/describe.c */

cJSON	*cnt_describe_tool(const struct cnt_verb *v);	/* for tools/list; results in outline */
cJSON	*cnt_describe(const struct cnt_verb *const *verbs);	/* --describe of a program */

/* form: "json", "words" for completion, or "mdoc", a manual's OPTIONS. */
void	 cnt_describe_print(const struct cnt_verb *const *verbs, const char *form, FILE *f);

/* lib/print.c */

/* A result for people, by the table: `key value` lines, or columns for an array of objects. */
void	 cnt_print(const struct cnt_verb *v, const cJSON *out, FILE *f);

/* A size as people read it: "512m", "1.5g", below 0 "unlimited"; malloc'd. */
char	*cnt_print_size(int64_t bytes);

/* Appends what tools/call answers for a finished call, one JSON object: content, structuredContent
 * or _meta["cnt/result"], isError. A member `_meta`, where there is one, stands first: whoever
 * sends it adds the revision's own members by splicing. r: what run returned. */
void	 cnt_call_result(const struct cnt_call *c, int r, struct cnt_buf *b);

#endif
