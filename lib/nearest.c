/* SPDX-License-Identifier: Apache-2.0
 *
 * What a word that is not known was probably meant to be: of options, verbs, tools, files.
 */
#include "lib/verb.h"

/* Levenshtein's: letters to be put in, taken out or changed. */
static int
distance(const char *a, const char *b)
{
	int row[33] = { 0 }, n = (int)strlen(b);

	if (n > 32 || strlen(a) > 32)
		return 99;
	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 1; a[i - 1] != '\0'; i++) {
		int corner = row[0];

		row[0] = i;
		for (int j = 1; j <= n; j++) {
			int best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			best = corner + 1 < best ? corner + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[n];
}

const char *
cnt_nearest(const char *typed, const char *const *words, size_t n)
{
	const char *best = NULL;
	int least = 3;

	for (size_t i = 0; i < n; i++) {
		int d = distance(typed, words[i]);

		if (d < least && d < (int)strlen(words[i])) {
			least = d;
			best = words[i];
		}
	}
	return best;
}
