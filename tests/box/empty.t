#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# agent-box needs nothing of a box: it works in a root that holds a static shell, without /proc, /dev or
# /etc, and its rules hold there too.
use strict;
use warnings;
use utf8;

use File::Basename qw(dirname);
use File::Copy;
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $root = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $tag = 200000 + $$;
mkdir "$root/bin";
copy('/bin/busybox', "$root/bin/busybox") or die "/bin/busybox: $!";
copy($Session::static, "$root/agent-box") or die "$Session::static: $!";
chmod 0755, "$root/agent-box", "$root/bin/busybox";
symlink 'busybox', "$root/bin/$_" for qw(sh sleep echo cat id setsid ls true pwd);
Client::watch();
my $s = Session->new(command => ['chroot', $root, '/agent-box'], env => { HOME => '/' });

like $s->tool('box_info', {})->{data}{kernel}, qr/^\d/, 'it says what it can about the box';
my $r = $s->tool('shell_exec', { command => 'echo hi; cat; pwd' });
is $r->{body}, "hi\n/\n", 'a command runs';
is $s->tool('write_file', { path => '/a/b', content => 'x' })->{data}{created}, JSON::PP::true, 'a file is written';
is $s->tool('write_file', { path => '/a/b', content => 'y' })->{data}{created}, JSON::PP::false, 'and overwritten';
is $s->tool('read_file', { path => '/a/b' })->{body}, 'y', 'and read';
is join(' ', map { $_->{name} } @{ $s->tool('list_directory', { path => '/', depth => 2 })->{data}{entries} }),
    'a a/b agent-box bin ' . join(' ', map { "bin/$_" } sort qw(busybox sh sleep echo cat id setsid ls true pwd)),
    'and listed';
is $s->tool('list_directory', { path => '/' })->{data}{entries}[0]{owner}, $>, 'owners are numbers without names';

# The shell itself wants this for what it starts with &.
mkdir "$root/dev";
open my $null, '>', "$root/dev/null";
$r = $s->tool('shell_exec', { command => "setsid sleep $tag & (sleep $tag &) ; echo hi" });
is scalar @{ $r->{facts}{left_running} }, 2, 'what runs on is found without /proc';
# Children are found by asking for every pid there could be: seconds of a processor, of which others may have most.
my $t = time;
$r = $s->tool('shell_exec', { command => "trap '' TERM; (setsid sleep ${tag}1 &) ; sleep ${tag}1", timeout_seconds => 0.2 });
is $r->{error}, 1, 'a timeout';
cmp_ok Session::gone(qr/sleep ${tag}1/), '<', Client::allowed(0.05, $t), 'kills all of it';
$t = time;
$s->close_input;
cmp_ok $s->leaves, '<', Client::allowed(0.3, $t), 'at end of input it leaves';
cmp_ok Session::gone(qr/sleep $tag/), '<', Client::allowed(6, $t), 'and what was left is gone';
unlink "$root/bin/sh";
$s = Session->new(command => ['chroot', $root, '/agent-box'], env => { HOME => '/' });
like $s->tool('shell_exec', { command => 'x' })->{text}, qr{unavailable.*/bin/sh: No such file}, 'without a shell: an error';
is $s->tool('read_file', { path => '/a/b' })->{body}, 'y', 'and all else works';

done_testing;
