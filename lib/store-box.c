/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's statements about the instance and its boxes.
 */
#include "lib/store-own.h"

#include "lib/sql.h"

#define COLUMNS "slot, name, owner, image, image_name, state, memory, swap, pids, cpu," \
	" created_us, autostart"

int
cnt_store_instance(struct cnt_store *s, struct cnt_instance *i, struct cnt_err *e)
{
	struct sqlite3_stmt *st CNT_STMT = NULL;
	int r = cnt_sql_ask(s, &st, e, "SELECT tag, id_base, id_count, subnet, prefix"
	    " FROM instance", "");

	memset(i, 0, sizeof(*i));
	if (r == -1 || (r = cnt_sql_next(s, st, e)) == -1)
		return -1;
	if (r == 0)
		return cnt_store_not_set_up(e);
	strlcpy(i->tag, cnt_sql_text(st, 0), sizeof(i->tag));
	i->id_base = (uint32_t)cnt_sql_int(st, 1);
	i->id_count = (uint32_t)cnt_sql_int(st, 2);
	i->subnet = (uint32_t)cnt_sql_int(st, 3);
	i->prefix = (unsigned)cnt_sql_int(st, 4);
	return 0;
}

int
cnt_store_set_instance(struct cnt_store *s, const struct cnt_instance *i, struct cnt_err *e)
{
	int r = cnt_sql_change(s, e, "INSERT OR REPLACE INTO instance SELECT 1, ?, ?, ?, ?, ?"
	    " WHERE NOT EXISTS (SELECT 1 FROM box)", "siiii", i->tag, (int64_t)i->id_base,
	    (int64_t)i->id_count, (int64_t)i->subnet, (int64_t)i->prefix);

	if (r == 0)
		return cnt_fail(e, CNT_NO, "instance: cannot change while there are boxes");
	return r == -1 ? -1 : 0;
}

int
cnt_store_leave(struct cnt_store *s, int (*leave)(void *arg, struct cnt_err *e), void *arg,
    const struct cnt_instance *next, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;
	int64_t boxes = 0;

	if (cnt_sql_begin(s, &tx, e) == -1 ||
	    cnt_sql_number(s, &boxes, e, "SELECT count(*) FROM box", "") == -1)
		return -1;
	if (boxes > 0) {
		cnt_fail(e, CNT_NO, "setup: there are still boxes: %lld", (long long)boxes);
		return cnt_hint(e, "delete them first; `cnt list` shows them");
	}
	if (leave(arg, e) == -1 || (next != NULL ? cnt_store_set_instance(s, next, e) :
	    cnt_sql_change(s, e, "DELETE FROM instance", "")) == -1)
		return -1;
	return cnt_sql_commit(s, e);
}

/* The smallest free slot. */
static int
choose_slot(struct cnt_store *s, int *slot, struct cnt_err *e)
{
	int64_t free_slot, slots;

	if (cnt_sql_number(s, &slots, e, "SELECT id_count / 65536 FROM instance", "") == -1 ||
	    cnt_sql_number(s, &free_slot, e, "SELECT min(n) FROM (SELECT 0 AS n UNION ALL"
	    " SELECT slot + 1 FROM box) WHERE n NOT IN (SELECT slot FROM box)", "") == -1)
		return -1;
	if (free_slot >= slots) {
		cnt_fail(e, CNT_BUSY, "box: all %lld id ranges are in use", (long long)slots);
		return cnt_hint(e, "delete a box first");
	}
	*slot = (int)free_slot;
	return 0;
}

static int
refuse(const char *name, struct cnt_err *e)
{
	cnt_fail(e, CNT_EXISTS, "%s: exists already", name);
	return cnt_hint(e, "choose another name, or delete that box first");
}

int
cnt_store_refuse_box(struct cnt_store *s, const char *name, struct cnt_err *e)
{
	int64_t there;

	if (cnt_sql_number(s, &there, e, "SELECT 1 FROM box WHERE name = ? AND state = 'ready'",
	    "s", name) == -1)
		return -1;
	return there ? refuse(name, e) : 0;
}

int
cnt_store_box_add(struct cnt_store *s, struct cnt_box *b, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;
	int64_t there, image;

	if (cnt_sql_begin(s, &tx, e) == -1 ||
	    cnt_sql_number(s, &there, e, "SELECT 1 FROM box WHERE name = ?",
	    "s", b->name) == -1 ||
	    cnt_sql_number(s, &image, e, "SELECT 1 FROM image WHERE id = ? AND state = 'ready'",
	    "s", b->image) == -1)
		return -1;
	if (there)
		return refuse(b->name, e);
	if (!image)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such image", b->image);
	if (choose_slot(s, &b->slot, e) == -1)
		return -1;
	b->state = CNT_CREATING;
	b->created_us = cnt_now_us();
	if (cnt_sql_change(s, e, "INSERT INTO box (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	    "isssssiiidii", (int64_t)b->slot, b->name, b->owner, b->image, b->image_name,
	    cnt_sql_state_name(b->state), b->limits.memory, b->limits.swap, b->limits.pids,
	    b->limits.cpu, b->created_us, (int64_t)b->autostart) == -1)
		return -1;
	return cnt_sql_commit(s, e);
}

static void
read_box(struct sqlite3_stmt *st, void *row)
{
	struct cnt_box *b = row;

	b->slot = (int)cnt_sql_int(st, 0);
	strlcpy(b->name, cnt_sql_text(st, 1), sizeof(b->name));
	strlcpy(b->owner, cnt_sql_text(st, 2), sizeof(b->owner));
	strlcpy(b->image, cnt_sql_text(st, 3), sizeof(b->image));
	strlcpy(b->image_name, cnt_sql_text(st, 4), sizeof(b->image_name));
	b->state = cnt_sql_state(st, 5);
	b->limits.memory = cnt_sql_int(st, 6);
	b->limits.swap = cnt_sql_int(st, 7);
	b->limits.pids = cnt_sql_int(st, 8);
	b->limits.cpu = cnt_sql_double(st, 9);
	b->created_us = cnt_sql_int(st, 10);
	b->autostart = cnt_sql_int(st, 11) != 0;
}

static int
no_such_box(const char *name, struct cnt_err *e)
{
	cnt_fail(e, CNT_NOTFOUND, "%s: no such box", name);
	return cnt_hint(e, "list_containers shows the boxes (`cnt list`)");
}

int
cnt_store_box_get(struct cnt_store *s, const char *name, struct cnt_box *b, struct cnt_err *e)
{
	struct sqlite3_stmt *st CNT_STMT = NULL;
	int r = cnt_sql_ask(s, &st, e, "SELECT " COLUMNS " FROM box WHERE name = ?", "s", name);

	if (r == -1 || (r = cnt_sql_next(s, st, e)) == -1)
		return -1;
	if (r == 0)
		return no_such_box(name, e);
	memset(b, 0, sizeof(*b));
	read_box(st, b);
	return 0;
}

int
cnt_store_box_state(struct cnt_store *s, const char *name, enum cnt_state to, struct cnt_err *e)
{
	int r = -1;

	/* READY need not be durable by itself: the audit's outcome that follows makes it so, and
	 * without that the box counts as half made. */
	if (to != CNT_READY || cnt_sql_durable(s, false, e) == 0)
		r = cnt_sql_change(s, e, "UPDATE box SET state = ? WHERE name = ?", "ss",
		    cnt_sql_state_name(to), name);
	if (to == CNT_READY && cnt_sql_durable(s, true, e) == -1)
		return -1;
	return r == 0 ? no_such_box(name, e) : r == -1 ? -1 : 0;
}

int
cnt_store_box_autostart(struct cnt_store *s, const char *name, bool autostart, struct cnt_err *e)
{
	int r = cnt_sql_change(s, e, "UPDATE box SET autostart = ? WHERE name = ?", "is",
	    (int64_t)autostart, name);

	return r == 0 ? no_such_box(name, e) : r == -1 ? -1 : 0;
}

int
cnt_store_box_limits(struct cnt_store *s, const char *name, const struct cnt_limits *l,
    struct cnt_err *e)
{
	int r = cnt_sql_change(s, e, "UPDATE box SET memory = ?, swap = ?, pids = ?, cpu = ?"
	    " WHERE name = ?", "iiids", l->memory, l->swap, l->pids, l->cpu, name);

	return r == 0 ? no_such_box(name, e) : r == -1 ? -1 : 0;
}

int
cnt_store_box_remove(struct cnt_store *s, const char *name, struct cnt_err *e)
{
	struct cnt_box b;
	int r = cnt_sql_change(s, e, "DELETE FROM box WHERE name = ? AND state <> 'ready'", "s",
	    name);

	if (r != 0)
		return r == -1 ? -1 : 0;
	return cnt_store_box_get(s, name, &b, e) == -1 ? -1 :
	    cnt_fail(e, CNT_BUG, "%s: not marked as being deleted", name);
}

int
cnt_store_boxes(struct cnt_store *s, struct cnt_box **boxes, size_t *n, struct cnt_err *e)
{
	void *rows = NULL;

	if (cnt_sql_all(s, "SELECT " COLUMNS " FROM box ORDER BY name", sizeof(**boxes), read_box,
	    &rows, n, e) == -1)
		return -1;
	*boxes = rows;
	return 0;
}
