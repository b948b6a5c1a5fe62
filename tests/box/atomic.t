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

# Cancelled, or cut off by the end of input, between the two steps that a name takes: both are made.
for my $how (qw(cancel close_input)) {
	my $s = Session->new(env => { HOME => $home }, command => [qw(strace -f -qq -o /dev/null -e trace=linkat -e
	    inject=linkat:delay_exit=300000), $Session::static]);
	my $id = $s->begin('write_file', { path => 'file', content => $how });
	ok(Client::until(10, sub { () = glob "$home/.agent-box*" }), "$how: between link and rename");
	$s->$how($how eq 'cancel' ? $id : ());
	ok(Client::until(10, sub { !(() = glob "$home/.agent-box*") }), 'no temporary file is left');
	is substr(got(), 0, 20), $how, 'the new one stands there';
}

# Without /proc a file has a temporary name from the first byte: one that was killed leaves it, and the next who writes
# in that directory removes it, and nothing else.
my $program = $Session::program;
my @without = (command => [ 'unshare', '-m', 'sh', '-c', "mount -t tmpfs none /proc && exec $program" ], env => { HOME => $home });
my ($killed, $held) = (0, 0);
for (1 .. 50) {
	my $s = Session->new(@without);
	$s->tool('file_info', { path => '.' });			# it has started
	$s->begin('write_file', { path => 'file', content => 'k' x $size }) for 1 .. 5;
	Client::until(2, sub { () = glob "$home/.agent-box*" });
	for (glob "$home/.agent-box*") {
		open my $f, '<', $_ or next;
		$held++ if !flock $f, 6;
	}
	kill 'KILL', $s->{pid};
	$s->ended;
	$killed = () = glob "$home/.agent-box*";
	last if $killed && $held;
}
cmp_ok $held, '>', 0, 'who writes holds the file';
cmp_ok $killed, '>', 0, 'without /proc a kill leaves a temporary name';
my %other = ("$home/.agent-box-0123456789abcdeg" => 'another name', "$home/.agent-box-0123456789abcdef0" => 'a longer one',
	"$home/.agent-box-00000000000000aa" => 'one that is being written', "$home/.agent-box-00000000000000bb" => 'one of somebody else');
for my $path (keys %other, "$home/.agent-box-00000000000000cc") {
	open my $f, '>', $path or die;
}
symlink 'file', "$home/.agent-box-00000000000000dd";
chown 4242, -1, "$home/.agent-box-00000000000000bb";
open my $busy, '<', "$home/.agent-box-00000000000000aa" or die;
flock $busy, 6 or die;
my $t = Session->new(@without);
$t->tool('write_file', { path => 'file', content => 'now' });
is scalar(() = glob "$home/.agent-box*"), $killed + keys(%other) + 2, 'what is younger than a minute is let alone';
utime time - 61, time - 61, glob "$home/.agent-box*";
is $t->tool('write_file', { path => 'file', content => 'now' })->{error}, 0, 'the next one writes';
is got(), 'now', 'what it should';
ok -e $_, "and keeps $other{$_}" for sort keys %other;
ok -l "$home/.agent-box-00000000000000dd", 'and a link';
is scalar(() = glob "$home/.agent-box*"), keys(%other) + 1, 'and removes what was left';
close $busy;
unlink glob "$home/.agent-box*";
$t->tool('write_file', { path => 'file', content => '0' x $size });

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
