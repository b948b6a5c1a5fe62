#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# write_file under kill -9: the file is the old one or the new one, whole, and nothing else is left.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $size = 1_000_000;
my $seed = $ENV{CNT_SEED} // time;
srand $seed;
diag "CNT_SEED=$seed";

sub got { open my $f, '<:raw', "$home/file" or return 'none'; local $/; return scalar <$f>; }

my ($torn, $old, $new, $left) = (0, 0, 0, 0);
open my $f, '>', "$home/file";
print $f '0' x $size;
close $f;
for my $round (1 .. 100) {
	my $before = got();
	my $s = Session->new(env => { HOME => $home });
	my $after = chr(ord('a') + $round % 26) x $size;
	$s->begin('write_file', { path => 'file', content => $after });
	sleep rand 0.02;
	kill 'KILL', $s->{pid};
	$s->ended;
	# What it had begun ends by itself, one way or the other.
	Client::until(5, sub { !$s->processes });
	my $now = got();
	$now eq $before ? $old++ : $now eq $after ? $new++ : $torn++;
	$left += () = glob "$home/.agent-box*";
}
is $torn, 0, "never half a file ($old times the old one, $new times the new one)";
is $left, 0, 'no temporary file is left';
cmp_ok $old, '>', 0, 'some kills came before it was written';
cmp_ok $new, '>', 0, 'and some after';

# A reader never sees anything between.
my $s = Session->new(env => { HOME => $home });
my $reader = fork // die;
if (!$reader) {
	for (1 .. 20000) {
		my $now = got();
		POSIX::_exit(1) unless length $now == $size && $now eq substr($now, 0, 1) x $size;
		POSIX::_exit(0) if getppid == 1 || -e "$home/stop";
	}
	POSIX::_exit(0);
}
$s->tool('write_file', { path => 'file', content => chr(ord('a') + $_ % 26) x $size }) for 1 .. 50;
open $f, '>', "$home/stop";
waitpid $reader, 0;
is $?, 0, 'a reader sees whole files only';

# One of two writers who saw the same content loses.
$s->tool('write_file', { path => 'file', content => 'seen' });
my $sha = $s->tool('read_file', { path => 'file' })->{facts}{sha256};
my @ids = map { $s->begin('write_file', { path => 'file', content => "by $_", if_match => $sha }) } 1 .. 20;
my @won = grep { !$s->result($_)->{error} } @ids;
cmp_ok scalar @won, '>=', 1, 'one who saw the content writes';
is got(), 'by ' . ($won[-1] - $ids[0] + 1), 'and what it wrote is there' if @won == 1;
is scalar @won, 1, 'the others are refused';

done_testing;
