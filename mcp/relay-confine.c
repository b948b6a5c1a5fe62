/* SPDX-License-Identifier: Apache-2.0
 *
 * What the relay gives up before it reads its first byte: every descriptor but three, root, all
 * capabilities, and by seccomp and Landlock every system call but those of its loop. Where the
 * kernel has no Landlock (`cnt doctor` tells) seccomp stands alone: it allows no call that opens,
 * connects or signals anything, with Landlock or without.
 */
#include "mcp/relay.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>

#include "lib/filter.h"
#include "lib/landlock.h"

#define NOBODY	65534
#define MEMORY	((rlim_t)160 << 20)	/* of addresses: libraries, two lines, the tree of one */

/* The loop's own, and malloc's. restart_syscall: poll goes on after SIGCONT. */
static const char *const calls[] = {
	"read", "write", "poll", "ppoll", "restart_syscall", "clock_gettime", "exit_group",
	"brk", "mmap", "munmap", "mremap",
#ifdef __SANITIZE_ADDRESS__
	"madvise", "futex", "sigaltstack", "getpid", "gettid", "sched_yield", "rt_sigaction",
	"rt_sigprocmask",
#endif
};

static int
limit(int what, rlim_t most)
{
	return setrlimit(what, &(struct rlimit){ most, most });
}

static int
drop_bounds(void)
{
	int cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	return cap > 0 && errno == EINVAL ? 0 : -1;	/* the first that this kernel lacks */
}

static int
drop_root(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (drop_bounds() == -1 || setgroups(0, NULL) == -1 ||
	    setresgid(NOBODY, NOBODY, NOBODY) == -1 || setresuid(NOBODY, NOBODY, NOBODY) == -1 ||
	    syscall(SYS_capset, &head, none) == -1)
		return -1;
	return prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a change of account takes it away */
}

static int
limit_all(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (limit(RLIMIT_AS, MEMORY) == -1)
		return -1;
#endif
	return limit(RLIMIT_NPROC, 0) == -1 || limit(RLIMIT_FSIZE, 0) == -1 ||
	    limit(RLIMIT_CORE, 0) == -1 ? -1 : 0;
}

int
cnt_relay_confine(struct cnt_err *e)
{
	if (syscall(SYS_close_range, 3, ~0U, 0) == -1 || chdir("/") == -1)
		return cnt_fail_sys(e, "descriptors");
	if (limit_all() == -1 || drop_root() == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return cnt_fail_sys(e, "rights");
	if (cnt_landlock_nothing() == -1 && errno != ENOSYS && errno != EOPNOTSUPP)
		return cnt_fail_sys(e, "landlock");
	if (limit(RLIMIT_NOFILE, 3) == -1)
		return cnt_fail_sys(e, "limits");
	return cnt_filter_only(calls, nitems(calls), e);
}
