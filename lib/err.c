/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors as values, and the one table from code to name and exit status (sysexits(3) where it has a
 * word for it).
 */
#include "lib/err.h"

#include <errno.h>

#include "lib/json.h"

static const struct {
	const char	*name;
	int		 exit;
} codes[] = {
	[CNT_OK]		= { "ok", 0 },
	[CNT_NOTFOUND]		= { "not_found", 1 },
	[CNT_EXISTS]		= { "exists", 1 },
	[CNT_NO]		= { "no", 1 },
	[CNT_INVALID]		= { "invalid", 2 },
	[CNT_UNAVAILABLE]	= { "unavailable", 69 },
	[CNT_BUG]		= { "bug", 70 },
	[CNT_SYSTEM]		= { "system", 71 },
	[CNT_BUSY]		= { "busy", 75 },
	[CNT_TIMEOUT]		= { "timeout", 75 },
	[CNT_CANCELLED]		= { "cancelled", 75 },
	[CNT_DENIED]		= { "denied", 77 },
};

const char *
cnt_code_name(enum cnt_code code)
{
	return codes[code].name;
}

enum cnt_code
cnt_code_named(const char *name)
{
	for (enum cnt_code c = CNT_NOTFOUND; name != NULL && c <= CNT_DENIED; c++)
		if (strcmp(codes[c].name, name) == 0)
			return c;
	return CNT_NO;
}

int
cnt_code_exit(enum cnt_code code)
{
	return codes[code].exit;
}

/* Names in messages come from outside: a control character must not reach a terminal, and a long
 * name must not push out what is wrong with it. Of what is too long the middle goes. */
static void
put(char *to, size_t size, const char *from)
{
	struct cnt_buf text CNT_BUF = { 0 }, shown CNT_BUF = { 0 };
	const char *end = NULL;

	cnt_utf8_add(&text, from, strlen(from));
	cnt_buf_adds(&shown, "");
	for (const char *p = text.p; *p != '\0'; p++) {
		size_t control = cnt_utf8_control(p);

		if (control == 2)	/* whose last byte is its number */
			p++;
		if (control > 0)
			cnt_buf_addf(&shown, "\\x%02x", (unsigned char)*p);
		else
			cnt_buf_add(&shown, p, 1);
	}
	if (shown.n < size) {
		memcpy(to, shown.p, shown.n + 1);
		return;
	}
	for (end = shown.p + shown.n - size / 2 + 4; cnt_utf8_continues(*end); end++)
		continue;
	snprintf(to, size, "%.*s...%s", (int)cnt_utf8_valid(shown.p, size / 2), shown.p, end);
}

static void
vfail(struct cnt_err *e, enum cnt_code code, int sys, const char *fmt, va_list ap)
{
	char *s CNT_FREE = cnt_vformat(fmt, ap);
	char *whole CNT_FREE = sys != 0 ? cnt_format("%s: %s", s, strerror(sys)) : NULL;

	e->code = code;
	e->sys = sys;
	e->hint[0] = '\0';
	put(e->text, sizeof(e->text), whole != NULL ? whole : s);
}

int
cnt_fail(struct cnt_err *e, enum cnt_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(e, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
cnt_fail_sys(struct cnt_err *e, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	vfail(e, CNT_SYSTEM, sys, fmt, ap);
	va_end(ap);
	return -1;
}

int
cnt_hint(struct cnt_err *e, const char *fmt, ...)
{
	char *s CNT_FREE = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = cnt_vformat(fmt, ap);
	va_end(ap);
	put(e->hint, sizeof(e->hint), s);
	return -1;
}

cJSON *
cnt_err_json(const struct cnt_err *e)
{
	cJSON *j = cJSON_CreateObject();

	cnt_json_set_str(j, "code", cnt_code_name(e->code));
	cnt_json_set_str(j, "message", e->text);
	if (e->hint[0] != '\0')
		cnt_json_set_str(j, "hint", e->hint);
	return j;
}

void
cnt_err_print(const struct cnt_err *e, const char *who, bool json)
{
	cJSON *error CNT_JSON = json ? cnt_err_json(e) : NULL;
	char *text CNT_FREE = json ? cnt_json_print(error) : NULL;

	fprintf(stderr, "%s: %s\n", who, e->text);
	if (e->hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", e->hint);
	if (json)
		printf("{\"error\":%s}\n", text);
}
