/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of the wall need beside them.
 *   race flip ROOT OUT          until the end of standard input, as fast as two threads can: names
 *                               in ROOT become links that lead to OUT and back, and a directory
 *                               moves from ROOT to OUT and back; what tools took away is put
 *                               back. Prints how often.
 *   race blind COMMAND...       runs it where openat2(2) does not exist
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESTORE_EACH	64

static int root, out, moved;
static atomic_bool over;
static atomic_long flips;

static void
put(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd != -1 && write(fd, "inside\n", 7) == -1)
		warn("%s", name);
	if (fd != -1)
		close(fd);
}

static mode_t
kind(const char *name)
{
	struct stat st = { 0 };

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
}

/* Tools move and delete what stands here, and make other things in its place. */
static void
clear_away(const char *name)
{
	static int junk;
	char to[32];

	snprintf(to, sizeof(to), "home/junk-%d", junk++);
	if (renameat(root, name, root, to) == -1 && errno != ENOENT)
		warn("%s", name);
}

/* A directory (or file) and a link stand in root as NAME and NAME-link, or the other way round. */
static void
restore(const char *name, const char *link, const char *target, mode_t wanted)
{
	mode_t a = kind(name), b = kind(link);
	int fd = -1;

	if ((a != S_IFLNK || b != wanted) && (a != wanted || b != S_IFLNK)) {
		clear_away(name);
		clear_away(link);
		/* A tool may have been quicker: the next time then. */
		if ((symlinkat(target, root, link) == -1 ||
		    (wanted == S_IFDIR && mkdirat(root, name, 0755) == -1)) && errno != EEXIST)
			warn("%s", name);
		a = wanted;
	}
	if (wanted == S_IFREG) {
		put(root, name);
		return;
	}
	fd = openat(root, a == S_IFDIR ? name : link,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		put(fd, "secret");
	if (fd != -1)
		close(fd);
}

static void *
flip_links(void *arg)
{
	(void)arg;
	for (long n = 0; !over; n++) {
		renameat2(root, "flip", root, "flip-link", RENAME_EXCHANGE);
		renameat2(root, "leaf", root, "leaf-link", RENAME_EXCHANGE);
		flips += 2;
		if (n % RESTORE_EACH != 0)
			continue;
		restore("flip", "flip-link", "../out", S_IFDIR);
		restore("leaf", "leaf-link", "../out/secret", S_IFREG);
	}
	return NULL;
}

static void *
move_out(void *arg)
{
	(void)arg;
	for (long n = 0; !over; n++) {
		renameat(root, "moved", out, "moved");
		renameat(out, "moved", root, "moved");
		flips += 2;
		if (n % RESTORE_EACH != 0)
			continue;
		put(moved, "secret");
		put(root, "secret");
	}
	return NULL;
}

static int
flip(char **argv)
{
	pthread_t threads[2];
	char c = '\0';

	root = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	out = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root == -1 || out == -1 || mkdirat(root, "moved", 0755) == -1)
		err(1, "%s", argv[0]);
	moved = openat(root, "moved", O_PATH | O_DIRECTORY | O_CLOEXEC);
	restore("flip", "flip-link", "../out", S_IFDIR);
	restore("leaf", "leaf-link", "../out/secret", S_IFREG);
	if (pthread_create(&threads[0], NULL, flip_links, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, move_out, NULL) != 0)
		errx(1, "pthread_create");
	while (read(STDIN_FILENO, &c, 1) == 1)
		continue;
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%ld\n", (long)flips);
	return 0;
}

static int
blind(char **argv)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]),
	    .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		err(1, "seccomp");
	execv(argv[0], argv);
	err(1, "%s", argv[0]);
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "flip") == 0)
		return flip(argv + 2);
	if (argc > 2 && strcmp(argv[1], "blind") == 0)
		return blind(argv + 2);
	errx(2, "race flip ROOT OUT | race blind COMMAND...");
}
