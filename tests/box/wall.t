#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# AGENTBOX_ROOT is a wall: no path leads a file tool out of it. (race.t: no race either.)
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

use lib dirname(__FILE__);
use Session;

my $top = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $root = "$top/root";
mkdir $_ for $root, "$root/dir", "$top/out", "$root/home";
sub put { my ($path, $bytes) = @_; open my $f, '>', $path or die "$path: $!"; print $f $bytes; close $f; }
put("$root/in", 'inside');
put("$top/out/secret", 'outside');
mkdir "$top/root-evil";
put("$top/root-evil/secret", 'outside');
my $s = Session->new(env => { HOME => "$root/home", AGENTBOX_ROOT => $root });

is $s->tool('read_file', { path => "$root/in" })->{body}, 'inside', 'an absolute path below the root';
is $s->tool('read_file', { path => '../in' })->{body}, 'inside', 'a relative one, from home';
is $s->tool('read_file', { path => "$root/dir/../in" })->{body}, 'inside', '.. that stays inside';
symlink '../in', "$root/dir/ok";
is $s->tool('read_file', { path => "$root/dir/ok" })->{body}, 'inside', 'a link that stays inside';

my %out = (
	'an absolute path' => "$top/out/secret", '..' => "$root/../out/secret", '.. from home' => '../../out/secret',
	'a longer name' => "${root}-evil/secret", 'a longer name that is not there' => "${root}x/secret", 'a link with ..' => "$root/up", 'an absolute link' => "$root/abs",
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
		[ 'delete_file', { path => "$out{$what}/x" } ], [ 'file_info', { path => "$out{$what}/." } ],
		[ 'edit_file', { path => $out{$what}, edits => [ { old => 'outside', new => 'broken' } ] } ],
		[ 'copy_file', { source => $out{$what}, destination => "$root/stolen" } ],
		[ 'copy_file', { source => "$root/in", destination => $out{$what}, overwrite => JSON::PP::true } ],
		[ 'search_files', { path => $out{$what}, pattern => '.' } ], [ 'find_files', { path => $out{$what}, glob => '*' } ],
		[ 'tail_log', { path => $out{$what}, follow_seconds => 0 } ],
		[ 'make_directory', { path => "$out{$what}/made" } ]);
	my @through = grep { !$s->tool(@$_)->{error} } @calls;
	is join(' ', map { $_->[0] } @through), '', "$what leads no tool out";
}
my $all = Session->new(env => { HOME => "$root/home", AGENTBOX_ROOT => '/' });
is $all->tool('read_file', { path => "$root/$_" })->{error}, 0, "the root / is no wall: $_" for qw(up abs outdir/secret self);
like $s->tool('read_file', { path => "$top/out/secret" })->{text}, qr/denied.*outside of \Q$root\E/, 'the error says why';
my ($out, $deep) = ('/' . "\n\x{e9}/" x 400, 'dir' . '/././.' x 250);
like $s->tool('read_file', { path => $out })->{text}, qr/\x{e9}.*\.\.\..*\x{e9}.*: outside of \Q$root\E"/, 'of a long path too';
like $s->tool('read_file', { path => "../$deep" })->{text}, qr/"\.\.\/dir.*\.\.\..*: is a directory, not a regular file"/, 'or what it is';
open my $f, '<', "$top/out/secret";
is <$f>, 'outside', 'nothing outside was changed';
is join(' ', sort map { s{.*/}{}r } glob "$top/root-evil/*"), 'secret', 'nor where the name is longer';
is join(' ', sort map { s{.*/}{}r } glob "$top/out/*"), 'secret', 'or made';

is system("env AGENTBOX_ROOT=$top/nothing $Session::program box_info 2>$top/err >/dev/null") >> 8, 69,
    'a root that cannot be opened ends the program';
open $f, '<', "$top/err";
like <$f>, qr/AGENTBOX_ROOT: .*nothing: No such file/, 'with a clear error';
like `env AGENTBOX_ROOT=$top/nothing $Session::program read_file --path x --json 2>$top/err`, qr/^\{"error":\{"code":"unavailable"/, 'and as JSON';
is system("env AGENTBOX_ROOT=relative $Session::program --mcp </dev/null 2>/dev/null") >> 8, 2, 'one that is relative too';

done_testing;
