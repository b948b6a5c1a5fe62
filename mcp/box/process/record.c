/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of a process: JSON in a file of the user's own, which may have been damaged all the
 * same, so nothing in it is believed that does not fit. A pid in it means something only together
 * with its start time and the boot it was given in.
 */
#include "mcp/box/process/process.h"

#include <sys/wait.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "mcp/box/process/tree.h"

#define INTEGER_MAX	9007199254740992.0

void
cnt_record_free(struct cnt_record *r)
{
	free(r->name);
	free(r->command);
	free(r->cwd);
	r->name = r->command = r->cwd = NULL;
}

cJSON *
cnt_record_json(const struct cnt_record *r)
{
	cJSON *j = cJSON_CreateObject();

	cnt_json_set_str(j, "id", r->id);
	if (r->name != NULL)
		cnt_json_set_str(j, "name", r->name);
	cnt_json_set_str(j, "command", r->command);
	cnt_json_set_str(j, "cwd", r->cwd);
	cnt_json_set_str(j, "boot", r->boot);
	cnt_json_set_int(j, "init_start", (int64_t)r->init_start);
	cnt_json_set_int(j, "pid", r->pid);
	cnt_json_set_int(j, "pid_start", (int64_t)r->pid_start);
	cnt_json_set_int(j, "keeper", r->keeper);
	cnt_json_set_int(j, "keeper_start", (int64_t)r->keeper_start);
	cnt_json_set_int(j, "started", r->started);
	cnt_json_set_int(j, "ended", r->ended);
	cnt_json_set_int(j, "status", r->status);
	cnt_json_set_bool(j, "input", r->input);
	cnt_json_set_int(j, "log_bytes", r->log_bytes);
	cnt_json_set_int(j, "log_stopped", r->log_stopped);
	cnt_json_set_int(j, "cpu_us", r->cpu_us);
	cnt_json_set_int(j, "peak_bytes", r->peak_bytes);
	cnt_json_set_bool(j, "alone", r->alone);
	return j;
}

static int
read_number(const cJSON *j, const char *name, double min, double max, int64_t *value,
    struct cnt_err *e)
{
	const cJSON *v = cnt_json_get(j, name);

	if (!cJSON_IsNumber(v) || v->valuedouble < min || v->valuedouble > max ||
	    v->valuedouble != (double)(int64_t)v->valuedouble)
		return cnt_fail(e, CNT_BUG, "record: %s makes no sense", name);
	*value = cnt_json_int(j, name, 0);
	return 0;
}

static int
read_numbers(const cJSON *j, struct cnt_record *r, struct cnt_err *e)
{
	int64_t pid = 0, keeper = 0, init = 0, start = 0, keeper_start = 0, status = 0;

	if (read_number(j, "pid", 1, INT32_MAX, &pid, e) == -1 ||
	    read_number(j, "keeper", 1, INT32_MAX, &keeper, e) == -1 ||
	    read_number(j, "init_start", 0, INTEGER_MAX, &init, e) == -1 ||
	    read_number(j, "pid_start", 0, INTEGER_MAX, &start, e) == -1 ||
	    read_number(j, "keeper_start", 0, INTEGER_MAX, &keeper_start, e) == -1 ||
	    read_number(j, "status", 0, 0xffff, &status, e) == -1 ||
	    read_number(j, "started", 0, INTEGER_MAX, &r->started, e) == -1 ||
	    read_number(j, "ended", 0, INTEGER_MAX, &r->ended, e) == -1 ||
	    read_number(j, "log_bytes", 0, INTEGER_MAX, &r->log_bytes, e) == -1 ||
	    read_number(j, "log_stopped", -1, INTEGER_MAX, &r->log_stopped, e) == -1 ||
	    read_number(j, "cpu_us", -1, INTEGER_MAX, &r->cpu_us, e) == -1 ||
	    read_number(j, "peak_bytes", -1, INTEGER_MAX, &r->peak_bytes, e) == -1)
		return -1;
	r->pid = (pid_t)pid;
	r->keeper = (pid_t)keeper;
	r->init_start = (uint64_t)init;
	r->pid_start = (uint64_t)start;
	r->keeper_start = (uint64_t)keeper_start;
	r->status = (int)status;
	if (r->ended != 0 && !WIFEXITED(r->status) && !WIFSIGNALED(r->status))
		return cnt_fail(e, CNT_BUG, "record: status makes no sense");
	return 0;
}

int
cnt_record_parse(const char *text, size_t n, struct cnt_record *r, struct cnt_err *e)
{
	cJSON *j CNT_JSON = cnt_json_parse(text, n, e);
	const char *id = cnt_json_str(j, "id"), *boot = cnt_json_str(j, "boot");
	const char *command = cnt_json_str(j, "command"), *cwd = cnt_json_str(j, "cwd");

	memset(r, 0, sizeof(*r));
	if (j == NULL)
		return -1;
	if (id == NULL || strlen(id) >= sizeof(r->id) || boot == NULL ||
	    strlen(boot) >= sizeof(r->boot) || command == NULL || cwd == NULL)
		return cnt_fail(e, CNT_BUG, "record: something is missing");
	if (read_numbers(j, r, e) == -1)
		return -1;
	snprintf(r->id, sizeof(r->id), "%s", id);
	snprintf(r->boot, sizeof(r->boot), "%s", boot);
	r->command = cnt_strdup(command);
	r->cwd = cnt_strdup(cwd);
	r->name = cnt_json_str(j, "name") != NULL ? cnt_strdup(cnt_json_str(j, "name")) : NULL;
	r->input = cnt_json_bool(j, "input");
	r->alone = cnt_json_bool(j, "alone");
	return 0;
}

void
cnt_record_here(struct cnt_record *r)
{
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	struct cnt_proc init = { 0 };

	if (cnt_file_read("/proc/sys/kernel/random/boot_id", sizeof(r->boot) - 1, &b, &e) == 0)
		snprintf(r->boot, sizeof(r->boot), "%.*s", (int)strcspn(b.p, "\n"), b.p);
	if (cnt_proc_read(1, &init) == 0)
		r->init_start = init.start;
}

/* NULL: here and now; else what came between. */
static const char *
interruption(const struct cnt_record *r, const struct cnt_record *here)
{
	if (r->boot[0] != '\0' && here->boot[0] != '\0' && strcmp(r->boot, here->boot) != 0)
		return "rebooted";
	if (r->init_start != 0 && here->init_start != 0 && r->init_start != here->init_start)
		return "restarted";
	return NULL;
}

bool
cnt_record_is_here(const struct cnt_record *r)
{
	struct cnt_record here = { 0 };

	cnt_record_here(&here);
	return interruption(r, &here) == NULL;
}

const char *
cnt_record_state(const struct cnt_record *r, bool kept, const struct cnt_record *here,
    const char **reason)
{
	*reason = NULL;
	if (r->ended != 0)
		return WIFEXITED(r->status) ? "exited" : "killed";
	if (kept)
		return "running";
	*reason = interruption(r, here);
	if (*reason == NULL)
		*reason = "its keeper was killed";
	return "unknown";
}
