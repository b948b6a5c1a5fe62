/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables of the environment that turn something on. A word that means nothing would leave off
 * what somebody relies on: it is refused.
 */
#include "mcp/box/box.h"

int
cnt_box_switch(const char *name, struct cnt_err *e)
{
	const char *word = getenv(name);

	if (word == NULL || word[0] == '\0' || strcmp(word, "0") == 0)
		return 0;
	if (strcmp(word, "1") != 0)
		return cnt_fail(e, CNT_INVALID, "%s: expected 0 or 1, got \"%.32s\"", name, word);
	return 1;
}
