#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What shell_exec shows of a command's output, and that nothing of it is lost.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $state = "$home/.local/state/agent-box";
my $s = Session->new(env => { HOME => $home });
my $true = JSON::PP::true;

sub run { my ($command, %o) = @_; return $s->tool('shell_exec', { command => $command, %o }); }
sub slurp { my ($path) = @_; open my $f, '<:raw', $path or return ''; local $/; return scalar <$f>; }
sub spills { return scalar(() = glob "$state/output-*"); }

# Caps.
is run('head -c 20000 /dev/zero | tr "\0" x')->{body}, 'x' x 20000, '20000 bytes are shown whole';
is spills(), 0, 'and kept nowhere';
my $r = run('seq 1 100000');
my $whole = join '', map { "$_\n" } 1 .. 100000;
my ($head, $left, $tail) = $r->{body} =~ /\A(.*?)\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n(.*?)(?=\[stdout)/s;
ok index($whole, $head) == 0, 'past the cap the head is kept';
is substr($whole, -length $tail), $tail, 'and the tail';
is length($head) + $left + length($tail), length $whole, 'and what is left out is counted';
cmp_ok length($head) + length($tail), '<=', 20000, 'in 20000 bytes';
is $r->{facts}{stdout}{total_bytes}, length $whole, 'total_bytes is exact';
is $r->{facts}{stdout}{truncated}, $true, 'truncated is said';
my $path = $r->{facts}{stdout}{spill_path};
is sha256_hex(slurp($path)), sha256_hex($whole), 'the whole output lies in spill_path';
like $r->{head}, qr/stdout 588895 B \(cut; all in \Q$path\E\) /, 'the first line says that it is cut, and where all is';
like $r->{text}, qr/\n\[stdout: cut, 588895 bytes in all; all in \Q$path\E: read_file with offset, or shell_exec\]\n\z/,
    'the last line says how to get the rest';
is $s->tool('read_file', { path => $path, tail => 1 })->{body}, "100000\n", 'which works';
is sprintf('%o %o', (stat $state)[2] & 07777, (stat $path)[2] & 07777), '700 600', 'it is nobody else\'s';
is run('seq 1 100000', max_output_bytes => 1048576)->{body}, $whole, 'max_output_bytes raises the cap';
cmp_ok length run('seq 1 100000', max_output_bytes => 1)->{body}, '<', 300, 'or lowers it';
$r = run('seq 1 100000; seq 1 100000 >&2');
cmp_ok length $r->{text}, '<', 21000, 'both streams share the cap';
is sha256_hex(slurp($r->{facts}{stderr}{spill_path})), sha256_hex($whole), 'each is kept whole';
$r = run('seq 1 4000; echo oops >&2');
like $r->{body}, qr/\n\[stderr\]\noops\n/, 'a short standard error is not crowded out';
$r = run('yes | head -c 300000000', max_output_bytes => 1000);
is $r->{facts}{stdout}{total_bytes}, 300000000, 'a great output is counted';
is -s $r->{facts}{stdout}{spill_path}, 300000000, 'and kept';
unlink $r->{facts}{stdout}{spill_path};
$r = run('yes', timeout_seconds => 0.3);
is $r->{facts}{stdout}{total_bytes}, -s $r->{facts}{stdout}{spill_path}, 'also that of a command that timed out';
unlink $r->{facts}{stdout}{spill_path};

# Text.
$r = run(q{printf '\033[1;31mred\033[0m \033]0;title\007\033(Bplain\010\r\n\342\200\246\t\033]8;;http://x\033\\\\link\033M'});
is $r->{body}, "red plain\r\n…\tlink", 'terminal escapes and controls are stripped';
is run(q(printf '\033[1mx'), raw => $true)->{body}, "\e[1mx", 'unless raw';
is run(q(printf 'a\033'))->{body}, 'a', 'an escape that does not end';
is run(q(printf 'a\033[31'))->{body}, 'a', 'nor this';
my $before = spills();
$r = run(q(printf 'a\377b\000c'));
like $r->{body}, qr/\Aa\x{fffd}b\x{fffd}c\n\[stdout: not UTF-8/, 'what is not UTF-8 is shown as U+FFFD, and this is said';
is slurp($r->{facts}{stdout}{spill_path}), "a\xffb\0c", 'its exact bytes lie in spill_path';
is $r->{facts}{stdout}{replaced}, $true, 'typed too';
is spills(), $before + 1, 'one file is made';
$r = run(q(perl -e 'print "é" x 30000'));
is $r->{facts}{stdout}{replaced}, JSON::PP::false, 'a cut falls between code points';
unlike $r->{body}, qr/\x{fffd}/, 'on both sides';
my $shown = join '', map { run(q(perl -e 'print "\e[1;31mxx\e[0m\n" x 4000'), max_output_bytes => $_)->{body} } 100 .. 115;
unlike $shown =~ s/^\[.*\n//gmr, qr/[^x\n]/, 'nor into an escape sequence';
$r = run(q(head -c 1000000 /dev/urandom), max_output_bytes => 1048576);
is length slurp($r->{facts}{stdout}{spill_path}), 1000000, 'random bytes are kept';
run(q(perl -e 'print "\1" x 1048576'), raw => $true, max_output_bytes => 1048576);
cmp_ok $s->{longest}, '<', 4 << 20, 'no line passes 4 MiB';
$r = run(q(perl -e 'print "a" x 9999, "\351", "b" x 10000'));
like $r->{body}, qr/\Aa{9990,9999}\n\[\.\.\. \d+ bytes left out \.\.\.\]\nb{9990,10000}\n\[/, 'one byte that is not UTF-8 costs no more than its room';
for (['30000 bytes', 30000, 6660], ['8000, whose text alone is too long', 8000, 6660], ['two, where one is shown', 2, 0, 1], ['five of six', 6, 0, 5]) {
	my ($name, $n, $least, $max) = @$_;
	$r = run(qq(perl -e 'print "@{[ $least ? '\\377' : 'x' ]}" x $n'), max_output_bytes => $max // 20000);
	my ($left) = $r->{body} =~ /^\[\.\.\. (\d+) bytes left out \.\.\.\]$/m;
	my $shown = $r->{body} =~ s/^\[.*//gmr =~ tr/x\x{fffd}//;
	is $left + $shown, $n, "$name: what is left out is counted";
	cmp_ok $shown, '>=', $max // $least, 'and no more than what has no room';
	cmp_ok $shown * ($max ? 1 : 3), '<=', $max // 20000, 'which there is not more of';
}

mkdir "$home/h\xff";
$r = Session->new(env => { HOME => "$home/h\xff" })->tool('shell_exec', { command => 'seq 1 100000' });
is scalar(() = $r->{text} =~ m{all in \Q$home\E/h\x{fffd}/}g), 2, 'a path of whatever bytes is named in UTF-8';

# The state directory is checked, not trusted.
system 'rm', '-rf', $state;
mkdir "$home/elsewhere";
symlink "$home/elsewhere", $state;
$r = run('seq 1 100000');
is $r->{facts}{stdout}{spill_path}, undef, 'a link in place of the state directory is not followed';
like $r->{text}, qr/could not be kept/, 'and the answer says what that means';
like $r->{head}, qr/stdout 588895 B \(cut\) /, 'nor does the first line name a file';
is $r->{facts}{stdout}{total_bytes}, length $whole, 'head, tail and count come all the same';
is join(' ', glob "$home/elsewhere/*"), '', 'nothing was written there';
unlink $state;
mkdir $state, 0777;
chmod 0777, $state;
is run('seq 1 100000')->{error}, 0, 'one that is open to others';
is sprintf('%o', (stat $state)[2] & 07777), '700', 'is closed';
my $old = "$state/output-0123456789abcdef0123456789abcdef";
open my $f, '>', $old;
close $f;
utime time - 8 * 86400, time - 8 * 86400, $old;
run('seq 1 100000');
ok !-e $old, 'what was kept a week ago is removed';
for my $i (1 .. 1005) {
	my $name = sprintf '%s/output-%032x', $state, $i;
	open my $f, '>', $name or die "$name: $!";
	utime time - 1000 - $i, time - 1000 - $i, $name;
}
$before = spills();
$r = run('seq 1 100000');
is spills(), $before - 2, 'where there are a thousand the oldest make room';
ok -e $r->{facts}{stdout}{spill_path} && !-e "$state/output-" . sprintf('%032x', 1005), 'and not the newest';
run('seq 1 100000') for 1 .. 10;
is spills(), 1000, 'and no more than that are kept';
unlink glob "$state/output-*";

done_testing;
