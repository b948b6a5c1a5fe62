/* SPDX-License-Identifier: Apache-2.0
 *
 * A record that is taken means the same when it is written and read again. The log of a process,
 * with small files here, gives back exactly what was written, whatever was rotated away: at least
 * the last file's worth, and the exact number of bytes that are gone.
 */
#include "mcp/box/process/process.h"

#undef CNT_LOG_SEGMENT
#define CNT_LOG_SEGMENT	((int64_t)256)
#include "mcp/box/process/log.c"	/* NOLINT(bugprone-suspicious-include) */

#include "lib/file.h"
#include "tests/fuzz/fuzz.h"

static void
record(const char *text, size_t n)
{
	struct cnt_record r = { 0 }, again = { 0 };
	struct cnt_err e = { 0 };
	cJSON *j CNT_JSON = NULL, *k CNT_JSON = NULL;
	char *printed CNT_FREE = NULL;
	const char *reason = NULL, *state = NULL;

	if (cnt_record_parse(text, n, &r, &e) == -1) {
		must(e.text[0] != '\0');
		must(r.command == NULL && r.cwd == NULL && r.name == NULL);
		return;
	}
	j = cnt_record_json(&r);
	printed = cnt_json_print(j);
	must(cnt_record_parse(printed, strlen(printed), &again, &e) == 0);
	k = cnt_record_json(&again);
	must(cJSON_Compare(j, k, true));
	state = cnt_record_state(&r, false, &again, &reason);
	must((strcmp(state, "unknown") == 0) == (reason != NULL));
	must((r.ended != 0) == (reason == NULL));
	cnt_record_free(&r);
	cnt_record_free(&again);
}

static unsigned char
byte_at(int64_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

static void
read_back(int dir, int64_t since, size_t max, int64_t total)
{
	struct cnt_log_part p = { 0 };
	int64_t kept = total > CNT_LOG_SEGMENT ? total - CNT_LOG_SEGMENT : 0;

	must(cnt_log_read(dir, since, max, total, &p) == 0);
	must(p.end == total && p.bytes.n <= max && p.gone == p.from - since);
	if (since < total) {
		must(p.from >= since && (p.from == since || p.from <= kept));
		must(p.bytes.n == max || p.from + (int64_t)p.bytes.n == total);
	} else {
		must(p.bytes.n == 0);
	}
	for (size_t i = 0; i < p.bytes.n; i++)
		must((unsigned char)p.bytes.p[i] == byte_at(p.from + (int64_t)i));
	cnt_buf_free(&p.bytes);
}

static void
log_of(const uint8_t *data, size_t n)
{
	const char *tmp = getenv("TMPDIR");
	char *path CNT_FREE = cnt_format("%s/cnt-fuzz-log.XXXXXX", tmp != NULL ? tmp : "/tmp");
	int dir CNT_CLOSE = -1;
	struct cnt_err e = { 0 };
	struct cnt_log l;

	must(mkdtemp(path) != NULL);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir != -1);
	cnt_log_open(&l, dir);
	for (int i = 0; i < 12 && n > 0; i++) {
		unsigned char bytes[1024];
		int64_t since = 0;
		size_t some = 4 * pick(&data, &n, 255) + pick(&data, &n, 3);

		for (size_t k = 0; k < some; k++)
			bytes[k] = byte_at(l.total + (int64_t)k);
		cnt_log_add(&l, bytes, some);
		must(l.stopped == -1);
		must(cnt_log_end(dir) == l.total);
		since = 8 * (int64_t)pick(&data, &n, 255);
		read_back(dir, since, 1 + 3 * pick(&data, &n, 255), l.total);
	}
	if (l.fd != -1)
		close(l.fd);
	must(cnt_file_remove_tree(path, &e) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (pick(&data, &n, 1) == 0)
		record(n > 0 ? (const char *)data : "", n);
	else
		log_of(data, n);
	return 0;
}
