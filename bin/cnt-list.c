/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt list: the boxes, with what they are limited to and whether they run.
 */
#include <math.h>
#include <time.h>

#include "lib/life.h"
#include "lib/main.h"
#include "lib/report.h"

#define WIDTH	51	/* of name, address and image: what the others leave of 80 columns */

static const char *const states[] = { "running", "stopped", NULL };

static const struct cnt_field params[] = {
	{ .name = "state", .type = CNT_STRING, .choices = states, .value = "running|stopped",
	  .help = "only boxes in this state" },
	{ 0 }
};

static const struct cnt_field results[] = {
	{ .name = "boxes", .type = CNT_OBJECTS, .of = cnt_report_box },
	{ 0 }
};

static int
list(struct cnt_call *c)
{
	const char *state = cnt_json_str(c->in, "state");
	cJSON *all = cJSON_AddArrayToObject(c->out, "boxes");
	struct cnt_instance i = { 0 };
	struct cnt_box *boxes CNT_FREE = NULL;
	size_t n = 0;

	if (cnt_store_instance(c->store, &i, c->err) == -1 ||
	    cnt_store_boxes(c->store, &boxes, &n, c->err) == -1)
		return -1;
	for (size_t k = 0; k < n; k++) {
		cJSON *one CNT_JSON = cJSON_CreateObject();

		if (boxes[k].state != CNT_READY)
			continue;
		if (cnt_report(&i, &boxes[k], one, c->err) == -1)
			return -1;
		if (state == NULL || strcmp(state, cnt_json_str(one, "state")) == 0)
			cJSON_AddItemToArray(all, take(&one));
	}
	return 0;
}

static char *
age(const char *created)
{
	struct tm tm = { 0 };
	double s = 0;

	if (strptime(created, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return cnt_strdup("-");
	s = difftime(time(NULL), timegm(&tm));
	if (s < 120)
		return cnt_format("%.0fs", s > 0 ? s : 0);
	if (s < 7200)
		return cnt_format("%.0fm", s / 60);
	return s < 172800 ? cnt_format("%.0fh", s / 3600) : cnt_format("%.0fd", s / 86400);
}

static int
longest(const cJSON *boxes, const char *member, int least)
{
	const cJSON *b = NULL;

	cJSON_ArrayForEach(b, boxes) {
		int n = (int)strlen(cnt_json_str(b, member));

		least = n > least ? n : least;
	}
	return least;
}

/* An image's name gets what is left of a line. */
static void
print(const cJSON *out, FILE *f)
{
	const cJSON *boxes = cnt_json_get(out, "boxes"), *b = NULL;
	int name = longest(boxes, "name", 4), address = longest(boxes, "address", 7);
	int image = longest(boxes, "image", 5), left = WIDTH - name - address;

	image = image < left ? image : left;
	fprintf(f, "%-*s %-7s %-*s %-*.*s %5s %6s %5s\n", name, "NAME", "STATE", address,
	    "ADDRESS", image, image, "IMAGE", "CPU", "MEMORY", "AGE");
	cJSON_ArrayForEach(b, boxes) {
		char *old CNT_FREE = age(cnt_json_str(b, "created"));
		char *memory CNT_FREE = cnt_print_size(cnt_json_int(b, "memory", 0));
		double cpu = round(cnt_json_num(b, "cpu", 0) * 100) / 100;

		fprintf(f, "%-*s %-7s %-*s %-*.*s %5.4g %6s %5s\n", name, cnt_json_str(b, "name"),
		    cnt_json_str(b, "state"), address, cnt_json_str(b, "address"), image, image,
		    cnt_json_str(b, "image"), cpu, memory, old);
	}
}

static const struct cnt_verb verb = {
	.name = "list", .tool = "list_containers", .title = "List boxes", .group = "Boxes",
	.also = "ls ps",
	.summary = "list the boxes",
	.about = "Lists the boxes with state, address, image, owner and limits.",
	.scope = "containers:read", .boxes = CNT_OWN_BOX, .effects = CNT_READS | CNT_IDEMPOTENT,
	.params = params, .results = results, .run = list, .print = print,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
