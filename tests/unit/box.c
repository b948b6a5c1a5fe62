/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from a slot, what a key must look like, what liblxc is told, what a box may call;
 * and for which box one waits.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/cgroup.h"
#include "lib/file.h"
#include "lib/filter.h"
#include "lib/lxc.h"
#include "lib/ssh-key.h"
#include "lib/upper.h"

#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static const struct cnt_instance instance = {
	.tag = "cntabcde", .id_base = 1879048192, .id_count = 300 * CNT_IDS, .subnet = 0x0a580000,
	.prefix = 24,
};

static void
a_slot_is_a_place(void **state)
{
	struct cnt_slot p;
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(cnt_box_slot(&instance, 0, &p, &e), 0);
	assert_int_equal(p.id, 1879048192);
	assert_string_equal(p.address, "10.88.0.2");
	assert_string_equal(p.gateway, "10.88.0.1");
	assert_string_equal(p.veth, "cntabcde-0");
	assert_string_equal(p.bridge, "cntabcde0");
	assert_string_equal(p.mac, "02:00:0a:58:00:02");
	assert_int_equal(cnt_box_slot(&instance, 252, &p, &e), 0);
	assert_int_equal(p.id, 1879048192 + 252 * 65536);
	assert_string_equal(p.address, "10.88.0.254");
	assert_string_equal(p.mac, "02:00:0a:58:00:fe");
}

static void
beyond_the_range_is_no_place(void **state)
{
	struct cnt_instance wide = instance, narrow = instance;
	struct cnt_slot p;
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(cnt_box_slot(&instance, -1, &p, &e), -1);
	assert_int_equal(cnt_box_slot(&instance, 253, &p, &e), -1);	/* 10.88.0.255 */
	assert_int_equal(e.code, CNT_BUSY);
	wide.prefix = 16;
	assert_int_equal(cnt_box_slot(&wide, 299, &p, &e), 0);
	assert_string_equal(p.address, "10.88.1.45");
	assert_int_equal(cnt_box_slot(&wide, 300, &p, &e), -1);	/* ids */
	narrow.prefix = 31;
	assert_int_equal(cnt_box_slot(&narrow, 0, &p, &e), -1);
}

static void
a_key_is_one_key(void **state)
{
	static const char *const good[] = {
		"ssh-ed25519 " ED25519, "ssh-ed25519 " ED25519 " ann@host",
		"ssh-ed25519 " ED25519 " a b",
	};
	static const char *const bad[] = {
		"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", ED25519, "ssh-rsa " ED25519,
		"ssh-ed25519  " ED25519, "ssh-ed25519 " ED25519 "\nssh-ed25519 " ED25519,
		"command=\"sh\" ssh-ed25519 " ED25519, "ssh-ed25519 " ED25519 "!",
		"ssh-dss " ED25519,
		"ssh-ed25519 =" ED25519, "ssh-ed25519\t" ED25519,
		"-----BEGIN OPENSSH PRIVATE KEY-----",
	};
	struct cnt_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < nitems(good); i++)
		assert_int_equal(cnt_ssh_key_check(good[i], &e), 0);
	for (size_t i = 0; i < nitems(bad); i++) {
		assert_int_equal(cnt_ssh_key_check(bad[i], &e), -1);
		assert_int_equal(e.code, CNT_INVALID);
	}
}

static void
has_line(const struct cnt_buf *b, const char *line)
{
	char *whole CNT_FREE = cnt_format("\n%s\n", line);

	if (strstr(b->p, whole) == NULL)
		fail_msg("no line `%s`", line);
}

static void
liblxc_is_told_all_of_it(void **state)
{
	const struct cnt_box box = { .slot = 7, .name = "web", .limits = { .memory = 1 << 30 } };
	struct cnt_lxc_host h = { "/b/web", false, false, 1400 };
	CNT_BUF struct cnt_buf v1 = { 0 }, v2 = { 0 };
	struct cnt_slot p;
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(cnt_box_slot(&instance, 7, &p, &e), 0);
	cnt_lxc_config(&box, instance.tag, &p, &h, &v1);
	has_line(&v1, "lxc.rootfs.path = dir:/b/web/rootfs");
	has_line(&v1, "lxc.cgroup.dir.monitor = cntabcde/web.mon");
	has_line(&v1, "lxc.cgroup.dir.container = cntabcde/web");
	has_line(&v1, "lxc.cgroup.dir.container.inner = box");
	has_line(&v1, "lxc.idmap = u 0 1879506944 65536");
	has_line(&v1, "lxc.idmap = g 0 1879506944 65536");
	has_line(&v1, "lxc.seccomp.profile = /b/web/seccomp");
	has_line(&v1, "lxc.cgroup.memory.limit_in_bytes = 1073741824");
	has_line(&v1, "lxc.net.0.veth.pair = cntabcde-7");
	has_line(&v1, "lxc.net.0.ipv4.address = 10.88.0.9/32");
	has_line(&v1, "lxc.net.0.ipv4.gateway = 10.88.0.1");
	has_line(&v1, "lxc.net.0.mtu = 1400");
	assert_null(strstr(v1.p, "apparmor"));
	assert_null(strstr(v1.p, "lxc.include"));
	h = (struct cnt_lxc_host){ "/b/web", true, true, 1500 };
	cnt_lxc_config(&box, instance.tag, &p, &h, &v2);
	has_line(&v2, "lxc.apparmor.profile = generated");
	has_line(&v2, "lxc.apparmor.raw = mount fstype=ramfs -> /dev/shm/,");
	has_line(&v2, "lxc.cgroup2.memory.max = 1073741824");
	assert_null(strstr(v2.p, "lxc.mount.entry"));	/* no host path but by lib/mount.c */
}

static bool
may_call(const char *name)
{
	for (size_t i = 0; i < cnt_filter_calls_n; i++)
		if (strcmp(cnt_filter_calls[i], name) == 0)
			return true;
	return false;
}

static void
what_reaches_deep_into_the_kernel_is_not_allowed(void **state)
{
	static const char *const denied[] = {
		"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
		"io_uring_register", "keyctl", "add_key", "request_key", "kexec_load",
		"kexec_file_load", "init_module", "finit_module", "delete_module",
		"open_by_handle_at", "move_pages", "mbind", "iopl", "ioperm", "swapon", "swapoff",
		"settimeofday", "clock_settime", "quotactl", "acct", "lookup_dcookie",
		"nfsservctl", "vm86", "uselib", "modify_ldt", "socket",
	};

	(void)state;
	assert_int_equal(cnt_filter_calls_n, 318);
	for (size_t i = 0; i < nitems(denied); i++)
		if (may_call(denied[i]))
			fail_msg("%s is allowed", denied[i]);
}

static void
both_forms_of_the_filter_come_from_one_list(void **state)
{
	CNT_BUF struct cnt_buf profile = { 0 }, program = { 0 };
	struct cnt_err e = { 0 };
	const size_t families = 2;
	size_t lines = 0;

	(void)state;
	cnt_filter_profile(&profile);
	assert_int_equal(strncmp(profile.p, "2\nallowlist errno 38\n", 21), 0);
	for (size_t i = 0; i < profile.n; i++)
		lines += profile.p[i] == '\n';
	assert_in_range(lines, cnt_filter_calls_n + families + 3,
	    cnt_filter_calls_n + families + 5);
	assert_int_equal(cnt_filter_build(&program, &e), 0);
	assert_in_range(program.n, 8 * cnt_filter_calls_n, 8 * 4096);
	assert_int_equal(program.n % 8, 0);
}

/* While it reboots there is its monitor and no init: here a process that has no child. */
static void
a_box_that_reboots_is_waited_for(void **state)
{
	const struct cnt_box b = { .name = "reboots" };
	char *tag CNT_FREE = cnt_cgroup_path("%s", instance.tag);
	char *monitor CNT_FREE = cnt_cgroup_path("%s/%s.mon", instance.tag, b.name);
	char *procs CNT_FREE = cnt_format("%s/cgroup.procs", monitor), number[16];
	struct cnt_err reboots = { 0 }, ended = { 0 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	snprintf(number, sizeof(number), "%d", (int)pid);
	assert_true(mkdir(tag, 0755) == 0 && mkdir(monitor, 0755) == 0);
	assert_int_equal(cnt_file_put(procs, number), 0);
	assert_int_equal(cnt_box_wait(&instance, &b, "exec", 0.05, &reboots), -1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(cnt_box_wait(&instance, &b, "exec", 0.05, &ended), -1);
	assert_true(rmdir(monitor) == 0 && rmdir(tag) == 0);
	assert_int_equal(reboots.code, CNT_TIMEOUT);
	assert_int_equal(ended.code, CNT_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_is_a_place),
		cmocka_unit_test(beyond_the_range_is_no_place),
		cmocka_unit_test(a_key_is_one_key),
		cmocka_unit_test(liblxc_is_told_all_of_it),
		cmocka_unit_test(what_reaches_deep_into_the_kernel_is_not_allowed),
		cmocka_unit_test(both_forms_of_the_filter_come_from_one_list),
		cmocka_unit_test(a_box_that_reboots_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
