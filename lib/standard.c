/* SPDX-License-Identifier: Apache-2.0
 *
 * The standard descriptors are the caller's, who may have closed them or have given a full disk:
 * nothing of ours takes their place, and output that is lost is an error.
 */
#include "lib/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "lib/err.h"

/* A descriptor that is closed would be given to the database, or to another file. What replaces it
 * cannot be written to, so that lost output is noticed. */
static void
hold_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(cnt_code_exit(CNT_SYSTEM));
}

void
cnt_standard_begin(void)
{
	hold_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a limit on files is an error of the write */
	signal(SIGCHLD, SIG_DFL);	/* ignored, it would take exit statuses away */
}

int
cnt_standard_end(int status, const char *who)
{
	const char *why = NULL;

	/* What did not fit into the buffer has failed before: one byte more tells the reason. */
	if (ferror(stdout) != 0) {
		why = "could not be written";
		putchar('\n');
	}
	if (fflush(stdout) == EOF || (close(STDOUT_FILENO) == -1 && errno != EBADF))
		why = strerror(errno);
	if (why == NULL)
		return status;
	fprintf(stderr, "%s: standard output: %s\n", who, why);
	return status != 0 ? status : cnt_code_exit(CNT_SYSTEM);
}
