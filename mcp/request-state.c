/* SPDX-License-Identifier: Apache-2.0
 *
 * requestState: the text behind an HMAC-SHA-256 over it, the time it ends, and the request. The key
 * is this process's own and leaves it never, so nothing that another server gave is taken. What
 * comes back is anybody's bytes.
 */
#include "mcp/request-state.h"

#include "lib/crypto.h"

#define MAC_HEX	64		/* SHA-256 in hex */

static const uint8_t *
key(void)
{
	static uint8_t bytes[32];
	static bool made;

	if (!made)
		cnt_random(bytes, sizeof(bytes));
	made = true;
	return bytes;
}

/* "MAC" "END" ":" "TEXT"; END in microseconds. */
static char *
seal(const char *method, const cJSON *params, const char *text, long long end)
{
	static const char *const bound[] = { "name", "uri", "arguments" };
	struct cnt_buf b CNT_BUF = { 0 };
	char hex[MAC_HEX + 1];
	uint8_t mac[32];

	cnt_buf_adds(&b, method);
	for (size_t i = 0; i < nitems(bound); i++) {
		const cJSON *v = cnt_json_get(params, bound[i]);
		char *part CNT_FREE = v != NULL ? cnt_json_print(v) : cnt_strdup("");

		cnt_buf_addf(&b, "\n%s", part);		/* JSON has no raw newline */
	}
	cnt_buf_addf(&b, "\n%lld:%s", end, text);
	cnt_hmac_sha256(key(), b.p, b.n, mac);
	cnt_hex(mac, sizeof(mac), hex);
	return cnt_format("%s%lld:%s", hex, end, text);
}

char *
cnt_request_state_seal(const char *method, const cJSON *params, const char *text, int64_t now_us)
{
	return seal(method, params, text, now_us + CNT_REQUEST_STATE_US);
}

char *
cnt_request_state_open(const char *method, const cJSON *params, const char *sealed, int64_t now_us)
{
	char *again CNT_FREE = NULL, *after = NULL;
	size_t n = strlen(sealed);
	long long end;

	if (n <= MAC_HEX)
		return NULL;
	end = strtoll(sealed + MAC_HEX, &after, 10);
	if (*after != ':')
		return NULL;
	again = seal(method, params, after + 1, end);
	if (strlen(again) != n || !cnt_same(again, sealed, n) || end <= now_us)
		return NULL;
	return cnt_strdup(after + 1);
}
