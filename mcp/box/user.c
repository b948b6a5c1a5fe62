/* SPDX-License-Identifier: Apache-2.0
 *
 * Users of the box, read from its own /etc/passwd: a static program has no name service.
 */
#include "mcp/box/user.h"

#include <sys/stat.h>

#include <grp.h>
#include <pwd.h>

static const char passwd_path[] = "/etc/passwd";

static struct {
	struct timespec	 changed;
	size_t		 n;
	struct { uid_t uid; char name[64]; } *all;
} known;

const struct cnt_user *
cnt_user_self(void)
{
	static struct cnt_user self;
	const char *home = getenv("HOME");
	FILE *f CNT_FILE = self.name == NULL ? fopen(passwd_path, "re") : NULL;
	struct passwd *p = NULL;

	if (self.name != NULL)
		return &self;
	while (f != NULL && (p = fgetpwent(f)) != NULL && p->pw_uid != geteuid())
		continue;
	self.name = p != NULL ? cnt_strdup(p->pw_name) : cnt_format("%u", (unsigned)geteuid());
	self.shell = cnt_strdup(p != NULL && p->pw_shell[0] == '/' ? p->pw_shell : "/bin/sh");
	self.home = cnt_strdup(home != NULL && home[0] == '/' ? home :
	    p != NULL && p->pw_dir[0] == '/' ? p->pw_dir : "/");
	return &self;
}

void
cnt_user_refresh(void)
{
	FILE *f CNT_FILE = NULL;
	struct passwd *p = NULL;
	struct stat st = { 0 };

	if (stat(passwd_path, &st) == -1 ||
	    memcmp(&st.st_mtim, &known.changed, sizeof(known.changed)) == 0)
		return;
	known.changed = st.st_mtim;
	known.n = 0;
	f = fopen(passwd_path, "re");
	while (f != NULL && (p = fgetpwent(f)) != NULL) {
		known.all = cnt_realloc(known.all, (known.n + 1) * sizeof(*known.all));
		known.all[known.n].uid = p->pw_uid;
		snprintf(known.all[known.n++].name, sizeof(known.all->name), "%s", p->pw_name);
	}
}

void
cnt_user_name(uid_t uid, char name[64])
{
	for (size_t i = 0; i < known.n; i++)
		if (known.all[i].uid == uid) {
			snprintf(name, 64, "%s", known.all[i].name);
			return;
		}
	snprintf(name, 64, "%u", (unsigned)uid);
}

void
cnt_user_group(gid_t gid, char name[64])
{
	FILE *f CNT_FILE = fopen("/etc/group", "re");
	struct group *g = NULL;

	snprintf(name, 64, "%u", (unsigned)gid);
	while (f != NULL && (g = fgetgrent(f)) != NULL)
		if (g->gr_gid == gid) {
			snprintf(name, 64, "%s", g->gr_name);
			return;
		}
}
