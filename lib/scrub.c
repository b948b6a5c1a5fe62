/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree came out of an archive and is an enemy's: its links are resolved inside it, by the
 * kernel. Taken out are device nodes (an overlay's whiteouts among them) and everything that makes
 * a machine itself: ssh host keys, machine-id, seeds and secrets of random numbers. Put in is the
 * service that gives each box an ssh host key.
 */
#include "lib/scrub.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>

#include "lib/file.h"

static const char *const accounts[] = { "etc/passwd", "etc/group" };

static const char *const inits[] = {
	"sbin/init", "usr/sbin/init", "usr/lib/systemd/systemd", "lib/systemd/systemd",
	"bin/init", "init",
};

static const char *const own_files[][2] = {	/* directory, name */
	{ "etc",			"machine-id" },
	{ "var/lib/dbus",		"machine-id" },
	{ "var/lib/systemd",		"random-seed" },
	{ "var/lib/systemd",		"credential.secret" },
	{ "var/lib/random-seed",	"random-seed" },
	{ "var/lib/urandom",		"random-seed" },
	{ "var/lib/misc",		"random-seed" },
	{ "var/lib/seedrng",		"seed.credit" },
	{ "var/lib/seedrng",		"seed.no-credit" },
};

static const char *const host_keys[][2] = {	/* directory, how their names begin */
	{ "etc/ssh",		"ssh_host_" },
	{ "etc/dropbear",	"dropbear_" },
};

#define UNITS		"etc/systemd/system"
#define MAKES_KEY	"box-host-key.service"

/* A key that is cut short never has its name. */
static const char makes_key[] =
    "[Unit]\n"
    "Description=SSH host key of this box\n"
    "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n"
    "Before=ssh.service sshd.service\n"
    "\n"
    "[Service]\n"
    "Type=oneshot\n"
    "ExecStart=/bin/rm -f /etc/ssh/.new /etc/ssh/.new.pub\n"
    "ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N \"\" -C \"\" -f /etc/ssh/.new\n"
    "ExecStart=/bin/mv /etc/ssh/.new.pub /etc/ssh/ssh_host_ed25519_key.pub\n"
    "ExecStart=/bin/mv /etc/ssh/.new /etc/ssh/ssh_host_ed25519_key\n";

static bool
is_file(int root, const char *path, mode_t bits)
{
	int fd CNT_CLOSE = cnt_file_open_in(root, path, O_PATH);
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & bits) == bits;
}

static int
check(int root, struct cnt_err *e)
{
	for (size_t i = 0; i < nitems(accounts); i++) {
		if (!is_file(root, accounts[i], 0))
			return cnt_fail(e, CNT_INVALID,
			    "archive: holds no %s, so it is no system's root", accounts[i]);
	}
	for (size_t i = 0; i < nitems(inits); i++) {
		if (is_file(root, inits[i], 0111))
			return 0;
	}
	cnt_fail(e, CNT_INVALID, "archive: holds no init (sbin/init)");
	return cnt_hint(e, "a box is a whole system; install systemd-sysv or another init in it");
}

/* Removes a name that is no directory; prefix: every name that begins so. */
static int
remove_in(int root, const char *dir, const char *name, bool prefix, struct cnt_err *e)
{
	int fd = cnt_file_open_in(root, dir, O_RDONLY | O_DIRECTORY);
	DIR *d CNT_DIR = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *n;

	if (d == NULL)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 :
		    cnt_fail_sys(e, "%s", dir);
	while ((n = readdir(d)) != NULL) {
		if (strncmp(n->d_name, name, strlen(name)) != 0 ||
		    (!prefix && n->d_name[strlen(name)] != '\0'))
			continue;
		if (unlinkat(dirfd(d), n->d_name, 0) == -1 && errno != EISDIR)
			return cnt_fail_sys(e, "%s/%s", dir, n->d_name);
	}
	return 0;
}

/* An empty machine-id, not a missing one, which systemd takes for a first boot with presets. */
static int
remove_identity(int root, struct cnt_err *e)
{
	for (size_t i = 0; i < nitems(own_files); i++) {
		if (remove_in(root, own_files[i][0], own_files[i][1], false, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < nitems(host_keys); i++) {
		if (remove_in(root, host_keys[i][0], host_keys[i][1], true, e) == -1)
			return -1;
	}
	return cnt_file_write_in(root, "etc/machine-id", "", 0, 0444, 0, 0, e);
}

/* Debian makes sshd's key when it is installed, and never again. */
static int
add_key_maker(int root, struct cnt_err *e)
{
	int wants CNT_CLOSE = cnt_file_open_in(root, UNITS "/multi-user.target.wants",
	    O_RDONLY | O_DIRECTORY);

	if (wants == -1 || !is_file(root, "usr/bin/ssh-keygen", 0111) ||
	    is_file(root, UNITS "/" MAKES_KEY, 0))
		return 0;
	if (symlinkat("../" MAKES_KEY, wants, MAKES_KEY) == -1 && errno != EEXIST)
		return cnt_fail_sys(e, "%s", MAKES_KEY);
	return cnt_file_write_in(root, UNITS "/" MAKES_KEY, makes_key, strlen(makes_key), 0644,
	    0, 0, e);
}

static int
remove_device(const char *path, const struct stat *st, int type CNT_UNUSED,
    struct FTW *f CNT_UNUSED)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? unlink(path) : 0;
}

int
cnt_scrub(const char *rootfs, struct cnt_err *e)
{
	int root CNT_CLOSE = open(rootfs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* The archive's `./` may have given the root to anybody. */
	if (root == -1 || fchown(root, 0, 0) == -1 || fchmod(root, 0755) == -1 ||
	    nftw(rootfs, remove_device, 64, FTW_PHYS | FTW_MOUNT) != 0)
		return cnt_fail_sys(e, "%s", rootfs);
	if (check(root, e) == -1 || remove_identity(root, e) == -1)
		return -1;
	return add_key_maker(root, e);
}
