/* SPDX-License-Identifier: Apache-2.0
 *
 * Into one box, to its agent-box. This process never reads what the box sends: the descriptors are
 * the box's from the start. It says what became of the box when that ends the session: deleted,
 * stopped or restarted while in use.
 */
#include "mcp/entry.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>

#include "lib/cancel.h"
#include "lib/enter.h"
#include "lib/file.h"
#include "lib/life.h"
#include "lib/paths.h"
#include "lib/proc.h"
#include "mcp/snippet.h"

#define SAID_MAX	65536
#define SETS		"platform,box"
#define STARTS		"start_container starts it (`cnt start %s`)"

/* What another verb says with --json, as our own error. */
static int
fail_as_said(int fd, const char *box, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_format("/proc/self/fd/%d", fd);
	struct cnt_buf said CNT_BUF = { 0 };
	struct cnt_err ignored = { 0 };
	cJSON *j CNT_JSON = cnt_file_read(path, SAID_MAX, &said, &ignored) == 0 && said.n > 0 ?
	    cnt_json_parse(said.p, said.n, &ignored) : NULL;
	const cJSON *error = cnt_json_get(j, "error");
	const char *name = cnt_json_str(error, "code"), *text = cnt_json_str(error, "message");

	if (name == NULL || text == NULL)
		return cnt_fail(e, CNT_SYSTEM, "%s: could not be started", box);
	cnt_fail(e, cnt_code_named(name), "%s", text);
	return cnt_hint(e, "%s", cnt_json_str(error, "hint") != NULL ?
	    cnt_json_str(error, "hint") : "");
}

/* By `cnt start`, which is authorized and recorded as what it is. Whoever ends us before it is done
 * waits until it has taken back what it began. */
static int
start(const char *box, struct cnt_err *e)
{
	char *program CNT_FREE = cnt_path_beside("cnt-start");
	char *argv[] = { program, (char *)(uintptr_t)"--json", (char *)(uintptr_t)box, NULL };
	int said CNT_CLOSE = memfd_create("said", MFD_CLOEXEC), status = -1;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid = -1;

	if (cnt_cancel_catch(e) == -1)
		return -1;
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, said, 1);
	errno = posix_spawn(&pid, program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (errno != 0)
		return cnt_fail_sys(e, "%s", program);
	if (cnt_cancel_waitpid(pid, &status, e) == -1) {
		kill(pid, SIGTERM);
		status = cnt_proc_reap(pid);
	}
	return status == 0 ? 0 : fail_as_said(said, box, e);
}

static int
go_in(struct cnt_call *c, const struct cnt_entry *en, struct cnt_ended *ended)
{
	int r = cnt_enter(en, ended, c->err);

	if (r == 0 || c->err->code != CNT_NO)
		return r;
	if (!cnt_json_bool(c->in, "start"))
		return cnt_hint(c->err, STARTS, en->box);
	*c->err = (struct cnt_err){ 0 };
	if (start(en->box, c->err) == -1 && c->err->code != CNT_NO)
		return -1;
	*c->err = (struct cnt_err){ 0 };	/* running already: another start was first */
	return cnt_enter(en, ended, c->err);
}

/* Did whoever speaks to the box end the session? */
static bool
input_has_ended(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

/* Whoever speaks to the box is to know at once that nobody hears it any more. */
static void
leave_input(void)
{
	int null CNT_CLOSE = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
}

enum fate { RUNS, DELETED, STOPPING, STOPPED, RESTARTED };

static const struct {
	enum cnt_code	 code;
	const char	*what, *hint;
} fates[] = {
	[DELETED]	= { CNT_NOTFOUND, "was deleted", "list_containers shows the boxes" },
	[STOPPING]	= { CNT_NO, "is being stopped", STARTS },
	[STOPPED]	= { CNT_NO, "was stopped", STARTS },
	[RESTARTED]	= { CNT_NO, "was restarted",
	    "what ran in it has ended; the next call goes in again" },
};

/* RUNS: the box is still what was entered. A verb that ends it holds its lock. */
static enum fate
fate_of(struct cnt_call *c, const struct cnt_life *l, pid_t init)
{
	const char *box = l->box.name;
	struct cnt_err e = { 0 };
	struct cnt_box row;
	pid_t now = -1;
	int lock CNT_CLOSE = -1;
	int r = cnt_box_hold(c->store, box, CNT_LIFE_WAIT_MS, &lock, &row, &e);

	if (r == -1 && (e.code == CNT_NOTFOUND || e.code == CNT_BUSY))
		return e.code == CNT_BUSY ? STOPPING : DELETED;
	if (cnt_box_await(l->instance.tag, box, &now, &e) != 1)
		return STOPPED;
	return now == init ? RUNS : RESTARTED;
}

static int
tell_end(struct cnt_call *c, const char *box, enum fate f)
{
	if (f == RUNS)
		return 0;
	fputc('\n', stdout);	/* the box's last line may be torn */
	cnt_fail(c->err, fates[f].code, "%s: %s while in use", box, fates[f].what);
	return cnt_hint(c->err, fates[f].hint, box);
}

int
cnt_entry_check(const cJSON *in, struct cnt_err *e)
{
	if (cnt_json_bool(in, "start") && cnt_json_bool(in, "read_only"))
		return cnt_fail(e, CNT_INVALID, "start: --read-only changes nothing");
	if (cnt_json_get(in, "box") != NULL && strcmp(cnt_json_str(in, "tools"), SETS) != 0)
		return cnt_fail(e, CNT_INVALID, "tools: with --box there are those of the box");
	return 0;
}

static int
enter(struct cnt_call *c)
{
	bool reads = c->verb == &cnt_entry_reads || cnt_json_bool(c->in, "read_only");
	char *argv[] = { (char *)(uintptr_t)"agent-box",
	    reads ? (char *)(uintptr_t)"--read-only" : NULL, NULL };
	char *agent CNT_FREE = cnt_path_beside("agent-box");
	int memfd CNT_CLOSE = -1;
	struct cnt_life l CNT_LIFE = { .lock = -1 };
	struct cnt_ended ended = { 0 };
	struct cnt_entry en = { .box = l.box.name, .argv = argv, .keep = true,
	    .server = true, .in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO };
	int r;

	if (cnt_entry_check(c->in, c->err) == -1 || cnt_life_begin(c, &l, -1) == -1 ||
	    cnt_enter_seal(agent, &memfd, c->err) == -1)
		return -1;
	en.tag = l.instance.tag;
	en.memfd = memfd;
	r = go_in(c, &en, &ended);
	c->status = ended.status;
	if (ended.init == 0 || input_has_ended())
		return r;
	leave_input();
	return tell_end(c, en.box, fate_of(c, &l, ended.init)) == -1 ? -1 : r;
}

static const char *const sets[] = { SETS, "platform", "box", "box,platform", NULL };

const struct cnt_field cnt_entry_params[] = {
	{ .name = "box", .type = CNT_BOX, .help = "be this box's agent-box" },
	{ .name = "tools", .type = CNT_STRING, .choices = sets, .def = SETS,
	    .value = "SETS", .help = "which tools to offer" },
	{ .name = "read_only", .type = CNT_BOOLEAN, .def = "false",
	    .help = "offer only tools that change nothing" },
	{ .name = "start", .type = CNT_BOOLEAN, .def = "false",
	    .help = "start a stopped box when a call needs it" },
	{ .name = "config", .type = CNT_STRING, .choices = cnt_snippet_clients,
	    .help = "print what connects this client instead" },
	{ .name = "ssh", .type = CNT_STRING, .value = "HOST", .max = 255,
	    .help = "with --config: the client is on another machine, this host is HOST to it" },
	{ 0 }
};

#define ENTRY \
	.name = "mcp", .title = "MCP server", .group = "Agents", \
	.summary = "serve MCP on standard input and output", \
	.about = "The MCP server of one box: its agent-box, on standard input and output.", \
	.boxes = CNT_OWN_BOX, .effects = CNT_DESTROYS | CNT_OPEN_WORLD, \
	.interactive = true, .passes_status = true, .params = cnt_entry_params, .run = enter

/* Both are recorded, whatever they change. */
const struct cnt_verb cnt_entry = { .scope = "containers:write", ENTRY };
const struct cnt_verb cnt_entry_reads = { .scope = "containers:read", ENTRY };

const struct cnt_verb *
cnt_entry_for(const struct cnt_caller *c, bool reads, struct cnt_err *e)
{
	struct cnt_err ignored = { 0 };

	if (reads && cnt_caller_may(c, &cnt_entry, NULL, &ignored) == -1)
		return cnt_caller_may(c, &cnt_entry_reads, NULL, e) == 0 ? &cnt_entry_reads : NULL;
	return cnt_caller_may(c, &cnt_entry, NULL, e) == 0 ? &cnt_entry : NULL;
}
