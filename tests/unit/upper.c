/* SPDX-License-Identifier: Apache-2.0
 *
 * What a new box gets of its own, from an ordinary image and from hostile ones. Needs root.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/upper.h"

#define FIRST	2000000000u
#define KEY	"ssh-ed25519 " \
		"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"

static const struct cnt_slot place = {
	.id = FIRST, .address = "10.88.0.2", .gateway = "10.88.0.1",
};

static char base[64];
static int root = -1, image = -1, upper = -1;

static void
file(const char *path, const char *text, mode_t mode, gid_t gid)
{
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_file_write_in(image, path, text, strlen(text), mode, 0, gid, &e), 0);
}

static void
dir(const char *path, mode_t mode, gid_t gid)
{
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_file_mkdirs_in(image, path, mode, 0, gid, &e), 0);
}

static int
make(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/var/tmp/cnt-unit-XXXXXX");
	if (mkdtemp(base) == NULL || (root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    mkdirat(root, "image", 0755) == -1 || mkdirat(root, "upper", 0700) == -1 ||
	    mkdirat(root, "outside", 0755) == -1)
		return -1;
	image = openat(root, "image", O_PATH | O_DIRECTORY | O_CLOEXEC);
	upper = openat(root, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir("etc", 0755, 0);
	dir("etc/skel", 0755, 0);
	dir("bin", 0755, 0);
	dir("var", 0755, 8);
	file("etc/passwd", "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/bin/false", 0644, 0);
	file("etc/group", "root:x:0:\nmail:x:8:\n", 0644, 0);
	file("etc/shadow", "root:*:1::::::\n", 0640, 42);
	file("etc/skel/.profile", "hello\n", 0644, 0);
	file("bin/bash", "", 0755, 0);
	return 0;
}

static int
unmake(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	close(root);
	close(image);
	close(upper);
	return cnt_file_remove_tree(base, &e);
}

static int
put(const char *name, size_t keys, struct cnt_err *e)
{
	static const char *const key[] = { KEY };

	return cnt_upper_write(image, upper, name, &place, key, keys, e);
}

static void
is(const char *path, mode_t mode, uint32_t uid, uint32_t gid, const char *text)
{
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e = { 0 };
	struct stat st;

	if (fstatat(upper, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		fail_msg("%s: %s", path, strerror(errno));
	if (st.st_mode != mode || st.st_uid != FIRST + uid || st.st_gid != FIRST + gid)
		fail_msg("%s: mode %o, %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
	if (text == NULL)
		return;
	assert_int_equal(cnt_file_read_in(upper, path, 65536, &b, &e), 0);
	assert_string_equal(b.p, text);
}

static void
a_box_has_its_own_things(void **state)
{
	struct cnt_err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(put("web", 1, &e), 0);
	is("etc/passwd", S_IFREG | 0644, 0, 0,
	    "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/bin/false\n"
	    "web:x:1000:1000::/home/web:/bin/bash\n");
	is("etc/group", S_IFREG | 0644, 0, 0, "root:x:0:\nmail:x:8:\nweb:x:1000:\n");
	is("etc/shadow", S_IFREG | 0640, 0, 42, NULL);
	is("etc/sudoers.d/cnt-web", S_IFREG | 0440, 0, 0, "web ALL=(ALL:ALL) NOPASSWD: ALL\n");
	is("etc/hostname", S_IFREG | 0644, 0, 0, "web\n");
	is("etc/resolv.conf", S_IFREG | 0644, 0, 0, "nameserver 10.88.0.1\n");
	is("home/web", S_IFDIR | 0755, 1000, 1000, NULL);
	is("home/web/.profile", S_IFREG | 0644, 1000, 1000, "hello\n");
	is("home/web/.ssh", S_IFDIR | 0700, 1000, 1000, NULL);
	is("home/web/.ssh/authorized_keys", S_IFREG | 0600, 1000, 1000, KEY "\n");
	is("etc/machine-id", S_IFREG | 0444, 0, 0, NULL);
	is("var/lib/systemd/random-seed", S_IFREG | 0600, 0, 0, NULL);
	assert_int_equal(fstatat(upper, "var/lib/systemd/random-seed", &st, 0), 0);
	assert_int_equal(st.st_size, 512);
	assert_int_equal(fstatat(upper, "etc/gshadow", &st, 0), -1);	/* nor has the image */
}

static void
a_directory_keeps_its_attributes(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(fchmodat(image, "etc", 0751, 0), 0);
	assert_int_equal(put("web", 0, &e), 0);
	is("etc", S_IFDIR | 0751, 0, 0, NULL);
	is("var", S_IFDIR | 0755, 0, 8, NULL);
	is("home", S_IFDIR | 0755, 0, 0, NULL);
}

static void
a_link_leads_nowhere_else(void **state)
{
	struct cnt_err e = { 0 };
	struct stat st;

	(void)state;
	dir("usr/etc", 0750, 0);
	dir("data", 0711, 0);
	assert_int_equal(renameat(image, "etc", image, "usr/old"), 0);
	assert_int_equal(renameat(image, "usr/old/passwd", image, "usr/etc/passwd"), 0);
	assert_int_equal(renameat(image, "usr/old/group", image, "usr/etc/group"), 0);
	assert_int_equal(symlinkat("../../../../usr/etc", image, "etc"), 0);
	assert_int_equal(symlinkat("/data", image, "home"), 0);
	assert_int_equal(symlinkat("/../outside/f", image, "usr/etc/resolv.conf"), 0);
	assert_int_equal(symlinkat("/../../outside", image, "usr/etc/sudoers.d"), 0);
	assert_int_equal(put("web", 1, &e), 0);
	is("usr/etc", S_IFDIR | 0750, 0, 0, NULL);
	is("usr/etc/resolv.conf", S_IFREG | 0644, 0, 0, "nameserver 10.88.0.1\n");
	is("usr/etc/sudoers.d/cnt-web", S_IFREG | 0440, 0, 0, NULL);
	is("data", S_IFDIR | 0711, 0, 0, NULL);
	is("data/web/.ssh/authorized_keys", S_IFREG | 0600, 1000, 1000, NULL);
	assert_int_equal(fstatat(upper, "etc", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(unlinkat(root, "outside", AT_REMOVEDIR), 0);	/* empty still */
}

static void
a_taken_name_or_id_is_refused(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(put("mail", 0, &e), -1);
	assert_int_equal(e.code, CNT_INVALID);
	assert_non_null(strstr(e.text, "/etc/passwd"));
	file("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
	    0644, 0);
	assert_int_equal(put("web", 0, &e), -1);
	assert_int_equal(e.code, CNT_INVALID);
	assert_non_null(strstr(e.text, "ann"));
}

static void
what_is_no_file_is_not_read(void **state)
{
	struct cnt_err e = { 0 };

	(void)state;
	assert_int_equal(unlinkat(image, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(image, "etc/passwd", 0600), 0);
	assert_int_equal(put("web", 0, &e), -1);
	assert_int_equal(unlinkat(image, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("/proc/self/environ", image, "etc/passwd"), 0);
	assert_int_equal(put("web", 0, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_box_has_its_own_things, make, unmake),
		cmocka_unit_test_setup_teardown(a_directory_keeps_its_attributes, make, unmake),
		cmocka_unit_test_setup_teardown(a_link_leads_nowhere_else, make, unmake),
		cmocka_unit_test_setup_teardown(a_taken_name_or_id_is_refused, make, unmake),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_read, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
