/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's statements about images. A name belongs to one READY image; an image whose name was
 * taken has the empty one and is found by its id.
 */
#include "lib/store.h"

#include "lib/sql.h"

#define COLUMNS "id, name, state, bytes, created_us"

int
cnt_store_image_add(struct cnt_store *s, const struct cnt_image *i, struct cnt_err *e)
{
	int r = cnt_sql_change(s, e, "INSERT INTO image (" COLUMNS ")"
	    " VALUES (?, ?, 'creating', ?, ?) ON CONFLICT DO NOTHING",
	    "ssii", i->id, i->name, i->bytes, i->created_us != 0 ? i->created_us : cnt_now_us());

	return r == 0 ? cnt_fail(e, CNT_EXISTS, "%s: exists already", i->id) : r == -1 ? -1 : 0;
}

int
cnt_store_image_name(struct cnt_store *s, const char *id, const char *name, struct cnt_err *e)
{
	struct cnt_store *tx CNT_TX = NULL;
	int r;

	if (cnt_sql_begin(s, &tx, e) == -1 ||
	    cnt_sql_change(s, e, "UPDATE image SET name = '' WHERE id <> ?1 AND state = 'ready' AND"
	    " name = iif(?2 <> '', ?2, (SELECT name FROM image WHERE id = ?1))",
	    "ss", id, name) == -1 ||
	    (r = cnt_sql_change(s, e, "UPDATE image SET state = 'ready',"
	    " name = iif(?2 <> '', ?2, name) WHERE id = ?1", "ss", id, name)) == -1)
		return -1;
	return r == 0 ? cnt_fail(e, CNT_NOTFOUND, "%s: no such image", id) : cnt_sql_commit(s, e);
}

/* A change that only an image without boxes may have: -1 with the reason when none was made. */
static int
unused_image(struct cnt_store *s, const char *id, int changed, struct cnt_err *e)
{
	int64_t boxes;

	if (changed != 0)
		return changed == -1 ? -1 : 0;
	if (cnt_sql_number(s, &boxes, e, "SELECT count(*) FROM box WHERE image = ?",
	    "s", id) == -1)
		return -1;
	if (boxes == 0)
		return cnt_fail(e, CNT_NOTFOUND, "%s: no such image", id);
	cnt_fail(e, CNT_NO, "%.12s: used by %lld box%s", id, (long long)boxes,
	    boxes == 1 ? "" : "es");
	return cnt_hint(e, "delete them first; `cnt list` shows them");
}

int
cnt_store_image_state(struct cnt_store *s, const char *id, enum cnt_state to, struct cnt_err *e)
{
	if (to == CNT_READY)
		return cnt_store_image_name(s, id, "", e);
	int changed = cnt_sql_change(s, e, "UPDATE image SET state = ?2 WHERE id = ?1"
	    " AND NOT EXISTS (SELECT 1 FROM box WHERE image = ?1)", "ss", id,
	    cnt_sql_state_name(to));
	return unused_image(s, id, changed, e);
}

int
cnt_store_image_remove(struct cnt_store *s, const char *id, struct cnt_err *e)
{
	int changed = cnt_sql_change(s, e, "DELETE FROM image WHERE id = ?1"
	    " AND NOT EXISTS (SELECT 1 FROM box WHERE image = ?1)", "s", id);

	return unused_image(s, id, changed, e);
}

static void
read_image(struct sqlite3_stmt *st, void *row)
{
	struct cnt_image *i = row;

	strlcpy(i->id, cnt_sql_text(st, 0), sizeof(i->id));
	strlcpy(i->name, cnt_sql_text(st, 1), sizeof(i->name));
	i->state = cnt_sql_state(st, 2);
	i->bytes = cnt_sql_int(st, 3);
	i->created_us = cnt_sql_int(st, 4);
}

int
cnt_store_image_get(struct cnt_store *s, const char *ref, struct cnt_image *i, struct cnt_err *e)
{
	struct sqlite3_stmt *st CNT_STMT = NULL;
	int r = cnt_sql_ask(s, &st, e, "SELECT " COLUMNS " FROM image WHERE state = 'ready' AND"
	    " (name = ?1 OR length(?1) >= 8 AND substr(id, 1, length(?1)) = ?1)"
	    " ORDER BY name = ?1 DESC LIMIT 2", "s", ref);

	if (r == -1 || (r = *ref == '\0' ? 0 : cnt_sql_next(s, st, e)) == -1)
		return -1;
	if (r == 0) {
		cnt_fail(e, CNT_NOTFOUND, "%s: no such image", ref);
		return cnt_hint(e, "`cnt image list` shows the images there are");
	}
	memset(i, 0, sizeof(*i));
	read_image(st, i);
	if (strcmp(i->name, ref) != 0 && (r = cnt_sql_next(s, st, e)) != 0)
		return r == -1 ? -1 :
		    cnt_fail(e, CNT_INVALID, "%s: begins the id of two images", ref);
	return 0;
}

int
cnt_store_images(struct cnt_store *s, struct cnt_image **images, size_t *n, struct cnt_err *e)
{
	void *rows = NULL;

	if (cnt_sql_all(s, "SELECT " COLUMNS " FROM image ORDER BY name, created_us",
	    sizeof(**images), read_image, &rows, n, e) == -1)
		return -1;
	*images = rows;
	return 0;
}
