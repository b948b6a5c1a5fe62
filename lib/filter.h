/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box may do to the kernel: one list of system calls and one list of capabilities, for the
 * box's init (through liblxc's configuration) and for whatever enters it (loaded by cnt_enter).
 *
 * Building the BPF costs about 2 ms, loading it 0.2 ms: start builds it once and keeps it in
 * boxes/NAME/filter.bpf (root's, 0600), so that what enters a running box has the filter that the
 * box was started with. The two functions that enter needs are in lib/confine.c, without
 * libseccomp. And the filter of a program that needs almost nothing.
 */
#ifndef CNT_FILTER_H
#define CNT_FILTER_H

#include "lib/err.h"

/* The system calls that are allowed whatever their arguments; socket is by its family. A name that
 * this architecture does not have is skipped. */
extern const char *const	cnt_filter_calls[];
extern const size_t		cnt_filter_calls_n;

/* lib/filter.c */

/* liblxc's profile text: everything else answers ENOSYS. */
void	cnt_filter_profile(struct cnt_buf *b);

/* The same filter as BPF (an array of struct sock_filter), appended to b: other calls answer
 * ENOSYS, calls by a foreign ABI (i386, x32) end the process. */
int	cnt_filter_build(struct cnt_buf *b, struct cnt_err *e);

/* Loads a filter of its own into the calling process, for ever: these n calls are allowed, mmap
 * only where nothing may be executed; any other ends the process. no_new_privs is set before. */
int	cnt_filter_only(const char *const *calls, size_t n, struct cnt_err *e);

/* lib/confine.c */

/* Capabilities that a box keeps in its bounding set; every other one is dropped. */
struct cnt_cap {
	int		 number;	/* CAP_CHOWN … */
	const char	*name;		/* "chown", as lxc.cap.keep spells it */
};
extern const struct cnt_cap	cnt_box_caps[];
extern const size_t		cnt_box_caps_n;

/* Reads boxes/NAME/filter.bpf into b, before the host's files are out of sight. */
int	cnt_filter_read(const char *box, struct cnt_buf *b, struct cnt_err *e);

/* Loads what cnt_filter_read gave into the calling process, for ever, without no_new_privs: needs
 * CAP_SYS_ADMIN in its user namespace. Makes no memory and no other system call. */
int	cnt_filter_load(const struct cnt_buf *b, struct cnt_err *e);

#endif
