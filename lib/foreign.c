/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet must be accepted by every base chain at its hook, so our accepting it is not enough.
 * What others' tables hold is theirs: it is read, and a person is told what to add.
 */
#include "lib/foreign.h"

#include "lib/json.h"
#include "lib/run.h"

static bool
refuses_all(const cJSON *rule)
{
	const cJSON *x;

	cJSON_ArrayForEach(x, cnt_json_get(rule, "expr")) {
		if (cnt_json_get(x, "drop") != NULL || cnt_json_get(x, "reject") != NULL)
			return true;
		if (cnt_json_get(x, "counter") == NULL && cnt_json_get(x, "log") == NULL)
			return false;
	}
	return false;
}

/* By its policy or, as firewalld's chains do, by its last rule. */
static int
drops_by_default(const cJSON *chain, const struct cnt_buf *table, struct cnt_err *e)
{
	CNT_JSON cJSON *doc = cnt_json_parse(table->p == NULL ? "" : table->p, table->n, e);
	const cJSON *item, *last = NULL;

	if (doc == NULL)
		return -1;
	cJSON_ArrayForEach(item, cnt_json_get(doc, "nftables")) {
		const cJSON *rule = cnt_json_get(item, "rule");
		const char *of = rule == NULL ? NULL : cnt_json_str(rule, "chain");

		if (of != NULL && strcmp(of, cnt_json_str(chain, "name")) == 0)
			last = rule;
	}
	return strcmp(cnt_json_str(chain, "policy"), "drop") == 0 ||
	    (last != NULL && refuses_all(last));
}

/* A table that names the bridge has been told about it. */
static int
stands_in_the_way(const cJSON *chain, const char *bridge, bool *docker, struct cnt_err *e)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"list", (char *)"table",
	    (char *)cnt_json_str(chain, "family"), (char *)cnt_json_str(chain, "table"), NULL };
	CNT_BUF struct cnt_buf out = { 0 };
	char *quoted CNT_FREE = cnt_format("\"%s\"", bridge);

	if (cnt_run(argv, &out, e) == -1)
		return -1;
	*docker = out.p != NULL && strstr(out.p, "\"DOCKER-USER\"") != NULL;
	if (out.p != NULL && strstr(out.p, quoted) != NULL)
		return 0;
	return drops_by_default(chain, &out, e);
}

static int
told(const cJSON *chain, const char *bridge, bool docker, struct cnt_err *e)
{
	const char *hook = cnt_json_str(chain, "hook");

	cnt_fail(e, CNT_NO, "table %s %s, chain %s: drops by default what boxes send",
	    cnt_json_str(chain, "family"), cnt_json_str(chain, "table"),
	    cnt_json_str(chain, "name"));
	if (strcmp(cnt_json_str(chain, "table"), "firewalld") == 0)
		return cnt_hint(e, "`firewall-cmd --permanent --zone=trusted --add-interface=%s` "
		    "and `firewall-cmd --reload`", bridge);
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
is_of_another(const cJSON *chain, const char *tag)
{
	const char *hook = cnt_json_str(chain, "hook"), *policy = cnt_json_str(chain, "policy");
	const char *family = cnt_json_str(chain, "family"), *table = cnt_json_str(chain, "table");

	if (hook == NULL || policy == NULL || family == NULL || table == NULL ||
	    cnt_json_str(chain, "name") == NULL)
		return false;
	return strcmp(table, tag) != 0 &&
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
		int drops;

		if (chain == NULL || !is_of_another(chain, tag))
			continue;
		drops = stands_in_the_way(chain, bridge, &docker, e);
		if (drops == -1)
			return -1;
		if (drops)
			return told(chain, bridge, docker, e);
	}
	return 0;
}
