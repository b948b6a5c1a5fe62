/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that a box may use, and the two forms of that list: the profile that liblxc
 * reads for the box's init, and the BPF program for what enters. An allowlist: a call that a later
 * kernel adds is denied until it is named here. Denied on purpose are, among others, bpf,
 * perf_event_open, userfaultfd, io_uring_*, keyctl and its kin, kexec*, *_module,
 * open_by_handle_at, move_pages, mbind. A denied call answers ENOSYS: EPERM would break libc's
 * fall-backs from a new call to an old one. A socket is of a family that the box's network or its
 * files confine: AF_VSOCK is not, and AF_ALG and others are much of the kernel. Last, a filter by a
 * list of the caller's, for a process of ours that reads what an enemy sends: there a denied call
 * is the end.
 */
#include "lib/filter.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <errno.h>
#include <inttypes.h>

#include <seccomp.h>

#include "lib/file.h"

const char *const cnt_filter_calls[] = {
	"read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap",
	"mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "ioctl",
	"pread64", "pwrite64", "readv", "writev", "access", "pipe", "select", "sched_yield",
	"mremap", "msync", "mincore", "madvise", "shmget", "shmat", "shmctl", "dup", "dup2",
	"pause", "nanosleep", "getitimer", "alarm", "setitimer", "getpid", "sendfile",
	"connect", "accept", "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown",
	"bind", "listen", "getsockname", "getpeername", "socketpair", "setsockopt",
	"getsockopt", "clone", "fork", "vfork", "execve", "exit", "wait4", "kill", "uname",
	"semget", "semop", "semctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl", "fcntl",
	"flock", "fsync", "fdatasync", "truncate", "ftruncate", "getdents", "getcwd", "chdir",
	"fchdir", "rename", "mkdir", "rmdir", "creat", "link", "unlink", "symlink", "readlink",
	"chmod", "fchmod", "chown", "fchown", "lchown", "umask", "gettimeofday", "getrlimit",
	"getrusage", "sysinfo", "times", "ptrace", "getuid", "syslog", "getgid", "setuid",
	"setgid", "geteuid", "getegid", "setpgid", "getppid", "getpgrp", "setsid", "setreuid",
	"setregid", "getgroups", "setgroups", "setresuid", "getresuid", "setresgid",
	"getresgid", "getpgid", "setfsuid", "setfsgid", "getsid", "capget", "capset",
	"rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_sigsuspend", "sigaltstack",
	"utime", "mknod", "personality", "statfs", "fstatfs", "getpriority", "setpriority",
	"sched_setparam", "sched_getparam", "sched_setscheduler", "sched_getscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "mlock",
	"munlock", "mlockall", "munlockall", "vhangup", "pivot_root", "prctl", "arch_prctl",
	"adjtimex", "setrlimit", "chroot", "sync", "mount", "umount2", "reboot", "sethostname",
	"setdomainname", "gettid", "readahead", "setxattr", "lsetxattr", "fsetxattr",
	"getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
	"removexattr", "lremovexattr", "fremovexattr", "tkill", "time", "futex",
	"sched_setaffinity", "sched_getaffinity", "set_thread_area", "io_setup", "io_destroy",
	"io_getevents", "io_submit", "io_cancel", "get_thread_area", "epoll_create",
	"remap_file_pages", "getdents64", "set_tid_address", "restart_syscall", "semtimedop",
	"fadvise64", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun",
	"timer_delete", "clock_gettime", "clock_getres", "clock_nanosleep", "exit_group",
	"epoll_wait", "epoll_ctl", "tgkill", "utimes", "mq_open", "mq_unlink", "mq_timedsend",
	"mq_timedreceive", "mq_notify", "mq_getsetattr", "waitid", "ioprio_set", "ioprio_get",
	"inotify_init", "inotify_add_watch", "inotify_rm_watch", "openat", "mkdirat",
	"mknodat", "fchownat", "futimesat", "newfstatat", "unlinkat", "renameat", "linkat",
	"symlinkat", "readlinkat", "fchmodat", "faccessat", "pselect6", "ppoll", "unshare",
	"set_robust_list", "get_robust_list", "splice", "tee", "sync_file_range", "vmsplice",
	"utimensat", "epoll_pwait", "signalfd", "timerfd_create", "eventfd", "fallocate",
	"timerfd_settime", "timerfd_gettime", "accept4", "signalfd4", "eventfd2",
	"epoll_create1", "dup3", "pipe2", "inotify_init1", "preadv", "pwritev",
	"rt_tgsigqueueinfo", "recvmmsg", "fanotify_mark", "prlimit64", "name_to_handle_at",
	"clock_adjtime", "syncfs", "sendmmsg", "setns", "getcpu", "process_vm_readv",
	"process_vm_writev", "kcmp", "sched_setattr", "sched_getattr", "renameat2", "seccomp",
	"getrandom", "memfd_create", "execveat", "membarrier", "mlock2", "copy_file_range",
	"preadv2", "pwritev2", "pkey_mprotect", "pkey_alloc", "pkey_free", "statx",
	"io_pgetevents", "rseq", "pidfd_send_signal", "open_tree", "move_mount", "fsopen",
	"fsconfig", "fsmount", "fspick", "pidfd_open", "clone3", "close_range", "openat2",
	"pidfd_getfd", "faccessat2", "process_madvise", "epoll_pwait2", "mount_setattr",
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
	"process_mrelease", "futex_waitv", "set_mempolicy_home_node", "cachestat", "fchmodat2",
	"map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue",
};
const size_t cnt_filter_calls_n = nitems(cnt_filter_calls);

/* The families of sockets, as what is left under a mask: each rule that looks at an argument costs
 * a start half a millisecond. */
static const struct {
	uint64_t mask, value;
} families[] = {
	{ ~(uint64_t)(AF_INET ^ AF_INET6), AF_INET },
	{ ~(uint64_t)(AF_UNIX | AF_NETLINK | AF_PACKET), 0 },	/* and 0, which is none */
};

/* The section for i386 holds one harmless call, which makes liblxc filter that ABI as well. */
void
cnt_filter_profile(struct cnt_buf *b)
{
	cnt_buf_addf(b, "2\nallowlist errno %d\n", ENOSYS);
#ifdef __x86_64__
	cnt_buf_adds(b, "[x86]\nrestart_syscall\n[x86_64]\n");
#else
	cnt_buf_adds(b, "[all]\n");
#endif
	for (size_t i = 0; i < cnt_filter_calls_n; i++)
		cnt_buf_addf(b, "%s\n", cnt_filter_calls[i]);
	for (size_t i = 0; i < nitems(families); i++)
		cnt_buf_addf(b, "socket allow [0,%" PRIu64 ",SCMP_CMP_MASKED_EQ,%" PRIu64 "]\n",
		    families[i].value, families[i].mask);
}

static void
release(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

/* A binary tree (optimize 2) loads three times as fast as a list: the kernel tries every call. */
int
cnt_filter_build(struct cnt_buf *b, struct cnt_err *e)
{
	__attribute__((cleanup(release))) scmp_filter_ctx filter =
	    seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	CNT_CLOSE int fd = memfd_create("cnt-filter", MFD_CLOEXEC);
	char path[32];
	int r = 0;

	if (filter == NULL || fd == -1)
		return cnt_fail_sys(e, "seccomp filter");
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; r == 0 && i < cnt_filter_calls_n; i++) {
		int call = seccomp_syscall_resolve_name(cnt_filter_calls[i]);

		if (call >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	for (size_t i = 0; r == 0 && i < nitems(families); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, families[i].mask, families[i].value));
	if (r == 0)
		r = seccomp_export_bpf(filter, fd);
	if (r != 0)
		return cnt_fail(e, CNT_BUG, "seccomp filter: %s", strerror(-r));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return cnt_file_read(path, 1 << 16, b, e);
}

int
cnt_filter_only(const char *const *calls, size_t n, struct cnt_err *e)
{
	__attribute__((cleanup(release))) scmp_filter_ctx filter =
	    seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = 0;

	if (filter == NULL)
		return cnt_fail_sys(e, "seccomp filter");
	for (size_t i = 0; r == 0 && i < n; i++) {
		int call = seccomp_syscall_resolve_name(calls[i]);

		if (call == SCMP_SYS(mmap))
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
			    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		else if (call >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	if (r == 0)
		r = seccomp_load(filter);
	return r == 0 ? 0 : cnt_fail(e, CNT_SYSTEM, "seccomp filter: %s", strerror(-r));
}
