/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a box's passwd(5) and group(5). The files are the box's root's: they may be missing, huge,
 * a device, a link to a descriptor of ours, or name ids that the box does not have. The name
 * service is not asked: it would load the box's libraries into a process that is not confined yet.
 */
#include "lib/account.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>

#include "lib/box.h"
#include "lib/file.h"

#define FILE_MAX (1 << 20)

static FILE *
open_table(const char *path, struct cnt_buf *b, struct cnt_err *e)
{
	CNT_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	FILE *f = NULL;

	if (cnt_file_read_in(root, path, FILE_MAX, b, e) == -1)
		return NULL;
	if (b->n == 0)
		cnt_buf_adds(b, "\n");		/* fmemopen takes no empty buffer */
	f = fmemopen(b->p, b->n, "r");
	if (f == NULL)
		cnt_fail_sys(e, "%s", path);
	return f;
}

static bool
is_member(const struct group *g, const char *name)
{
	for (char **m = g->gr_mem; *m != NULL; m++)
		if (strcmp(*m, name) == 0)
			return true;
	return false;
}

static int
find_groups(struct cnt_account *a, struct cnt_err *e)
{
	CNT_BUF struct cnt_buf b = { 0 };
	CNT_FILE FILE *f = open_table("/etc/group", &b, e);
	const struct group *g;

	if (f == NULL)
		return -1;
	a->groups[a->groups_n++] = a->gid;
	while (a->groups_n < nitems(a->groups) && (g = fgetgrent(f)) != NULL)
		if (g->gr_gid < CNT_IDS && g->gr_gid != a->gid && is_member(g, a->name))
			a->groups[a->groups_n++] = g->gr_gid;
	return 0;
}

int
cnt_account_find(const char *name, struct cnt_account *a, struct cnt_err *e)
{
	CNT_BUF struct cnt_buf b = { 0 };
	CNT_FILE FILE *f = open_table("/etc/passwd", &b, e);
	const struct passwd *p;

	if (f == NULL)
		return -1;
	do
		p = fgetpwent(f);
	while (p != NULL && strcmp(p->pw_name, name) != 0);
	if (p == NULL)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such account in the box", name);
	if (p->pw_uid >= CNT_IDS || p->pw_gid >= CNT_IDS)
		return cnt_fail(e, CNT_NO, "%s: its ids %ju and %ju are not the box's", name,
		    (uintmax_t)p->pw_uid, (uintmax_t)p->pw_gid);
	a->name = cnt_strdup(name);
	a->home = cnt_strdup(p->pw_dir[0] == '/' ? p->pw_dir : "/");
	a->shell = cnt_strdup(p->pw_shell[0] == '/' ? p->pw_shell : "/bin/sh");
	a->uid = p->pw_uid;
	a->gid = p->pw_gid;
	a->groups_n = 0;
	return find_groups(a, e);
}
