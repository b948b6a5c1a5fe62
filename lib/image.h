/* SPDX-License-Identifier: Apache-2.0
 *
 * Images: read-only root file systems, each named by the sha256 of the archive it was made from,
 * shared by all boxes and never shifted on disk.
 */
#ifndef CNT_IMAGE_H
#define CNT_IMAGE_H

#include "lib/store.h"
#include "lib/verb.h"

/* Imports an archive (tar; gzip, xz, zstd or bzip2) from a descriptor under a name. Names:
 * ^[a-z0-9][a-z0-9._-]{0,63}$, and none that reads as an id. An archive without etc/passwd and an
 * init is refused. Half-made images are removed by the next verb. i is filled in. */
int	cnt_image_import(struct cnt_store *s, const char *name, int archive, struct cnt_image *i,
	    struct cnt_call *c, struct cnt_err *e);

/* Runs the recipe share/cnt/image/RECIPE SUITE (NULL: without one) and imports its archive. */
int	cnt_image_build(struct cnt_store *s, const char *name, const char *recipe,
	    const char *suite, struct cnt_image *i, struct cnt_call *c, struct cnt_err *e);

/* Removes one that no box uses. */
int	cnt_image_delete(struct cnt_store *s, const char *ref, struct cnt_image *i,
	    struct cnt_err *e);

/* Removes what killed imports, builds and deletes have left; 1 when some may be in use still. */
int	cnt_image_recover(struct cnt_store *s, struct cnt_err *e);

/* images/ID/rootfs; malloc'd. */
char	*cnt_image_rootfs(const char *id);

/* lib/image-account.c: is this name an account or a group in the image? 1, 0, or -1. */
int	 cnt_image_has_account(const char *id, const char *name, struct cnt_err *e);

#endif
