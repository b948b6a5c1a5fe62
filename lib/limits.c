/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of a box that runs. The box's own root can write none of these files. The kernel's v1
 * memory controller never lets memory exceed memory and swap together: so the sum is written before
 * and after, and the first time may fail.
 */
#include "lib/limits.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/box.h"
#include "lib/cgroup.h"
#include "lib/file.h"
#include "lib/paths.h"

#define MEMORY_V1	"memory.limit_in_bytes"
#define SUM_V1		"memory.memsw.limit_in_bytes"
#define QUOTA_V1	"cpu.cfs_quota_us"
#define STEPS		(4 * CNT_CGROUP_KEYS)

struct step {
	char		path[192];
	const char	*value;
	bool		may_fail;
};

struct steps {
	struct cnt_cgroup_key	keys[CNT_CGROUP_KEYS];
	struct step		s[STEPS];
	size_t			n;
};

void
cnt_limits_of(const cJSON *in, struct cnt_limits *l)
{
	l->cpu = cnt_json_num(in, "cpu", l->cpu);
	l->memory = cnt_json_int(in, "memory", l->memory);
	l->swap = cnt_json_int(in, "swap", l->swap);
	l->pids = cnt_json_int(in, "pids", l->pids);
}

static void
path_of(const struct cnt_cgroup_key *k, const char *tag, const char *box, const char *below,
    char path[192])
{
	snprintf(path, 192, "%s/%s/%s%s/%s", cnt_cgroup_of(k->controller), tag, box, below,
	    k->file);
}

static void
add_step(struct steps *all, const struct cnt_cgroup_key *k, const char *tag, const char *box,
    const char *below, bool may_fail)
{
	struct step *s = &all->s[all->n++];

	path_of(k, tag, box, below, s->path);
	s->value = k->value;
	s->may_fail = may_fail;
}

/* The box's own part shows memory and processes: what runs in it decides by these how much to
 * take. */
static void
plan(struct steps *all, const char *tag, const char *box, const struct cnt_limits *l)
{
	static const char *const parts[] = { "", "/box" };
	size_t n = cnt_cgroup_limits(l, cnt_cgroup_is_v2(), all->keys);

	all->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cnt_cgroup_key *k = &all->keys[i], *next = k + 1;
		bool both = strcmp(k->controller, "cpu") != 0;

		for (size_t p = 0; p < (both ? nitems(parts) : 1); p++) {
			if (strcmp(k->file, MEMORY_V1) == 0 && i + 1 < n &&
			    strcmp(next->file, SUM_V1) == 0)
				add_step(all, next, tag, box, parts[p], true);
			add_step(all, k, tag, box, parts[p], p > 0);
		}
	}
}

void
cnt_limits_script(const char *tag, const char *box, const struct cnt_limits *l,
    struct cnt_buf *script)
{
	struct steps *all CNT_FREE = cnt_alloc(sizeof(*all));

	plan(all, tag, box, l);
	for (size_t i = 0; i < all->n; i++)
		cnt_buf_addf(script, all->s[i].may_fail ? "{ echo '%s' >%s; } 2>/dev/null || :\n" :
		    "echo '%s' >%s || exit 1\n", all->s[i].value, all->s[i].path);
}

/* What cannot be given back, of version 2, where a limit below it would kill. */
static int64_t
memory_held(const char *tag, const char *box)
{
	static const char *const held[] = { "anon ", "shmem ", "kernel_stack ", "pagetables ",
	    "slab_unreclaimable " };
	char *path CNT_FREE = cnt_cgroup_path("%s/%s/memory.stat", tag, box);
	FILE *f CNT_FILE = fopen(path, "re");
	char line[128];
	int64_t sum = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		for (size_t i = 0; i < nitems(held); i++)
			if (strncmp(line, held[i], strlen(held[i])) == 0)
				sum += strtoll(line + strlen(held[i]), NULL, 10);
	return sum;
}

static int
no_room(const char *box, struct cnt_err *e, const struct cnt_limits *l, int64_t held)
{
	char *used CNT_FREE = cnt_print_size(held), *limit CNT_FREE = cnt_print_size(l->memory);

	cnt_fail(e, CNT_NO, "%s: uses %s of memory, which cannot be brought below %s", box, used,
	    limit);
	return cnt_hint(e, "end something in it, stop it first, or give it more; nothing was "
	    "changed");
}

/* Of version 1 no group may have more than the one above it, and a box's root makes groups. */
static int
no_less(const char *box, struct cnt_err *e, const struct cnt_limits *l)
{
	cnt_fail(e, CNT_NO, "%s: a group in it has more than %g of cpu", box, l->cpu);
	return cnt_hint(e, "stop it first, or give it more; nothing was changed");
}

int
cnt_limits_fit(const char *tag, const char *box, const struct cnt_limits *l, struct cnt_err *e)
{
	int64_t pids = cnt_cgroup_use(tag, box, "pids"), held = 0;

	if (l->pids > 0 && pids > l->pids) {
		cnt_fail(e, CNT_NO, "%s: has %lld processes and threads, more than %lld", box,
		    (long long)pids, (long long)l->pids);
		return cnt_hint(e, "end some of them, or stop it first; nothing was changed");
	}
	held = l->memory > 0 && cnt_cgroup_is_v2() ? memory_held(tag, box) : 0;
	return held > l->memory ? no_room(box, e, l, held) : 0;
}

static int
write_script(const char *tag, const char *box, const struct cnt_limits *l, struct cnt_err *e)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", box);
	CNT_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CNT_BUF struct cnt_buf script = { 0 };

	if (fd == -1)
		return cnt_fail_sys(e, "%s", dir);
	cnt_limits_script(tag, box, l, &script);
	return cnt_file_write_in(fd, "limits", script.p != NULL ? script.p : "", script.n, 0600,
	    0, 0, e);
}

int
cnt_limits_set(const struct cnt_instance *i, const char *box, const struct cnt_limits *l,
    struct cnt_err *e)
{
	struct steps *all CNT_FREE = cnt_alloc(sizeof(*all));
	const char *tag = i->tag;
	int running = cnt_box_await(tag, box, NULL, e);

	/* A start writes the script; a reboot reads it, also one that cannot be waited for. */
	if (running == 0)
		return 0;
	if (write_script(tag, box, l, e) == -1 || running == -1)
		return -1;
	/* One that has begun by now may have read what was there. */
	if ((running = cnt_box_await(tag, box, NULL, e)) != 1)
		return running;
	plan(all, tag, box, l);
	for (size_t k = 0; k < all->n; k++) {
		const struct step *s = &all->s[k];

		if (cnt_file_put(s->path, s->value) == 0 || s->may_fail)
			continue;
		return errno == EBUSY ? no_room(box, e, l, cnt_cgroup_use(tag, box, "memory")) :
		    errno == EINVAL && strstr(s->path, QUOTA_V1) != NULL ? no_less(box, e, l) :
		    cnt_fail_sys(e, "%s", s->path);
	}
	return cnt_limits_check(tag, box, l, e);
}

/* Is this line what was set? The kernel rounds bytes down to whole pages, of 64 KiB at most. */
static bool
is_set(const struct cnt_cgroup_key *k, const char *now)
{
	char *end = NULL;
	unsigned long long is = strtoull(now, &end, 10), set = strtoull(k->value, NULL, 10);

	return strcmp(now, k->value) == 0 || (strcmp(k->controller, "memory") == 0 && end != now &&
	    *end == '\0' && is <= set && set - is < 65536);
}

int
cnt_limits_check(const char *tag, const char *box, const struct cnt_limits *l, struct cnt_err *e)
{
	struct cnt_cgroup_key keys[CNT_CGROUP_KEYS];
	size_t n = cnt_cgroup_limits(l, cnt_cgroup_is_v2(), keys);

	for (size_t k = 0; k < n; k++) {
		char path[192];
		CNT_BUF struct cnt_buf now = { 0 };

		path_of(&keys[k], tag, box, "", path);
		if (cnt_file_read(path, 64, &now, e) == -1)
			return -1;
		cnt_buf_adds(&now, "");
		now.p[strcspn(now.p, "\n")] = '\0';
		if (!is_set(&keys[k], now.p))
			return cnt_fail(e, CNT_SYSTEM, "%s: limit %s is %s, not %s", box,
			    keys[k].file, now.p, keys[k].value);
	}
	return 0;
}
