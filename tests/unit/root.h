/* SPDX-License-Identifier: Apache-2.0
 *
 * A CNT_ROOT for one test, made before it and removed after it, and its store.
 */
#ifndef CNT_TEST_ROOT_H
#define CNT_TEST_ROOT_H

#include "lib/base.h"

#include <sys/stat.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/paths.h"
#include "lib/store.h"

static int
make_root(void **state CNT_UNUSED)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/var/tmp/cnt-unit-XXXXXX");
	return mkdtemp(dir) == NULL || chmod(dir, 0755) == -1 || setenv("CNT_ROOT", dir, 1) == -1;
}

static int
remove_root(void **state CNT_UNUSED)
{
	struct cnt_err e = { 0 };

	return cnt_file_remove_tree(cnt_root(), &e);
}

static inline struct cnt_store *
opened(void)
{
	struct cnt_store *s = NULL;
	struct cnt_err e = { 0 };

	if (cnt_store_open(&s, false, &e) == -1)
		fail_msg("%s", e.text);
	return s;
}

#endif
