/* SPDX-License-Identifier: Apache-2.0
 *
 * The one strict door for JSON, and the accessors that every reader uses. cJSON alone is not
 * strict: it takes duplicate names, invalid UTF-8, a BOM, numbers out of range and text after the
 * value, and it ignores case in names.
 */
#ifndef CNT_JSON_H
#define CNT_JSON_H

#include <cjson/cJSON.h>

#include "lib/base.h"
#include "lib/err.h"

#define CNT_JSON	__attribute__((cleanup(cnt_json_free)))
#define CNT_JSON_DEPTH	64
#define CNT_JSON_VALUES	500000		/* a tree of 16 MiB of zeros would take 640 MB */

void	cnt_json_free(cJSON **j);

/* Parses n bytes. Refused with CNT_INVALID and the offset: invalid UTF-8, NUL, a BOM, depth above
 * CNT_JSON_DEPTH, more than CNT_JSON_VALUES values, duplicate names in an object, numbers that are
 * not finite, \u0000, anything after the value. Returns an owned value or NULL. */
cJSON	*cnt_json_parse(const char *text, size_t n, struct cnt_err *e);

/* One line, malloc'd. cJSON 1.7.15 prints 15 digits of a number where they are close to it: exact
 * are integers below 10^15, and what cnt_json_set_int set. */
char	*cnt_json_print(const cJSON *j);

/* Members, by exact name; NULL, def or false when missing or of another type. Borrowed. */
const cJSON	*cnt_json_get(const cJSON *object, const char *name);
const char	*cnt_json_str(const cJSON *object, const char *name);
int64_t		 cnt_json_int(const cJSON *object, const char *name, int64_t def);
double		 cnt_json_num(const cJSON *object, const char *name, double def);
bool		 cnt_json_bool(const cJSON *object, const char *name);

/* Sets (replaces) a member. Strings are made valid UTF-8 first, U+FFFD for what is not. */
void	cnt_json_set_str(cJSON *object, const char *name, const char *value);
void	cnt_json_set_int(cJSON *object, const char *name, int64_t value);	/* all 64 bits */
void	cnt_json_set_num(cJSON *object, const char *name, double value);
void	cnt_json_set_bool(cJSON *object, const char *name, bool value);
void	cnt_json_set_null(cJSON *object, const char *name);
void	cnt_json_take_raw(cJSON *object, const char *name, struct cnt_buf *text);	/* JSON */
void	cnt_json_set(cJSON *object, const char *name, cJSON *owned);
cJSON	*cnt_json_add_object(cJSON *array);		/* appended to array, borrowed */

/* Length of the longest valid UTF-8 prefix of n bytes (Unicode 15, table 3-7). */
size_t	cnt_utf8_valid(const char *s, size_t n);

/* Bytes of the control character that valid s begins with, U+0080 to U+009F among them; 0: none. */
size_t	cnt_utf8_control(const char *s);

/* Is it a byte that only goes on a sequence? */
static inline bool
cnt_utf8_continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* How many of the last bytes begin a sequence that those to come may make whole. */
size_t	cnt_utf8_unfinished(const char *s, size_t n);

/* At most max bytes of a string, in whole characters: the precision for a %.*s. */
int	cnt_utf8_cut(const char *s, size_t max);

/* Appends n bytes to b as valid UTF-8, U+FFFD for each maximal invalid part; false when any was. */
bool	cnt_utf8_add(struct cnt_buf *b, const char *s, size_t n);

/* Appends n bytes of valid UTF-8 as a quoted JSON string. Faster than cJSON for large text. */
void	cnt_json_quote(struct cnt_buf *b, const char *s, size_t n);
void	cnt_json_escape(struct cnt_buf *b, const char *s, size_t n);	/* without the quotes */

/* Length of the longest prefix of valid UTF-8 that JSON writes as it is. */
size_t	cnt_json_plain(const char *s, size_t n);

#endif
