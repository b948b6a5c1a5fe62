/* SPDX-License-Identifier: Apache-2.0
 *
 * The mounts of a box, made in the starter's own mount namespace, which liblxc's monitor inherits:
 * the host's mount table stays as it is, and the mounts end with the box however it ends.
 */
#ifndef CNT_MOUNT_H
#define CNT_MOUNT_H

#include "lib/err.h"

/* Gives the calling process a mount namespace of its own: what the host unmounts goes away here
 * too, nothing made here shows on the host. /run is empty: liblxc's lock files end with the
 * namespace. */
int	cnt_mount_private(struct cnt_err *e);

/* A user namespace that maps 0-65535 to the ids from `first` on; no process is left in it. */
int	cnt_mount_userns(uint32_t first, int *fd, struct cnt_err *e);

/* Mounts overlay(image shifted by the namespace's map, disk/upper) on box/rootfs; box is the box's
 * directory on the host. Changes the working directory to it. Linux 5.12. */
int	cnt_mount_rootfs(const char *image, const char *box, int userns, struct cnt_err *e);

/* Shows the host's program in the mounted box as usr/local/bin/NAME, read-only in a way that the
 * box's root cannot undo. A box that has something else in that place keeps it. */
int	cnt_mount_program(const char *program, uint32_t first, struct cnt_err *e);

#endif
