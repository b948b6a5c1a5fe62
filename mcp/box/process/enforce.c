/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands may touch with AGENTBOX_ENFORCE=1: everything below AGENTBOX_ROOT and a directory
 * for temporary files of their own; the system's own directories for reading and executing; the
 * harmless devices. Nothing else can be read, written, made, renamed, cut or removed, no device
 * node be made, no mount be changed, and no process outside of the command be signalled, traced
 * or spoken to by an abstract socket (as far as the kernel's Landlock goes). Of root's capabilities
 * only those over files, processes and users are left: with the others the kernel itself could be
 * changed. What an open socket in the file system does for its callers is not stopped, nor is the
 * network.
 *
 * A kernel that could be cheated by truncate(2) (before 6.2) is refused like one without Landlock.
 */
#include "mcp/box/process/enforce.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>

#include "lib/landlock.h"
#include "mcp/box/box.h"
#include "mcp/box/state.h"
#include "mcp/box/user.h"

#define READ	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	LANDLOCK_ACCESS_FS_READ_DIR)
#define NODES	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
#define FS	(READ | NODES | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
	LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

#define BIT(n)	(1U << (n))
#define KEPT	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | \
	BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | \
	BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_NET_RAW) | BIT(CAP_SYS_CHROOT) | \
	BIT(CAP_AUDIT_WRITE) | BIT(CAP_SETFCAP))

static int abi;				/* 0: nothing is enforced */

static const char *const system_directories[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix",
	"/proc", "/sys", "/run/systemd/resolve", "/run/resolvconf",
};

static const char *const devices[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
};

static int
refuse(struct cnt_err *e, const char *why)
{
	cnt_fail(e, CNT_UNAVAILABLE, "AGENTBOX_ENFORCE: %s", why);
	return cnt_hint(e, "Landlock of Linux 6.2 or later is needed, with `landlock` among the "
	    "kernel's lsm=; without AGENTBOX_ENFORCE commands are not held to the root");
}

int
cnt_enforce_take(long version, struct cnt_err *e)
{
	if (version == -1)
		return refuse(e, "this kernel has no Landlock");
	if (version < CNT_ABI_TRUNCATE)
		return refuse(e, "this kernel's Landlock is too old");
	abi = (int)version;
	return 0;
}

int
cnt_enforce_init(struct cnt_err *e)
{
	int asked = cnt_box_switch("AGENTBOX_ENFORCE", e);

	if (asked != 1)
		return asked;
	if (getenv("AGENTBOX_ROOT") == NULL) {
		cnt_fail(e, CNT_INVALID, "AGENTBOX_ENFORCE: there is no AGENTBOX_ROOT to enforce");
		return cnt_hint(e, "set AGENTBOX_ROOT to the directory that commands are held to");
	}
	return cnt_enforce_take(cnt_landlock_abi(), e);
}

bool
cnt_enforce_holds(void)
{
	return abi != 0;
}

static int
allow_opened(int ruleset, int fd, __u64 what)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = what, .parent_fd = fd };

	return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* What is not there needs no rule. */
static int
allow(int ruleset, const char *path, __u64 what)
{
	int fd CNT_CLOSE = open(path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -1;
	return allow_opened(ruleset, fd, what);
}

static int
allow_devices(int ruleset)
{
	__u64 use = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_TRUNCATE | (abi >= CNT_ABI_IOCTL ? LANDLOCK_ACCESS_FS_IOCTL_DEV : 0);

	for (size_t i = 0; i < nitems(devices); i++)
		if (allow(ruleset, devices[i], use) == -1)
			return -1;
	return allow(ruleset, "/dev", LANDLOCK_ACCESS_FS_READ_DIR);
}

int
cnt_enforce_open(int *fd)
{
	const struct cnt_landlock attr = {
		.fs = FS | (abi >= CNT_ABI_IOCTL ? LANDLOCK_ACCESS_FS_IOCTL_DEV : 0),
		.scoped = abi >= CNT_ABI_SCOPES ? CNT_LANDLOCK_SCOPES : 0,
	};
	int ruleset CNT_CLOSE = -1, tmp CNT_CLOSE = -1;

	*fd = -1;
	if (abi == 0)
		return 0;
	tmp = cnt_state_directory("tmp");
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	/* The root is the working directory, as for every tool. */
	if (ruleset == -1 || allow(ruleset, ".", FS & ~NODES) == -1 ||
	    (tmp != -1 && allow_opened(ruleset, tmp, FS & ~NODES) == -1) ||
	    allow_devices(ruleset) == -1)
		return -1;
	for (size_t i = 0; i < nitems(system_directories); i++)
		if (allow(ruleset, system_directories[i], READ) == -1)
			return -1;
	*fd = take_fd(&ruleset);
	return 0;
}

int
cnt_enforce_enter(int fd)
{
	struct __user_cap_header_struct self = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) == -1 ||
	    syscall(SYS_capget, &self, caps) == -1)
		return -1;
	for (size_t i = 0; i < nitems(caps); i++) {
		__u32 kept = i == 0 ? KEPT : 0;

		caps[i].effective &= kept;
		caps[i].permitted &= kept;
		caps[i].inheritable &= kept;
	}
	return (int)syscall(SYS_capset, &self, caps);
}

char *
cnt_enforce_tmpdir(void)
{
	int fd CNT_CLOSE = abi != 0 ? cnt_state_directory("tmp") : -1;

	return fd != -1 ? cnt_format("%s/.local/state/agent-box/tmp", cnt_user_self()->home) : NULL;
}
