/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of processes: made, found, read, pruned. They stand below a directory that is the
 * user's own (state.c). Ids are p1, p2 ...: short enough to be said again, never given twice.
 */
#include "mcp/box/process/process.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>

#include "lib/file.h"
#include "mcp/box/state.h"
#include "mcp/box/text.h"
#include "mcp/box/user.h"
#include "mcp/box/wall.h"

#define KEPT_ENDED	50		/* directories of processes that are over */
#define RECORD_MAX	((size_t)1 << 20)
#define BLOCK		4096
#define GROWTH		512		/* what a record may grow by when it ends */

void
cnt_process_free(struct cnt_process *p)
{
	if (p->dir != -1)
		close(p->dir);
	cnt_record_free(&p->r);
}

static void
name_of(unsigned id, char name[16])
{
	snprintf(name, 16, "p%u", id);
}

/* 0: it is none. */
static unsigned
id_of(const char *name)
{
	char *end = NULL;
	unsigned long n = name[0] == 'p' && name[1] >= '1' && name[1] <= '9' ?
	    strtoul(name + 1, &end, 10) : 0;

	return n > 0 && *end == '\0' && strlen(name) <= 10 ? (unsigned)n : 0;
}

static int
by_number(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

size_t
cnt_process_ids(int root, unsigned **ids)
{
	DIR *d CNT_DIR = cnt_file_entries(root);
	struct dirent *entry = NULL;
	size_t n = 0, cap = 0;

	*ids = NULL;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		unsigned id = id_of(entry->d_name);

		if (id == 0)
			continue;
		if (n == cap) {
			cap = cap * 2 + 64;
			*ids = cnt_realloc(*ids, cap * sizeof(**ids));
		}
		(*ids)[n++] = id;
	}
	if (n > 0)
		qsort(*ids, n, sizeof(**ids), by_number);
	return n;
}

static void
remove_at(int root, int dir, const char *name)
{
	DIR *d CNT_DIR = cnt_file_entries(dir);
	struct dirent *entry = NULL;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dir, entry->d_name, 0);
	(void)unlinkat(root, name, AT_REMOVEDIR);
}

void
cnt_process_remove(int dir, const char *id)
{
	int root CNT_CLOSE = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root != -1)
		remove_at(root, dir, id);
}

/* The oldest that are over, and what was begun and never became a process. One that has a keeper is
 * locked. */
static void
prune(int root, const unsigned *ids, size_t n)
{
	size_t over = 0;

	for (size_t i = n; i > 0; i--) {
		char name[16];
		int dir CNT_CLOSE = -1;

		name_of(ids[i - 1], name);
		dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir == -1 || flock(dir, LOCK_EX | LOCK_NB) == -1)
			continue;
		if (faccessat(dir, "record", F_OK, 0) == -1 || ++over > KEPT_ENDED)
			remove_at(root, dir, name);
	}
}

/* Between mkdir and lock it may have been pruned, even made again by another: whoever has the lock
 * has the directory. */
static int
lock_new(int root, const char *name)
{
	int dir CNT_CLOSE = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = { 0 };

	if (dir == -1 || flock(dir, LOCK_EX | LOCK_NB) == -1 || fstat(dir, &st) == -1 ||
	    st.st_nlink == 0)
		return -1;
	return take_fd(&dir);
}

static size_t
room_for(const char *text)
{
	return (strlen(text) + GROWTH + BLOCK - 1) / BLOCK * BLOCK;
}

/* A command of the user's may have put there what it likes, also what open(2) would wait for. */
static int
open_room(int dir, const char *name)
{
	int fd CNT_CLOSE = -1;
	struct stat st = { 0 };

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		(void)unlinkat(dir, name, 0);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0600);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return take_fd(&fd);
}

static int
make_room(int dir, const char *name, size_t n)
{
	int fd CNT_CLOSE = open_room(dir, name);

	errno = fd != -1 ? posix_fallocate(fd, 0, (off_t)n) : errno;
	return errno == 0 ? 0 : -1;
}

/* Room for the record that it begins with and for the one that it ends with. */
static int
reserve(int dir, const struct cnt_record *r)
{
	cJSON *j CNT_JSON = cnt_record_json(r);
	char *text CNT_FREE = cnt_json_print(j);

	return make_room(dir, "next", room_for(text)) == 0 ?
	    make_room(dir, "spare", room_for(text)) : -1;
}

static int
fail_to_make(const char *id, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_format("%s/.local/state/agent-box/process/%s",
	    cnt_user_self()->home, id);

	return cnt_wall_fail(e, path);
}

int
cnt_process_create(struct cnt_record *r, struct cnt_err *e)
{
	int root CNT_CLOSE = cnt_state_processes(true, e), dir = -1;
	unsigned *ids CNT_FREE = NULL;
	size_t n = root != -1 ? cnt_process_ids(root, &ids) : 0;

	if (root == -1)
		return -1;
	prune(root, ids, n);
	for (unsigned id = n > 0 ? ids[n - 1] + 1 : 1; dir == -1; id++) {
		name_of(id, r->id);
		if (mkdirat(root, r->id, 0700) == 0)
			dir = lock_new(root, r->id);
		else if (errno != EEXIST)
			return fail_to_make(r->id, e);
	}
	if (reserve(dir, r) == 0)
		return dir;
	fail_to_make(r->id, e);
	cnt_process_remove(dir, r->id);
	close(dir);
	return -1;
}

/* The old record becomes the room for the next one: nothing is allocated. Only where the file
 * system cannot exchange, room is made anew. */
int
cnt_process_write(int dir, const struct cnt_record *r)
{
	cJSON *j CNT_JSON = cnt_record_json(r);
	char *text CNT_FREE = cnt_json_print(j), *padded CNT_FREE = NULL;
	size_t n = strlen(text), size = room_for(text);
	int fd CNT_CLOSE = open_room(dir, "next");
	struct stat st = { 0 };

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (st.st_size >= (off_t)n && st.st_size < (off_t)RECORD_MAX)
		size = (size_t)st.st_size;
	padded = cnt_alloc(size);
	memset(padded, ' ', size);
	memcpy(padded, text, n);
	padded[size - 1] = '\n';
	for (size_t at = 0; at < size; ) {
		ssize_t done = pwrite(fd, padded + at, size - at, (off_t)at);

		if (done == -1 && errno != EINTR)
			return -1;
		at += done > 0 ? (size_t)done : 0;
	}
	if (renameat2(dir, "next", dir, "record", RENAME_EXCHANGE) == -1 &&
	    renameat(dir, "next", dir, "record") == -1)
		return -1;
	if (renameat(dir, "spare", dir, "next") == -1 && faccessat(dir, "next", F_OK, 0) == -1)
		(void)make_room(dir, "next", size);
	return 0;
}

int
cnt_process_look(struct cnt_process *p, struct cnt_err *e)
{
	struct cnt_record here = { 0 }, r = { 0 };
	struct cnt_buf b CNT_BUF = { 0 };

	/* The lock first: a keeper that is gone has written all it had to say. */
	p->kept = flock(p->dir, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
	if (!p->kept)
		flock(p->dir, LOCK_UN);
	if (cnt_file_read_in(p->dir, "record", RECORD_MAX, &b, e) == -1 ||
	    cnt_record_parse(b.p != NULL ? b.p : "", b.n, &r, e) == -1)
		return -1;
	cnt_record_free(&p->r);
	p->r = r;
	if (r.ended == 0 && !p->kept)
		cnt_record_here(&here);
	p->state = cnt_record_state(&p->r, p->kept, &here, &p->reason);
	return 0;
}

int
cnt_process_open(int root, unsigned id, struct cnt_process *p, struct cnt_err *e)
{
	char name[16];

	name_of(id, name);
	p->dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->dir == -1)
		return cnt_fail_sys(e, "%s", name);
	return cnt_process_look(p, e);
}

/* Its name instead of its id is a likely mistake. */
static int
fail_unknown(int root, const char *id, struct cnt_err *e)
{
	unsigned *ids CNT_FREE = NULL;
	size_t n = cnt_process_ids(root, &ids), shown = 0;
	struct cnt_buf hint CNT_BUF = { 0 };

	for (size_t i = n; i > 0 && shown < 5; i--) {
		struct cnt_process p CNT_PROCESS = { .dir = -1 };
		struct cnt_err ignored = { 0 };

		if (cnt_process_open(root, ids[i - 1], &p, &ignored) == -1)
			continue;
		cnt_buf_addf(&hint, "%s%s", shown++ == 0 ? "there are: " : ", ", p.r.id);
		if (p.r.name != NULL)
			cnt_buf_addf(&hint, " (%s)", p.r.name);
	}
	cnt_fail(e, CNT_NOTFOUND, "%.64s: no such process", id);
	return cnt_hint(e, "%s", shown > 0 ? hint.p : "process_start starts one");
}

int
cnt_process_find(const char *id, struct cnt_process *p, struct cnt_err *e)
{
	int root CNT_CLOSE = cnt_state_processes(false, e);
	struct cnt_err why = { 0 };

	if (root == -1 && e->code != CNT_OK)
		return -1;
	if (id_of(id) != 0 && cnt_process_open(root, id_of(id), p, &why) == 0)
		return 0;
	if (id_of(id) != 0 && p->dir != -1 && faccessat(p->dir, "record", F_OK, 0) == 0) {
		*e = why;
		return -1;
	}
	return fail_unknown(root, id, e);
}

bool
cnt_process_left_running(const struct cnt_process *p)
{
	return p->kept && p->r.ended != 0 && !p->r.alone;
}

void
cnt_process_facts(const struct cnt_process *p, cJSON *out, bool with_signal)
{
	bool ended = p->r.ended != 0;
	char name[32];

	cnt_text_signal(WTERMSIG(p->r.status), name);
	cnt_json_set_str(out, "state", p->state);
	if (ended && WIFEXITED(p->r.status))
		cnt_json_set_int(out, "exit_code", WEXITSTATUS(p->r.status));
	else
		cnt_json_set_null(out, "exit_code");
	if (with_signal && ended && WIFSIGNALED(p->r.status))
		cnt_json_set_str(out, "signal", name);
	else if (with_signal)
		cnt_json_set_null(out, "signal");
	if (p->reason != NULL)
		cnt_json_set_str(out, "reason", p->reason);
}

char *
cnt_process_shown(const struct cnt_process *p)
{
	char name[32];

	cnt_text_signal(WTERMSIG(p->r.status), name);
	if (p->r.ended == 0)
		return p->reason != NULL ? cnt_format("unknown (%s)", p->reason) :
		    cnt_strdup(p->state);
	return WIFEXITED(p->r.status) ? cnt_format("exit %d", WEXITSTATUS(p->r.status)) :
	    cnt_format("signal %s", name);
}

char *
cnt_process_log_path(const char *id)
{
	return cnt_format("%s/.local/state/agent-box/process/%s/log", cnt_user_self()->home, id);
}
