/* SPDX-License-Identifier: Apache-2.0
 *
 * cnt version: which cnt this is.
 */
#include "lib/main.h"

static const struct cnt_field results[] = {
	{ .name = "version", .type = CNT_STRING },
	{ 0 }
};

static int
version(struct cnt_call *c)
{
	cnt_json_set_str(c->out, "version", CNT_VERSION);
	return 0;
}

static void
print(const cJSON *out, FILE *f)
{
	fprintf(f, "cnt %s\n", cnt_json_str(out, "version"));
}

static const struct cnt_verb verb = {
	.name = "version", .title = "Version", .group = "This host",
	.summary = "print the version", .about = "Prints the version of cnt.",
	.effects = CNT_READS | CNT_IDEMPOTENT, .storeless = true, .unprivileged = true,
	.results = results, .run = version, .print = print,
};

int
main(int argc, char **argv)
{
	return cnt_main(argc, argv, (const struct cnt_verb *const[]){ &verb, NULL });
}
