/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that open the database share: store.c, store-box.c, store-files.c (is it there,
 * whole and root's?), store-schema.c, sql.c. Nobody else includes it.
 */
#ifndef CNT_STORE_OWN_H
#define CNT_STORE_OWN_H

#include "lib/store.h"

#define CNT_STORE_APPLICATION	0x636e7431	/* "cnt1" */
#define CNT_STORE_MARK		"PRAGMA application_id = 0x636e7431;"
#define CNT_STORE_VERSION	2

/* The column that came with version 2. Its default is for a process of an older cnt that is at work
 * while a newer one migrates. */
#define CNT_STORE_AUTOSTART	"autostart INTEGER NOT NULL DEFAULT 1 CHECK (autostart IN (0, 1))"

extern const char cnt_store_schema[];

/* For hints. */
#define CNT_STORE_ANEW		"or begin anew: move its directory away and run `cnt setup`"
#define CNT_STORE_REPLACE	"put a copy in the place of all of cnt.db*, " CNT_STORE_ANEW

/* Fails so, with its hint. */
int	cnt_store_not_set_up(struct cnt_err *e);

/* store-files.c */

/* 1: the database at path, in dir, is there and fit to be trusted; 0: it is not there, and nothing
 * is that belongs to one; -1. */
int	cnt_store_files_check(const char *dir, const char *path, struct cnt_err *e);

/* Makes it of what cnt_sql_copy gave, whole at once; another process may have been first. */
int	cnt_store_files_make(const char *dir, const char *path, char *bytes, size_t n,
	    struct cnt_err *e);

#endif
