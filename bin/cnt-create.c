/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt create: makes a box and starts it. The row is there before anything else and says `creating`
 * until a command can run; whatever is killed in between is undone by the next verb.
 */
#include <grp.h>
#include <pwd.h>

#include "lib/cgroup.h"
#include "lib/conf.h"
#include "lib/fault.h"
#include "lib/flush.h"
#include "lib/image.h"
#include "lib/life.h"
#include "lib/limits.h"
#include "lib/main.h"
#include "lib/net.h"
#include "lib/paths.h"
#include "lib/report.h"

#define KEYS_MAX	64
#define WAIT_SECONDS	60

static const char *const waits[] = { "none", "exec", "ssh", NULL };

static const struct cnt_field params[] = {
	{ .name = "name", .type = CNT_BOX, .flags = CNT_REQUIRED | CNT_OPERAND, .value = "BOX",
	  .help = "name of the new box: a letter, then letters, digits and -, at most 31" },
	{ .name = "image", .type = CNT_STRING, .value = "IMAGE", .min = 1, .max = 64,
	  .help = "image by name or id, by default the host's own release" },
	{ .name = "ssh_key", .type = CNT_STRINGS, .flags = CNT_FROM_FILE, .value = "FILE",
	  .max = KEYS_MAX, .alias = "ssh_keys",
	  .help = "public key that may log in" },
	{ .name = "owner", .type = CNT_STRING, .value = "ACCOUNT", .min = 1, .max = 32,
	  .help = "account that the box belongs to, by default the one of the box's name" },
	CNT_LIMITS_PARAMS,
	{ .name = "no_start", .type = CNT_BOOLEAN, .def = "false",
	  .help = "make it, but do not start it" },
	{ .name = "wait", .type = CNT_STRING, .choices = waits, .def = "exec",
	  .value = "none|exec|ssh",
	  .help = "return when it is started, a command can run in it, or its sshd answers" },
	{ 0 }
};

static int
check_wait(const cJSON *in, struct cnt_err *e)
{
	if (!cnt_json_bool(in, "no_start") || strcmp(cnt_json_str(in, "wait"), "ssh") != 0)
		return 0;
	cnt_fail(e, CNT_INVALID, "wait: no ssh server answers in a box that is not started");
	return cnt_hint(e, "start it, or do not wait");
}

static int
check_account(const char *name, struct cnt_err *e)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (name[n] != '\0' || name[0] == '-' || (name[0] >= '0' && name[0] <= '9'))
		return cnt_fail(e, CNT_INVALID,
		    "owner: expected an account's name, got \"%.40s\"", name);
	return 0;
}

/* The box's user gets the box's name, so that an account of that name must not be there already. */
static int
check_free(const char *name, const struct cnt_image *image, struct cnt_err *e)
{
	int taken = 0;

	if (getpwnam(name) != NULL || getgrnam(name) != NULL)
		cnt_fail(e, CNT_INVALID, "%s: is an account or a group of this host", name);
	else if ((taken = cnt_image_has_account(image->id, name, e)) == 1)
		cnt_fail(e, CNT_INVALID, "%s: is an account or a group in the image", name);
	else
		return taken;
	return cnt_hint(e, "choose another name");
}

/* What the call asks for, on top of what cnt.conf says. */
static int
plan(struct cnt_call *c, struct cnt_box *b)
{
	const char *owner = cnt_json_str(c->in, "owner"), *ref = cnt_json_str(c->in, "image");
	struct cnt_conf conf CNT_CONF_END = { 0 };
	struct cnt_image image = { 0 };

	if (cnt_conf_read(&conf, c->err) == -1)
		return -1;
	if (ref == NULL)
		ref = conf.image;
	strlcpy(b->name, cnt_json_str(c->in, "name"), sizeof(b->name));
	strlcpy(b->owner, owner != NULL ? owner : b->name, sizeof(b->owner));
	b->autostart = !cnt_json_bool(c->in, "no_start");
	b->limits = conf.limits;
	cnt_limits_of(c->in, &b->limits);
	if (check_wait(c->in, c->err) == -1 || check_account(b->owner, c->err) == -1 ||
	    cnt_cgroup_check(&b->limits, c->err) == -1 ||
	    cnt_store_image_get(c->store, ref, &image, c->err) == -1 ||
	    check_free(b->name, &image, c->err) == -1)
		return -1;
	strlcpy(b->image, image.id, sizeof(b->image));
	strlcpy(b->image_name, image.name, sizeof(b->image_name));
	return 0;
}

static size_t
keys_of(const cJSON *in, const char *keys[KEYS_MAX])
{
	const cJSON *key = NULL;
	size_t n = 0;

	cJSON_ArrayForEach(key, cnt_json_get(in, "ssh_key"))
		keys[n++] = key->valuestring;
	return n;
}

static int
bring_up(struct cnt_call *c, struct cnt_life *l, struct cnt_net_change *net)
{
	const char *wait = cnt_json_str(c->in, "wait");

	if (cnt_json_bool(c->in, "no_start"))
		return cnt_net_end(net, c->err);
	cnt_progress(c, 0, 0, "starting");
	if (cnt_box_start(&l->instance, &l->box, net, c->err) == -1)
		return -1;
	if (strcmp(wait, "ssh") != 0)	/* a command can run in it by now */
		return 0;
	cnt_progress(c, 0, 0, "waiting for its ssh server");
	return cnt_box_wait(&l->instance, &l->box, "ssh", WAIT_SECONDS, c->err);
}

/* Its files go to the disk while it starts, the firewall learns of it while it is made. */
static int
make(struct cnt_call *c, struct cnt_life *l)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", l->box.name);
	const char *keys[KEYS_MAX] = { NULL };
	size_t n = keys_of(c->in, keys);
	CNT_NET_CHANGE struct cnt_net_change net = { .lock = -1 };
	struct cnt_err ignored;
	pid_t flush = -1;

	cnt_progress(c, 0, 0, "making the box's files");
	if (cnt_net_begin(c->store, &l->instance, &net, c->err) == -1 ||
	    cnt_box_make(&l->instance, &l->box, keys, n, c->err) == -1 ||
	    cnt_flush_start(dir, &flush, c->err) == -1)
		return -1;
	if (bring_up(c, l, &net) == -1) {
		cnt_flush_wait(flush, &ignored);
		return -1;
	}
	cnt_progress(c, 0, 0, "writing to the disk");
	if (cnt_flush_wait(flush, c->err) == -1)
		return -1;
	return CNT_STEP("the box is on the disk", c->err);
}

/* Best effort: what cannot be undone here stays `creating` for the next verb. Nor does it wait for
 * the network any more, whose next change forgets the box too. */
static void
undo(struct cnt_call *c, struct cnt_life *l)
{
	CNT_NET_CHANGE struct cnt_net_change net = { .lock = -1 };
	struct cnt_err later = { 0 };
	struct cnt_box now;

	/* The last step may fail and be done all the same. */
	if (cnt_store_box_get(c->store, l->box.name, &now, &later) == 0 &&
	    now.state == CNT_READY &&
	    cnt_store_box_state(c->store, l->box.name, CNT_DELETING, &later) == -1)
		return;
	if (cnt_box_remove(c->store, &l->instance, l->box.name, &later) == 0 &&
	    cnt_net_begin(c->store, &l->instance, &net, &later) == 0)
		cnt_net_end(&net, &later);
}

/* Files of a box without its row: the database is older than they are, and they may be all that is
 * left of it. Nothing may be undone there. */
static int
refuse_files(struct cnt_call *c, const char *name)
{
	char *dir CNT_FREE = cnt_path(CNT_BOXES "/%s", name);
	struct cnt_err ignored = { 0 };
	struct cnt_box there;

	if (access(dir, F_OK) == -1 || cnt_store_box_get(c->store, name, &there, &ignored) == 0)
		return 0;
	cnt_fail(c->err, CNT_EXISTS, "%s: exists already", dir);
	return cnt_hint(c->err, "a box that the database does not know: move it away, or put a "
	    "newer copy of the database back");
}

/* A box of that name that is there is said before anybody is waited for. What is refused under the
 * lock leaves no lock file of a box that is not there. */
static int
begin(struct cnt_call *c, struct cnt_life *l)
{
	struct cnt_err later = { 0 };
	struct cnt_box there;

	if (cnt_store_refuse_box(c->store, l->box.name, c->err) == -1 ||
	    cnt_box_lock(l->box.name, 0, &l->lock, c->err) == -1)
		return -1;
	if (CNT_STEP("the new name is locked", c->err) == 0 && refuse_files(c, l->box.name) == 0 &&
	    cnt_store_box_add(c->store, &l->box, c->err) == 0)
		return 0;
	if (cnt_store_box_get(c->store, l->box.name, &there, &later) == -1 &&
	    later.code == CNT_NOTFOUND)
		(void)cnt_box_forget_lock(l->box.name, &later);
	return -1;
}

static int
create(struct cnt_call *c)
{
	struct cnt_life l CNT_LIFE = { .lock = -1 };

	if (cnt_store_instance(c->store, &l.instance, c->err) == -1 || plan(c, &l.box) == -1 ||
	    begin(c, &l) == -1)
		return -1;
	if (CNT_STEP("the box has its row", c->err) == -1 || make(c, &l) == -1 ||
	    CNT_STEP("the box is made", c->err) == -1 ||
	    cnt_store_box_state(c->store, l.box.name, CNT_READY, c->err) == -1 ||
	    CNT_STEP("the box's row says ready", c->err) == -1) {
		undo(c, &l);
		return -1;
	}
	return cnt_report(&l.instance, &l.box, c->out, c->err);
}

static const struct cnt_verb verb = {
	.name = "create", .tool = "create_container", .title = "Create a box", .group = "Boxes",
	.also = "new run launch",
	.summary = "make a box and start it",
	.about = "Creates a persistent, isolated Linux box (system container with systemd, apt and "
	    "sudo) and starts it; a command can run in it when this returns.",
	.scope = "containers:write", .boxes = CNT_OWN_BOX, .effects = 0,
	.params = params, .results = cnt_report_box, .run = create,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
