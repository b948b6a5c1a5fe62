/* SPDX-License-Identifier: Apache-2.0
 *
 * A new box's own files, written into its upper layer by descriptor before it ever starts. The
 * image may be hostile: paths are resolved within it by the kernel, only regular files of it are
 * read, and the upper directory holds nothing but what is made here, so no link in it is ever
 * followed. A directory in the upper layer hides the attributes of the image's, so it gets the
 * same ones.
 */
#include "lib/upper.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>

#include "lib/crypto.h"
#include "lib/fault.h"
#include "lib/file.h"
#include "lib/ssh-key.h"

#define TABLE_MAX	(1 << 20)	/* passwd and its like, a file of skel */
#define SKEL_DEPTH	8
#define SEED		512		/* what systemd-random-seed keeps */
#define NO_SUCH_ID	65534		/* for an image's owner that the box cannot have */

struct layers {
	int			 image, upper;
	uint32_t		 id;		/* the box's first */
	const struct cnt_slot	*place;
	const char		*name;
	char			*home;
};

/* An id in the image as the host sees it in the box. */
static uint32_t
shifted(const struct layers *l, uint32_t id)
{
	return l->id + (id < CNT_IDS ? id : NO_SUCH_ID);
}

/* Where path leads in the image, without links: "/usr/etc". What is missing keeps its name. */
static char *
resolve(const struct layers *l, const char *path)
{
	CNT_CLOSE int fd = cnt_file_open_in(l->image, path, O_PATH | O_DIRECTORY);
	char link[64], root[PATH_MAX], real[PATH_MAX];
	ssize_t r, n;

	if (fd == -1) {
		const char *slash = strrchr(path, '/');
		char *parent CNT_FREE = cnt_format("%.*s", (int)(slash - path), path);
		char *to CNT_FREE = slash == path ? cnt_strdup("") : resolve(l, parent);

		return cnt_format("%s%s", to, slash);
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", l->image);
	r = readlink(link, root, sizeof(root) - 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	if (r == -1 || n < r)
		return cnt_strdup(path);
	real[n] = '\0';
	return cnt_strdup(real + r);
}

/* One directory of the upper layer below dir, with the attributes of the image's at real. */
static int
make_dir(const struct layers *l, int dir, const char *base, const char *real)
{
	CNT_CLOSE int below = cnt_file_open_in(l->image, real,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW);
	CNT_CLOSE int fd = -1;
	struct stat st = { .st_mode = 0755 };
	bool is_new = mkdirat(dir, base, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return -1;
	fd = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || !is_new)
		return take_fd(&fd);
	if (below != -1 && fstat(below, &st) == -1)
		return -1;
	if (fchown(fd, shifted(l, st.st_uid), shifted(l, st.st_gid)) == -1 ||
	    fchmod(fd, st.st_mode & 07777) == -1)
		return -1;
	return take_fd(&fd);
}

/* The upper layer's directory for the box's directory `path`, made when missing. */
static int
open_dir(const struct layers *l, const char *path, struct cnt_err *e)
{
	char *real CNT_FREE = resolve(l, path);
	CNT_CLOSE int dir = fcntl(l->upper, F_DUPFD_CLOEXEC, 0);
	size_t n = strspn(real, "/");

	while (dir != -1 && real[n] != '\0') {
		size_t end = n + strcspn(real + n, "/");
		char *base CNT_FREE = cnt_format("%.*s", (int)(end - n), real + n);
		char *whole CNT_FREE = cnt_format("%.*s", (int)end, real);
		int next = make_dir(l, dir, base, whole);

		close(dir);
		dir = next;
		n = end + strspn(real + end, "/");
	}
	if (dir == -1)
		cnt_fail_sys(e, "%s", path);
	return take_fd(&dir);
}

/* Writes the box's file `path`; uid and gid as the box knows them. */
static int
put(const struct layers *l, const char *path, const void *bytes, size_t n, mode_t mode,
    uint32_t uid, uint32_t gid, struct cnt_err *e)
{
	const char *base = strrchr(path, '/') + 1;
	char *parent CNT_FREE = cnt_format("%.*s", (int)(base - 1 - path), path);
	CNT_CLOSE int dir = open_dir(l, base - 1 == path ? "/" : parent, e);

	if (dir == -1)
		return -1;
	return cnt_file_write_in(dir, base, bytes, n, mode, shifted(l, uid), shifted(l, gid), e);
}

static int
put_text(const struct layers *l, const char *path, const char *text, struct cnt_err *e)
{
	return put(l, path, text, strlen(text), 0644, 0, 0, e);
}

/* Is the name or id in a table whose lines are name:x:ID:...? */
static int
check_free(const struct layers *l, const char *table, const char *path, struct cnt_err *e)
{
	for (const char *line = table; *line != '\0'; line += strcspn(line, "\n")) {
		size_t name = 0, rest = 0;

		line += strspn(line, "\n");
		name = strcspn(line, ":\n");
		if (line[name] != ':')
			continue;
		if (name == strlen(l->name) && strncmp(line, l->name, name) == 0)
			return cnt_fail(e, CNT_INVALID, "%s: the image's %s has that name",
			    l->name, path);
		rest = name + 1 + strcspn(line + name + 1, ":\n");
		if (line[rest] == ':' && strtoul(line + rest + 1, NULL, 10) == CNT_BOX_UID)
			return cnt_fail(e, CNT_INVALID, "image: %s gives id %d to %.*s, "
			    "which is the box's own user's", path, CNT_BOX_UID, (int)name, line);
	}
	return 0;
}

/* The image's table and one line more, with the owner and mode that it has there. */
static int
extend(const struct layers *l, const char *path, bool is_ids, bool is_optional, const char *line,
    struct cnt_err *e)
{
	CNT_BUF struct cnt_buf b = { 0 };
	CNT_CLOSE int fd = cnt_file_open_in(l->image, path, O_PATH);
	struct stat st;

	if (fd == -1 && errno == ENOENT && is_optional)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_fail_sys(e, "image: %s", path);
	if (cnt_file_read_in(l->image, path, TABLE_MAX, &b, e) == -1)
		return -1;
	if (is_ids && b.n > 0 && check_free(l, b.p, path, e) == -1)
		return -1;
	if (b.n > 0 && b.p[b.n - 1] != '\n')
		cnt_buf_adds(&b, "\n");
	cnt_buf_adds(&b, line);
	return put(l, path, b.p, b.n, st.st_mode & 07777, st.st_uid, st.st_gid, e);
}

static bool
has_bash(const struct layers *l)
{
	CNT_CLOSE int fd = cnt_file_open_in(l->image, "/bin/bash", O_PATH);
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* `*` as password: none fits, and sshd does not take the account for locked as it does with `!`. */
static int
write_account(const struct layers *l, struct cnt_err *e)
{
	char *passwd CNT_FREE = cnt_format("%s:x:%d:%d::%s:%s\n", l->name, CNT_BOX_UID, CNT_BOX_UID,
	    l->home, has_bash(l) ? "/bin/bash" : "/bin/sh");
	char *group CNT_FREE = cnt_format("%s:x:%d:\n", l->name, CNT_BOX_UID);
	char *shadow CNT_FREE = cnt_format("%s:*:%ld:0:99999:7:::\n", l->name,
	    (long)(time(NULL) / 86400));
	char *gshadow CNT_FREE = cnt_format("%s:!::\n", l->name);
	char *range CNT_FREE = cnt_format("%s:10000:50000\n", l->name);	/* below systemd's own */
	char *sudo CNT_FREE = cnt_format("%s ALL=(ALL:ALL) NOPASSWD: ALL\n", l->name);
	char *sudoers CNT_FREE = cnt_format("/etc/sudoers.d/cnt-%s", l->name);

	if (extend(l, "/etc/passwd", true, false, passwd, e) == -1 ||
	    extend(l, "/etc/group", true, false, group, e) == -1 ||
	    extend(l, "/etc/shadow", false, true, shadow, e) == -1 ||
	    extend(l, "/etc/gshadow", false, true, gshadow, e) == -1 ||
	    extend(l, "/etc/subuid", false, true, range, e) == -1 ||
	    extend(l, "/etc/subgid", false, true, range, e) == -1)
		return -1;
	return put(l, sudoers, sudo, strlen(sudo), 0440, 0, 0, e);
}

/* A directory of the user's; the image's attributes do not count. */
static int
own_dir(const struct layers *l, const char *path, mode_t mode, struct cnt_err *e)
{
	CNT_CLOSE int fd = open_dir(l, path, e);

	if (fd == -1)
		return -1;
	if (fchown(fd, shifted(l, CNT_BOX_UID), shifted(l, CNT_BOX_UID)) == -1 ||
	    fchmod(fd, mode) == -1)
		return cnt_fail_sys(e, "%s", path);
	return 0;
}

static int	copy_skel(const struct layers *l, const char *from, const char *to, int depth,
		    struct cnt_err *e);

/* Regular files and directories; a skeleton has nothing else that a user would miss. */
static int
copy_entry(const struct layers *l, const char *from, const char *to, int depth, struct cnt_err *e)
{
	CNT_CLOSE int fd = cnt_file_open_in(l->image, from, O_PATH | O_NOFOLLOW);
	CNT_BUF struct cnt_buf b = { 0 };
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return cnt_fail_sys(e, "image: %s", from);
	if (S_ISDIR(st.st_mode) && depth < SKEL_DEPTH)
		return own_dir(l, to, st.st_mode & 0777, e) == -1 ? -1 :
		    copy_skel(l, from, to, depth + 1, e);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (cnt_file_read_in(l->image, from, TABLE_MAX, &b, e) == -1)
		return -1;
	return put(l, to, b.p, b.n, st.st_mode & 0777, CNT_BOX_UID, CNT_BOX_UID, e);
}

static int
copy_skel(const struct layers *l, const char *from, const char *to, int depth, struct cnt_err *e)
{
	int fd = cnt_file_open_in(l->image, from, O_RDONLY | O_DIRECTORY);
	DIR *d CNT_DIR = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *n;

	if (d == NULL)
		return errno == ENOENT ? 0 : cnt_fail_sys(e, "image: %s", from);
	while (errno = 0, (n = readdir(d)) != NULL) {
		char *source CNT_FREE = cnt_format("%s/%s", from, n->d_name);
		char *target CNT_FREE = cnt_format("%s/%s", to, n->d_name);

		if (strcmp(n->d_name, ".") != 0 && strcmp(n->d_name, "..") != 0 &&
		    copy_entry(l, source, target, depth, e) == -1)
			return -1;
	}
	return errno == 0 ? 0 : cnt_fail_sys(e, "image: %s", from);
}

static int
write_home(const struct layers *l, const char *const *keys, size_t n, struct cnt_err *e)
{
	char *ssh CNT_FREE = cnt_format("%s/.ssh", l->home);
	char *file CNT_FREE = cnt_format("%s/authorized_keys", ssh);
	CNT_BUF struct cnt_buf b = { 0 };

	if (own_dir(l, l->home, 0755, e) == -1 || copy_skel(l, "/etc/skel", l->home, 0, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (cnt_ssh_key_check(keys[i], e) == -1)
			return -1;
		cnt_buf_addf(&b, "%s\n", keys[i]);
	}
	if (own_dir(l, ssh, 0700, e) == -1)
		return -1;
	return put(l, file, b.p, b.n, 0600, CNT_BOX_UID, CNT_BOX_UID, e);
}

static int
write_names(const struct layers *l, struct cnt_err *e)
{
	char *hostname CNT_FREE = cnt_format("%s\n", l->name);
	char *hosts CNT_FREE = cnt_format("127.0.0.1\tlocalhost\n%s\t%s\n"
	    "::1\tlocalhost ip6-localhost ip6-loopback\n", l->place->address, l->name);
	char *resolver CNT_FREE = cnt_format("nameserver %s\n", l->place->gateway);

	if (put_text(l, "/etc/hostname", hostname, e) == -1 ||
	    put_text(l, "/etc/hosts", hosts, e) == -1)
		return -1;
	return put_text(l, "/etc/resolv.conf", resolver, e);
}

static int
write_secrets(const struct layers *l, struct cnt_err *e)
{
	uint8_t id[16], seed[SEED];
	char hex[2 * sizeof(id) + 2];
	int r;

	cnt_random(id, sizeof(id));
	cnt_random(seed, sizeof(seed));
	cnt_hex(id, sizeof(id), hex);
	hex[2 * sizeof(id)] = '\n';
	r = put(l, "/etc/machine-id", hex, 2 * sizeof(id) + 1, 0444, 0, 0, e);
	if (r == 0)
		r = put(l, "/var/lib/systemd/random-seed", seed, sizeof(seed), 0600, 0, 0, e);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

int
cnt_upper_write(int image, int upper, const char *name, const struct cnt_slot *p,
    const char *const *keys, size_t n, struct cnt_err *e)
{
	char *home CNT_FREE = cnt_format("/home/%s", name);
	struct layers l = { image, upper, p->id, p, name, home };
	struct stat st;

	if (fstat(image, &st) == -1)
		return cnt_fail_sys(e, "image");
	if (fchown(upper, shifted(&l, st.st_uid), shifted(&l, st.st_gid)) == -1 ||
	    fchmod(upper, st.st_mode & 07777) == -1)
		return cnt_fail_sys(e, "upper");
	if (write_account(&l, e) == -1 || CNT_STEP("the box has its user", e) == -1 ||
	    write_home(&l, keys, n, e) == -1 || CNT_STEP("the user has a home", e) == -1 ||
	    write_names(&l, e) == -1 || CNT_STEP("the box has its name", e) == -1)
		return -1;
	return write_secrets(&l, e);
}
