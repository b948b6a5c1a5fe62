/* SPDX-License-Identifier: Apache-2.0
 *
 * What every file may use: ownership by the cleanup attribute, memory that cannot run out
 * quietly, text built by format, and the list of functions nobody may call.
 * A process of cnt is short: out of memory ends it with EX_OSERR and one line.
 */
#ifndef CNT_BASE_H
#define CNT_BASE_H

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CNT_PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))
#define CNT_NORETURN		__attribute__((noreturn))
#define CNT_UNUSED		__attribute__((unused))

/* Released when the variable goes out of scope; initialise it where it is declared. */
#define CNT_FREE	__attribute__((cleanup(cnt_cleanup_free)))
#define CNT_CLOSE	__attribute__((cleanup(cnt_cleanup_close)))	/* -1 is no descriptor */
#define CNT_FILE	__attribute__((cleanup(cnt_cleanup_file)))
#define CNT_DIR		__attribute__((cleanup(cnt_cleanup_dir)))
#define CNT_BUF		__attribute__((cleanup(cnt_buf_free)))

void	cnt_cleanup_free(void *pointer_to_pointer);
void	cnt_cleanup_close(int *fd);
void	cnt_cleanup_file(FILE **f);
void	cnt_cleanup_dir(DIR **d);

/* Hand over what a cleanup variable owns. */
#define take(p)		__extension__({ __typeof__(*(p)) taken_ = *(p); *(p) = NULL; taken_; })
#define take_fd(p)	__extension__({ int taken_ = *(p); *(p) = -1; taken_; })

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* malloc'd, never NULL; the caller frees. */
void	*cnt_alloc(size_t n);			/* zeroed */
void	*cnt_realloc(void *p, size_t n);
char	*cnt_strdup(const char *s);
char	*cnt_format(const char *fmt, ...) CNT_PRINTF(1, 2);
char	*cnt_vformat(const char *fmt, va_list ap) CNT_PRINTF(1, 0);

/* Bytes that grow. `p` is NUL-terminated after any add, and NULL before the first. */
struct cnt_buf {
	char	*p;
	size_t	 n;
	size_t	 cap;
};

/* Makes room for n more bytes and a NUL; what must grow grows to twice its size at least. */
void	cnt_buf_room(struct cnt_buf *b, size_t n);
void	cnt_buf_add(struct cnt_buf *b, const void *bytes, size_t n);
void	cnt_buf_adds(struct cnt_buf *b, const char *s);
void	cnt_buf_addf(struct cnt_buf *b, const char *fmt, ...) CNT_PRINTF(2, 3);
void	cnt_buf_free(struct cnt_buf *b);

/* Is word one of the list's, with any of the separators between them? NULL is an empty list. */
bool	cnt_list_has(const char *list, const char *word, const char *separators);

/* Microseconds: of CLOCK_REALTIME since 1970, and of CLOCK_MONOTONIC. */
int64_t	cnt_now_us(void);
int64_t	cnt_ticks_us(void);

#ifndef CNT_MAY_BAN
/* Macros where clang compiles with FORTIFY. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison system popen tmpnam mktemp
#endif

#endif
