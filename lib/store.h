/* SPDX-License-Identifier: Apache-2.0
 *
 * The one database: instance, images, boxes, audit. Everything else on the host is rendered from
 * it. A verb records what it is about to do, acts, and records the outcome; what a killed verb left
 * behind is found here by its state.
 */
#ifndef CNT_STORE_H
#define CNT_STORE_H

#include <sys/types.h>

#include "lib/audit.h"
#include "lib/err.h"

struct cnt_store;

/* What makes this instance itself; fixed by `cnt setup` and never changed while boxes exist. */
struct cnt_instance {
	char		tag[9];		/* "cnt", or "cnt" and 5 hex digits of sha256(CNT_ROOT) */
	uint32_t	id_base;	/* first host id given to boxes */
	uint32_t	id_count;	/* a multiple of 65536: one range a box */
	uint32_t	subnet;		/* host byte order, network address */
	unsigned	prefix;		/* its length; the bridge has the first address */
};

/* Running or not is the kernel's to say. */
enum cnt_state { CNT_CREATING, CNT_READY, CNT_DELETING };

/* Limits of a box. 0: no limit; of swap 0 is none at all, and -1 no limit. */
struct cnt_limits {
	int64_t	memory;		/* bytes */
	int64_t	swap;		/* bytes on top of memory */
	int64_t	pids;
	double	cpu;		/* cores */
};

struct cnt_box {
	int			slot;		/* from it: id range, address, veth name, MAC */
	char			name[32];
	char			owner[33];
	char			image[65];	/* sha256 */
	char			image_name[65];	/* as it was called when the box was made */
	enum cnt_state		state;
	struct cnt_limits	limits;
	int64_t			created_us;
	bool			autostart;	/* was last asked to run: `cnt boot` starts it */
};

struct cnt_image {
	char		id[65];			/* sha256 of the archive, hex */
	char		name[65];
	enum cnt_state	state;
	int64_t		bytes;			/* of the archive */
	int64_t		created_us;
};

/* Opens, or with create makes, the database; migrates forward. A database of another program, of a
 * newer version, damaged, or readable by others is refused, never replaced; so is one that is gone
 * while there are boxes or images. A lock is waited for until nobody has written for 10 s, then
 * CNT_BUSY. Missing and !create: CNT_UNAVAILABLE, hint `cnt setup`. */
int	cnt_store_open(struct cnt_store **out, bool create, struct cnt_err *e);
void	cnt_store_close(struct cnt_store **s);
#define CNT_STORE	__attribute__((cleanup(cnt_store_close)))

int	cnt_store_instance(struct cnt_store *s, struct cnt_instance *i, struct cnt_err *e);
int	cnt_store_set_instance(struct cnt_store *s, const struct cnt_instance *i,
	    struct cnt_err *e);

/* Forgets the instance, or with next changes it, once leave has taken away what the host has of it;
 * no box can be added meanwhile. CNT_NO when there are any. */
int	cnt_store_leave(struct cnt_store *s, int (*leave)(void *arg, struct cnt_err *e), void *arg,
	    const struct cnt_instance *next, struct cnt_err *e);

/* Adds a box in state CREATING and chooses its slot (the smallest free one below id_count / 65536).
 * Name taken: CNT_EXISTS. No slot: CNT_BUSY. Image not READY: CNT_NOTFOUND. One transaction. */
int	cnt_store_box_add(struct cnt_store *s, struct cnt_box *b, struct cnt_err *e);
/* CNT_EXISTS when a READY box has the name. */
int	cnt_store_refuse_box(struct cnt_store *s, const char *name, struct cnt_err *e);
int	cnt_store_box_get(struct cnt_store *s, const char *name, struct cnt_box *b,
	    struct cnt_err *e);
int	cnt_store_box_state(struct cnt_store *s, const char *name, enum cnt_state to,
	    struct cnt_err *e);
int	cnt_store_box_autostart(struct cnt_store *s, const char *name, bool autostart,
	    struct cnt_err *e);
int	cnt_store_box_limits(struct cnt_store *s, const char *name, const struct cnt_limits *l,
	    struct cnt_err *e);
/* A READY box is never removed: CNT_BUG. It is made DELETING first. */
int	cnt_store_box_remove(struct cnt_store *s, const char *name, struct cnt_err *e);

/* All boxes by name, whatever their state, into a malloc'd array that the caller frees. */
int	cnt_store_boxes(struct cnt_store *s, struct cnt_box **boxes, size_t *n, struct cnt_err *e);

/* An image is added in state CREATING and becomes READY under its name, which it takes from an
 * older image of that name. Removing one that a box uses: CNT_NO. */
int	cnt_store_image_add(struct cnt_store *s, const struct cnt_image *i, struct cnt_err *e);
int	cnt_store_image_state(struct cnt_store *s, const char *id, enum cnt_state to,
	    struct cnt_err *e);
/* Makes it READY under another name, taken in the same way; "": under its own. */
int	cnt_store_image_name(struct cnt_store *s, const char *id, const char *name,
	    struct cnt_err *e);
int	cnt_store_image_remove(struct cnt_store *s, const char *id, struct cnt_err *e);
/* By name, by id, or by 8 and more first digits of the id. Only READY ones. */
int	cnt_store_image_get(struct cnt_store *s, const char *ref, struct cnt_image *i,
	    struct cnt_err *e);
int	cnt_store_images(struct cnt_store *s, struct cnt_image **images, size_t *n,
	    struct cnt_err *e);

/* Appends one record to the chain, in a transaction of its own, durable when it returns. Fills in
 * r->seq, r->time_us, r->prev and r->hash. An intent is open until its outcome is appended; an
 * outcome for one that is not open is CNT_BUG. */
int	cnt_store_audit(struct cnt_store *s, struct cnt_audit *r, struct cnt_err *e);

/* An open intent and the process that wrote it. */
struct cnt_pending {
	int64_t	seq;
	pid_t	pid;
	int64_t	start;			/* cnt_proc_start */
	int64_t	time_us;
	char	verb[32];
	char	box[32];		/* which it named, or "" */
};
/* A malloc'd array that the caller frees. */
int	cnt_store_pending(struct cnt_store *s, struct cnt_pending **p, size_t *n,
	    struct cnt_err *e);
/* Is this intent still open? 1, 0, or -1. */
int	cnt_store_is_pending(struct cnt_store *s, int64_t seq, struct cnt_err *e);
/* Appends the outcome "interrupted" to an intent that is still open: 1. Else it does nothing: 0. */
int	cnt_store_audit_interrupted(struct cnt_store *s, int64_t seq, struct cnt_err *e);

/* Is there a box or an image that is not READY, or an open intent? 1, 0, or -1. */
int	cnt_store_unfinished(struct cnt_store *s, struct cnt_err *e);

/* Walks the chain from the first record; 0, or -1 with CNT_NO naming the first that is wrong. */
int	cnt_store_audit_verify(struct cnt_store *s, int64_t *records, struct cnt_err *e);

/* For doctor: whole as SQLite sees it (PRAGMA integrity_check), with all that the schema makes, and
 * each box one that can be. */
int	cnt_store_check(struct cnt_store *s, struct cnt_err *e);

#endif
