/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet must be accepted by every base chain at its hook, so our accepting it is not enough.
 * What others' tables hold is theirs: it is read, and a person is told what to add.
 */
#include "lib/foreign.h"

#include "lib/json.h"
#include "lib/run.h"

/* A table that names the bridge has been told about it. */
static int
names_bridge(const char *family, const char *table, const char *bridge, bool *docker,
    struct cnt_err *e)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"list", (char *)"table",
	    (char *)family, (char *)table, NULL };
	CNT_BUF struct cnt_buf out = { 0 };
	char *quoted CNT_FREE = cnt_format("\"%s\"", bridge);

	if (cnt_run(argv, &out, e) == -1)
		return -1;
	*docker = out.p != NULL && strstr(out.p, "\"DOCKER-USER\"") != NULL;
	return out.p != NULL && strstr(out.p, quoted) != NULL;
}

static int
told(const cJSON *chain, const char *bridge, bool docker, struct cnt_err *e)
{
	const char *hook = cnt_json_str(chain, "hook");

	cnt_fail(e, CNT_NO, "table %s %s, chain %s: drops by default what boxes send",
	    cnt_json_str(chain, "family"), cnt_json_str(chain, "table"),
	    cnt_json_str(chain, "name"));
	if (strcmp(hook, "input") == 0)
		return cnt_hint(e, "let it accept ports 53/udp and 53/tcp from %s "
		    "(ufw: `ufw allow in on %s to any port 53`)", bridge, bridge);
	if (docker)
		return cnt_hint(e, "`iptables -I DOCKER-USER -i %s -j ACCEPT` and `iptables -I "
		    "DOCKER-USER -o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`",
		    bridge, bridge);
	return cnt_hint(e, "let it accept what comes from %s and the answers to it "
	    "(ufw: `ufw route allow in on %s`)", bridge, bridge);
}

static bool
drops_by_default(const cJSON *chain, const char *tag)
{
	const char *hook = cnt_json_str(chain, "hook"), *policy = cnt_json_str(chain, "policy");
	const char *family = cnt_json_str(chain, "family"), *table = cnt_json_str(chain, "table");

	if (hook == NULL || policy == NULL || family == NULL || table == NULL ||
	    cnt_json_str(chain, "name") == NULL)
		return false;
	return strcmp(policy, "drop") == 0 && strcmp(table, tag) != 0 &&
	    (strcmp(hook, "forward") == 0 || strcmp(hook, "input") == 0) &&
	    (strcmp(family, "ip") == 0 || strcmp(family, "inet") == 0);
}

int
cnt_foreign_check(const char *tag, const char *bridge, struct cnt_err *e)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"list", (char *)"chains",
	    NULL };
	CNT_BUF struct cnt_buf out = { 0 };
	CNT_JSON cJSON *doc = NULL;
	const cJSON *item;

	if (cnt_run(argv, &out, e) == -1)
		return -1;
	doc = cnt_json_parse(out.p == NULL ? "" : out.p, out.n, e);
	if (doc == NULL)
		return -1;
	cJSON_ArrayForEach(item, cnt_json_get(doc, "nftables")) {
		const cJSON *chain = cnt_json_get(item, "chain");
		bool docker = false;
		int named;

		if (chain == NULL || !drops_by_default(chain, tag))
			continue;
		named = names_bridge(cnt_json_str(chain, "family"), cnt_json_str(chain, "table"),
		    bridge, &docker, e);
		if (named == -1)
			return -1;
		if (named == 0)
			return told(chain, bridge, docker, e);
	}
	return 0;
}
