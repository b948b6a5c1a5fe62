/* SPDX-License-Identifier: Apache-2.0
 *
 * A box's directory, its end, and whether it runs. What runs is asked of the kernel: the monitor
 * is in its cgroup, init is the monitor's child; both are held by pidfd while they are looked at,
 * so no recycled number is ever taken for one of them. Everything here may be repeated after a
 * kill.
 */
#include "lib/box.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "lib/apparmor.h"
#include "lib/cgroup.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/image.h"
#include "lib/paths.h"
#include "lib/upper.h"

#define STEP_US		2000		/* between two looks at what has no descriptor to wait on */
#define STARTING_S	5		/* for a box that starts, to let anyone in */
#define VETH_S		10		/* for the kernel to take a dead network namespace apart */

/* The monitor and init of a running box. */
struct running {
	pid_t	init, monitor;
	int	init_fd, monitor_fd;
	int	error;		/* errno of what kept from looking, or 0 */
};

#define RUNNING	__attribute__((cleanup(let_go)))

static void
let_go(struct running *r)
{
	cnt_cleanup_close(&r->init_fd);
	cnt_cleanup_close(&r->monitor_fd);
}

static void
pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static int64_t
deadline(double seconds)
{
	return cnt_ticks_us() + (int64_t)((seconds < 1e9 ? seconds : 1e9) * 1e6);
}

int
cnt_box_place(const struct cnt_instance *i, int slot, struct cnt_place *p, struct cnt_err *e)
{
	uint32_t size = i->prefix < 32 ? UINT32_C(1) << (32 - i->prefix) : 0;
	uint32_t address = i->subnet + 2 + (uint32_t)slot;
	struct in_addr a = { htonl(address) }, g = { htonl(i->subnet + 1) };

	/* Network, bridge and broadcast take three addresses. */
	if (slot < 0 || (uint32_t)slot >= i->id_count / CNT_IDS || size < 4 ||
	    (uint32_t)slot >= size - 3)
		return cnt_fail(e, CNT_BUSY, "no address or id range for box %d", slot);
	p->id = i->id_base + (uint32_t)slot * CNT_IDS;
	inet_ntop(AF_INET, &a, p->address, sizeof(p->address));
	inet_ntop(AF_INET, &g, p->gateway, sizeof(p->gateway));
	snprintf(p->veth, sizeof(p->veth), "%s-%hu", i->tag, (unsigned short)slot);
	snprintf(p->bridge, sizeof(p->bridge), "%s0", i->tag);
	snprintf(p->mac, sizeof(p->mac), "02:00:%02x:%02x:%02x:%02x", address >> 24,
	    address >> 16 & 255, address >> 8 & 255, address & 255);
	return 0;
}

/* The file goes with its box, so what was locked may no longer be what has the name. */
int
cnt_box_lock(const char *name, int wait_ms, int *fd, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS "/%s", name);
	int64_t until = deadline(wait_ms / 1e3);

	for (;;) {
		CNT_CLOSE int own = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat now, mine;

		if (own == -1 || fstat(own, &mine) == -1)
			return cnt_fail_sys(e, "%s", path);
		if (flock(own, LOCK_EX | LOCK_NB) == 0) {
			if (stat(path, &now) == 0 && now.st_ino == mine.st_ino &&
			    now.st_dev == mine.st_dev) {
				*fd = take_fd(&own);
				return 0;
			}
			continue;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cnt_fail_sys(e, "%s", path);
		if (cnt_ticks_us() >= until) {
			cnt_fail(e, CNT_BUSY, "%s: another command is at work on this box", name);
			return cnt_hint(e, "try again when it has ended");
		}
		pause_us(STEP_US);
	}
}

/* Keeps errno, but for what says that a process or a group is not there (any more). */
static void
keep_error(int *error)
{
	if (errno != ENOENT && errno != ESRCH && errno != ENODEV && errno != EINVAL)
		*error = errno;
}

static int
open_process(long pid, int *error)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	if (fd == -1)
		keep_error(error);
	return fd;
}

/* Reads a small file of the kernel's; "" when it is not there. */
static const char *
small(int *error, char *to, size_t size, const char *fmt, ...)
{
	char path[160];
	va_list ap;
	ssize_t r = -1;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		keep_error(error);
	} else {
		r = read(fd, to, size - 1);
		close(fd);
	}
	to[r > 0 ? r : 0] = '\0';
	return to;
}

/* The cgroup that holds the monitor. */
static const char *
monitors(const struct cnt_instance *i, const char *name, int *error, char *to, size_t size)
{
	const char *v2 = cnt_cgroup_v2();

	return small(error, to, size, "%s/%s/%s.mon/cgroup.procs", v2 != NULL ? v2 : "", i->tag,
	    name);
}

static bool
has_pid(const char *list, pid_t pid)
{
	char *end = NULL;

	for (long n; (n = strtol(list, &end, 10)) != 0 && end != list; list = end)
		if (n == pid)
			return true;
	return false;
}

/* Is pid a child of parent's, in another pid namespace? liblxc's monitor has only one such child:
 * pid 1 of the box. Nothing is read here whose length the box decides, as it does in status. */
static bool
is_init(pid_t pid, pid_t parent, int *error)
{
	char text[1024], path[64];
	struct stat own, its;
	const char *p;
	int ppid = 0;

	small(error, text, sizeof(text), "/proc/%d/stat", (int)pid);
	p = strrchr(text, ')');		/* its name may hold anything */
	if (p == NULL || sscanf(p, ") %*c %d", &ppid) != 1 || ppid != parent)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (stat(path, &its) == -1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)parent);
	return stat(path, &own) == 0 && (own.st_ino != its.st_ino || own.st_dev != its.st_dev);
}

static bool
has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A pidfd is opened before its process is looked at, and is alive after: then it was that one. */
static bool
find_init(pid_t monitor, struct running *r)
{
	char children[4096];
	const char *list = small(&r->error, children, sizeof(children),
	    "/proc/%d/task/%d/children", (int)monitor, (int)monitor);
	char *end = NULL;

	for (long n; (n = strtol(list, &end, 10)) > 0 && end != list; list = end) {
		CNT_CLOSE int fd = open_process(n, &r->error);

		if (fd != -1 && is_init((pid_t)n, monitor, &r->error) && !has_ended(fd)) {
			r->init = (pid_t)n;
			r->init_fd = take_fd(&fd);
			return true;
		}
	}
	return false;
}

/* 1: running and r filled in, to be let go; 0: not; -1: it cannot be told. */
static int
find(const struct cnt_instance *i, const char *name, struct running *r, struct cnt_err *e)
{
	char list[1024], again[1024];
	const char *p = monitors(i, name, &r->error, list, sizeof(list));
	char *end = NULL;

	for (long n; (n = strtol(p, &end, 10)) > 0 && end != p; p = end) {
		CNT_CLOSE int fd = open_process(n, &r->error);

		if (fd == -1 || !find_init((pid_t)n, r))
			continue;
		if (has_pid(monitors(i, name, &r->error, again, sizeof(again)), (pid_t)n) &&
		    !has_ended(fd)) {
			r->monitor = (pid_t)n;
			r->monitor_fd = take_fd(&fd);
			return 1;
		}
		close(take_fd(&r->init_fd));
	}
	errno = r->error;
	return r->error == 0 ? 0 : cnt_fail_sys(e, "%s: whether it runs", name);
}

int
cnt_box_init(const struct cnt_instance *i, const char *name, pid_t *init, pid_t *monitor,
    int *pidfd, struct cnt_err *e)
{
	RUNNING struct running r = { .init_fd = -1, .monitor_fd = -1 };
	int found = find(i, name, &r, e);

	if (found != 1)
		return found;
	if (init != NULL)
		*init = r.init;
	if (monitor != NULL)
		*monitor = r.monitor;
	if (pidfd != NULL)
		*pidfd = take_fd(&r.init_fd);
	return 1;
}

/* liblxc's child is pid 1 of the box's namespaces long before it has the box's mounts, ids and
 * confinement, and runs our program until then; what the box executes never is that one, since no
 * path in the box leads to it. An exec under way shows its new program before its new credentials
 * and label: opening `auxv` waits for its end. */
static bool
has_executed(const struct running *r)
{
	char path[64];
	struct stat init, monitor;
	CNT_CLOSE int auxv = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)r->monitor);
	if (stat(path, &monitor) == -1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)r->init);
	if (stat(path, &init) == -1 ||
	    (init.st_ino == monitor.st_ino && init.st_dev == monitor.st_dev))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)r->init);
	auxv = open(path, O_RDONLY | O_CLOEXEC);
	return auxv != -1 && !has_ended(r->monitor_fd) && !has_ended(r->init_fd);
}

int
cnt_box_open(const struct cnt_instance *i, const char *name, pid_t *init, pid_t *monitor,
    int *pidfd, struct cnt_err *e)
{
	int64_t until = deadline(STARTING_S);

	for (;;) {
		RUNNING struct running r = { .init_fd = -1, .monitor_fd = -1 };
		char list[1024];
		int found = find(i, name, &r, e);

		if (found == -1)
			return -1;
		if (found == 1 && has_executed(&r)) {
			*init = r.init;
			*monitor = r.monitor;
			*pidfd = take_fd(&r.init_fd);
			return 1;
		}
		/* While the box reboots there is only the monitor. */
		if (found == 0 && *monitors(i, name, &r.error, list, sizeof(list)) == '\0')
			return 0;
		if (cnt_ticks_us() >= until) {
			cnt_fail(e, CNT_BUSY, "%s: is starting", name);
			return cnt_hint(e, "try again in a moment");
		}
		pause_us(STEP_US / 10);
	}
}

static bool
wait_end(int pidfd, int64_t until)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t left;

	while ((left = until - cnt_ticks_us()) > 0)
		if (poll(&p, 1, (int)(left / 1000 + 1)) == 1)
			return true;
	return has_ended(pidfd);
}

/* An init that neither catches nor blocks the signal would lose it: systemd's first 50 ms. One that
 * hides its masks behind a long list of groups gets it now. */
static bool
can_hear(pid_t init, int sig)
{
	char status[4096];
	const char *blocked, *caught;
	unsigned long long heard = 0;
	int ignored = 0;

	small(&ignored, status, sizeof(status), "/proc/%d/status", (int)init);
	blocked = strstr(status, "\nSigBlk:\t");
	caught = strstr(status, "\nSigCgt:\t");
	if (blocked == NULL || caught == NULL)
		return true;
	heard = strtoull(blocked + 9, NULL, 16) | strtoull(caught + 9, NULL, 16);
	return (heard >> (sig - 1) & 1) != 0;
}

/* Has the monitor ended by itself in time? */
static bool
ask(const struct running *r, double timeout)
{
	int64_t until = deadline(timeout);
	int sig = SIGRTMIN + 3;		/* systemd: halt.target */

	while (!can_hear(r->init, sig) && !has_ended(r->init_fd) && cnt_ticks_us() < until)
		pause_us(STEP_US);
	syscall(SYS_pidfd_send_signal, r->init_fd, sig, NULL, 0);
	return wait_end(r->monitor_fd, until);
}

bool
cnt_box_ask(const struct cnt_instance *i, const char *name)
{
	RUNNING struct running r = { .init_fd = -1, .monitor_fd = -1 };
	struct cnt_err ignored;

	if (find(i, name, &r, &ignored) != 1)
		return false;
	ask(&r, 0);
	return true;
}

/* The veth's host end as the last start's configuration names it; "": never started. */
static void
veth_of(const char *name, char veth[IF_NAMESIZE])
{
	char *path CNT_FREE = cnt_path(CNT_BOXES "/%s/config", name);
	CNT_BUF struct cnt_buf b = { 0 };
	struct cnt_err e;
	const char *p = NULL;

	if (cnt_file_read(path, 1 << 16, &b, &e) == 0 && b.n > 0)
		p = strstr(b.p, "\nlxc.net.0.veth.pair = ");
	if (p == NULL || sscanf(p, "\nlxc.net.0.veth.pair = %15s", veth) != 1)
		veth[0] = '\0';
}

/* What is left when the monitor is gone, however it went: processes, cgroups, the AppArmor profile,
 * the veth. Names in the cgroup tree with a `.` are never a box's: NAME.start holds a start that
 * has not come to its end. */
static int
sweep(const struct cnt_instance *i, const char *name, struct cnt_err *e)
{
	char *start CNT_FREE = cnt_format("%s.start", name);
	int64_t until = deadline(VETH_S);
	char veth[IF_NAMESIZE];

	if (cnt_cgroup_remove(i->tag, start, e) == -1 ||
	    CNT_STEP("no start of the box is under way", e) == -1 ||
	    cnt_cgroup_remove(i->tag, name, e) == -1 ||
	    CNT_STEP("the box's control groups are gone", e) == -1)
		return -1;
	cnt_apparmor_unload(name);
	veth_of(name, veth);
	while (veth[0] != '\0' && if_nametoindex(veth) != 0) {
		if (cnt_ticks_us() >= until)
			return cnt_fail(e, CNT_TIMEOUT, "%s: %s does not go away", name, veth);
		pause_us(STEP_US / 4);
	}
	return 0;
}

int
cnt_box_stop(const struct cnt_instance *i, const char *name, bool force, double timeout,
    bool *killed, struct cnt_err *e)
{
	RUNNING struct running r = { .init_fd = -1, .monitor_fd = -1 };
	int found = find(i, name, &r, e);
	bool has_to = found != 0 && (force || (found == 1 && !ask(&r, timeout)));

	if ((found == -1 && !force) || CNT_STEP("the box's end has begun", e) == -1)
		return -1;
	if (killed != NULL)
		*killed = has_to;
	return sweep(i, name, e);
}

/* The starter goes first: it is what could still put a monitor into an empty cgroup. */
int
cnt_box_sweep(const struct cnt_instance *i, const char *name, struct cnt_err *e)
{
	char *start CNT_FREE = cnt_format("%s.start", name);
	char list[1024];
	int error = 0;

	if (cnt_cgroup_remove(i->tag, start, e) == -1)
		return -1;
	if (*monitors(i, name, &error, list, sizeof(list)) != '\0')
		return 0;
	errno = error;
	return error == 0 ? sweep(i, name, e) : cnt_fail_sys(e, "%s: whether it runs", name);
}

/* What is in boxes/NAME from the first moment on; *upper is open. */
static int
make_dirs(const char *dir, int *upper, struct cnt_err *e)
{
	static const struct { const char *name; mode_t mode; } parts[] = {
		{ "rootfs", 0711 }, { "disk", 0700 }, { "disk/work", 0700 }, { "disk/upper", 0755 },
	};
	CNT_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 || fchmod(fd, 0711) == -1)
		return cnt_fail_sys(e, "%s", dir);
	for (size_t n = 0; n < nitems(parts); n++)
		if (cnt_file_mkdirs_in(fd, parts[n].name, parts[n].mode, 0, 0, e) == -1)
			return -1;
	*upper = cnt_file_open_in(fd, "disk/upper", O_RDONLY | O_DIRECTORY, 0);
	return *upper == -1 ? cnt_fail_sys(e, "%s/disk/upper", dir) : 0;
}

int
cnt_box_make(const struct cnt_instance *i, const struct cnt_box *b, const char *const *keys,
    size_t n, struct cnt_err *e)
{
	char *image CNT_FREE = cnt_image_rootfs(b->image);
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", b->name);
	CNT_CLOSE int root = open(image, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CNT_CLOSE int upper = -1;
	struct cnt_place p;
	struct cnt_err ignored;

	for (size_t k = 0; k < n; k++)
		if (cnt_upper_check_key(keys[k], e) == -1)
			return -1;
	if (cnt_box_place(i, b->slot, &p, e) == -1)
		return -1;
	if (root == -1)
		return cnt_fail_sys(e, "%s", image);
	if (mkdir(dir, 0711) == -1)
		return errno == EEXIST ? cnt_fail(e, CNT_EXISTS, "%s: exists already", dir) :
		    cnt_fail_sys(e, "%s", dir);
	if (CNT_STEP("the box has its directory", e) == 0 && make_dirs(dir, &upper, e) == 0 &&
	    CNT_STEP("the box has its layers", e) == 0 &&
	    cnt_upper_write(root, upper, b->name, &p, keys, n, e) == 0 &&
	    CNT_STEP("the box has its own files", e) == 0)
		return 0;
	cnt_file_remove_tree(dir, &ignored);
	return -1;
}

int
cnt_box_forget_lock(const char *name, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_LOCKS "/%s", name);

	return unlink(path) == -1 && errno != ENOENT ? cnt_fail_sys(e, "%s", path) : 0;
}

int
cnt_box_hold(struct cnt_store *s, const char *name, int wait_ms, int *fd, struct cnt_box *b,
    struct cnt_err *e)
{
	CNT_CLOSE int own = -1;
	struct cnt_err ignored = { 0 };

	if (cnt_box_lock(name, wait_ms, &own, e) == -1)
		return -1;
	if (cnt_store_box_get(s, name, b, e) == 0) {
		*fd = take_fd(&own);
		return 0;
	}
	if (e->code == CNT_NOTFOUND)
		(void)cnt_box_forget_lock(name, &ignored);
	return -1;
}

/* The lock's file goes last: while there is a row, whoever finds it half made must not get one. */
int
cnt_box_remove(struct cnt_store *s, const struct cnt_instance *i, const char *name,
    struct cnt_err *e)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", name);

	if (cnt_box_stop(i, name, true, 0, NULL, e) == -1 ||
	    CNT_STEP("the box that goes has ended", e) == -1)
		return -1;
	cnt_apparmor_forget(name);
	if (cnt_file_remove_tree(dir, e) == -1 ||
	    CNT_STEP("the box's files are gone", e) == -1 ||
	    cnt_store_box_remove(s, name, e) == -1 ||
	    CNT_STEP("the box's row is gone", e) == -1 || cnt_box_forget_lock(name, e) == -1)
		return -1;
	return CNT_STEP("the box's lock is gone", e);
}

/* One attempt; a box may answer with silence for ever. */
static bool
answers_ssh(const char *address, int64_t until)
{
	CNT_CLOSE int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(22) };
	struct pollfd p = { .fd = s, .events = POLLIN };
	int64_t left = (until - cnt_ticks_us()) / 1000;
	char banner[4];

	if (s == -1 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return false;
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) == -1 && errno != EINPROGRESS)
		return false;
	return poll(&p, 1, left > 500 ? 500 : left > 0 ? (int)left : 0) == 1 &&
	    recv(s, banner, sizeof(banner), 0) == sizeof(banner) &&
	    memcmp(banner, "SSH-", sizeof(banner)) == 0;
}

int
cnt_box_wait(const struct cnt_instance *i, const struct cnt_box *b, const char *until,
    double timeout, struct cnt_err *e)
{
	int64_t end = deadline(timeout);
	bool wants_ssh = strcmp(until, "ssh") == 0;
	struct cnt_place p;

	if (cnt_box_place(i, b->slot, &p, e) == -1)
		return -1;
	for (;;) {
		RUNNING struct running r = { .init_fd = -1, .monitor_fd = -1 };

		int found = find(i, b->name, &r, e);

		if (found == -1)
			return -1;
		if (found == 0)
			return cnt_fail(e, CNT_NO, "%s: not running", b->name);
		if (has_executed(&r) && (!wants_ssh || answers_ssh(p.address, end)))
			return 0;
		if (cnt_ticks_us() >= end)
			return cnt_fail(e, CNT_TIMEOUT, "%s: %s after %g s", b->name,
			    wants_ssh ? "no ssh server answers" : "no command can run", timeout);
		pause_us(wants_ssh ? STEP_US : STEP_US / 10);
	}
}
