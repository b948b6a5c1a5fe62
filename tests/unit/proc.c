/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of processes, whole and damaged; what state follows from one; and the log: a cursor is a
 * number of bytes, whatever has been rotated away or could not be written.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "mcp/box/process/process.h"

#define MIB	((int64_t)1 << 20)

static char id[] = "p7", command[] = "echo \"hi\"\n\xc3\xa9", cwd[] = "/tmp", name[] = "web";

static const struct cnt_record whole = {
	.name = name, .command = command, .cwd = cwd, .id = "p7", .boot = "b", .init_start = 25,
	.pid = 12, .pid_start = 99, .keeper = 11, .keeper_start = 98, .started = 1795325018195555,
	.ended = 1795325018195556, .status = 3 << 8, .input = true, .log_bytes = 1,
	.log_stopped = -1, .cpu_us = -1, .peak_bytes = 4096, .alone = true,
};

static char *
printed(const struct cnt_record *r)
{
	cJSON *j CNT_JSON = cnt_record_json(r);

	return cnt_json_print(j);
}

static void
test_record(void **state CNT_UNUSED)
{
	char *text CNT_FREE = printed(&whole), *again CNT_FREE = NULL;
	struct cnt_record r;
	struct cnt_err e = { 0 };

	assert_int_equal(cnt_record_parse(text, strlen(text), &r, &e), 0);
	again = printed(&r);
	assert_string_equal(again, text);
	assert_string_equal(r.id, id);
	assert_string_equal(r.command, command);
	assert_int_equal(r.pid_start, 99);
	cnt_record_free(&r);
}

/* Every shorter text and every member left out or replaced: an error, never a half-filled record
 * that is believed. */
static void
test_damage(void **state CNT_UNUSED)
{
	char *text CNT_FREE = printed(&whole);
	cJSON *j CNT_JSON = cnt_record_json(&whole);
	struct cnt_record r;
	struct cnt_err e = { 0 };
	int bad = 0;

	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(cnt_record_parse(text, n, &r, &e), -1);
	for (int i = 0; i < cJSON_GetArraySize(j); i++) {
		cJSON *copy CNT_JSON = cJSON_Duplicate(j, true);
		char *member CNT_FREE = cnt_strdup(cJSON_GetArrayItem(copy, i)->string);
		char *damaged CNT_FREE = NULL;

		cJSON_DeleteItemFromObjectCaseSensitive(copy, member);
		cJSON_AddItemToObject(copy, member, cJSON_CreateNumber(-2));
		damaged = cnt_json_print(copy);
		bad += cnt_record_parse(damaged, strlen(damaged), &r, &e) == -1;
		cnt_record_free(&r);
	}
	assert_int_equal(bad, cJSON_GetArraySize(j) - 3);	/* all but name, input and alone */
}

static void
expect(const struct cnt_record *r, bool kept, const struct cnt_record *here, const char *want,
    const char *why)
{
	const char *reason = NULL;

	assert_string_equal(cnt_record_state(r, kept, here, &reason), want);
	if (why == NULL)
		assert_null(reason);
	else
		assert_string_equal(reason, why);
}

static void
test_state(void **state CNT_UNUSED)
{
	struct cnt_record r = whole, here = { .boot = "b", .init_start = 25 };
	struct cnt_record rebooted = { .boot = "c", .init_start = 25 }, unseen = { .pid = 1 };
	struct cnt_record restarted = { .boot = "b", .init_start = 26 };

	expect(&r, false, &rebooted, "exited", NULL);
	expect(&r, true, &here, "exited", NULL);
	r.status = 9;
	expect(&r, false, &here, "killed", NULL);
	r.ended = 0;
	expect(&r, true, &here, "running", NULL);
	expect(&r, false, &here, "unknown", "its keeper was killed");
	expect(&r, false, &rebooted, "unknown", "rebooted");
	expect(&r, false, &restarted, "unknown", "restarted");
	expect(&r, false, &unseen, "unknown", "its keeper was killed");
}

struct place {
	char	path[64];
	int	dir;
};

static int
make(void **state)
{
	struct place *p = cnt_alloc(sizeof(*p));

	snprintf(p->path, sizeof(p->path), "/var/tmp/cnt-process.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(p->dir, -1);
	*state = p;
	return 0;
}

static int
unmake(void **state)
{
	struct place *p = *state;
	struct cnt_err e = { 0 };
	int r = cnt_file_remove_tree(p->path, &e);

	close(p->dir);
	free(p);
	return r;
}

/* Byte i of the output. */
static char
byte_at(int64_t i)
{
	return (char)(i % 251 + i / 65536);
}

static void
write_some(struct cnt_log *l, int64_t n)
{
	char *p CNT_FREE = cnt_alloc((size_t)n);

	for (int64_t i = 0; i < n; i++)
		p[i] = byte_at(l->total + i);
	cnt_log_add(l, p, (size_t)n);
}

/* Reads on to the end with pages of `max`; returns the bytes that were gone. */
static int64_t
read_on(int dir, int64_t since, size_t max, int64_t end)
{
	int64_t gone = 0;

	while (since < end) {
		struct cnt_log_part part = { 0 };
		struct cnt_buf bytes CNT_BUF = { 0 };

		assert_int_equal(cnt_log_read(dir, since, max, 0, &part), 0);
		bytes = part.bytes;
		assert_true(bytes.n > 0 && bytes.n <= max);
		assert_int_equal(part.from, since + part.gone);
		for (size_t i = 0; i < bytes.n; i++)
			if (bytes.p[i] != byte_at(part.from + (int64_t)i))
				fail_msg("byte %lld", (long long)part.from + (long long)i);
		gone += part.gone;
		since = part.from + (int64_t)bytes.n;
	}
	assert_int_equal(since, end);
	return gone;
}

static void
test_rotation(void **state)
{
	const struct place *p = *state;
	struct cnt_log l;
	struct stat st;

	cnt_log_open(&l, p->dir);
	for (int64_t n = 0; n < 30 * MIB; n += 3 * MIB / 2)
		write_some(&l, 3 * MIB / 2);
	assert_int_equal(l.total, 30 * MIB);
	assert_int_equal(cnt_log_end(p->dir), 30 * MIB);
	assert_int_equal(read_on(p->dir, 0, 100000, 30 * MIB), 16 * MIB);
	assert_int_equal(read_on(p->dir, 20 * MIB, 5 * MIB, 30 * MIB), 0);
	assert_int_equal(read_on(p->dir, 24 * MIB - 1, 1000, 24 * MIB + 999), 0);
	assert_int_equal(fstatat(p->dir, "log.8388608", &st, 0), -1);
	assert_int_equal(fstatat(p->dir, "log", &st, 0), 0);
	assert_int_equal(st.st_size, 6 * MIB);
	close(l.fd);
}

static void
test_gap(void **state)
{
	const struct place *p = *state;
	struct cnt_log l;
	struct cnt_log_part part = { 0 };

	cnt_log_open(&l, p->dir);
	write_some(&l, 1000);
	close(l.fd);
	l.fd = -1;
	l.stopped = l.total;
	l.retry = INT64_MAX;
	write_some(&l, 500);		/* lost */
	assert_int_equal(l.total, 1500);
	assert_int_equal(cnt_log_end(p->dir), 1000);
	assert_int_equal(cnt_log_read(p->dir, 900, 4096, 1500, &part), 0);
	assert_int_equal(part.bytes.n, 100);
	assert_int_equal(part.end, 1500);
	cnt_buf_free(&part.bytes);
	assert_int_equal(cnt_log_read(p->dir, 1000, 4096, 1500, &part), 0);
	assert_int_equal(part.gone, 500);
	assert_int_equal(part.from, 1500);
	assert_int_equal(part.bytes.n, 0);
	l.retry = 0;
	write_some(&l, 200);
	assert_int_equal(l.stopped, -1);
	assert_int_equal(read_on(p->dir, 0, 4096, 1700), 500);
	assert_int_equal(read_on(p->dir, 1200, 4096, 1700), 300);
	close(l.fd);
}

/* Where nothing can be written the log is no file, and nobody waits. */
static void
test_no_room(void **state)
{
	const struct place *p = *state;
	struct cnt_log l;

	assert_int_equal(rmdir(p->path), 0);
	cnt_log_open(&l, p->dir);
	write_some(&l, 5000);
	assert_int_equal(l.total, 5000);
	assert_int_equal(l.stopped, 0);
	assert_int_equal(cnt_log_end(p->dir), 0);
	assert_int_equal(mkdir(p->path, 0700), 0);
}

/* The second record needs no room of its own, and a longer one is written whole. */
static void
test_write(void **state)
{
	const struct place *p = *state;
	struct cnt_record r = whole, got;
	struct cnt_err e = { 0 };

	for (int i = 0; i < 3; i++) {
		struct cnt_buf b CNT_BUF = { 0 };

		r.log_bytes = i;
		assert_int_equal(cnt_process_write(p->dir, &r), 0);
		assert_int_equal(faccessat(p->dir, "next", F_OK, 0), 0);
		assert_int_equal(cnt_file_read_in(p->dir, "record", 1 << 20, &b, &e), 0);
		assert_int_equal(b.n, 4096);
		assert_int_equal(cnt_record_parse(b.p, b.n, &got, &e), 0);
		assert_int_equal(got.log_bytes, i);
		cnt_record_free(&got);
	}
	r.command = cnt_alloc(100001);
	memset(r.command, 'x', 100000);
	assert_int_equal(cnt_process_write(p->dir, &r), 0);
	free(r.command);
}

/* A process may choose its name, and stands with it in the line that is read. */
static void
test_proc(void **state CNT_UNUSED)
{
	static const char *const names[] = { "", "a) R 1", "((", "\n) Z 1 1 1" };
	struct cnt_proc self, child;
	int p[2];

	assert_int_equal(cnt_proc_read(getpid(), &self), 0);
	assert_int_equal(self.parent, getppid());
	assert_int_equal(self.session, getsid(0));
	for (size_t i = 0; i < nitems(names); i++) {
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, names[i]);
			close(p[1]);
			_exit(read(p[0], p, 1) != 0);
		}
		close(p[0]);
		for (int tries = 0; tries < 1000 && cnt_proc_read(pid, &child) == 0 &&
		    child.state != 'S'; tries++)
			poll(NULL, 0, 1);
		assert_int_equal(child.state, 'S');
		assert_int_equal(child.parent, getpid());
		assert_true(child.start >= self.start);
		assert_int_equal(cnt_proc_start(pid), child.start);
		close(p[1]);
		assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
		assert_int_equal(cnt_proc_start(pid), -1);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(cnt_proc_read(pid, &child), -1);
		assert_true(errno == ENOENT || errno == ESRCH);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_proc),
		cmocka_unit_test_setup_teardown(test_rotation, make, unmake),
		cmocka_unit_test_setup_teardown(test_gap, make, unmake),
		cmocka_unit_test_setup_teardown(test_no_room, make, unmake),
		cmocka_unit_test_setup_teardown(test_write, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
