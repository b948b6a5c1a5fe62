/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks systemctl(1), and only where systemd is pid 1. Of several instances on a host only the one
 * without CNT_ROOT has the service.
 */
#include "lib/unit.h"

#include "lib/paths.h"
#include "lib/run.h"

#define UNIT "cnt-boot.service"

static int
systemctl(const char *verb, const char *option, const char *unit, struct cnt_err *e)
{
	const char *argv[] = { "systemctl", verb, option, unit, NULL };

	return cnt_run((char *const *)(uintptr_t)argv, NULL, e);
}

bool
cnt_unit_is_due(void)
{
	return *cnt_root() == '\0' && access("/run/systemd/system", F_OK) == 0;
}

bool
cnt_unit_is_on(void)
{
	struct cnt_err no;

	return systemctl("is-enabled", "--quiet", UNIT, &no) == 0 &&
	    systemctl("is-active", "--quiet", UNIT, &no) == 0;
}

/* NULL: a build that is not installed has none. */
static char *
find_unit(void)
{
	char *beside CNT_FREE = cnt_path_beside("../lib/systemd/system/" UNIT);

	return realpath(beside, NULL);
}

bool
cnt_unit_is_there(void)
{
	char *path CNT_FREE = find_unit();

	return path != NULL;
}

int
cnt_unit_set(bool on, cJSON *changed, struct cnt_err *e)
{
	char *path CNT_FREE = find_unit();
	struct cnt_err no;

	if (!cnt_unit_is_due() || path == NULL)
		return 0;
	if (on ? cnt_unit_is_on() : systemctl("is-enabled", "--quiet", UNIT, &no) == -1)
		return 0;
	if (on && (systemctl("enable", "--quiet", path, e) == -1 ||
	    systemctl("start", "--quiet", UNIT, e) == -1))
		return -1;
	if (!on && systemctl("disable", "--now", UNIT, e) == -1)
		return -1;
	if (changed != NULL)
		cJSON_AddItemToArray(changed, cJSON_CreateString(on ?
		    UNIT ": enabled and started" : UNIT ": stopped and disabled"));
	return 0;
}
