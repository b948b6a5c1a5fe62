/* SPDX-License-Identifier: Apache-2.0
 *
 * The capabilities that a box keeps, and loading the filter of system calls that its start built.
 * Each capability is here because something in an ordinary box fails without it; all of them are
 * held in the box's own user namespace alone.
 */
#include "lib/filter.h"

#include <sys/syscall.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/file.h"
#include "lib/paths.h"

#define FILTER_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))

/* sys_admin: systemd mounts; sys_boot: reboot(2), which in a pid namespace ends its init alone. */
const struct cnt_cap cnt_box_caps[] = {
	{ CAP_CHOWN, "chown" },
	{ CAP_DAC_OVERRIDE, "dac_override" },
	{ CAP_FOWNER, "fowner" },
	{ CAP_FSETID, "fsetid" },
	{ CAP_KILL, "kill" },
	{ CAP_SETGID, "setgid" },
	{ CAP_SETUID, "setuid" },
	{ CAP_SETPCAP, "setpcap" },
	{ CAP_NET_BIND_SERVICE, "net_bind_service" },
	{ CAP_NET_RAW, "net_raw" },
	{ CAP_SYS_CHROOT, "sys_chroot" },
	{ CAP_SYS_ADMIN, "sys_admin" },
	{ CAP_SYS_BOOT, "sys_boot" },
	{ CAP_AUDIT_WRITE, "audit_write" },
	{ CAP_SETFCAP, "setfcap" },
};
const size_t cnt_box_caps_n = nitems(cnt_box_caps);

int
cnt_filter_read(const char *box, struct cnt_buf *b, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_BOXES "/%s/filter.bpf", box);

	if (cnt_file_read(path, FILTER_MAX, b, e) == -1)
		return -1;
	if (b->n == 0 || b->n % sizeof(struct sock_filter) != 0)
		return cnt_fail(e, CNT_SYSTEM, "%s: damaged", path);
	return 0;
}

int
cnt_filter_load(const struct cnt_buf *b, struct cnt_err *e)
{
	struct sock_fprog program = {
		.len = (unsigned short)(b->n / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(void *)b->p,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
		return cnt_fail_sys(e, "seccomp");
	return 0;
}
