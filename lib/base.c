/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory, buffers and clocks. An allocation that fails ends the process: it is short, what it was
 * doing is recorded, and the next verb finishes or undoes it.
 */
#include "lib/base.h"

#include <errno.h>
#include <time.h>

#include "lib/fault.h"

#define EXIT_SYSTEM 71

void
cnt_cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

void
cnt_cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		close(*fd);
	errno = saved;
}

void
cnt_cleanup_file(FILE **f)
{
	if (*f != NULL)
		(void)fclose(*f);
}

void
cnt_cleanup_dir(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

static void CNT_NORETURN
out_of_memory(void)
{
	static const char text[] = "cnt: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(EXIT_SYSTEM);
	_exit(EXIT_SYSTEM);
}

void *
cnt_alloc(size_t n)
{
	void *p = CNT_NO_MEMORY ? NULL : calloc(1, n != 0 ? n : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
cnt_realloc(void *p, size_t n)
{
	p = CNT_NO_MEMORY ? NULL : realloc(p, n != 0 ? n : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *
cnt_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(cnt_alloc(n), s, n);
}

char *
cnt_vformat(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (CNT_NO_MEMORY || vasprintf(&s, fmt, ap) == -1)
		out_of_memory();
	return s;
}

char *
cnt_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = cnt_vformat(fmt, ap);
	va_end(ap);
	return s;
}

void
cnt_buf_room(struct cnt_buf *b, size_t n)
{
	if (n >= SIZE_MAX / 2 - b->n)
		out_of_memory();
	if (b->n + n < b->cap)
		return;
	b->cap = b->cap * 2 > b->n + n ? b->cap * 2 : b->n + n + 1;
	b->p = cnt_realloc(b->p, b->cap);
}

void
cnt_buf_add(struct cnt_buf *b, const void *bytes, size_t n)
{
	cnt_buf_room(b, n);
	if (n != 0)
		memcpy(b->p + b->n, bytes, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
cnt_buf_adds(struct cnt_buf *b, const char *s)
{
	cnt_buf_add(b, s, strlen(s));
}

void
cnt_buf_addf(struct cnt_buf *b, const char *fmt, ...)
{
	char *s CNT_FREE = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = cnt_vformat(fmt, ap);
	va_end(ap);
	cnt_buf_adds(b, s);
}

void
cnt_buf_free(struct cnt_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

bool
cnt_list_has(const char *list, const char *word, const char *separators)
{
	size_t n = strlen(word);

	for (; list != NULL && *list != '\0'; list += strcspn(list, separators)) {
		list += strspn(list, separators);
		if (strncmp(list, word, n) == 0 &&
		    (list[n] == '\0' || strchr(separators, list[n]) != NULL))
			return true;
	}
	return false;
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
cnt_now_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t
cnt_ticks_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}
