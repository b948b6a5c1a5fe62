/* SPDX-License-Identifier: Apache-2.0
 *
 * rows N: gives the instance N boxes that are nothing but their rows, through the store, in place
 * of all it has; 0: none, and the id ranges that an instance of a test has.
 */
#include <err.h>

#include "lib/box.h"

#define RANGES	64		/* of an instance with CNT_ROOT */
#define IMAGE	"0000000000000000000000000000000000000000000000000000000000000001"

static void
check(int r, const struct cnt_err *e)
{
	if (r == -1)
		errx(70, "%s", e->text);
}

static void
clear(struct cnt_store *s, struct cnt_err *e)
{
	struct cnt_box *boxes CNT_FREE = NULL;
	size_t n = 0;

	check(cnt_store_boxes(s, &boxes, &n, e), e);
	for (size_t k = 0; k < n; k++) {
		check(cnt_store_box_state(s, boxes[k].name, CNT_DELETING, e), e);
		check(cnt_store_box_remove(s, boxes[k].name, e), e);
	}
}

static void
add(struct cnt_store *s, int n, struct cnt_err *e)
{
	struct cnt_box b = { .owner = "bench", .image = IMAGE, .image_name = "bench",
	    .limits = { .memory = 1 << 30, .pids = 1024, .cpu = 1 } };
	struct cnt_image image = { .id = IMAGE, .name = "bench", .bytes = 1 }, there;

	if (cnt_store_image_get(s, IMAGE, &there, e) == -1) {
		check(cnt_store_image_add(s, &image, e), e);
		check(cnt_store_image_state(s, IMAGE, CNT_READY, e), e);
	}
	for (int k = 0; k < n; k++) {
		snprintf(b.name, sizeof(b.name), "bench-%d", k);
		check(cnt_store_box_add(s, &b, e), e);
		check(cnt_store_box_state(s, b.name, CNT_READY, e), e);
	}
}

int
main(int argc, char **argv)
{
	struct cnt_store *s CNT_STORE = NULL;
	struct cnt_instance i = { 0 };
	struct cnt_err e = { 0 };
	int n = argc == 2 ? atoi(argv[1]) : -1;

	if (n < 0)
		errx(2, "usage: rows N");
	check(cnt_store_open(&s, false, &e), &e);
	check(cnt_store_instance(s, &i, &e), &e);
	clear(s, &e);
	i.id_count = (uint32_t)(n > RANGES ? n : RANGES) * CNT_IDS;
	check(cnt_store_set_instance(s, &i, &e), &e);
	if (n > 0)
		add(s, n, &e);
	return 0;
}
