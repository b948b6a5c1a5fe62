/* SPDX-License-Identifier: Apache-2.0
 *
 * edit_file: all edits or none, each in the text that the one before it left, and the difference
 * as a unified diff. Two edits of one file at once are done one after the other.
 */
#include "mcp/box/file/edit.h"

#include <errno.h>

#include "lib/crypto.h"
#include "mcp/box/box.h"
#include "mcp/box/file/target.h"
#include "mcp/box/wall.h"

#define DIFF_MAX	20000

static const struct cnt_field edit_fields[] = {
	{ .name = "old", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "new", .type = CNT_STRING, .flags = CNT_REQUIRED },
	{ .name = "expect", .type = CNT_INTEGER, .def = "1", .min = 1, .max = 1e9,
	    .help = "matches" },
	{ 0 },
};

static const struct cnt_field edit_params[] = {
	{ .name = "path", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "PATH" },
	{ .name = "edits", .type = CNT_OBJECTS, .flags = CNT_REQUIRED, .min = 1, .max = 1000,
	    .of = edit_fields },
	{ .name = "if_match", .type = CNT_STRING, .value = "SHA256",
	    .help = "only if its sha256 is this" },
	{ .name = "dry_run", .type = CNT_BOOLEAN, .def = "false" },
	{ 0 },
};

static const struct cnt_field edit_results[] = {
	{ .name = "path", .type = CNT_STRING },
	{ .name = "replacements", .type = CNT_INTEGER },
	{ .name = "sha256", .type = CNT_STRING },
	{ .name = "diff", .type = CNT_STRING },
	{ 0 },
};

static int
read_text(const struct cnt_target *t, struct cnt_buf *text, struct cnt_err *e)
{
	size_t size = (size_t)t->st.st_size;
	ssize_t n = 0;

	if (size > CNT_EDITED_MAX) {
		cnt_fail(e, CNT_NO, "%s: has %zu bytes, more than %zu MiB", t->path, size,
		    CNT_EDITED_MAX >> 20);
		return cnt_hint(e, "shell_exec: sed -i edits it");
	}
	cnt_buf_room(text, size);
	while (text->n < size &&
	    (n = pread(t->old, text->p + text->n, size - text->n, (off_t)text->n)) > 0)
		text->n += (size_t)n;
	text->p[text->n] = '\0';
	if (n == -1)
		return cnt_wall_fail(e, t->path);
	if (memchr(text->p, '\0', text->n) == NULL)
		return 0;
	cnt_fail(e, CNT_NO, "%s: is binary: it has NUL bytes", t->path);
	return cnt_hint(e, "read_file and write_file with encoding base64 change it");
}

static int
apply(const struct cnt_call *c, const char *path, struct cnt_buf *text, int64_t *replacements)
{
	bool crlf = cnt_edit_is_crlf((struct cnt_text){ text->p, text->n });
	const cJSON *edit = NULL;
	int i = 0;

	cJSON_ArrayForEach(edit, cnt_json_get(c->in, "edits")) {
		int64_t expect = cnt_json_int(edit, "expect", 1);
		char *what CNT_FREE = cnt_format("%s: edits[%d].old%s", path, i,
		    i > 0 ? " (after the edits before it)" : "");

		if (cnt_edit(text, cnt_json_str(edit, "old"), cnt_json_str(edit, "new"), expect,
		    crlf, what, c->err) == -1)
			return -1;
		*replacements += expect;
		i++;
	}
	return 0;
}

/* patch(1) takes no absolute name: `patch -p0` is run in `/` then, else in the home directory. Nor
 * does it take a link: the file that it leads to is named. */
static void
state_diff(cJSON *out, const char *path, const char *asked, struct cnt_text before,
    struct cnt_text after)
{
	struct cnt_buf diff CNT_BUF = { 0 };
	char *home CNT_FREE = cnt_wall_path("~");
	size_t n = strlen(home);

	if (asked[0] != '/' && strncmp(path, home, n) == 0 && path[n] == '/')
		path += n;
	cnt_diff(&diff, path + strspn(path, "/"), before, after, DIFF_MAX);
	cnt_json_set_str(out, "diff", diff.p != NULL ? diff.p : "");
}

static int
edit_target(struct cnt_call *c, const struct cnt_target *t)
{
	struct cnt_buf before CNT_BUF = { 0 }, after CNT_BUF = { 0 };
	int64_t replacements = 0;
	bool same = false;
	mode_t mode = 0;
	char sha[65];

	if (cnt_target_match(t, cnt_json_str(c->in, "if_match"), c->err) == -1 ||
	    read_text(t, &before, c->err) == -1)
		return -1;
	cnt_buf_add(&after, before.p, before.n);
	if (apply(c, t->path, &after, &replacements) == -1)
		return -1;
	same = before.n == after.n && before.p != NULL && memcmp(before.p, after.p, after.n) == 0;
	if (!same && !cnt_json_bool(c->in, "dry_run") &&
	    cnt_target_write(t, after.p, after.n, -1, &mode, c->err) == -1)
		return -1;
	cnt_sha256_hex(after.p, after.n, sha);
	cnt_json_set_str(c->out, "path", t->path);
	cnt_json_set_int(c->out, "replacements", replacements);
	cnt_json_set_str(c->out, "sha256", sha);
	state_diff(c->out, t->path, cnt_json_str(c->in, "path"),
	    (struct cnt_text){ before.p, before.n }, (struct cnt_text){ after.p, after.n });
	return 0;
}

static int
edit_file(struct cnt_call *c)
{
	struct cnt_target t = { .dir = -1, .old = -1 };
	int r = cnt_target_open_locked(&t, cnt_json_str(c->in, "path"), false, c->err);

	errno = ENOENT;
	if (r == 0)
		r = t.old != -1 ? edit_target(c, &t) : cnt_wall_fail(c->err, t.path);
	cnt_target_free(&t);
	return r;
}

const struct cnt_verb cnt_box_edit_file = {
	.name = "edit_file", .tool = "edit_file", .title = "Edit a file",
	.group = "Files",
	.summary = "replace exact text in a file",
	.about = "Replace exact text in a file: all edits, in order, or none. Returns a unified "
	    "diff.",
	.effects = CNT_DESTROYS, .storeless = true,
	.params = edit_params, .results = edit_results, .run = edit_file,
};
