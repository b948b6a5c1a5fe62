/* SPDX-License-Identifier: Apache-2.0
 *
 * The cursor of a list in pages: the place where the next page goes on, and before it a mark of
 * the tool and of the path that it was given for. Anywhere else the place would mean something
 * else, and entries would be left out without a word: such a cursor is refused.
 */
#include "mcp/box/cursor.h"

#include "lib/base64.h"
#include "lib/crypto.h"
#include "lib/json.h"

#define MARK	8

static void
make_mark(char hex[65], const char *tool, const char *path)
{
	char *text CNT_FREE = cnt_format("%s %s", tool, path);

	cnt_sha256_hex(text, strlen(text), hex);
	hex[MARK] = '\0';
}

char *
cnt_cursor_make(const char *tool, const char *path, const char *place)
{
	struct cnt_buf b = { 0 };
	char mark[65];
	char *text CNT_FREE = NULL;

	make_mark(mark, tool, path);
	text = cnt_format("%s%s", mark, place);
	cnt_base64_add(&b, text, strlen(text));
	return b.p;
}

int
cnt_cursor_read(char **place, const char *cursor, const char *tool, const char *path,
    struct cnt_err *e)
{
	struct cnt_buf b CNT_BUF = { 0 };
	char mark[65];

	make_mark(mark, tool, path);
	if (cnt_base64_decode(&b, cursor) == -1 || b.n <= MARK || strlen(b.p) != b.n ||
	    strncmp(b.p, mark, MARK) != 0)
		return cnt_fail(e, CNT_INVALID, "cursor: expected a next_cursor of %s, with the "
		    "same path, got \"%.*s\"", tool, cnt_utf8_cut(cursor, 32), cursor);
	*place = cnt_strdup(b.p + MARK);
	return 0;
}
