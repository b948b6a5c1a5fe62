/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks, by the kernel's word alone: the process's own user ids. The host's root is the one
 * caller there is a way in for; everybody else is refused here, whatever they say they are.
 */
#include "lib/caller.h"

int
cnt_caller_find(struct cnt_caller *c, struct cnt_err *e)
{
	memset(c, 0, sizeof(*c));
	if (getuid() != 0 || geteuid() != 0) {
		cnt_fail(e, CNT_DENIED, "uid %u: only root may use cnt on this host",
		    (unsigned)getuid());
		return cnt_hint(e, "run it with sudo, or as root over ssh");
	}
	memcpy(c->subject, "root", sizeof("root"));
	c->via = "root";
	c->admin = true;
	return 0;
}

int
cnt_caller_may(const struct cnt_caller *c, const struct cnt_verb *v, const cJSON *in,
    struct cnt_err *e)
{
	if (c->admin)
		return 0;
	for (const struct cnt_field *f = v->params; f != NULL && f->name != NULL; f++)
		if ((f->flags & CNT_ADMINS) != 0 && cnt_json_bool(in, f->name))
			return cnt_fail(e, CNT_DENIED, "%s: only root may use %s", v->name,
			    f->name);
	if (v->scope == NULL && v->boxes == CNT_NO_BOX)
		return 0;
	if (v->scope == NULL || v->boxes == CNT_ADMIN)
		return cnt_fail(e, CNT_DENIED, "%s: only root may use it", v->name);
	for (const char *const *scope = c->scopes; scope != NULL && *scope != NULL; scope++)
		if (strcmp(*scope, v->scope) == 0)
			return 0;
	return cnt_fail(e, CNT_DENIED, "%s: %s lacks the scope %s", v->name, c->subject, v->scope);
}
