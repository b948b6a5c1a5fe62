/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back from a description to a verb: what a program answers to --describe becomes the table
 * that the frame works from. cnt-verbs(7) says which members and schemas there are.
 */
#ifndef CNT_LEARN_H
#define CNT_LEARN_H

#include "lib/verb.h"

/* May a file of this name be a verb: a letter, then letters, digits and -, at most 31? */
bool	cnt_learn_name(const char *name);

#define CNT_LEARNED_MAX	16		/* verbs of a family */

struct cnt_learned {
	const struct cnt_verb	*list[CNT_LEARNED_MAX + 1];	/* ended by NULL, for cnt_main */
	bool			 mcp;		/* it speaks MCP itself */
	struct cnt_verb		 verbs[CNT_LEARNED_MAX];
	cJSON			*said;		/* most strings lie in it */
	void			**kept;
	size_t			 n;
};

/* said: the whole description, taken over. name: what the verb must be called, or a family's first
 * word. run becomes every verb's function; what the verb may do is what it says, and what it does
 * not say is for administrators. CNT_BUG: names the member that is missing, not understood, or
 * more than can be held to: nothing is passed over. */
int	cnt_learn(struct cnt_learned *l, cJSON *said, const char *name,
	    int (*run)(struct cnt_call *c), struct cnt_err *e);
void	cnt_learned_free(struct cnt_learned *l);
#define CNT_LEARNED	__attribute__((cleanup(cnt_learned_free)))

#endif
