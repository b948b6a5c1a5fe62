/* SPDX-License-Identifier: Apache-2.0
 *
 * What a caller gives as a key ends up as a line that sshd obeys, which may also hold options and
 * commands: nothing is let through but a type, its blob (RFC 4253, section 6.6) and a comment.
 */
#include "lib/ssh-key.h"

#include "lib/base64.h"

static const char *const types[] = {
	"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
};

/* Does it begin with the type, as a string with its length? */
static bool
names_type(const struct cnt_buf *blob, const char *type, size_t n)
{
	return blob->n > 4 + n && memcmp(blob->p, "\0\0\0", 3) == 0 &&
	    (unsigned char)blob->p[3] == n && memcmp(blob->p + 4, type, n) == 0;
}

int
cnt_ssh_key_check(const char *key, struct cnt_err *e)
{
	size_t n = strcspn(key, " ");
	const char *rest = key + n + (key[n] == ' ');
	char *text CNT_FREE = cnt_format("%.*s", (int)strcspn(rest, " "), rest);
	CNT_BUF struct cnt_buf blob = { 0 };

	for (const char *c = key; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return cnt_fail(e, CNT_INVALID, "ssh key: more than one line");
	for (size_t i = 0; i < nitems(types); i++) {
		if (strlen(types[i]) != n || strncmp(key, types[i], n) != 0)
			continue;
		if (cnt_base64_decode(&blob, text) == 0 && names_type(&blob, key, n))
			return 0;
		return cnt_fail(e, CNT_INVALID, "ssh key: damaged %s key", types[i]);
	}
	cnt_fail(e, CNT_INVALID, "ssh key: not a public key");
	return cnt_hint(e, "give the one line of a .pub file, for example ~/.ssh/id_ed25519.pub");
}
