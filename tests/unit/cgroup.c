/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits as keys of cgroup v2 and of v1, in the order in which they must be written, and where; and
 * as the kernel has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <sched.h>

#include "lib/cgroup.h"
#include "lib/limits.h"

#define GIB	(INT64_C(1) << 30)
#define BYTES	"memory.limit_in_bytes"

/* A host of v1 that mounts two controllers as one and has no link for each of them. */
static bool
share_directory(void)
{
	int cpu = open_tree(AT_FDCWD, "/sys/fs/cgroup/cpu", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return cpu != -1 && mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == 0 &&
	    mkdir("/sys/fs/cgroup/cpu,cpuacct", 0755) == 0 &&
	    move_mount(cpu, "", AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct",
	    MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

/* Where the hierarchies are is found once a process: a child looks, before anything here has. Its
 * mounts are its own; what it returns is 0. */
static void
in_a_child(int (*looks)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) == -1 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ? 255 : looks());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int
finds_shared(void)
{
	const struct cnt_limits l = { .cpu = 1, .swap = -1 };
	CNT_BUF struct cnt_buf script = { 0 };
	bool v1 = access("/sys/fs/cgroup/cpu", F_OK) == 0;

	if (v1 && !share_directory())
		return 2;
	cnt_limits_script("t", "b", &l, &script);
	return strstr(script.p, v1 ? ">/sys/fs/cgroup/cpu,cpuacct/t/b/cpu.cfs_quota_us" :
	    ">/sys/fs/cgroup/t/b/cpu.max") == NULL;
}

static void
a_controller_shares_its_directory(void **state CNT_UNUSED)
{
	in_a_child(finds_shared);
}

static int
finds_many(void)
{
	char dir[32];
	size_t n = 0;

	if (mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == -1)
		return 2;
	for (int k = 0; k < 30; k++) {
		snprintf(dir, sizeof(dir), "/sys/fs/cgroup/%d", k);
		if (mkdir(dir, 0755) == -1 || mount("none", dir, "cgroup2", 0, NULL) == -1)
			return 3;
	}
	cnt_cgroup_hierarchies(&n);
	return n != 24;
}

static void
more_hierarchies_than_there_can_be(void **state CNT_UNUSED)
{
	in_a_child(finds_many);
}

static bool
put(const char *file, const char *text)
{
	char path[64];
	CNT_FILE FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/t/b/%s", file);
	f = fopen(path, "we");
	return f != NULL && fputs(text, f) != EOF;
}

/* Returns the number of the case that is judged wrong. Without any hierarchy keys are those of v1,
 * below the one directory. */
static int
judges(void)
{
	static const struct {
		struct cnt_limits	 l;
		const char		*file, *now;
		bool			 right;
	} cases[] = {
		{ { .pids = 4096, .swap = -1 }, "pids.max", "4096\n", true },
		{ { .pids = 4096, .swap = -1 }, "pids.max", "max\n", false },
		{ { .pids = 4096, .swap = -1 }, "pids.max", "16\n", false },
		{ { .pids = 4096, .swap = -1 }, "pids.max", "40960\n", false },
		{ { .pids = 4096, .swap = -1 }, "pids.max", "", false },
		{ { .cpu = 0.5, .swap = -1 }, "cpu.cfs_quota_us", "50000\n", true },
		{ { .cpu = 0.5, .swap = -1 }, "cpu.cfs_quota_us", "49999\n", false },
		{ { .memory = GIB + 1, .swap = -1 }, BYTES, "1073741824\n", true },
		{ { .memory = GIB, .swap = -1 }, BYTES, "1073745920\n", false },
		{ { .memory = GIB, .swap = -1 }, BYTES, "16777216\n", false },
		{ { .memory = 4096, .swap = -1 }, BYTES, "max\n", false },
	};
	struct cnt_err e = { 0 };

	if (mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == -1 ||
	    mkdir("/sys/fs/cgroup/t", 0755) == -1 || mkdir("/sys/fs/cgroup/t/b", 0755) == -1 ||
	    !put("cpu.cfs_period_us", "100000\n"))
		return 254;
	for (size_t k = 0; k < nitems(cases); k++)
		if (!put(cases[k].file, cases[k].now) ||
		    (cnt_limits_check("t", "b", &cases[k].l, &e) == 0) != cases[k].right)
			return (int)k + 1;
	return 0;
}

static void
what_the_kernel_has_is_what_was_set(void **state CNT_UNUSED)
{
	in_a_child(judges);
}

/* All keys on one line: "memory:memory.max=1 pids:pids.max=2". */
static void
maps_to(const struct cnt_limits *l, bool v2, const char *wanted)
{
	struct cnt_cgroup_key keys[CNT_CGROUP_KEYS];
	size_t n = cnt_cgroup_limits(l, v2, keys);
	CNT_BUF struct cnt_buf b = { 0 };

	assert_true(n <= CNT_CGROUP_KEYS);
	cnt_buf_adds(&b, "");
	for (size_t i = 0; i < n; i++)
		cnt_buf_addf(&b, "%s%s:%s=%s", i > 0 ? "; " : "", keys[i].controller,
		    keys[i].file, keys[i].value);
	assert_string_equal(b.p, wanted);
}

static void
everything(void **state CNT_UNUSED)
{
	struct cnt_limits l = { .memory = GIB, .swap = GIB / 2, .pids = 512, .cpu = 1.5 };

	maps_to(&l, true, "memory:memory.max=1073741824; memory:memory.swap.max=536870912; "
	    "pids:pids.max=512; cpu:cpu.max=150000 100000");
	maps_to(&l, false, "memory:memory.limit_in_bytes=1073741824; "
	    "memory:memory.memsw.limit_in_bytes=1610612736; pids:pids.max=512; "
	    "cpu:cpu.cfs_period_us=100000; cpu:cpu.cfs_quota_us=150000");
}

static void
nothing(void **state CNT_UNUSED)
{
	struct cnt_limits l = { .swap = -1 };

	maps_to(&l, true, "");
	maps_to(&l, false, "");
}

static void
one_at_a_time(void **state CNT_UNUSED)
{
	struct cnt_limits memory = { .memory = 1, .swap = -1 }, swap = { .swap = 1 };
	struct cnt_limits pids = { .pids = 1, .swap = -1 }, cpu = { .cpu = 0.01, .swap = -1 };
	struct cnt_limits no_swap = { .memory = 1 };

	maps_to(&memory, true, "memory:memory.max=1");
	maps_to(&memory, false, "memory:memory.limit_in_bytes=1");
	maps_to(&no_swap, true, "memory:memory.max=1; memory:memory.swap.max=0");
	maps_to(&no_swap, false, "memory:memory.limit_in_bytes=1; "
	    "memory:memory.memsw.limit_in_bytes=1");
	maps_to(&swap, true, "memory:memory.swap.max=1");
	maps_to(&swap, false, "");		/* v1 counts swap with memory only */
	maps_to(&pids, true, "pids:pids.max=1");
	maps_to(&pids, false, "pids:pids.max=1");
	maps_to(&cpu, true, "cpu:cpu.max=1000 100000");
	maps_to(&cpu, false, "cpu:cpu.cfs_period_us=100000; cpu:cpu.cfs_quota_us=1000");
}

static void
large(void **state CNT_UNUSED)
{
	struct cnt_limits l = { .memory = INT64_MAX, .swap = INT64_MAX, .pids = INT64_MAX };

	maps_to(&l, false, "memory:memory.limit_in_bytes=9223372036854775807; "
	    "memory:memory.memsw.limit_in_bytes=9223372036854775807; "
	    "pids:pids.max=9223372036854775807");
}

/* Swap without memory is the one thing that v2 can do and v1 cannot: never a silent no-op. */
static void
swap_alone_is_refused_on_v1(void **state CNT_UNUSED)
{
	struct cnt_limits l = { .swap = GIB };
	struct cnt_err e = { 0 };
	int r = cnt_cgroup_check(&l, &e);

	if (!cnt_cgroup_is_v2()) {
		assert_int_equal(r, -1);
		assert_int_equal(e.code, CNT_UNAVAILABLE);
		assert_non_null(strstr(e.hint, "`swap unlimited` in cnt.conf"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_controller_shares_its_directory),
		cmocka_unit_test(more_hierarchies_than_there_can_be),
		cmocka_unit_test(what_the_kernel_has_is_what_was_set),
		cmocka_unit_test(everything),
		cmocka_unit_test(nothing),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(large),
		cmocka_unit_test(swap_alone_is_refused_on_v1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
