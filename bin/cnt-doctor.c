/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt doctor: can boxes run on this host, and if not, what is to be done? It opens the database
 * itself, so that it has an answer on a host that is not set up, or where the database is damaged.
 */
#include "lib/apparmor.h"
#include "lib/cgroup.h"
#include "lib/conf.h"
#include "lib/file.h"
#include "lib/frame.h"
#include "lib/image.h"
#include "lib/landlock.h"
#include "lib/main.h"
#include "lib/net.h"
#include "lib/probe.h"
#include "lib/recover.h"
#include "lib/run.h"
#include "lib/subid.h"
#include "lib/unit.h"

#define SUBID_MAX	(1 << 20)
#define REPAIR		"run `cnt doctor --repair`"
#define SETUP		"run `cnt setup`"
#define AGAIN		"see to that, and run `cnt doctor` again"

enum state { OK, WARN, FAIL };

static const char *const states[] = { "ok", "warn", "fail", NULL };

static const struct cnt_field params[] = {
	{ .name = "repair", .type = CNT_BOOLEAN, .flags = CNT_ADMINS, .def = "false",
	  .help = "finish what killed commands left, make network, id range and service anew; "
	    "for administrators alone" },
	{ 0 }
};

static const struct cnt_field row[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "state", .type = CNT_STRING, .choices = states },
	{ .name = "detail", .type = CNT_STRING, .help = "what was found" },
	{ .name = "remedy", .type = CNT_STRING, .flags = CNT_OPTIONAL, .help = "what to do" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "ok", .type = CNT_BOOLEAN, .help = "boxes can run here" },
	{ .name = "checks", .type = CNT_OBJECTS, .of = row },
	{ 0 }
};

static void
add(cJSON *checks, const char *name, enum state s, const char *detail, const char *remedy)
{
	cJSON *o = cnt_json_add_object(checks);

	cnt_json_set_str(o, "name", name);
	cnt_json_set_str(o, "state", states[s]);
	cnt_json_set_str(o, "detail", detail);
	if (s != OK)
		cnt_json_set_str(o, "remedy", *remedy != '\0' ? remedy : AGAIN);
}

/* The error's own hint knows better than the row's. */
static void
add_result(cJSON *checks, const char *name, int r, const struct cnt_err *e, const char *remedy)
{
	add(checks, name, r == 0 ? OK : FAIL, r == 0 ? "" : e->text,
	    r == 0 || e->hint[0] == '\0' ? remedy : e->hint);
}

static void
check_kernel(cJSON *checks, uint32_t first)
{
	for (const struct cnt_probe *p = cnt_probes; p->name != NULL; p++) {
		struct cnt_err e = { 0 };

		add_result(checks, p->name, cnt_probe(p, first, &e), &e, p->remedy);
	}
}

/* The relay of `cnt mcp` (mcp/relay-confine.c) does without it. */
static void
check_landlock(cJSON *checks)
{
	int abi = cnt_landlock_abi();
	char *detail CNT_FREE = abi != -1 ? cnt_format("ABI %d", abi) :
	    cnt_strdup("this kernel has none: what boxes send to `cnt mcp` is read under seccomp "
	    "alone");

	add(checks, "landlock", abi != -1 ? OK : WARN, detail,
	    "boot Linux 5.13 or newer with `landlock` among its lsm=");
}

static void
check_programs(cJSON *checks)
{
	static const struct {
		const char	*name, *package;
		bool		 runs_boxes;
	} programs[] = {
		{ "nft", "nftables", true }, { "dnsmasq", "dnsmasq-base", true },
		{ "newuidmap", "uidmap", true }, { "newgidmap", "uidmap", true },
		{ "apparmor_parser", "apparmor", true },
		{ "tar", "tar", false }, { "mmdebstrap", "mmdebstrap", false },
	};
	CNT_BUF struct cnt_buf missing = { 0 }, packages = { 0 };
	enum state s = OK;

	for (size_t k = 0; k < nitems(programs); k++) {
		char *path CNT_FREE = cnt_run_find(programs[k].name);

		if (path != NULL || (strcmp(programs[k].package, "apparmor") == 0 &&
		    !cnt_apparmor_is_on()))
			continue;
		cnt_buf_addf(&missing, "%s%s", missing.n > 0 ? ", " : "", programs[k].name);
		cnt_buf_addf(&packages, " %s", programs[k].package);
		s = programs[k].runs_boxes ? FAIL : s == OK ? WARN : s;
	}
	cnt_buf_adds(&missing, s == OK ? "" : " not installed");
	cnt_buf_adds(&packages, "");
	char *remedy CNT_FREE = cnt_format("`apt-get install%s`", packages.p);
	add(checks, "programs", s, missing.p, remedy);
}

static void
check_ids(cJSON *checks, const struct cnt_instance *i)
{
	static const char *const files[] = { "/etc/subuid", "/etc/subgid" };
	char *line CNT_FREE = cnt_format("root:%u:%u", i->id_base, i->id_count);

	for (size_t k = 0; k < nitems(files); k++) {
		CNT_BUF struct cnt_buf b = { 0 };
		struct cnt_err e = { 0 };
		char *detail CNT_FREE = cnt_format("%s: no line %s", files[k], line);

		if (cnt_file_read(files[k], SUBID_MAX, &b, &e) == -1 ||
		    !cnt_list_has(b.p, line, "\n")) {
			add(checks, "id ranges", FAIL, detail, SETUP);
			return;
		}
	}
	add(checks, "id ranges", OK, line, "");
}

/* Limits as new boxes get them. */
static void
check_cgroups(cJSON *checks)
{
	CNT_CONF_END struct cnt_conf conf = { 0 };
	struct cnt_err e = { 0 };

	if (cnt_conf_read(&conf, &e) == -1) {
		add_result(checks, "configuration", -1, &e,
		    e.code == CNT_INVALID ? "correct the line that it names" : "");
		return;
	}
	if (cnt_cgroup_check(&conf.limits, &e) == -1)
		add(checks, "control groups", FAIL, e.text, e.hint);
	else
		add(checks, "control groups", OK, cnt_cgroup_is_v2() ? "v2" : "v1", "");
}

static void
check_network(cJSON *checks, struct cnt_store *s, const struct cnt_instance *i)
{
	struct cnt_net_part parts[CNT_NET_PARTS];

	cnt_net_check(s, i, parts);
	for (size_t k = 0; k < CNT_NET_PARTS; k++)
		add(checks, parts[k].name, (enum state)parts[k].state, parts[k].detail,
		    parts[k].remedy);
}

static void
check_boot(cJSON *checks)
{
	bool on = !cnt_unit_is_due() || cnt_unit_is_on();

	add(checks, "boot", on ? OK : WARN, on ? "" : "boxes do not start and stop with this host",
	    cnt_unit_is_there() ? SETUP : "`make install`, then `cnt setup` as it is installed");
}

static void
check_image(cJSON *checks, struct cnt_store *s)
{
	CNT_CONF_END struct cnt_conf conf = { 0 };
	char *name CNT_FREE = NULL, *rootfs CNT_FREE = NULL;
	struct cnt_image image;
	struct cnt_err e = { 0 };

	name = cnt_conf_read(&conf, &e) == 0 ? cnt_strdup(conf.image) : cnt_conf_release();
	if (cnt_store_image_get(s, name, &image, &e) == -1) {
		add(checks, "image", e.code == CNT_NOTFOUND ? WARN : FAIL, e.text,
		    e.code == CNT_NOTFOUND ? "run `cnt image build`" : e.hint);
		return;
	}
	rootfs = cnt_image_rootfs(image.id);
	if (access(rootfs, F_OK) == 0) {
		add(checks, "image", OK, name, "");
		return;
	}
	cnt_fail_sys(&e, "%s: %s", name, rootfs);
	add(checks, "image", FAIL, e.text,
	    "mount the disk that it is on, or import or build it again");
}

static void
check_audit(cJSON *checks, struct cnt_store *s)
{
	char *detail CNT_FREE = NULL;
	struct cnt_err e = { 0 };
	int64_t n = 0;
	int r = cnt_store_audit_verify(s, &n, &e);

	detail = cnt_format("%lld records", (long long)n);
	add(checks, "audit", r == 0 ? OK : WARN, r == 0 ? detail : e.text,
	    "keep the database as it is and find out who changed it");
}

/* A box whose lock is held is in someone's hands. After a boot there is no lock yet. */
static bool
is_half_made(struct cnt_store *s, const char *name)
{
	CNT_CLOSE int lock = -1;
	struct cnt_err e = { 0 };
	struct cnt_box b;

	return cnt_box_hold(s, name, 0, &lock, &b, &e) == 0 ? b.state != CNT_READY :
	    e.code != CNT_BUSY && e.code != CNT_NOTFOUND;
}

static void
check_boxes(cJSON *checks, struct cnt_store *s)
{
	CNT_BUF struct cnt_buf half = { 0 }, unknown = { 0 };
	CNT_FREE struct cnt_box *boxes = NULL;
	struct cnt_err e = { 0 };
	size_t n = 0;
	char *detail CNT_FREE = NULL;

	if (cnt_store_boxes(s, &boxes, &n, &e) == -1) {
		add(checks, "boxes", FAIL, e.text, e.hint);
		return;
	}
	for (size_t k = 0; k < n; k++)
		if (boxes[k].state != CNT_READY && is_half_made(s, boxes[k].name))
			cnt_buf_addf(&half, "%s%s", half.n > 0 ? ", " : "", boxes[k].name);
	cnt_recover_unknown(s, &unknown);
	detail = half.n == 0 ? cnt_format("%zu", n) : cnt_format("%s: left half made", half.p);
	add(checks, "boxes", half.n == 0 ? OK : WARN, detail, REPAIR);
	if (unknown.n > 0)
		add(checks, "files", WARN, unknown.p, "these boxes have files that the database "
		    "does not know: put a newer copy of it back, or remove them");
}

static int
repair(struct cnt_call *c)
{
	return cnt_recover_all(c->store, c->err);
}

/* What can be told without the database has no part in this; what a damaged one says of boxes is
 * nothing to act on. */
static void
check_store(struct cnt_call *c, cJSON *checks, struct cnt_instance *i)
{
	CNT_STORE struct cnt_store *s = NULL;
	struct cnt_err e = { 0 };
	struct cnt_call own = *c;
	int r = cnt_store_open(&s, false, &e);

	own.store = s;
	own.err = &e;
	if (r == 0 && (r = cnt_store_instance(s, i, &e)) == -1)
		(void)cnt_store_check(s, &e);	/* a damage may have taken it */
	if (r == -1) {
		add(checks, "database", FAIL, e.text, e.hint);
		return;
	}
	r = cnt_store_check(s, &e);
	add_result(checks, "database", r, &e, "");
	if (r == 0 && cnt_json_bool(c->in, "repair"))
		add_result(checks, "repair", cnt_frame_record(&own, repair), &e, "");
	if (r == 0) {
		check_audit(checks, s);
		check_boxes(checks, s);
		check_image(checks, s);
	}
	check_ids(checks, i);
	check_network(checks, s, i);
	check_boot(checks);
}

static int
doctor(struct cnt_call *c)
{
	cJSON *checks = cJSON_AddArrayToObject(c->out, "checks");
	struct cnt_instance i = { .id_base = CNT_SUBID_FIRST };
	const cJSON *check;
	bool ok = true;

	check_store(c, checks, &i);
	check_programs(checks);
	check_cgroups(checks);
	check_kernel(checks, i.id_base);
	check_landlock(checks);
	cJSON_ArrayForEach(check, checks)
		ok = ok && strcmp(cnt_json_str(check, "state"), states[FAIL]) != 0;
	cnt_json_set_bool(c->out, "ok", ok);
	c->status = ok ? 0 : cnt_code_exit(CNT_UNAVAILABLE);
	return 0;
}

static void
print(const cJSON *out, FILE *f)
{
	const cJSON *check;

	cJSON_ArrayForEach(check, cnt_json_get(out, "checks")) {
		const char *remedy = cnt_json_str(check, "remedy");
		const char *detail = cnt_json_str(check, "detail");

		fprintf(f, "%-5s%s%s%s\n", cnt_json_str(check, "state"),
		    cnt_json_str(check, "name"), *detail != '\0' ? ": " : "", detail);
		if (remedy != NULL)
			fprintf(f, "     -> %s\n", remedy);
	}
	fprintf(f, cnt_json_bool(out, "ok") ? "boxes can run here\n" : "boxes cannot run here\n");
}

static const struct cnt_verb verb = {
	.name = "doctor", .title = "Check the host", .group = "This host",
	.also = "check health status",
	.summary = "check this host, and say what to do",
	.about = "Checks, by trying them, the features of the kernel that a box needs, the id "
	    "ranges, control groups, network, image and database. Each row that is not well says "
	    "what to do about it. With repair, what killed commands left half done is finished "
	    "first, unless the database is damaged, and network, id range and service are made "
	    "anew.",
	.scope = "system:read", .boxes = CNT_NO_BOX, .effects = CNT_IDEMPOTENT, .storeless = true,
	.params = params, .results = results, .run = doctor, .print = print,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
