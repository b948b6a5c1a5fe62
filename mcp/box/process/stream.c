/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of a command: memory is bounded by what an answer may carry, and nothing is lost by
 * that bound.
 */
#include "mcp/box/process/stream.h"

#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>

#include "mcp/box/state.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define CHUNK		65536
#define LOOK_EVERY	(64 << 20)	/* bytes spilled between looks at the free space */

static size_t
ring_size(const struct cnt_stream *s)
{
	return s->max / 2 + 1 + CNT_ESCAPE_MAX;
}

/* A command that writes without end must not fill the box's disk: the file ends where a
 * twentieth of the file system is left. */
static bool
has_room(const struct cnt_stream *s)
{
	struct statvfs v;

	return fstatvfs(s->spill, &v) == -1 || v.f_blocks == 0 || v.f_bavail >= v.f_blocks / 20;
}

static void
spill(struct cnt_stream *s, const char *p, size_t n)
{
	if (s->spill_failed)
		return;
	if (s->spilled / LOOK_EVERY != (s->spilled + (int64_t)n) / LOOK_EVERY && !has_room(s))
		s->spill_failed = true;
	while (n > 0 && !s->spill_failed) {
		ssize_t done = write(s->spill, p, n);

		if (done == -1 && errno != EINTR)
			s->spill_failed = true;
		if (done > 0) {
			s->spilled += done;
			p += done;
			n -= (size_t)done;
		}
	}
}

static void
start_spill(struct cnt_stream *s)
{
	struct cnt_err e = { 0 };

	s->spill = cnt_state_spill(&s->path, &e);
	s->spill_failed = s->spill == -1;
	spill(s, s->head.p, s->head.n);
}

static void
keep_last(struct cnt_stream *s, const char *p, size_t n)
{
	size_t size = ring_size(s);

	if (s->ring == NULL)
		s->ring = cnt_alloc(size);
	while (n > 0) {
		size_t at = (size_t)(s->ring_n % (int64_t)size);
		size_t now = n < size - at ? n : size - at;

		memcpy(s->ring + at, p, now);
		s->ring_n += (int64_t)now;
		p += now;
		n -= now;
	}
}

static void
keep(struct cnt_stream *s, const char *p, size_t n)
{
	size_t room = s->max - s->head.n, first = n < room ? n : room;

	s->total += (int64_t)n;
	if (s->log != NULL)
		cnt_log_add(s->log, p, n);
	cnt_buf_add(&s->head, p, first);
	if (first == n)
		return;
	if (s->path == NULL && !s->spill_failed)
		start_spill(s);
	spill(s, p + first, n - first);
	keep_last(s, p + first, n - first);
}

bool
cnt_stream_read(struct cnt_stream *s, size_t most)
{
	static char chunk[CHUNK];
	ssize_t n = s->fd != -1 ? read(s->fd, chunk, most < CHUNK ? most : CHUNK) : -1;

	if (n > 0)
		keep(s, chunk, (size_t)n);
	else if (s->fd != -1 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		close(s->fd);
		s->fd = -1;
	}
	return n > 0;
}

/* The last `want` bytes of the stream, or all; want is at most ring_size. */
static void
last_bytes(const struct cnt_stream *s, size_t want, struct cnt_buf *to)
{
	size_t size = ring_size(s), have = s->ring_n < (int64_t)size ? (size_t)s->ring_n : size;
	size_t from_head = want > have ? want - have : 0;

	from_head = from_head < s->head.n ? from_head : s->head.n;
	cnt_buf_add(to, s->head.p + s->head.n - from_head, from_head);
	for (size_t i = want < have ? want : have; i > 0; i--)
		cnt_buf_add(to, &s->ring[(size_t)(s->ring_n - (int64_t)i) % size], 1);
}

static void
show_ends(struct cnt_stream *s, struct cnt_buf *to, size_t budget, bool raw)
{
	size_t head = cnt_text_some(s->head.p, s->head.n, budget / 2, false, raw), tail = 0;
	struct cnt_buf last CNT_BUF = { 0 };

	last_bytes(s, budget - budget / 2 + CNT_ESCAPE_MAX, &last);
	tail = cnt_text_some(last.p, last.n, budget - budget / 2, true, raw);
	s->inexact = !cnt_text_add(to, s->head.p, head, raw);
	cnt_buf_addf(to, "%s[... %lld bytes left out ...]\n",
	    to->n == 0 || to->p[to->n - 1] == '\n' ? "" : "\n",
	    (long long)s->total - (long long)(head + tail));
	if (!cnt_text_add(to, last.p + last.n - tail, tail, raw))
		s->inexact = true;
	s->cut = true;
}

void
cnt_stream_show(struct cnt_stream *s, struct cnt_buf *to, size_t budget, size_t *escapes, bool raw)
{
	struct cnt_buf text CNT_BUF = { 0 };
	size_t fits = 0;

	if (s->total == 0)
		return;
	if (s->total <= (int64_t)budget)
		s->inexact = !cnt_text_add(&text, s->head.p, s->head.n, raw);
	/* U+FFFD takes three bytes where one stood. */
	if (s->total > (int64_t)budget || text.n > budget) {
		text.n = 0;
		show_ends(s, &text, budget, raw);
	}
	fits = cnt_text_fits(text.n != 0 ? text.p : "", text.n, escapes, 1);
	s->cut = s->cut || fits < text.n;
	cnt_buf_add(to, text.p, fits);
	if ((s->cut || s->inexact) && s->path == NULL && !s->spill_failed)
		start_spill(s);
}

void
cnt_stream_facts(const struct cnt_stream *s, const struct cnt_buf *text, cJSON *out)
{
	cJSON *j = cJSON_AddObjectToObject(out, s->name);

	cnt_text_fact(j, "text", text);
	cnt_json_set_str(j, "encoding", "utf-8");
	cnt_json_set_bool(j, "replaced", s->inexact);
	cnt_json_set_int(j, "total_bytes", s->total);
	cnt_json_set_bool(j, "truncated", s->cut);
	if (s->path != NULL)
		cnt_json_set_str(j, "spill_path", s->path);
	else
		cnt_json_set_null(j, "spill_path");
}

void
cnt_stream_note(const struct cnt_stream *s, struct cnt_buf *foot)
{
	int in_reach CNT_CLOSE = -1;

	if (!s->cut && !s->inexact)
		return;
	cnt_buf_addf(foot, "[%s: %s%s%s, %lld bytes in all", s->name, s->cut ? "cut" : "",
	    s->cut && s->inexact ? ", " : "",
	    s->inexact ? "not UTF-8 (U+FFFD stands for bytes)" : "", (long long)s->total);
	in_reach = s->path != NULL ? cnt_wall_open(s->path, O_PATH) : -1;
	if (s->path != NULL)
		cnt_buf_addf(foot, "; %s in %s: %sshell_exec", s->spill_failed ?
		    "the first of them (no room for more)" : "all", s->path,
		    in_reach != -1 ? "read_file with offset, or " : "");
	else
		cnt_buf_adds(foot, "; they could not be kept in a file");
	cnt_buf_adds(foot, "]\n");
}

void
cnt_stream_free(struct cnt_stream *s)
{
	if (s->fd != -1)
		close(s->fd);
	if (s->path != NULL && s->spill != -1)
		close(s->spill);
	cnt_buf_free(&s->head);
	free(s->ring);
	free(s->path);
}
