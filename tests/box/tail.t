#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# tail_log: the last lines, what comes after them, and logs that are rotated between two calls and during one.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
mkdir "$home/d";
my $s = Session->new(env => { HOME => $home });
my $id;

# Workers of the server that have not ended.
sub running {
	return grep { (stat_of($_) =~ /\) (\w)/)[0] ne 'Z' } split ' ', `cat /proc/$s->{pid}/task/$s->{pid}/children`;
}
sub stat_of { open my $f, '<', "/proc/$_[0]/stat" or return ') Z'; return scalar(<$f>) // ') Z'; }

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub put { my ($name, $bytes) = @_; open my $f, '>:raw', "$home/d/$name" or die; print $f $bytes; close $f; }
sub add { my ($name, $bytes) = @_; open my $f, '>>:raw', "$home/d/$name" or die; print $f $bytes; close $f; }
sub tail_of { my (%o) = @_; return $s->tool('tail_log', { path => 'd/log', follow_seconds => 0, %o }, 70); }
sub turn { my ($from, $to) = @_; rename "$home/d/$from", "$home/d/$to" or die; }
sub truth { return $_[0] ? 'yes' : 'no'; }
sub text { my ($r) = @_; return $r->{error} ? $r->{text} : ($r->{body} =~ s/\[more follows.*\]\n\z//r); }
sub next_of { return $_[0]{facts}{next} // ''; }
sub lines { my ($r) = @_; return text($r) =~ s/^(?:the log was rotated|earlier lines|bytes that|the log is gone).*\n//gmr; }

# The last lines, and those after them.
put('log', join '', map { "line $_\n" } 1 .. 3);
my $r = tail_of();
is lines($r), "line 1\nline 2\nline 3\n", 'the last lines';
like $r->{head}, qr/^21 bytes \W+ next \d+:21:[0-9a-f]{8}$/, 'the first line has the facts';
like next_of($r), qr/^\d+:21:[0-9a-f]{8}$/, 'the cursor is inode and offset, and a check';
is_deeply [ @{ $r->{facts} }{qw(rotated matched truncated)} ], [ $false, $false, $false ], 'typed facts';
my $next = next_of($r);
is lines(tail_of(since => $next)), '', 'nothing new';
add('log', "line 4\n");
is lines($r = tail_of(since => $next)), "line 4\n", 'only what is new';
is next_of(tail_of(since => next_of($r))), next_of($r), 'a cursor that stays';
$r = tail_of(limit => 10);
is lines($r), "line 4\n", 'a limit keeps whole last lines';
like $r->{text}, qr/earlier lines left out: this begins at byte 21/, 'and says where they begin';
is lines(tail_of(limit => 5)), "ne 4\n", 'or a part of one that is longer';
$r = tail_of(since => $next =~ s/:21:.*/:0:811c9dc5/r, limit => 10);
is lines($r), "line 1\nlin\n", 'a page from the start';
ok $r->{facts}{truncated}, 'says that there is more';
like $r->{text}, qr/\n\[more follows: since \d+:10:[0-9a-f]{8}\]\n$/, 'and how to get it';
is lines(tail_of(since => next_of($r))), "e 2\nline 3\nline 4\n", 'which is the rest';
like tail_of(since => 'x')->{text}, qr/since: expected the next/, 'a cursor that is none';
like tail_of(path => 'd/lgo')->{text}, qr/not_found.*nearest existing directory.*log/, 'a log that is not there';
like tail_of(path => 'd')->{text}, qr/is a directory/, 'a directory';
mkfifo("$home/d/fifo", 0600);
like tail_of(path => 'd/fifo')->{text}, qr/is a fifo/, 'a FIFO';
like tail_of(until => '(')->{text}, qr/invalid.*"until: /, 'a pattern that is none';

# Bytes.
put('log', "caf\xc3\xa9\n\xe9t\xe9\n\e[31mred\e[0m\n");
$r = tail_of();
is lines($r), "caf\x{e9}\n\x{fffd}t\x{fffd}\nred\n", 'what is not UTF-8 is shown with U+FFFD, escapes are not';
like $r->{text}, qr/not UTF-8/, 'and said';
put('log', '');
$next = next_of(tail_of());
add('log', "\xe2\x82");
is lines($r = tail_of(since => $next)), '', 'half a character waits';
add('log', "\xac\n");
is lines(tail_of(since => next_of($r))), "\x{20ac}\n", 'for its other half';
put('log', "\xe2\x82\xac" x 10);
$r = tail_of(since => next_of(tail_of()) =~ s/:30:.*/:0:811c9dc5/r, limit => 10);
is next_of($r) =~ s/^\d+:(\d+):.*/$1/r, 9, 'a limit cuts between characters';
put('log', "gr\xfc\xdf\xff");
is lines($r = tail_of()), "gr\x{fffd}\x{fffd}\x{fffd}", 'a byte that begins nothing is not waited for';
$id = $s->begin('tail_log', { path => 'd/log', since => next_of($r), follow_seconds => 30 });
add('log', "\xe2\x82");
ok !$s->pump(0.2, $id), 'half a character is no new text';
add('log', "\xac");
is lines($r = $s->result($id)), "\x{20ac}", 'until it is whole';
add('log', "\xe9");
is lines($r = tail_of(since => next_of($r), follow_seconds => 0.2)), "\x{fffd}", 'or the time is over';
is lines(tail_of(since => next_of($r))), '', 'and is given once';
my $colored = join '', map { "\e[1;31mline $_\e[0m\n" } 1 .. 9;
put('log', $colored);
my $broken = '';
for my $limit (12 .. 40) {
	my $all = '';
	for ($r = tail_of(since => next_of(tail_of()) =~ s/:\d+:.*/:0:811c9dc5/r, limit => $limit);;
	    $r = tail_of(since => next_of($r), limit => $limit)) {
		$all .= lines($r) =~ tr/\n//dr;
		last unless $r->{facts}{truncated};
	}
	$broken .= " $limit" if $all ne join '', map { "line $_" } 1 .. 9;
}
is $broken, '', 'pages cut no escape sequence';
put('log', $colored =~ tr/\n//dr);
unlike join('', map { lines(tail_of(limit => $_)) } 12 .. 40), qr/\[|;|^m|^\d+m/m, 'nor does the first page begin in one';
put('log', join '', map { "\xff" x 99 . "$_\n" } 1 .. 300);
$r = tail_of();
cmp_ok length text($r), '<=', 20500, 'U+FFFD takes three bytes: a page has fewer of them';
like $r->{text}, qr/300\n\z/, 'the last';
$r = tail_of(since => next_of($r) =~ s/:\d+:.*/:0:811c9dc5/r);
like $r->{text}, qr/\x{fffd}1\n.*\n\[more follows/s, 'or the first';
cmp_ok length text($r), '<=', 20500, 'of them';
put('log', join '', map { sprintf "line %05d%s\n", $_, $_ == 1000 ? "\xff" x 20 : '' } 1 .. 2000);
$r = tail_of();
like text($r), qr/\x{fffd}.*line 02000\n\z/s, 'some of them';
cmp_ok length lines($r), '>', 19800, 'take no more than their room';
$r = tail_of(since => next_of($r) =~ s/:\d+:.*/:0:811c9dc5/r);
like $r->{head}, qr/^199\d\d bytes/, 'nor of a page';

# Rotated between two calls.
sub began { unlink glob "$home/d/*"; put('log', "old 1\n"); my $n = next_of(tail_of()); add('log', "old 2\n"); return $n; }
$next = began();
turn('log', 'log.1');
add('log.1', "old 3\n");
put('log', "new 1\n");
$r = tail_of(since => $next);
is lines($r), "old 2\nold 3\nnew 1\n", 'renamed and made again: the rest of the old one, then the new one';
is truth($r->{facts}{rotated}), 'yes', 'and says so';
like $r->{head}, qr/rotated/, 'in the first line too';
add('log', "new 2\n");
$r = tail_of(since => next_of($r));
is lines($r) . truth($r->{facts}{rotated}), "new 2\nno", 'once';
$next = began();
turn('log', 'log.1');
put('log', "new 1\n");
turn('log.1', 'log.2');
turn('log', 'log.1');
put('log', "newer 1\n");
put('log.txt', "other\n");
is lines(tail_of(since => $next)), "old 2\nnew 1\nnewer 1\n", 'twice: the one between is not skipped';
my ($all, $n) = ('', 0);
for ($r = tail_of(since => $next, limit => 4); $n++ < 20; $r = tail_of(since => next_of($r), limit => 4)) {
	$all .= substr lines($r), 0, 4;
	last unless $r->{facts}{truncated};
}
is $all, "old 2\nnew 1\nnewer 1\n", 'also page by page';
$next = began();
system 'cp', "$home/d/log", "$home/d/log.1";
put('log', "n\n");
$r = tail_of(since => $next);
is lines($r) . truth($r->{facts}{rotated}), "old 2\nn\nyes", 'copied and truncated: the rest is in the copy';
$next = began();
system 'cp', "$home/d/log", "$home/d/log.1";
put('log', "new and longer than the old one\n");
is lines(tail_of(since => $next)), "old 2\nnew and longer than the old one\n", 'and grown past the cursor since';
$next = next_of(tail_of(since => began()));
$id = $s->begin('tail_log', { path => 'd/log', since => $next, follow_seconds => 30, until => 'n 9' });
$s->pump(0.1, $id);
system 'cp', "$home/d/log", "$home/d/log.1";
put('log', join '', map { "n $_\n" } 1 .. 9);
$r = $s->result($id);
is lines($r) . truth($r->{facts}{rotated}), join('', map { "n $_\n" } 1 .. 9) . 'yes', 'also while it is followed';
$next = began();
put('log', "n\n");
$r = tail_of(since => $next);
is lines($r), "n\n", 'truncated without a copy: the new text';
like $r->{text}, qr/lines are missing here/, 'and that lines are missing';
$next = began();
turn('log', 'log.1');
system 'gzip', "$home/d/log.1";
put('log', "new 1\n");
$r = tail_of(since => $next);
like $r->{facts}{note}, qr/missing here \(log\.1\.gz may hold them\)/, 'compressed: which file holds them';
$next = began();
unlink "$home/d/log";
put("log\xff\e[31m.gz", '');
put('log', "new 1\n");
like tail_of(since => $next)->{text}, qr/missing here \(log\x{fffd}\.gz may/, 'whatever bytes are in its name';
$next = began();
unlink "$home/d/log";
put('log', "new 1\nnew 2\n");
$r = tail_of(since => $next);
is lines($r), "new 1\nnew 2\n", 'deleted and made again, perhaps with the same inode';
like $r->{text}, qr/lines are missing here/, 'is not taken for the old one';
$next = began();
turn('log', 'moved');
$r = tail_of(since => $next);
is lines($r), "old 2\n", 'renamed and not there again: its rest';
like $r->{text}, qr/the log is gone/, 'and that it is gone';
put('log', "new 1\n");
is lines(tail_of(since => next_of($r))), "new 1\n", 'until it is there again';

# Whatever is done to a log between two calls: every line comes once and in order.
my $seed = $ENV{CNT_SEED} // time % 100000;
srand $seed;
my ($line, $silent, $gaps) = (0, '', 0);
sub write_lines { add('log', join '', map { 'entry ' . ++$line . "\n" } 1 .. 1 + rand 5); }
sub shift_logs { -e "$home/d/log.$_" && turn("log.$_", 'log.' . ($_ + 1)) for reverse 1 .. 40; }
for my $round (1 .. ($ENV{CNT_LONG} ? 200 : 6)) {
	unlink glob "$home/d/*";
	$line = 0;
	put('log', '');
	my ($got, $at, $missing, $last) = ('', next_of(tail_of()), 0, 0);
	my $read = sub {
		my $r = tail_of(since => $at, limit => 20 + int rand 60);
		$at = next_of($r) || die $r->{text};
		$missing += $r->{text} =~ /lines are missing/;
		$got .= substr lines($r), 0, $r->{head} =~ s/ .*//r;
		return $r->{facts}{truncated};
	};
	for (1 .. 40) {
		my $what = int rand 10;
		write_lines() if $what < 6;
		if ($what == 6) { shift_logs(); turn('log', 'log.1'); write_lines(); }
		if ($what == 7) { shift_logs(); system 'cp', "$home/d/log", "$home/d/log.1"; put('log', ''); write_lines(); }
		$read->() if $what > 7;
	}
	1 while $read->();
	for my $n ($got =~ /^entry (\d+)$/mg) {
		$silent .= " round $round: $n after $last" if $n <= $last || $n > $last + 1;
		$last = $n;
	}
	$silent .= " round $round: ends with $last, not $line" if $last != $line;
	$gaps += $missing;
}
is $silent, '', "logs that are written, renamed and copied at random are read whole (seed $seed)";
is $gaps, 0, 'and nothing is said to be missing';

# Following.
began();
$id = $s->begin('tail_log', { path => 'd/log', since => next_of(tail_of()), follow_seconds => 30 });
ok !$s->pump(0.2, $id), 'waits for new text';
my $t = time;
add('log', "fresh\n");
$r = $s->result($id);
is lines($r), "fresh\n", 'and gives it';
cmp_ok time - $t, '<', 5, 'when it comes';
$t = time;
is lines(tail_of(since => next_of($r), follow_seconds => 0.3)), '', 'or nothing when the time is over';
cmp_ok time - $t, '>=', 0.3, 'not before';
$id = $s->begin('tail_log', { path => 'd/log', since => next_of($r), follow_seconds => 30, until => 'ready on [0-9]+' }, token => 5);
add('log', "starting\n");
ok !$s->pump(0.2, $id), 'until: other lines are not enough';
turn('log', 'log.1');
add('log.1', "last of the old\n");
put('log', "first of the new\nready on 80");
add('log', "80\n");
$r = $s->result($id);
like lines($r), qr/^starting\nlast of the old\nfirst of the new\nready on 80(?:80\n)?$/, 'a log that is rotated meanwhile is followed';
is truth($r->{facts}{matched}) . truth($r->{facts}{rotated}), 'yesyes', 'to the line that matches';
is truth(tail_of(until => 'first')->{facts}{matched}), 'yes', 'which may be there already';
$r = tail_of(until => 'never', follow_seconds => 1.3, since => next_of(tail_of()));
is truth($r->{facts}{matched}) . truth($r->{error}), 'nono', 'no match is an answer';
like $r->{head}, qr/no match/, 'that says so';
$id = $s->begin('tail_log', { path => 'd/log', follow_seconds => 60, until => 'never' }, token => 6);
$s->pump(0.1, 'nothing') until $s->{progress}{6} || time > $t + 60;
ok $s->{progress}{6}, 'reports as it waits';
$s->say(sprintf '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}', $id);
ok Client::until(10, sub { !running() }), 'cancelled, it ends';

# A file of the kernel's has no size, and other bytes each time: none of it was rotated away.
$r = tail_of(path => '/proc/loadavg', until => 'never', follow_seconds => 0.3);
like lines($r), qr/\A[^\n]+\n\z/, 'a file of the kernel\'s is given once';
is truth($r->{facts}{rotated}) . ($r->{facts}{note} // ''), 'no', 'and no lines of it are missing';

# Below the wall, and without a /proc to name descriptors by.
my $wall = Session->new(env => { HOME => $home, AGENTBOX_ROOT => "$home/d" });
like $wall->tool('tail_log', { path => '/etc/passwd', follow_seconds => 0 })->{text}, qr/denied/, 'the wall holds';
symlink '/etc/passwd', "$home/d/out";
like $wall->tool('tail_log', { path => "$home/d/out", follow_seconds => 0 })->{text}, qr/denied/, 'for links too';
is lines($wall->tool('tail_log', { path => 'log', follow_seconds => 0 })), "first of the new\nready on 8080\n", 'within it logs are read';
my $bare = Session->new(env => { HOME => $home },
    command => [ 'unshare', '-m', 'sh', '-c', "mount -t tmpfs none /proc && exec $Session::program" ]);
$next = next_of($bare->tool('tail_log', { path => 'd/log', follow_seconds => 0 }));
$id = $bare->begin('tail_log', { path => 'd/log', since => $next, follow_seconds => 30 });
$bare->pump(0.2, $id);
add('log', "seen\n");
is lines($bare->result($id)), "seen\n", 'followed without inotify';

done_testing;
