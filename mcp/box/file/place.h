/* SPDX-License-Identifier: Apache-2.0
 *
 * A new file that gets its name when it is whole: no reader sees half of it, and nothing is
 * left when the process is killed.
 */
#ifndef CNT_MCP_BOX_FILE_PLACE_H
#define CNT_MCP_BOX_FILE_PLACE_H

#include <sys/stat.h>

#include "lib/err.h"

struct cnt_place {
	int	dir;			/* borrowed */
	int	fd;			/* the new file; -1 after it has been placed */
	char	name[32];		/* "" while it has none */
};

/* Is there room for a file of that size in the directory, and may it be so large? -1 and an error
 * that says both numbers; path is what it names. */
int	cnt_place_room(int dir, int64_t bytes, const char *path, struct cnt_err *e);

/* Makes an empty file without a name in the directory. -1 and errno. */
int	cnt_place_open(struct cnt_place *p, int dir);

/* Gives it owner, mode, times where asked, and extended attributes of `old`. -1 and errno;
 * EPERM: the owner cannot be kept. */
int	cnt_place_like(struct cnt_place *p, int old, const struct stat *st);

/* Gives it its name, durably. replace: what has the name now is replaced; else EEXIST. -1 and
 * errno. */
int	cnt_place_as(struct cnt_place *p, const char *name, bool replace);

void	cnt_place_drop(struct cnt_place *p);

#endif
