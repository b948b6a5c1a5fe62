/* SPDX-License-Identifier: Apache-2.0
 *
 * Importing archives: honest ones in every compression, wrong ones, an enemy's, and killed imports.
 * Nothing outside the image's directory changes and nothing is left behind.
 */
#include "lib/image.h"

#include "tests/unit/root.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "lib/run.h"

static struct cnt_err e;

static int
fresh_root(void **state)
{
	struct cnt_store *s CNT_STORE = NULL;

	return make_root(state) != 0 || cnt_store_open(&s, true, &e) == -1;
}

/* A shell's line in CNT_ROOT. */
static void
sh(const char *line)
{
	char *text CNT_FREE = cnt_format("cd %s && %s", cnt_root(), line);
	char *argv[] = { (char *)"sh", (char *)"-ec", text, NULL };

	if (cnt_run(argv, NULL, &e) == -1)
		fail_msg("%s: %s", line, e.text);
}

static void
make_tree(void)
{
	sh("mkdir -p t/etc/ssh t/sbin t/usr/bin t/dev t/var/lib/systemd t/var/lib/dbus t/run/a;"
	    "echo root:x:0:0::/root:/bin/sh > t/etc/passwd; echo mail:x:8: > t/etc/group;"
	    "ln -s /usr/bin/systemd t/sbin/init; printf x > t/usr/bin/systemd;"
	    "chown 7:9 t/usr/bin/systemd; chmod 4711 t/usr/bin/systemd;"
	    "echo key > t/etc/ssh/ssh_host_ed25519_key; echo key > t/etc/ssh/ssh_host_rsa_key.pub;"
	    "echo conf > t/etc/ssh/sshd_config; echo 0123 > t/etc/machine-id;"
	    "mkdir t/etc/dropbear; echo key > t/etc/dropbear/dropbear_ed25519_host_key;"
	    "echo 0123 > t/var/lib/dbus/machine-id; echo seed > t/var/lib/systemd/random-seed;"
	    "mknod t/dev/null c 1 3; mknod t/run/a/disk b 8 0; mknod t/etc/whiteout c 0 0;"
	    "tar -C t -cf t.tar .");
}

static int
import(struct cnt_store *s, const char *file, const char *name, struct cnt_image *i)
{
	char *path CNT_FREE = cnt_format("%s/%s", cnt_root(), file);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd != -1);
	e = (struct cnt_err){ 0 };
	return cnt_image_import(s, name, fd, i, NULL, &e);
}

/* How many names there are in images/ and how many temporary ones beside it. */
static void
holds(int images)
{
	char *line CNT_FREE = cnt_format("test $(ls -A var/lib/cnt/images | wc -l) = %d &&"
	    " test -z \"$(ls -A var/lib/cnt | grep tmp)\"", images);

	sh(line);
}

static void
an_archive_becomes_an_image_without_identity(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i, got;

	make_tree();
	if (import(s, "t.tar", "tiny", &i) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(cnt_store_image_get(s, "tiny", &got, &e), 0);
	assert_memory_equal(&i, &got, sizeof(i));
	char *line CNT_FREE = cnt_format("test $(sha256sum < t.tar | cut -c-64) = %s &&"
	    " test $(stat -c %%s t.tar) = %lld && cd var/lib/cnt/images/%s/rootfs &&"
	    " test \"$(stat -c '%%a %%u %%g' usr/bin/systemd .)\" = '4711 7 9\n755 0 0' &&"
	    " test ! -s etc/machine-id && test -f etc/machine-id &&"
	    " test ! -e var/lib/dbus/machine-id &&"
	    " test ! -e var/lib/systemd/random-seed && test \"$(ls etc/ssh)\" = sshd_config &&"
	    " test -z \"$(ls etc/dropbear)\" && test ! -e etc/systemd &&"
	    " test -z \"$(find . -type b -o -type c)\"", i.id, (long long)i.bytes, i.id);
	sh(line);
	holds(1);
	assert_int_equal(cnt_image_has_account(i.id, "root", &e), 1);
	assert_int_equal(cnt_image_has_account(i.id, "mail", &e), 1);
	assert_int_equal(cnt_image_has_account(i.id, "web", &e), 0);
}

/* An image's own service of the name stays. */
static void
a_box_makes_its_ssh_host_key(void **state CNT_UNUSED)
{
	static const char *const ways[][2] = {
		{ "true", "grep -q ssh-keygen multi-user.target.wants/box-host-key.service" },
		{ "echo own > box-host-key.service", "grep -qx own box-host-key.service &&"
		    " test -z \"$(ls multi-user.target.wants)\"" },
	};
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	make_tree();
	sh("install /bin/true t/usr/bin/ssh-keygen;"
	    "mkdir -p t/etc/systemd/system/multi-user.target.wants");
	for (size_t k = 0; k < nitems(ways); k++) {
		char *line CNT_FREE = NULL, *before CNT_FREE = cnt_format(
		    "(cd t/etc/systemd/system && %s); tar -C t -cf t.tar .", ways[k][0]);

		sh(before);
		assert_int_equal(import(s, "t.tar", "sshd", &i), 0);
		line = cnt_format("cd var/lib/cnt/images/%s/rootfs/etc/systemd/system && %s", i.id,
		    ways[k][1]);
		sh(line);
	}
}

static void
every_compression_is_recognised(void **state CNT_UNUSED)
{
	static const char *const ways[] = { "gzip", "xz", "zstd", "bzip2" };
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	make_tree();
	for (size_t k = 0; k < nitems(ways); k++) {
		char *line CNT_FREE = cnt_format("%s -c t.tar > t.z", ways[k]);

		sh(line);
		if (import(s, "t.z", ways[k], &i) == -1)
			fail_msg("%s: %s", ways[k], e.text);
	}
	holds(4);
}

static void
the_same_archive_again_is_the_same_image(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image first, second;

	make_tree();
	assert_int_equal(import(s, "t.tar", "one", &first), 0);
	assert_int_equal(import(s, "t.tar", "two", &second), 0);
	assert_string_equal(first.id, second.id);
	assert_string_equal(second.name, "two");
	assert_int_equal(cnt_store_image_get(s, "one", &first, &e), -1);
	assert_int_equal(cnt_store_image_get(s, "two", &first, &e), 0);
	holds(1);
}

static void
refused(const char *make, const char *why)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	sh(make);
	assert_int_equal(import(s, "bad", "bad", &i), -1);
	assert_int_equal(e.code, CNT_INVALID);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, why);
	holds(0);
}

static void
what_is_no_system_is_refused(void **state CNT_UNUSED)
{
	make_tree();
	refused(": > bad", "empty");
	refused("echo hello > bad", "archive: ");
	refused("head -c 3000 t.tar > bad", "archive: ");
	refused("gzip < t.tar | head -c 300 > bad", "archive: ");
	refused("tar -C t --exclude=./etc/passwd -cf bad .", "etc/passwd");
	refused("rm t/etc/passwd; ln -s /etc/hostname t/etc/passwd; tar -C t -cf bad .",
	    "etc/passwd");
	refused("rm t/etc/passwd; mkfifo t/etc/passwd; tar -C t -cf bad .", "etc/passwd");
	refused("tar -C t --exclude=./usr/bin/systemd --exclude=./etc/passwd -cf bad . &&"
	    " rm t/etc/passwd && cp t/etc/group t/etc/passwd && tar -C t -rf bad ./etc/passwd",
	    "init");
}

static void
a_name_is_checked_first(void **state CNT_UNUSED)
{
	static const char *const bad[] = { "", "A", "-x", ".x", "a/b", "a b", "\xc3\xa9",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	for (size_t k = 0; k < nitems(bad); k++) {
		assert_int_equal(cnt_image_import(s, bad[k], -1, &i, NULL, &e), -1);
		assert_int_equal(e.code, CNT_INVALID);
	}
}

/* Links that lead out, absolute and .. names; the files they aim at stay as they are. */
static void
an_enemys_archive_stays_in_its_directory(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	make_tree();
	sh("mkdir out other; echo mine > out/machine-id; echo mine > out/ssh_host_rsa_key;"
	    "rm -r t/etc/ssh t/etc/machine-id t/var/lib/dbus; ln -s $PWD/out t/etc/ssh;"
	    "ln -s $PWD/out/machine-id t/etc/machine-id; ln -s ../../../../../../../../../$PWD/out"
	    " t/var/lib/dbus; ln -s $PWD/out t/evil; tar -C t -cf t.tar .;"
	    "mkdir other/evil; echo theirs > other/evil/machine-id; echo theirs > other/up;"
	    "tar -C other -rf t.tar evil/machine-id;"
	    "tar -C other -P --transform \"s,^,../../../../../../../..$PWD/out/,\" -rf t.tar up;"
	    "tar -C other -P --transform \"s,^,$PWD/out/,\" -rf t.tar up");
	if (import(s, "t.tar", "evil", &i) == -1)
		assert_int_equal(e.code, CNT_INVALID);
	sh("test \"$(cat out/machine-id)\" = mine; test \"$(cat out/ssh_host_rsa_key)\" = mine;"
	    "test \"$(ls out | tr '\\n' ' ')\" = 'machine-id ssh_host_rsa_key '");
}

static void
a_deleted_image_leaves_nothing(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	make_tree();
	assert_int_equal(import(s, "t.tar", "tiny", &i), 0);
	assert_int_equal(cnt_image_delete(s, "tiny", &i, &e), 0);
	holds(0);
	assert_int_equal(cnt_image_delete(s, "tiny", &i, &e), -1);
	assert_int_equal(e.code, CNT_NOTFOUND);
}

static bool
has_temporary(void)
{
	char *path CNT_FREE = cnt_path(CNT_IMAGES);
	DIR *d CNT_DIR = opendir(path);
	struct dirent *n;

	while (d != NULL && (n = readdir(d)) != NULL) {
		if (strncmp(n->d_name, ".tmp", 4) == 0)
			return true;
	}
	return false;
}

/* An import whose archive never ends. */
static pid_t
endless_import(int *feed)
{
	int64_t deadline = cnt_ticks_us() + 10000000;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct cnt_store *s = opened();
		struct cnt_image i;

		close(p[1]);
		_exit(cnt_image_import(s, "endless", p[0], &i, NULL, &e) == 0 ? 0 : (int)e.code);
	}
	close(p[0]);
	*feed = p[1];
	while (!has_temporary() && cnt_ticks_us() < deadline)
		poll(NULL, 0, 5);
	assert_true(has_temporary());
	return pid;
}

static void
a_killed_import_is_swept_and_a_living_one_is_not(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	int feed CNT_CLOSE = -1;
	pid_t pid = endless_import(&feed);

	assert_int_equal(cnt_image_recover(s, &e), 1);
	assert_true(has_temporary());
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cnt_image_recover(s, &e), 0);
	holds(0);
}

/* tar complains of each entry in more bytes than it has: all of them have come when what follows
 * no longer fits between us and tar. */
static void
what_tar_says_of_an_enemys_archive_fills_nothing(void **state CNT_UNUSED)
{
	char *path CNT_FREE = cnt_format("%s/bad", cnt_root()), *line CNT_FREE = NULL;
	struct cnt_buf bad CNT_BUF = { 0 };
	int feed CNT_CLOSE = -1, status = 0;

	sh("n=d/f/$(printf %097d 0 | tr 0 '\\001'); mkdir -p d/f; : > f; : > $n; tar -cf bad f;"
	    "yes ${n#d/} | head -n 3000 | tar -C d -rf bad -T -;"
	    "truncate -s 1M pad; tar -rf bad pad");
	assert_int_equal(cnt_file_read(path, 4 << 20, &bad, &e), 0);
	pid_t pid = endless_import(&feed);
	assert_int_equal(write(feed, bad.p, bad.n), bad.n);
	line = cnt_format("test -z \"$(find -L /proc/%d/fd -type f -links 0 -size +64k)\"", pid);
	sh(line);
	close(take_fd(&feed));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), CNT_INVALID);
	holds(0);
}

static void
what_tar_only_notes_of_an_archive_is_no_reason_to_refuse_it(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i;

	make_tree();
	sh("(echo .; yes ./etc/passwd | head -n 3000) |"
	    "tar -C t --format=pax --pax-option=CNT.unknown:=x -cf t.tar -T -");
	if (import(s, "t.tar", "tiny", &i) == -1)
		fail_msg("%s", e.text);
	holds(1);
}

static void
half_made_rows_are_removed_with_their_files(void **state CNT_UNUSED)
{
	static const char id[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct cnt_store *s CNT_STORE = opened();
	struct cnt_image i, *all = NULL;
	size_t n;

	make_tree();
	assert_int_equal(import(s, "t.tar", "tiny", &i), 0);
	assert_int_equal(cnt_store_image_state(s, i.id, CNT_DELETING, &e), 0);
	memcpy(i.id, id, sizeof(id));
	assert_int_equal(cnt_store_image_add(s, &i, &e), 0);
	assert_int_equal(cnt_image_recover(s, &e), 0);
	assert_int_equal(cnt_store_images(s, &all, &n, &e), 0);
	assert_int_equal(n, 0);
	free(all);
	holds(0);
	assert_int_equal(import(s, "t.tar", "tiny", &i), 0);
	holds(1);
}

/* Its place to unpack in cannot be made: no process of the recipe's is left. */
static void
a_recipe_ends_with_its_build(void **state CNT_UNUSED)
{
	struct cnt_store *s CNT_STORE = opened();
	char *dir CNT_FREE = cnt_path_beside("../share/cnt/image");
	char *recipe CNT_FREE = cnt_format("%s/unit", dir), *line CNT_FREE = NULL;
	struct cnt_image i;

	line = cnt_format("mkdir -p %s; printf '#!/bin/sh\\nexec sleep 60\\n' > %s; chmod 755 %s;"
	    "mkdir -p var/lib/cnt; rm -rf var/lib/cnt/images", dir, recipe, recipe);
	sh(line);
	assert_int_equal(cnt_image_build(s, "built", "unit", NULL, &i, NULL, &e), -1);
	assert_non_null(strstr(e.text, "images"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(unlink(recipe), 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fresh_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_archive_becomes_an_image_without_identity),
		TEST(a_box_makes_its_ssh_host_key),
		TEST(every_compression_is_recognised),
		TEST(the_same_archive_again_is_the_same_image),
		TEST(what_is_no_system_is_refused),
		TEST(a_name_is_checked_first),
		TEST(an_enemys_archive_stays_in_its_directory),
		TEST(a_deleted_image_leaves_nothing),
		TEST(a_killed_import_is_swept_and_a_living_one_is_not),
		TEST(what_tar_says_of_an_enemys_archive_fills_nothing),
		TEST(what_tar_only_notes_of_an_archive_is_no_reason_to_refuse_it),
		TEST(half_made_rows_are_removed_with_their_files),
		TEST(a_recipe_ends_with_its_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
