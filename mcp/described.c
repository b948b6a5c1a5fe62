/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking forty programs costs forty starts, so their answers are kept, each with the time of the
 * last change to its file. The file that keeps them is believed only when it is root's or our own
 * and nobody else may write it; one that cannot be read or written is done without.
 */
#include "mcp/described.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <time.h>

#include "lib/file.h"
#include "lib/learn.h"
#include "lib/paths.h"
#include "mcp/ask.h"

#define CACHE		"verbs.json"
#define CACHE_MAX	((size_t)4 << 20)
#define WITHIN_US	2000000
#define DROPIN_US	5000000		/* it gives up after two seconds, and says so */
#define AGAIN_S		60		/* what said nothing is asked again after that */

struct look {
	cJSON		*known;		/* what is as it was moves from here */
	cJSON		*now, **fresh;	/* fresh: entries to be filled in; they lie in now */
	size_t		 n;
};

static cJSON *
read_cache(void)
{
	char *path CNT_FREE = cnt_path("%s/%s", CNT_RUN, CACHE);
	int fd CNT_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct cnt_buf b CNT_BUF = { 0 };
	struct cnt_err e = { 0 };
	char chunk[65536];
	struct stat st;
	ssize_t n;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & 022) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()) || (size_t)st.st_size > CACHE_MAX)
		return NULL;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && b.n <= CACHE_MAX)
		cnt_buf_add(&b, chunk, (size_t)n);
	return b.n > 0 ? cnt_json_parse(b.p, b.n, &e) : NULL;
}

static void
write_cache(const cJSON *now)
{
	char *path CNT_FREE = cnt_path("%s", CNT_RUN);
	char *text CNT_FREE = cnt_json_print(now);
	int dir CNT_CLOSE = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cnt_err e = { 0 };

	(void)cnt_file_write_in(dir, CACHE, text, strlen(text), 0600, geteuid(), getegid(), &e);
}

char *
cnt_described_program(const cJSON *entry, char **first)
{
	bool dropin = cnt_json_bool(entry, "dropin");

	*first = dropin ? cnt_strdup(cnt_json_str(entry, "name")) : NULL;
	return dropin ? cnt_path_beside("../lib/cnt/cnt-dropin") :
	    cnt_strdup(cnt_json_str(entry, "path"));
}

/* A verb cut to what is used, or NULL. */
static cJSON *
cut(const cJSON *said)
{
	static const char *const texts[] = { "name", "summary", "group", "also" };
	const cJSON *tool = cnt_json_get(said, "tool");
	cJSON *v = cJSON_CreateObject();

	for (size_t i = 0; i < nitems(texts); i++)
		if (cnt_json_str(said, texts[i]) != NULL)
			cnt_json_set_str(v, texts[i], cnt_json_str(said, texts[i]));
	if (cnt_json_str(tool, "name") != NULL && cJSON_IsObject(cnt_json_get(tool, "inputSchema")))
		cnt_json_set(v, "tool", cJSON_Duplicate(tool, true));
	if (cnt_json_get(v, "name") != NULL || cnt_json_get(v, "tool") != NULL)
		return v;
	cJSON_Delete(v);
	return NULL;
}

static void
fill(cJSON *entry, const struct cnt_question *q)
{
	cJSON *verbs = cJSON_AddArrayToObject(entry, "verbs");
	struct cnt_err e = { 0 };
	cJSON *said CNT_JSON = q->why == NULL && q->said.n > 0 ?
	    cnt_json_parse(q->said.p, q->said.n, &e) : NULL;
	const cJSON *v = NULL;

	cJSON_ArrayForEach(v, cnt_json_get(said, "verbs")) {
		cJSON *verb = cut(v);

		if (verb != NULL)
			cJSON_AddItemToArray(verbs, verb);
	}
	cnt_json_set_bool(entry, "unasked", q->unasked);
	if (cJSON_GetArraySize(verbs) == 0)
		cnt_json_set_int(entry, "asked", time(NULL));
}

static void
ask_fresh(const struct look *l)
{
	struct cnt_question *q CNT_FREE = cnt_alloc(l->n * sizeof(*q));

	for (size_t i = 0; i < l->n; i++) {
		char *first = NULL, *program = cnt_described_program(l->fresh[i], &first);

		q[i].heard = first != NULL;
		q[i].within_us = first != NULL ? DROPIN_US : WITHIN_US;
		q[i].argv[0] = program;
		q[i].argv[1] = first != NULL ? first : cnt_strdup("--describe");
		q[i].argv[2] = first != NULL ? cnt_strdup("--describe") : NULL;
	}
	cnt_ask(q, l->n);
	for (size_t i = 0; i < l->n; i++) {
		fill(l->fresh[i], &q[i]);
		cnt_question_free(&q[i]);
	}
}

/* Of which file, and when was it changed? Its directory counts where that decides about it. */
static char *
key_of(const struct stat *st, const struct stat *dir)
{
	return cnt_format("%lld %lld.%09ld %lld.%09ld", (long long)st->st_size,
	    (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
	    dir != NULL ? (long long)dir->st_ctim.tv_sec : 0,
	    dir != NULL ? dir->st_ctim.tv_nsec : 0);
}

static cJSON *
find(const cJSON *known, const char *path)
{
	cJSON *entry = NULL;

	cJSON_ArrayForEach(entry, known) {
		const char *its = cnt_json_str(entry, "path");

		if (its != NULL && strcmp(its, path) == 0)
			return entry;
	}
	return NULL;
}

static void
look_at(struct look *l, const char *dir, const char *name, const struct stat *of_dir)
{
	char *path CNT_FREE = cnt_format("%s%s", dir, name), *key CNT_FREE = NULL;
	cJSON *entry = find(l->known, path);
	const char *was = cnt_json_str(entry, "key");
	struct stat st;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return;
	key = key_of(&st, of_dir);
	if (was != NULL && strcmp(was, key) == 0 && cJSON_IsArray(cnt_json_get(entry, "verbs"))) {
		cJSON_AddItemToArray(l->now, cJSON_DetachItemViaPointer(l->known, entry));
	} else {
		entry = cnt_json_add_object(l->now);
		l->fresh = cnt_realloc(l->fresh, (l->n + 1) * sizeof(cJSON *));
		l->fresh[l->n++] = entry;
	}
	cnt_json_set_str(entry, "name", name);
	cnt_json_set_str(entry, "path", path);
	cnt_json_set_bool(entry, "dropin", of_dir != NULL);
	cnt_json_set_str(entry, "key", key);
}

static int
beside(const struct dirent *d)
{
	return (strncmp(d->d_name, "cnt-", 4) == 0 && strchr(d->d_name, '.') == NULL) ||
	    strcmp(d->d_name, "agent-box") == 0;
}

static int
dropped(const struct dirent *d)
{
	return cnt_learn_name(d->d_name);
}

/* A verb beside us of that name comes first, always. */
static bool
taken_already(const struct look *l, const char *name)
{
	char *own CNT_FREE = cnt_path_beside("cnt-");
	char *path CNT_FREE = cnt_format("%s%s", own, name);

	return find(l->now, path) != NULL;
}

static void
look_in(struct look *l, const char *dir, bool dropins)
{
	struct dirent **names = NULL;
	struct stat st = { 0 };
	int n = stat(dir, &st) == -1 ? 0 :
	    scandir(dir, &names, dropins ? dropped : beside, alphasort);

	for (int i = 0; i < n; i++) {
		if (!dropins || !taken_already(l, names[i]->d_name))
			look_at(l, dir, names[i]->d_name, dropins ? &st : NULL);
		free(names[i]);
	}
	free(names);
}

/* What said nothing long ago may have something to say now; what another process could not ask may
 * at once. */
static void
forget_old(cJSON *known, bool first)
{
	cJSON *entry = known != NULL ? known->child : NULL, *next = NULL;
	int64_t now = time(NULL);

	for (; entry != NULL; entry = next) {
		int64_t asked = cnt_json_int(entry, "asked", now);

		next = entry->next;
		if (asked > now || now - asked > AGAIN_S ||
		    (first && cnt_json_bool(entry, "unasked")))
			cJSON_Delete(cJSON_DetachItemViaPointer(known, entry));
	}
}

bool
cnt_described_look(cJSON **known)
{
	char *here CNT_FREE = cnt_path_beside(""), *drop CNT_FREE = cnt_path("%s/", CNT_VERBS);
	bool first = *known == NULL, changed;
	struct look l = { .now = cJSON_CreateArray() };

	if (first)
		*known = read_cache();
	forget_old(*known, first);
	l.known = *known;
	look_in(&l, here, false);
	look_in(&l, drop, true);
	if (l.n > 0)
		ask_fresh(&l);
	changed = l.n > 0 || cJSON_GetArraySize(l.known) > 0;	/* new, or gone */
	cJSON_Delete(*known);
	free(l.fresh);
	*known = l.now;
	if (changed)
		write_cache(l.now);
	return changed || first;
}
