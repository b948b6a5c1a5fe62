/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt image: the root file systems that boxes are made from.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/conf.h"
#include "lib/image.h"
#include "lib/main.h"
#include "lib/report.h"

static const struct cnt_field image_fields[] = {
	{ .name = "name", .type = CNT_STRING },
	{ .name = "id", .type = CNT_STRING, .help = "sha256 of the archive" },
	{ .name = "size", .type = CNT_SIZE, .help = "bytes" },
	{ .name = "created", .type = CNT_STRING },
	{ 0 }
};

static void
show(const struct cnt_image *i, cJSON *out)
{
	char *created CNT_FREE = cnt_report_time(i->created_us);

	cnt_json_set_str(out, "name", i->name);
	cnt_json_set_str(out, "id", i->id);
	cnt_json_set_int(out, "size", i->bytes);
	cnt_json_set_str(out, "created", created);
}

static const struct cnt_field build_params[] = {
	{ .name = "name", .type = CNT_STRING, .flags = CNT_OPERAND, .value = "NAME", .min = 1,
	  .max = 64,
	  .help = "name of the image, by default the host's own release, such as debian-12" },
	{ .name = "suite", .type = CNT_STRING, .value = "SUITE", .min = 1, .max = 32,
	  .flags = CNT_PLAIN,
	  .help = "release to build, such as bookworm, by default the one that the name says" },
	{ 0 }
};

/* Releases by the name an image has; their recipe is the distribution's archive either way. */
static const char *
suite_of(const char *name)
{
	static const char *const known[][2] = {
		{ "debian-12", "bookworm" }, { "debian-13", "trixie" }, { "ubuntu-24.04", "noble" },
	};

	for (size_t i = 0; i < nitems(known); i++)
		if (strcmp(name, known[i][0]) == 0)
			return known[i][1];
	return NULL;
}

static int
build(struct cnt_call *c)
{
	const char *given = cnt_json_str(c->in, "name"), *suite = cnt_json_str(c->in, "suite");
	char *name CNT_FREE = given != NULL ? cnt_strdup(given) : cnt_conf_release();
	struct cnt_image i = { 0 };

	if (suite == NULL)
		suite = suite_of(name);
	if (suite == NULL) {
		cnt_fail(c->err, CNT_INVALID, "%s: no suite is known for this name", name);
		return cnt_hint(c->err, "say which suite, such as bookworm");
	}
	if (cnt_image_build(c->store, name, "debian", suite, &i, c, c->err) == -1)
		return -1;
	show(&i, c->out);
	return 0;
}

static const struct cnt_field import_params[] = {
	{ .name = "file", .type = CNT_STRING, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_OR_INPUT,
	  .value = "FILE", .min = 1, .max = 4095, .help = "tar archive of a root file system" },
	{ .name = "name", .type = CNT_STRING, .flags = CNT_REQUIRED, .value = "NAME", .min = 1,
	  .max = 64, .help = "name of the image" },
	{ 0 }
};

static int
import(struct cnt_call *c)
{
	const char *file = cnt_json_str(c->in, "file");
	int fd CNT_CLOSE = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) :
	    open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct cnt_image i = { 0 };

	if (fd == -1 && errno == ENOENT)
		return cnt_fail(c->err, CNT_NOTFOUND, "%s: no such file", file);
	if (fd == -1)
		return cnt_fail_sys(c->err, "%s", file);
	if (cnt_image_import(c->store, cnt_json_str(c->in, "name"), fd, &i, c, c->err) == -1)
		return -1;
	show(&i, c->out);
	return 0;
}

static const struct cnt_field list_results[] = {
	{ .name = "images", .type = CNT_OBJECTS, .of = image_fields },
	{ 0 }
};

static int
list(struct cnt_call *c)
{
	cJSON *all = cJSON_AddArrayToObject(c->out, "images");
	struct cnt_image *images CNT_FREE = NULL;
	size_t n = 0;

	if (cnt_store_images(c->store, &images, &n, c->err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (images[i].state == CNT_READY)
			show(&images[i], cnt_json_add_object(all));
	return 0;
}

static void
print_list(const cJSON *out, FILE *f)
{
	const cJSON *i = NULL;

	fprintf(f, "%-24s %-14s %8s  %s\n", "NAME", "ID", "SIZE", "CREATED");
	cJSON_ArrayForEach(i, cnt_json_get(out, "images")) {
		char *size CNT_FREE = cnt_print_size(cnt_json_int(i, "size", 0));

		fprintf(f, "%-24s %-14.12s %8s  %.19s\n", cnt_json_str(i, "name"),
		    cnt_json_str(i, "id"),
		    size, cnt_json_str(i, "created"));
	}
}

static const struct cnt_field delete_params[] = {
	{ .name = "image", .type = CNT_STRING, .flags = CNT_REQUIRED | CNT_OPERAND | CNT_EACH,
	  .value = "IMAGE", .min = 1, .max = 64, .help = "image by name or id" },
	{ 0 }
};

static const struct cnt_field delete_results[] = {
	{ .name = "id", .type = CNT_STRING },
	{ .name = "deleted", .type = CNT_BOOLEAN },
	{ 0 }
};

static int
delete(struct cnt_call *c)
{
	struct cnt_image i = { 0 };

	if (cnt_image_delete(c->store, cnt_json_str(c->in, "image"), &i, c->err) == -1)
		return -1;
	cnt_json_set_str(c->out, "id", i.id);
	cnt_json_set_bool(c->out, "deleted", true);
	return 0;
}

static const struct cnt_verb build_verb = {
	.name = "image build", .tool = "build_image", .title = "Build an image", .group = "Images",
	.summary = "make an image from a release of Debian or Ubuntu",
	.about = "Builds an image of a Debian or Ubuntu release from the host's mirror or the "
	    "public one. Takes about half a minute.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = CNT_OPEN_WORLD,
	.params = build_params, .results = image_fields, .run = build,
};

static const struct cnt_verb import_verb = {
	.name = "image import", .tool = "import_image", .title = "Import an image",
	.group = "Images",
	.summary = "make an image from an archive",
	.about = "Makes an image from a tar archive of a root file system on this host.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = 0,
	.params = import_params, .results = image_fields, .run = import,
};

static const struct cnt_verb list_verb = {
	.name = "image list", .tool = "list_images", .title = "List images", .group = "Images",
	.summary = "list the images",
	.about = "Lists the images that boxes can be made from.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = CNT_READS | CNT_IDEMPOTENT,
	.results = list_results, .run = list, .print = print_list,
};

static const struct cnt_verb delete_verb = {
	.name = "image delete", .tool = "delete_image", .title = "Delete an image",
	.group = "Images",
	.summary = "delete images that no box uses",
	.about = "Deletes an image that no box uses.",
	.scope = "system:admin", .boxes = CNT_ADMIN, .effects = CNT_DESTROYS,
	.params = delete_params, .results = delete_results, .run = delete,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &build_verb, &import_verb,
	    &list_verb, &delete_verb, NULL });
}
