/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/cnt/cnt.conf: `key value` lines with # comments, as fparseln(3) reads them. One table holds
 * the keys and what is built in. The file decides what boxes may use, so it must be root's. An
 * unknown key, a key said twice or a bad value is refused with its line, never passed over.
 */
#include "lib/conf.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include <libutil.h>

#include "lib/limits.h"
#include "lib/paths.h"

#define CALLS_MAX	256		/* a process or two each */
#define DEADLINE_MAX	(30 * 86400)

/* As for the verbs that take them; and 0: none. */
static int
set_limit(struct cnt_conf *c, const char *key, const char *value, struct cnt_err *e)
{
	static const struct cnt_field limits[] = { CNT_LIMITS_PARAMS, { 0 } };
	static const struct cnt_verb verb = { .name = CNT_CONF, .params = limits };
	cJSON *line CNT_JSON = cJSON_CreateObject(), *checked CNT_JSON = NULL;

	cnt_json_set_str(line, key, value);
	if (strcmp(value, "0") == 0)
		cnt_json_set_int(line, key, 0);
	else if ((checked = cnt_check_args(&verb, line, e)) == NULL)
		return cnt_fail(e, CNT_INVALID, "%s", e->text + strlen(key) + 2);
	cnt_limits_of(checked != NULL ? checked : line, &c->limits);
	return 0;
}

static int
set_swap(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	if (strcmp(value, "unlimited") != 0)
		return set_limit(c, "swap", value, e);
	c->limits.swap = -1;
	return 0;
}

static int
set_image(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	if (strlen(value) > 64)
		return cnt_fail(e, CNT_INVALID, "expected an image's name or id, got \"%s\"",
		    value);
	c->image = cnt_strdup(value);
	return 0;
}

static int
set_subnet(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	char address[32] = "";
	const char *slash = strchr(value, '/'), *wrong = NULL;
	struct in_addr in;

	if (slash != NULL && (size_t)(slash - value) < sizeof(address))
		memcpy(address, value, (size_t)(slash - value));
	c->prefix = slash == NULL ? 0 : (unsigned)strtonum(slash + 1, 8, 28, &wrong);
	if (c->prefix == 0 || wrong != NULL || inet_pton(AF_INET, address, &in) != 1)
		return cnt_fail(e, CNT_INVALID, "expected ADDRESS/8 to /28, got \"%s\"", value);
	c->subnet = ntohl(in.s_addr);
	if ((c->subnet & (UINT32_MAX >> c->prefix)) != 0)
		return cnt_fail(e, CNT_INVALID, "%s: has bits set after its prefix", value);
	return 0;
}

static int
set_mcp_box_wait(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	return cnt_parse_duration(value, &c->mcp_box_wait, e);
}

static int
set_mcp_calls(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	const char *wrong = NULL;

	c->mcp_calls = (unsigned)strtonum(value, 1, CALLS_MAX, &wrong);
	return wrong == NULL ? 0 : cnt_fail(e, CNT_INVALID,
	    "expected a number from 1 to %d, got \"%s\"", CALLS_MAX, value);
}

static int
set_mcp_deadline(struct cnt_conf *c, const char *value, struct cnt_err *e)
{
	if (cnt_parse_duration(value, &c->mcp_deadline, e) == -1)
		return -1;
	return c->mcp_deadline > 0 && c->mcp_deadline <= DEADLINE_MAX ? 0 :
	    cnt_fail(e, CNT_INVALID, "expected a duration up to 30d, got \"%s\"", value);
}

static const struct key {
	const char	*name;
	int		(*set)(struct cnt_conf *c, const char *value, struct cnt_err *e);
	const char	*built_in;
} keys[] = {				/* set NULL: set_limit */
	{ "memory",	NULL,		"2g" },
	{ "swap",	set_swap,	"1g" },
	{ "pids",	NULL,		"4096" },
	{ "cpu",	NULL,		"2" },
	{ "image",	set_image,	NULL },
	{ "subnet",	set_subnet,	NULL },
	{ "mcp-calls",	set_mcp_calls,	"16" },
	{ "mcp-deadline", set_mcp_deadline, "1h" },
	{ "mcp-box-wait", set_mcp_box_wait, "60s" },
};

static int
set(struct cnt_conf *c, const struct key *k, const char *value, struct cnt_err *e)
{
	return k->set != NULL ? k->set(c, value, e) : set_limit(c, k->name, value, e);
}

/* The part after the word, which is ended; white space around both is gone. */
static char *
split(char *line)
{
	char *end = line + strlen(line), *value;

	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	value = line + strcspn(line, " \t");
	if (*value != '\0')
		*value++ = '\0';
	return value + strspn(value, " \t");
}

/* Whether a key stood before is a bit in seen. */
static int
take_line(struct cnt_conf *c, char *line, unsigned *seen, struct cnt_err *e)
{
	char *key = line + strspn(line, " \t"), *value = split(key);
	struct cnt_err inner = { 0 };
	size_t i = 0;

	if (*key == '\0')
		return 0;
	while (i < nitems(keys) && strcmp(keys[i].name, key) != 0)
		i++;
	if (i == nitems(keys))
		return cnt_fail(e, CNT_INVALID, "unknown key \"%s\"", key);
	if ((*seen & 1U << i) != 0)
		return cnt_fail(e, CNT_INVALID, "%s: is there twice", key);
	if (*value == '\0')
		return cnt_fail(e, CNT_INVALID, "%s: no value", key);
	*seen |= 1U << i;
	if (set(c, &keys[i], value, &inner) == -1)
		return cnt_fail(e, CNT_INVALID, "%s: %s", key, inner.text);
	return 0;
}

void
cnt_conf_end(struct cnt_conf *c)
{
	free(take(&c->image));
}

int
cnt_conf_parse(struct cnt_conf *c, FILE *f, const char *path, struct cnt_err *e)
{
	struct cnt_err inner = { 0 };
	size_t number = 0;
	unsigned seen = 0;

	*c = (struct cnt_conf){ 0 };
	for (size_t i = 0; i < nitems(keys); i++) {
		if (keys[i].built_in != NULL && set(c, &keys[i], keys[i].built_in, e) == -1)
			return -1;
	}
	while (f != NULL) {
		size_t n = 0;
		char *line CNT_FREE = fparseln(f, &n, &number, NULL, FPARSELN_UNESCALL);

		if (line == NULL)
			break;
		if (take_line(c, line, &seen, &inner) == 0)
			continue;
		cnt_conf_end(c);
		return cnt_fail(e, CNT_INVALID, "%s:%zu: %s", path, number, inner.text);
	}
	if (f == NULL || !ferror(f))
		return 0;
	cnt_conf_end(c);
	return cnt_fail_sys(e, "%s", path);
}

/* The value of KEY= in os-release(5), without quotes; malloc'd, "" when it is not there. */
static char *
release(const char *key)
{
	FILE *f CNT_FILE = fopen("/etc/os-release", "re");
	char *line = NULL, *value = NULL;
	size_t n = strlen(key);

	while (f != NULL && value == NULL && (line = fparseln(f, NULL, NULL, NULL, 0)) != NULL) {
		if (strncmp(line, key, n) == 0 && line[n] == '=') {
			n += line[n + 1] == '"' || line[n + 1] == '\'' ? 2 : 1;
			value = cnt_format("%.*s", (int)strcspn(line + n, "\"'"), line + n);
		}
		free(line);
	}
	return value == NULL ? cnt_strdup("") : value;
}

char *
cnt_conf_release(void)
{
	char *id CNT_FREE = release("ID"), *version CNT_FREE = release("VERSION_ID");

	return cnt_format("%s%s%s", *id == '\0' ? "linux" : id, *version == '\0' ? "" : "-",
	    version);
}

int
cnt_conf_read(struct cnt_conf *c, struct cnt_err *e)
{
	char *path CNT_FREE = cnt_path(CNT_CONF);
	FILE *f CNT_FILE = fopen(path, "re");
	struct stat st;

	if (f == NULL && errno != ENOENT)
		return cnt_fail_sys(e, "%s", path);
	if (f != NULL && fstat(fileno(f), &st) == -1)
		return cnt_fail_sys(e, "%s", path);
	if (f != NULL && (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)) {
		cnt_fail(e, CNT_INVALID, "%s: must be a file that only root can write", path);
		return cnt_hint(e, "see who could change it, then: chown root %s; chmod go-w %s",
		    path, path);
	}
	if (cnt_conf_parse(c, f, path, e) == -1)
		return -1;
	if (c->image == NULL)
		c->image = cnt_conf_release();
	return 0;
}
