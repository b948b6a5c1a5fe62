/* SPDX-License-Identifier: Apache-2.0
 *
 * Names are copied into one buffer and sorted by their addresses in it: a directory may hold a
 * million. What a file system calls "." and ".." is left out.
 */
#include "mcp/box/search/names.h"

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
cnt_names_read(struct cnt_names *all, DIR *d, bool hidden, size_t max)
{
	struct dirent *entry = NULL;
	const char *at = NULL;

	while ((entry = readdir(d)) != NULL) {
		const char *name = entry->d_name;
		char type = (char)entry->d_type;

		if (name[0] == '.' &&
		    (!hidden || name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
			continue;
		if (all->n == max) {
			all->more = true;
			break;
		}
		cnt_buf_add(&all->text, &type, 1);
		cnt_buf_add(&all->text, name, strlen(name) + 1);
		all->n++;
	}
	all->p = cnt_alloc(all->n * sizeof(*all->p));
	at = all->text.p;
	for (size_t i = 0; i < all->n; i++, at += strlen(at) + 1)
		all->p[i] = ++at;
	if (all->n > 1)
		qsort(all->p, all->n, sizeof(*all->p), by_name);
}

bool
cnt_names_have(const struct cnt_names *all, const char *name)
{
	return all->n > 0 && bsearch(&name, all->p, all->n, sizeof(*all->p), by_name) != NULL;
}

void
cnt_names_free(struct cnt_names *all)
{
	cnt_buf_free(&all->text);
	free(all->p);
}
