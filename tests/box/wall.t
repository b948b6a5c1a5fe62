#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# AGENTBOX_ROOT is a wall: no path and no race leads a file tool out of it.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $top = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $root = "$top/root";
mkdir $_ for $root, "$root/dir", "$top/out", "$root/home";
sub put { my ($path, $bytes) = @_; open my $f, '>', $path or die "$path: $!"; print $f $bytes; close $f; }
put("$root/in", 'inside');
put("$top/out/secret", 'outside');
my $s = Session->new(env => { HOME => "$root/home", AGENTBOX_ROOT => $root });

is $s->tool('read_file', { path => "$root/in" })->{body}, 'inside', 'an absolute path below the root';
is $s->tool('read_file', { path => '../in' })->{body}, 'inside', 'a relative one, from home';
is $s->tool('read_file', { path => "$root/dir/../in" })->{body}, 'inside', '.. that stays inside';
symlink '../in', "$root/dir/ok";
is $s->tool('read_file', { path => "$root/dir/ok" })->{body}, 'inside', 'a link that stays inside';

my %out = (
	'an absolute path' => "$top/out/secret", '..' => "$root/../out/secret", '.. from home' => '../../out/secret',
	'a longer name' => "${root}x/secret", 'a link with ..' => "$root/up", 'an absolute link' => "$root/abs",
	'a directory link' => "$root/outdir/secret", 'an absolute link to the inside' => "$root/self",
	'/proc' => '/proc/self/root/etc/passwd', 'the root of all' => '/');
symlink '../out/secret', "$root/up";
symlink "$top/out/secret", "$root/abs";
symlink '../out', "$root/outdir";
symlink "$root/in", "$root/self";
for my $what (sort keys %out) {
	my @calls = (
		[ 'read_file', { path => $out{$what} } ], [ 'write_file', { path => $out{$what}, content => 'broken' } ],
		[ 'list_directory', { path => $out{$what} } ],
		[ 'move_file', { source => "$out{$what}/x", destination => "$root/stolen" } ],
		[ 'move_file', { source => "$root/in", destination => "$out{$what}/x" } ],
		[ 'delete_file', { path => "$out{$what}/x" } ]);
	my @through = grep { !$s->tool(@$_)->{error} } @calls;
	is join(' ', map { $_->[0] } @through), '', "$what leads no tool out";
}
like $s->tool('read_file', { path => "$top/out/secret" })->{text}, qr/denied.*outside of \Q$root\E/, 'the error says why';
open my $f, '<', "$top/out/secret";
is <$f>, 'outside', 'nothing outside was changed';
is join(' ', sort map { s{.*/}{}r } glob "$top/out/*"), 'secret', 'or made';

is system("env AGENTBOX_ROOT=$top/nothing $Session::program box_info 2>$top/err >/dev/null") >> 8, 69,
    'a root that cannot be opened ends the program';
open $f, '<', "$top/err";
like <$f>, qr/AGENTBOX_ROOT: No such file/, 'with a clear error';
is system("env AGENTBOX_ROOT=relative $Session::program --mcp </dev/null 2>/dev/null") >> 8, 2, 'one that is relative too';

# Somebody exchanges a directory for a link that leads out, as fast as the machine can.
my $racer = fork // die;
if (!$racer) {
	mkdir "$root/race";
	put("$root/race/secret", 'inside');
	symlink '../out', "$root/evil";
	while (getppid != 1) {
		syscall 316, -100, "$root/race", -100, "$root/evil", 2;		# renameat2, RENAME_EXCHANGE
	}
	exit;
}
$s->pump(0.01) until -l "$root/evil" && -d "$root/race" || -l "$root/race";
my ($end, $rounds, $leaked, $served) = (time + ($ENV{CNT_RACE} // 3), 0, 0, 0);
while (time < $end) {
	my @ids = map { (
		$s->begin('read_file', { path => "$root/race/secret" }),
		$s->begin('list_directory', { path => "$root/race" }),
		$s->begin('read_file', { path => "$root/race/../race/secret" })) } 1 .. 50;
	my $write = $s->begin('write_file', { path => "$root/race/new$rounds", content => 'x' });
	my $delete = $s->begin('delete_file', { path => "$root/race/secret" }) if $rounds % 10 == 9;
	for (@ids) {
		my $r = $s->result($_);
		$leaked++ if $r->{text} =~ /outside"|\noutside/;
		$served++ if !$r->{error};
	}
	$s->result($_) for grep { defined } $write, $delete;
	$rounds++;
}
kill 'KILL', $racer;
waitpid $racer, 0;
is $leaked, 0, "a race on a path component never leads out ($served of " . $rounds * 150 . ' served)';
cmp_ok $served, '>', 0, 'and what is inside is served';
is join(' ', sort map { s{.*/}{}r } glob "$top/out/*"), 'secret', 'nothing was written or deleted outside';

done_testing;
