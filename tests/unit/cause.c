/* SPDX-License-Identifier: Apache-2.0
 *
 * Which limit of a box ended a command, from files as both versions of control groups have them.
 */
#include <sys/stat.h>
#include <sys/utsname.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "mcp/box/process/cause.h"

#define KILLED		9		/* as waitpid(2) says it */
#define EXITED(n)	((n) << 8)

static char groups[32], machine[64];

static void
put(const char *name, const char *text)
{
	char *path CNT_FREE = cnt_format("%s/%s", groups, name);
	FILE *f CNT_FILE = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(groups, sizeof(groups), "/var/tmp/cnt-unit-cause.XXXXXX");
	assert_non_null(mkdtemp(groups));
	snprintf(machine, sizeof(machine), "%s/vmstat", groups);
	put("vmstat", "pgfault 1\noom_kill 7\noom_killer 9\n");
	return 0;
}

static int
teardown(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	return cnt_file_remove_tree(groups, &e);
}

static void
make_v1(void)
{
	char *memory CNT_FREE = cnt_format("%s/memory", groups);
	char *pids CNT_FREE = cnt_format("%s/pids", groups);

	assert_int_equal(mkdir(memory, 0700), 0);
	assert_int_equal(mkdir(pids, 0700), 0);
	put("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
	put("memory/memory.limit_in_bytes", "134217728\n");
	put("memory/memory.stat", "cache 0\nhierarchical_memory_limit 134217728\n");
	put("pids/pids.max", "64\n");
	put("pids/pids.events", "max 2\n");
}

static void
make_v2(void)
{
	put("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n");
	put("memory.max", "2147483648\n");
	put("pids.max", "4096\n");
	put("pids.events", "max 0\n");
}

/* What is told after `change` has been written over `name`. */
static const char *
told(const char *name, const char *change, int status, const char *said, const char *line)
{
	struct cnt_cause c = { .groups = groups, .machine = machine };
	struct cnt_buf b CNT_BUF = { 0 };
	struct utsname u;
	char *want CNT_FREE = NULL;
	const char *limit;

	cnt_cause_look(&c);
	if (change != NULL)
		put(name, change);
	limit = cnt_cause_tell(&c, status, said, &b);
	assert_int_equal(uname(&u), 0);
	want = line != NULL ? cnt_format(line, u.nodename) : NULL;
	if (want != NULL)
		assert_string_equal(b.p, want);
	else
		assert_int_equal(b.n, 0);
	return limit;
}

static void
memory_of_v2(void **state)
{
	static const char line[] = "killed: memory limit 2 GiB; cnt resize %s --memory 4g";

	(void)state;
	make_v2();
	assert_string_equal(told("memory.events", "oom_kill 2\n", KILLED, "", line), "memory");
	assert_string_equal(told("memory.events", "oom_kill 3\n", EXITED(2), "", line), "memory");
	assert_null(told("memory.events", "oom_kill 4\n", EXITED(0), "", NULL));
	assert_null(told(NULL, NULL, KILLED, "", NULL));
	assert_null(told("memory.events", "oom_kill_x 9\noom_kill 4\n", KILLED, "", NULL));
}

static void
memory_of_v1(void **state)
{
	(void)state;
	make_v1();
	assert_string_equal(told("memory/memory.oom_control", "under_oom 0\noom_kill 1\n",
	    EXITED(137), "",
	    "killed: memory limit 128 MiB; cnt resize %s --memory 256m"), "memory");
	put("memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_string_equal(told("memory/memory.oom_control", "oom_kill 2\n", KILLED, "",
	    "killed: memory limit 128 MiB; cnt resize %s --memory 256m"), "memory");
}

/* A session beside the box's own group: the machine's count, and the command's own end. */
static void
memory_of_the_machine(void **state)
{
	static const char line[] = "killed: memory limit 2 GiB; cnt resize %s --memory 4g";

	(void)state;
	make_v2();
	assert_string_equal(told("vmstat", "oom_kill 8\n", KILLED, "", line), "memory");
	assert_string_equal(told("vmstat", "oom_kill 9\n", EXITED(137), "", line), "memory");
	assert_string_equal(told("vmstat", "oom_kill 10\n", EXITED(1), "sh: Killed", line),
	    "memory");
	assert_null(told("vmstat", "oom_kill 11\n", EXITED(1), "no such file", NULL));
	assert_null(told("vmstat", "oom_kill 12\n", EXITED(0), "Killed", NULL));
	put("memory.max", "max\n");
	assert_string_equal(told("vmstat", "oom_kill 13\n", KILLED, "",
	    "killed: the machine was out of memory"), "memory");
}

static void
pids_of_both(void **state)
{
	static const char said[] = "bash: fork: Resource temporarily unavailable";

	(void)state;
	make_v2();
	assert_string_equal(told("pids.events", "max 1\n", EXITED(1), "", "refused a process: "
	    "pids limit 4096; cnt resize %s --pids 8192"), "pids");
	assert_string_equal(told(NULL, NULL, EXITED(0), said, "refused a process: pids limit 4096; "
	    "cnt resize %s --pids 8192"), "pids");
	assert_null(told(NULL, NULL, EXITED(1), "read: Resource temporarily unavailable", NULL));
	put("pids.max", "max\n");
	assert_null(told(NULL, NULL, EXITED(1), said, NULL));
}

static void
nothing_to_be_seen(void **state)
{
	(void)state;
	assert_null(told(NULL, NULL, KILLED, "Killed", NULL));
	assert_null(told(NULL, NULL, EXITED(1), "Cannot fork", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_of_v2, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_of_v1, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_of_the_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(pids_of_both, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_to_be_seen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
