/* SPDX-License-Identifier: Apache-2.0
 *
 * read_file: a part of a regular file, by bytes or by lines. Memory is bounded, whatever is
 * asked for. Files of the kernel's that have no size are read like any other, and never waited
 * for; only their end is looked for by reading them, and not for ever.
 */
#include "mcp/box/box.h"

#include <errno.h>

#include "lib/base64.h"
#include "lib/crypto.h"
#include "mcp/box/digest.h"
#include "mcp/box/text.h"
#include "mcp/box/wall.h"

#define LIMIT_MAX	1048576
#define POINT_MAX	4		/* bytes of a code point */
#define SCANNED_MAX	(8 << 20)	/* so much the kernel makes up in less than 100 ms */

struct part {
	struct cnt_buf	 bytes;		/* of the file, from `start` on */
	int64_t		 start;
	size_t		 from, n;	/* what of them is answered */
	bool		 more, cut;	/* more follows; less than what was asked for */
};

static const char *const encodings[] = { "auto", "utf-8", "base64", NULL };

static const struct cnt_field read_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "offset", .type = CNT_INTEGER, .min = 0, .max = 9e15 },
	{ .name = "limit", .type = CNT_INTEGER, .def = "20000", .min = 1, .max = LIMIT_MAX },
	{ .name = "head", .type = CNT_INTEGER, .min = 1, .max = 9e15,
	    .help = "lines" },
	{ .name = "tail", .type = CNT_INTEGER, .min = 1, .max = 9e15,
	    .help = "lines" },
	{ .name = "encoding", .type = CNT_STRING, .def = "auto", .choices = encodings,
	    .help = "auto: base64 where not UTF-8" },
	{ 0 },
};

static const struct cnt_field read_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "size", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "sha256", .type = CNT_STRING, .flags = CNT_NULLABLE },
	{ .name = "mtime", .type = CNT_STRING },
	{ .name = "text", .type = CNT_STRING, .flags = CNT_OPTIONAL },
	{ .name = "encoding", .type = CNT_STRING },
	{ .name = "offset", .type = CNT_INTEGER },
	{ .name = "bytes", .type = CNT_INTEGER },
	{ .name = "next_offset", .type = CNT_INTEGER, .flags = CNT_NULLABLE },
	{ .name = "lines", .type = CNT_INTEGER },
	{ .name = "truncated", .type = CNT_BOOLEAN },
	{ 0 },
};

/* Up to n bytes from offset on. A file that would make us wait (of the kernel's) ends here. */
static int
fill(int fd, int64_t offset, size_t n, struct cnt_buf *b)
{
	cnt_buf_room(b, n);
	while (b->n < n) {
		ssize_t got = offset == 0 ? read(fd, b->p + b->n, n - b->n) :
		    pread(fd, b->p + b->n, n - b->n, offset + (int64_t)b->n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1 && errno != EAGAIN)
			return -1;
		if (got <= 0)
			break;
		b->n += (size_t)got;
	}
	b->p[b->n] = '\0';
	return 0;
}

/* Files of the kernel's are said to be empty, or of a page. */
static bool
is_sized(int fd, const struct stat *st)
{
	char last = 0;

	return st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) == 1;
}

/* A start inside a code point goes back to its first byte. */
static size_t
aligned(const char *p, size_t n, size_t at)
{
	size_t i = at;

	while (i > 0 && at - i < POINT_MAX - 1 && i < n && cnt_utf8_continues(p[i]))
		i--;
	return i < at && cnt_utf8_valid(p + i, n - i) > at - i ? i : at;
}

/* Bytes offset to offset + limit; some before and after, to see whole code points. */
static int
read_range(int fd, int64_t offset, size_t limit, struct part *p)
{
	size_t back = offset < POINT_MAX ? (size_t)offset : POINT_MAX;

	p->start = offset - (int64_t)back;
	if (fill(fd, p->start, back + limit + POINT_MAX, &p->bytes) == -1)
		return -1;
	if (back > p->bytes.n) {	/* far behind the end */
		p->start = offset;
		p->bytes.n = back = 0;
	}
	p->from = back < p->bytes.n ? aligned(p->bytes.p, p->bytes.n, back) : p->bytes.n;
	p->n = p->bytes.n - p->from < limit ? p->bytes.n - p->from : limit;
	return 0;
}

static int
read_head(int fd, int64_t lines, size_t limit, struct part *p)
{
	if (read_range(fd, 0, limit, p) == -1)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (p->bytes.p[i] == '\n' && --lines == 0) {
			p->n = i + 1;
			return 0;
		}
	p->cut = p->n < p->bytes.n;
	return 0;
}

/* The last LIMIT_MAX bytes, or somewhat more, of a file that says no size. */
static int
read_through(int fd, struct part *p)
{
	struct cnt_buf next CNT_BUF = { 0 };

	do {
		size_t gone = p->bytes.n > LIMIT_MAX ? p->bytes.n - LIMIT_MAX : 0;

		cnt_buf_free(&next);
		if (fill(fd, p->start + (int64_t)p->bytes.n, LIMIT_MAX, &next) == -1)
			return -1;
		if (gone > 0)
			memmove(p->bytes.p, p->bytes.p + gone, LIMIT_MAX);
		p->bytes.n -= gone;
		p->start += (int64_t)gone;
		cnt_buf_add(&p->bytes, next.p, next.n);
		p->more = next.n == LIMIT_MAX;
	} while (p->more && p->start + (int64_t)p->bytes.n < SCANNED_MAX);
	return 0;
}

static int
read_tail(int fd, int64_t size, int64_t lines, size_t limit, struct part *p)
{
	size_t window = limit + POINT_MAX;
	size_t i = 0;

	p->start = size > (int64_t)window ? size - (int64_t)window : 0;
	if ((size == 0 ? read_through(fd, p) : fill(fd, p->start, window, &p->bytes)) == -1)
		return -1;
	for (i = p->bytes.n; i > 0; i--)
		if ((i < p->bytes.n && p->bytes.p[i - 1] == '\n' && --lines == 0) ||
		    p->bytes.n - i == limit)
			break;
	p->from = i;
	p->n = p->bytes.n - i;
	p->cut = lines > 0 && p->start + (int64_t)i > 0;
	for (i = 1; p->cut && i < POINT_MAX && p->n > 0 &&
	    cnt_utf8_continues(p->bytes.p[p->from]); i++) {
		p->from++;
		p->n--;
	}
	return 0;
}

static int
read_part(const struct cnt_call *c, int fd, const struct stat *st, size_t limit, struct part *p)
{
	int64_t head = cnt_json_int(c->in, "head", 0), tail = cnt_json_int(c->in, "tail", 0);

	if (head > 0)
		return read_head(fd, head, limit, p);
	if (tail > 0)
		return read_tail(fd, st->st_size, tail, limit, p);
	return read_range(fd, cnt_json_int(c->in, "offset", 0), limit, p);
}

/* As UTF-8 in at most limit bytes: U+FFFD is longer than what it stands for. One byte of the file
 * at least. */
static void
add_replaced(struct part *p, const char *s, size_t limit, struct cnt_buf *to)
{
	size_t n = cnt_text_some(s, p->n, limit, false, true);

	p->n = n > 0 ? n : 1;
	cnt_utf8_add(to, s, p->n);
}

/* Shortens the part to what fits, and makes the payload; none where it is the bytes as they are. */
static const char *
encode(const char *wanted, struct part *p, size_t limit, struct cnt_buf *to)
{
	char *s = p->bytes.p + p->from;
	size_t all = p->bytes.n - p->from, valid = cnt_utf8_valid(s, all),
	    escapes = CNT_ESCAPED_MAX;
	bool text = valid >= p->n && memchr(s, '\0', p->n) == NULL;

	if (strcmp(wanted, "base64") == 0 || (strcmp(wanted, "auto") == 0 && !text)) {
		cnt_base64_add(to, s, p->n);
	} else if (valid < p->n) {
		p->n = cnt_text_fits(s, p->n, &escapes, 3);
		add_replaced(p, s, limit, to);
	} else {
		size_t n = cnt_text_prefix(s, all, p->n);

		for (; p->n > 0 && (n == 0 || (n < all && cnt_utf8_continues(s[n]))); n++)
			continue;	/* one code point at least */
		p->n = cnt_text_fits(s, n, &escapes, 1);
	}
	if (strcmp(wanted, "auto") != 0)
		return strcmp(wanted, "utf-8") == 0 ? "utf-8" : "base64";
	return text ? "utf-8" : "base64";
}

static int64_t
count_lines(const struct part *p)
{
	const char *s = p->n > 0 ? p->bytes.p + p->from : "", *end = s + p->n;
	int64_t n = p->n > 0 && end[-1] != '\n' ? 1 : 0;

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		n++;
		s++;
	}
	return n;
}

static void
state_facts(struct cnt_call *c, int fd, const struct stat *st, const struct part *p,
    const char *encoding)
{
	int64_t offset = p->start + (int64_t)p->from, next = offset + (int64_t)p->n;
	int64_t lines = count_lines(p);
	char sha[65] = "", time[32], first = 0;
	bool whole = offset == 0 && !p->more, empty = p->bytes.n == 0;
	bool sized = st->st_size > 0 || (empty && pread(fd, &first, 1, 0) == 0);

	if (whole && p->start == 0)
		cnt_sha256_hex(p->bytes.p, p->n, sha);
	else if (sized && st->st_size <= CNT_HASHED_MAX && cnt_digest_file(fd, sha) == -1)
		sha[0] = '\0';
	cnt_text_time(st->st_mtim, time);
	cnt_buf_addf(&c->head, "bytes %lld-%lld of ", (long long)offset, (long long)next);
	if (sized || (!p->more && !empty))
		cnt_buf_addf(&c->head, "%lld", (long long)(sized ? st->st_size : next));
	else
		cnt_buf_adds(&c->head, "an unknown number");
	cnt_buf_addf(&c->head, " \xc2\xb7 %s \xc2\xb7 %lld lines \xc2\xb7 mtime %s%s%s\n", encoding,
	    (long long)lines, time, sha[0] != '\0' ? " \xc2\xb7 sha256 " : "", sha);
	if (sized)
		cnt_json_set_int(c->out, "size", st->st_size);
	else
		cnt_json_set_null(c->out, "size");
	if (sha[0] != '\0')
		cnt_json_set_str(c->out, "sha256", sha);
	else
		cnt_json_set_null(c->out, "sha256");
	cnt_json_set_str(c->out, "mtime", time);
	cnt_json_set_int(c->out, "offset", offset);
	cnt_json_set_int(c->out, "bytes", (int64_t)p->n);
	cnt_json_set_int(c->out, "lines", lines);
	if (p->more)
		cnt_json_set_int(c->out, "next_offset", next);
	else
		cnt_json_set_null(c->out, "next_offset");
}

static void
note_cut(struct cnt_call *c, const struct part *p)
{
	int64_t offset = p->start + (int64_t)p->from;

	if (c->body.n > 0 && c->body.p[c->body.n - 1] != '\n' && (p->more || p->cut))
		cnt_buf_adds(&c->foot, "\n");
	if (p->more)
		cnt_buf_addf(&c->foot, "[more follows: next_offset %lld]\n",
		    (long long)offset + (long long)p->n);
	else if (p->cut)
		cnt_buf_addf(&c->foot, "[earlier lines did not fit: this begins at byte %lld]\n",
		    (long long)offset);
}

static int
read_file(struct cnt_call *c)
{
	const char *path = cnt_json_str(c->in, "path"), *encoding = NULL;
	int given = (cnt_json_get(c->in, "head") != NULL) + (cnt_json_get(c->in, "tail") != NULL) +
	    (cnt_json_get(c->in, "offset") != NULL);
	struct stat st = { 0 };
	int fd CNT_CLOSE = -1;
	struct part p = { 0 };
	struct cnt_buf bytes CNT_BUF = { 0 };
	char *whole CNT_FREE = cnt_wall_path(path);
	size_t limit = (size_t)cnt_json_int(c->in, "limit", LIMIT_MAX);

	if (given > 1)
		return cnt_fail(c->err, CNT_INVALID,
		    "read_file: expected one of offset, head and tail");
	fd = cnt_wall_regular(path, &st, c->err);
	if (fd == -1)
		return -1;
	if (!is_sized(fd, &st))
		st.st_size = 0;
	if (read_part(c, fd, &st, limit, &p) == -1) {
		cnt_buf_free(&p.bytes);
		return cnt_wall_fail(c->err, path);
	}
	bytes = p.bytes;
	encoding = encode(cnt_json_str(c->in, "encoding"), &p, limit, &c->body);
	p.more = p.more || p.from + p.n < p.bytes.n;
	cnt_json_set_str(c->out, "path", whole);
	cnt_json_set_str(c->out, "encoding", encoding);
	state_facts(c, fd, &st, &p, encoding);
	cnt_json_set_bool(c->out, "truncated",
	    p.cut || (p.more && cnt_json_get(c->in, "head") == NULL));
	if (c->body.p == NULL) {	/* handed over, not copied: it may be a MiB */
		if (p.from > 0)
			memmove(bytes.p, bytes.p + p.from, p.n);
		bytes.p[p.n] = '\0';
		bytes.n = p.n;
		c->body = bytes;
		memset(&bytes, 0, sizeof(bytes));
	}
	cnt_text_fact(c->out, "text", &c->body);
	note_cut(c, &p);
	return 0;
}

const struct cnt_verb cnt_box_read_file = {
	.name = "read_file", .tool = "read_file", .title = "Read a file",
	.group = "Files",
	.summary = "read a file or a part of it",
	.about = "Read a file, or a part by bytes (offset, limit) or lines (head, tail). First "
	    "line: range, encoding, sha256 (for if_match); last line: next_offset, when more "
	    "follows.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .bulk = true, .storeless = true,
	.params = read_params, .results = read_results, .run = read_file,
};
