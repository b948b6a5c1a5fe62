/* SPDX-License-Identifier: Apache-2.0
 *
 * liblxc's monitor loads a box's profile, in which the box has a policy namespace of its own, and
 * takes both away at the end, unless it is killed. What it has compiled it leaves in its cache. All
 * three have names made of the box's and of the directory of boxes. The box's root may load
 * profiles for its own processes, inside its namespace, which confine them further.
 */
#include "lib/apparmor.h"

#include <glob.h>

#include "lib/file.h"
#include "lib/paths.h"

#define POLICY	"/sys/kernel/security/apparmor"
#define CACHE	"/var/cache/lxc/apparmor"

/* What systemd does in a mount namespace of a service's own, and liblxc's profile denies. The
 * kernel still lets a box mount no more than its user namespace may: its EPERM is systemd's reason
 * to make do with the proc that is there, but a profile's EACCES is none. */
static const char *const rules[] = {
	"mount fstype=proc -> /run/systemd/{unit-root,mount-rootfs}/proc/,",
	"mount fstype=sysfs -> /run/systemd/{unit-root,mount-rootfs}/sys/,",
	("mount options in (rw,remount,bind,nosuid,nodev,noexec,noatime,relatime) -> "
	    "/run/systemd/{unit-root,mount-rootfs}/**,"),
	"mount fstype=ramfs -> /dev/shm/,",
};

bool
cnt_apparmor_is_on(void)
{
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err ignored;

	return cnt_file_read("/sys/module/apparmor/parameters/enabled", 16, &b, &ignored) == 0 &&
	    b.n > 0 && b.p[0] == 'Y';
}

void
cnt_apparmor_config(struct cnt_buf *c)
{
	cnt_buf_adds(c, "lxc.apparmor.profile = generated\n");
	for (size_t k = 0; k < nitems(rules); k++)
		cnt_buf_addf(c, "lxc.apparmor.raw = %s\n", rules[k]);
}

int
cnt_apparmor_label(pid_t init, char **label, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_format("/proc/%d/attr/apparmor/current", (int)init);
	CNT_BUF struct cnt_buf b = { 0 };
	char *mode;

	if (!cnt_apparmor_is_on())
		return 0;
	if (cnt_file_read(path, 4096, &b, e) == -1)
		return -1;
	cnt_buf_adds(&b, "\n");
	b.p[strcspn(b.p, "\n")] = '\0';
	mode = strrchr(b.p, ' ');
	if (mode != NULL && mode[1] == '(')
		*mode = '\0';
	if (strcmp(b.p, "unconfined") != 0)
		*label = cnt_format("exec %s", b.p);
	return 0;
}

/* A profile is named by the path itself, what is a file somewhere with dashes in it. */
static char *
name_of(const char *box, bool file)
{
	char *boxes CNT_FREE = cnt_path(CNT_BOXES);

	for (char *p = boxes; file && (p = strchr(p, '/')) != NULL; )
		*p = '-';
	return cnt_format("lxc-%s_<%s>", box, boxes);
}

void
cnt_apparmor_unload(const char *box)
{
	char *profile CNT_FREE = name_of(box, false);
	char *file CNT_FREE = name_of(box, true);
	char *namespace CNT_FREE = cnt_format(POLICY "/policy/namespaces/%s", file);

	if (!cnt_apparmor_is_on())
		return;
	rmdir(namespace);
	cnt_file_put(POLICY "/.remove", profile);
}

void
cnt_apparmor_forget(const char *box)
{
	char *file CNT_FREE = name_of(box, true);
	char *pattern CNT_FREE = cnt_format(CACHE "/*/%s", file);
	glob_t g = { 0 };

	/* One of each set of features that a kernel of this host has had. */
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t k = 0; k < g.gl_pathc; k++)
			unlink(g.gl_pathv[k]);
	globfree(&g);
}
