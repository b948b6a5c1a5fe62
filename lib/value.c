/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as people write them: sizes, durations, names of boxes.
 */
#include "lib/verb.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

static int
parse_unit(const char *s, const char *what, const char *letters, const double *factors,
    double *value, struct cnt_err *e)
{
	char *end = NULL;
	const char *unit = NULL;

	if (!isdigit((unsigned char)s[0]) || strncmp(s, "0x", 2) == 0 || strncmp(s, "0X", 2) == 0)
		return cnt_fail(e, CNT_INVALID, "\"%.80s\": not a %s", s, what);
	*value = strtod(s, &end);
	if (*end == '\0')
		return 0;
	unit = strchr(letters, tolower((unsigned char)*end));
	if (unit == NULL)
		return cnt_fail(e, CNT_INVALID, "\"%.80s\": not a %s", s, what);
	*value *= factors[unit - letters];
	if (factors[1] == 1024 &&
	    (strcasecmp(end + 1, "b") == 0 || strcasecmp(end + 1, "ib") == 0) && unit != letters)
		return 0;
	return end[1] == '\0' ? 0 : cnt_fail(e, CNT_INVALID, "\"%.80s\": not a %s", s, what);
}

int
cnt_parse_size(const char *s, int64_t *bytes, struct cnt_err *e)
{
	static const double factors[] = { 1, 1024, 1048576, 1073741824, 1099511627776 };
	double v = 0;

	if (parse_unit(s, "size (bytes, or with k m g t)", "bkmgt", factors, &v, e) == -1)
		return -1;
	if (v > 1e15)
		return cnt_fail(e, CNT_INVALID, "\"%.80s\": size out of range", s);
	if (v != trunc(v) && strpbrk(s, "kmgtKMGT") == NULL)
		return cnt_fail(e, CNT_INVALID, "\"%.80s\": not whole bytes", s);
	*bytes = (int64_t)v;
	return 0;
}

int
cnt_parse_duration(const char *s, double *seconds, struct cnt_err *e)
{
	static const double factors[] = { 1, 60, 3600, 86400 };

	if (parse_unit(s, "duration (seconds, or with s m h d)", "smhd", factors, seconds, e) == -1)
		return -1;
	if (*seconds > 1e10)
		return cnt_fail(e, CNT_INVALID, "\"%.80s\": duration out of range", s);
	return 0;
}

int
cnt_check_name(const char *name, struct cnt_err *e)
{
	static const char *const reserved[] = { "root", "host", "localhost", "cnt", "agent-box" };
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (name[n] != '\0' || n == 0 || n > 31 || name[0] < 'a' || name[n - 1] == '-') {
		cnt_fail(e, CNT_INVALID, "\"%.80s\": not a name for a box", name);
		return cnt_hint(
		    e, "a letter a-z, then a-z 0-9 -, at most 31 in all, no - at the end");
	}
	for (size_t i = 0; i < nitems(reserved); i++)
		if (strcmp(name, reserved[i]) == 0) {
			cnt_fail(e, CNT_INVALID, "\"%s\": this name is reserved", name);
			return cnt_hint(e, "choose another name");
		}
	return 0;
}
