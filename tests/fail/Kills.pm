# SPDX-License-Identifier: Apache-2.0
#
# A verb killed at random instants of the time that a whole one takes.
package Kills;

use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(time usleep);

our @EXPORT_OK = qw(whole kills);

sub quiet {
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	setpgrp;
	exec @_ or POSIX::_exit(127);
}

# Runs a command to its end; seconds.
sub whole { my $begin = time; waitpid quiet(@_), 0; return time - $begin; }

# kills(ROUNDS, seed, whole: how many are timed, prepare, shot: the command's words, look): look->(N, "killed" or
# "done") says what came of a round, or dies. How often each was said is printed and returned.
sub kills {
	my ($rounds, %o) = @_;
	my ($longest, %seen) = (0);
	srand $o{seed};
	for (1 .. $o{whole}) {
		$o{prepare}->();
		my $took = 1.1 * whole($o{shot}->());
		$longest = $took if $took > $longest;
	}
	for my $n (1 .. $rounds) {
		$o{prepare}->();
		my $pid = quiet($o{shot}->());
		usleep(1e6 * rand $longest);
		kill 'KILL', $pid;
		waitpid $pid, 0;
		$seen{ $o{look}->($n, $? ? 'killed' : 'done') }++;
	}
	printf "within %.0f ms: %s\n", 1e3 * $longest, join '; ', map { "$seen{$_} $_" } sort keys %seen;
	return %seen;
}

1;
