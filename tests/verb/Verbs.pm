# SPDX-License-Identifier: Apache-2.0
#
# Every verb that the programs in $BUILD/bin describe, and what one says when it is run: with what on
# its streams, in what limits, for how long at most. A verb that needs something to start from gets
# it here; one that is not known runs bare.
package Verbs;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);

our $build = abs_path($ENV{BUILD} // dirname(__FILE__) . '/../../build');
our $bin = "$build/bin";
our $tests = abs_path(dirname(__FILE__) . '/..');
our $json = JSON::PP->new->canonical->utf8;
our $tmp = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
$ENV{PATH} = "$bin:/usr/sbin:/usr/bin:/sbin:/bin";
$ENV{LC_ALL} = 'C.UTF-8';
chmod 0755, $tmp;

# { name, words, input, tool, required, options } of each; two verbs of one name (`info`) are two.
sub all {
	my @all;
	for my $program (sort glob "$bin/cnt-*") {
		next if $program =~ /\./;
		my $d = $json->decode(scalar `$program --describe`);
		my @words = split /\n/, `$program --describe=words`;
		for my $v (@{ $d->{verbs} }) {
			my $options = shift @words;
			push @all, { %$v, words => ['cnt', split / /, $v->{name}], required => $v->{input}{required} // [],
			    options => { map { $_ => 1 } grep { /^--/ } split / /, $options } };
		}
	}
	return @all;
}

# What each verb gets to do something with boxes $me-up, which runs, and $me-down, which does not, and what
# brings it there each time. An archive is at "$tmp/tar".
sub plain {
	my ($me) = @_;
	my ($up, $down, $new) = ("$me-up", "$me-down", "$me-new");
	return (create => [$new, '--image', 'tiny'], delete => ['--force', $down], start => [$down],
	    stop => ['--force', $up], restart => ['--force', $up], info => [$up], enter => [$up],
	    exec => [$up, '--', 'true'], resize => [$up, '--pids', 300], 'image build' => ['none'],
	    'image import' => ["$tmp/tar", '--name', 'x'],
	    'image delete' => ['x']);
}

sub begin {
	my ($me) = @_;
	my ($up, $down, $new) = ("$me-up", "$me-down", "$me-new");
	my @down = (['create', $down, '--image', 'tiny', '--no-start'], ['stop', '--force', $down]);
	my ($runs, $import) = (['start', $up], ['image', 'import', "$tmp/tar", '--name', 'x']);
	return (create => [['delete', '--force', $new]], delete => \@down, start => \@down, stop => [$runs],
	    restart => [$runs], resize => [['resize', $up, '--pids', 200]], enter => [$runs],
	    exec => [$runs], 'image delete' => [$import],
	    'image import' => [['image', 'delete', 'x']]);
}

# Runs it until it ends or the seconds (60) are over, then kills its process group: start returns
# at once, end waits. in: text for standard input; before: called in the child, which may change
# anything of itself; session: in a session of its own.
sub start {
	my ($argv, %o) = @_;
	my $s = { o => \%o, argv => $argv, from => time };
	my %to;
	for my $stream (qw(out err)) {
		pipe $s->{$stream}, $to{$stream} or die "pipe: $!";
	}
	my $in = "$tmp/in." . ++our $shots;
	if (defined $o{in}) {
		open my $f, '>', $in or die "$in: $!";
		print {$f} $o{in};
		close $f;
	}
	defined($s->{pid} = fork) or die "fork: $!";
	return $s if $s->{pid};
	eval {				# nothing of the test's own end may run here
		$o{session} ? POSIX::setsid() : setpgrp;
		open STDIN, '<', defined $o{in} ? $in : '/dev/null' or die "$in: $!";
		unlink $in if defined $o{in};
		open STDOUT, '>&', $to{out} or die "$!";
		open STDERR, '>&', $to{err} or die "$!";
		$o{before}->() if $o{before};
		exec { $argv->[0] } @$argv or die "$argv->[0]: $!";
	};
	print STDERR $@;
	POSIX::_exit(120);
}

# { status, signal, hung, held, out, err, said, seconds }: held when its output is open though it has
# ended; said is what JSON there is on standard output.
sub end {
	my ($s) = @_;
	my $until = $s->{from} + ($s->{o}{seconds} // 60);
	my ($r, %open, $ended) = ({ out => '', err => '' }, out => $s->{out}, err => $s->{err});
	while (%open || !$ended) {
		if (!$ended && waitpid($s->{pid}, WNOHANG)) {
			@$r{qw(status signal seconds)} = ($? >> 8, $? & 127, time - $s->{from});
			($ended, $until) = (1, time + 5);
		}
		if (time > $until) {
			kill 'KILL', -$s->{pid};
			waitpid $s->{pid}, 0 unless $ended;
			$r->{$ended ? 'held' : 'hung'} = 1;
			last;
		}
		my $ready = '';
		vec($ready, fileno $_, 1) = 1 for values %open;
		select $ready, undef, undef, %open ? 0.01 : 0.001;
		for my $stream (grep { vec($ready, fileno $open{$_}, 1) } keys %open) {
			delete $open{$stream} unless sysread $open{$stream}, $r->{$stream}, 65536, length $r->{$stream};
		}
	}
	$r->{said} = eval { $json->decode($r->{out}) };
	return $r;
}

sub run { return end(start(@_)) }

# The JSON that a command prints; it has to succeed.
sub answer {
	my $r = run([@_, '--json'], seconds => 60);
	die "@_: exits $r->{status}: $r->{err}\n" if $r->{hung} || $r->{signal} || $r->{status} || !$r->{said};
	return $r->{said};
}

# Why this is no proper refusal, or '': an exit status of those, one line, a hint, the same in JSON.
sub flaw {
	my ($r, @codes) = @_;
	return 'does not end' if $r->{hung};
	return 'its output stays open' if $r->{held};
	return "signal $r->{signal}" if $r->{signal};
	my $said = "exits $r->{status}: " . substr("$r->{err}|$r->{out}", 0, 400);
	return $said unless grep { $_ == $r->{status} } @codes;
	return '' if $r->{status} == 0;
	return "no hint: $said" unless $r->{err} =~ /\Acnt[a-z -]*: .+\nhint: .+\n\z/;
	return "no error in JSON: $said" unless ref $r->{said} eq 'HASH' && $r->{said}{error}{code};
	return '';
}

1;
