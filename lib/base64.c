/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as text: RFC 4648, section 4. OpenSSL's decoder takes what is no base64.
 */
#include "lib/base64.h"

void
cnt_base64_add(struct cnt_buf *to, const void *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	const uint8_t *p = bytes;
	char *out CNT_FREE = cnt_alloc((n + 2) / 3 * 4 + 1), *o = out;

	for (; n >= 3; p += 3, n -= 3, o += 4) {
		o[0] = digits[p[0] >> 2];
		o[1] = digits[(p[0] & 3) << 4 | p[1] >> 4];
		o[2] = digits[(p[1] & 15) << 2 | p[2] >> 6];
		o[3] = digits[p[2] & 63];
	}
	if (n > 0) {
		o[0] = digits[p[0] >> 2];
		o[1] = digits[(p[0] & 3) << 4 | (n > 1 ? p[1] >> 4 : 0)];
		o[2] = o[3] = '=';
		if (n > 1)
			o[2] = digits[(p[1] & 15) << 2];
		o += 4;
	}
	cnt_buf_add(to, out, (size_t)(o - out));
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
cnt_base64_decode(struct cnt_buf *to, const char *s)
{
	uint32_t bits = 0;
	int have = 0, pad = 0;
	size_t n = strlen(s), used = 0;
	char *out CNT_FREE = cnt_alloc(n / 4 * 3 + 4);

	for (; *s != '\0'; s++) {
		int d = digit(*s);

		if (strchr(" \t\r\n", *s) != NULL)
			continue;
		if (*s == '=' && have + pad >= 2 && have + pad < 4) {
			pad++;
			continue;
		}
		if (d == -1 || pad > 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		if (++have < 4)
			continue;
		out[used++] = (char)(bits >> 16);
		out[used++] = (char)(bits >> 8);
		out[used++] = (char)bits;
		have = 0;
		bits = 0;
	}
	if ((pad > 0 || have > 0) && (have + pad != 4 || have < 2))
		return -1;
	bits <<= 6 * (4 - have);
	for (int i = 0; have > 0 && i < have - 1; i++)
		out[used++] = (char)(bits >> (16 - 8 * i));
	cnt_buf_add(to, out, used);
	return 0;
}
