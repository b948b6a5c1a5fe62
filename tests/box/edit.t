#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# edit_file: all edits or none, exact text, what a file was it stays; the diff is one that patch(1) takes;
# an error shows what is there.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Encode qw(encode);
use Fcntl qw(:flock :mode);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $s = Session->new(env => { HOME => $home });
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub put { my ($name, $bytes) = @_; open my $f, '>:raw', "$home/$name" or die; print $f $bytes; close $f; }
sub got { my ($name) = @_; open my $f, '<:raw', "$home/$name" or return undef; local $/; return scalar <$f> // ''; }
sub edit {
	my ($path, $edits, %o) = @_;
	return $s->tool('edit_file', { path => $path, edits => [ map { { old => $_->[0], new => $_->[1],
	    defined $_->[2] ? (expect => $_->[2]) : () } } @$edits ], %o });
}

# For the end: files that others have locked, one of them as long as a busy disk takes.
my %lock;
for my $name (qw(slow stuck)) {
	put($name, "a\n");
	open $lock{$name}, '<', "$home/$name" or die;
	flock $lock{$name}, LOCK_EX or die;
}
if ((fork // die) == 0) {
	sleep 3;
	POSIX::_exit(0);
}
close $lock{slow};
my $locked = time;
my ($slow, $stuck) = map { $s->begin('edit_file', { path => $_, edits => [ { old => 'a', new => 'b' } ] }) } qw(slow stuck);

# What it does and says.
put('a', "one\ntwo\nthree\n");
my $r = edit('a', [ [ 'two', '2' ] ]);
is got('a'), "one\n2\nthree\n", 'text is replaced';
is_deeply $r->{data}, { path => "$home/a", replacements => 1, sha256 => sha256_hex("one\n2\nthree\n"),
    diff => "--- a\n+++ a\n\@\@ -1,3 +1,3 \@\@\n one\n-two\n+2\n three\n" }, 'with a unified diff';
is edit('a', [ [ '2', 'two' ], [ "two\nthree", 'four' ] ])->{data}{replacements}, 2, 'edits are applied in order';
is got('a'), "one\nfour\n", 'each to the result of the one before';
like edit('a', [ [ 'one', '1' ], [ 'five', '5' ] ])->{text}, qr/edits\[1\].*after the edits before it.*not in the file/,
    'of several edits one does not match';
is got('a'), "one\nfour\n", 'then none is made';
put('many', "x\ny\nx\nx\n");
like edit('many', [ [ 'x', 'z' ] ])->{text}, qr/3 matches, expected 1: at lines 1, 3, 4/, 'several matches: where they are';
like edit('many', [ [ 'x', 'z' ], [ 'x', 'z', 0 ] ])->{text}, qr/"edits\[1\]\.expect: expected 1 to/, 'which of the edits is wrong';
put('row', "x x x\nx\n");
like edit('row', [ [ 'x', 'z' ] ])->{text}, qr/at lines 1, 2"/, 'a line with several is named once';
like edit('many', [ [ "Y", 'z' ] ])->{text}, qr/closest: line 2/, 'another case is near';
is edit('many', [ [ 'x', 'z', 3 ] ])->{data}{replacements}, 3, 'unless they are expected';
is got('many'), "z\ny\nz\nz\n", 'then all are replaced';
my $before = (stat "$home/many")[1];
is edit('many', [ [ 'z', 'q', 3 ] ], dry_run => $true)->{data}{sha256}, sha256_hex("q\ny\nq\nq\n"),
    'dry_run says what it would be';
is got('many'), "z\ny\nz\nz\n", 'and changes nothing';
is edit('many', [ [ 'y', 'y' ] ])->{data}{diff}, '', 'an edit that changes nothing has no diff';
is((stat "$home/many")[1], $before, 'and writes nothing');

# Ends of lines and of files.
put('crlf', "one\r\ntwo\r\nthree\r\n");
edit('crlf', [ [ "one\ntwo", "1\n2\n2b" ] ]);
is got('crlf'), "1\r\n2\r\n2b\r\nthree\r\n", 'CRLF is matched by LF and kept';
edit('crlf', [ [ 'three', "3\n4" ] ]);
is got('crlf'), "1\r\n2\r\n2b\r\n3\r\n4\r\n", 'new lines get it';
put('mixed', "unix\ndos\r\nend\n");
edit('mixed', [ [ 'unix', 'UNIX' ], [ "dos\nend", "DOS\nEND" ] ]);
is got('mixed'), "UNIX\nDOS\r\nEND\n", 'in a mixed file line by line';
edit('crlf', [ [ "\r\n", "\n", 5 ], [ "1\n2", 'one' ] ]);
is got('crlf'), "one\n2b\n3\n4\n", 'where nothing else is changed they are what was asked for, in later edits too';
put('open', "a\nb");
is edit('open', [ [ 'b', 'c' ] ])->{data}{diff},
    "--- open\n+++ open\n\@\@ -1,2 +1,2 \@\@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n",
    'a last line without newline';
is got('open'), "a\nc", 'stays so';
put('latin', "gr\xfc\xdfe 1\n");
edit('latin', [ [ '1', '2' ] ]);
is got('latin'), "gr\xfc\xdfe 2\n", 'bytes that are not UTF-8 survive';

# What the file was it stays.
put('script', "#!/bin/sh\necho old\n");
chmod 04755, "$home/script";
chown 12, 34, "$home/script" if $> == 0;
chmod 04755, "$home/script";
my ($file, $name, $value) = ("$home/script", 'user.x', 'y');
syscall 188, $file, $name, $value, 1, 0;		# setxattr
symlink 'script', "$home/link";
is edit('link', [ [ 'old', 'new' ] ])->{data}{path}, "$home/script", 'a link is followed';
ok -l "$home/link", 'and stays one';
is got('script'), "#!/bin/sh\necho new\n", 'its target is edited';
is sprintf('%o', S_IMODE((stat "$home/script")[2])), '4755', 'mode is kept';
is join(' ', (stat "$home/script")[4, 5]), $> == 0 ? '12 34' : "$> " . (split ' ', $))[0], 'owner';
$value = '-';
syscall 191, $file, $name, $value, 1;			# getxattr
is $value, 'y', 'extended attributes';
is edit('script', [ [ 'new', 'newer' ] ], if_match => sha256_hex("#!/bin/sh\necho new\n"))->{error}, 0, 'if_match';
like edit('script', [ [ 'newer', 'x' ] ], if_match => sha256_hex('else'))->{text}, qr/its sha256 is [0-9a-f]{64}/,
    'another content is not edited';
is join(' ', glob "$home/.agent-box*"), '', 'no temporary file is left';

# Errors.
like edit('a', [ [ '', 'x' ] ])->{text}, qr/edits\[0\].old: is empty.*write_file/, 'an empty old';
like edit('a', [ [ 'one', '1', 10**12 ] ])->{text}, qr/expect: expected 1 to 1000000000/, 'a count of 10^12';
like edit('a', [])->{text}, qr/edits: expected 1 to 1000/, 'no edits';
like $s->tool('edit_file', { path => 'a', edits => [ { old => 'x' } ] })->{text}, qr/edits\[0\]: missing new/, 'no new';
like edit('no', [ [ 'x', 'y' ] ])->{text}, qr/not_found/, 'no file';
ok !-e "$home/no", 'which is not made';
put('nul', "a\0b");
like edit('nul', [ [ 'a', 'b' ] ])->{text}, qr/binary.*base64/, 'a binary file';
mkfifo("$home/fifo", 0600);
like edit('fifo', [ [ 'x', 'y' ] ])->{text}, qr/is a fifo/, 'a FIFO';
like edit('/dev/zero', [ [ 'x', 'y' ] ])->{text}, qr/is a character device/, 'a device';
like edit('.', [ [ 'x', 'y' ] ])->{text}, qr/error/, 'a directory';
like edit('/proc/self/status', [ [ 'Name', 'y' ] ])->{text}, qr/error/, 'a file of the kernel';
open my $f, '>', "$home/huge";
truncate $f, (64 << 20) + 1;
close $f;
like edit('huge', [ [ 'x', 'y' ] ])->{text}, qr/67108865 bytes, more than 64 MiB.*sed/, 'a file that is too large';
put('blow', 'x' x 100_000);
like edit('blow', [ [ 'x', 'y' x 1000, 100_000 ] ])->{text}, qr/larger than 64 MiB/, 'or would become so';
put('code', "int\nmain(void)\n{\n\tif (x)\n\t\treturn first(a, b);\n\treturn second(a, b);\n}\n");
like edit('code', [ [ '        return second(a, b);', 'x' ] ])->{text},
    qr/closest: line 6 `\\\\x09return second\(a, b\);` \(differs in white space\)/, 'the closest line';
like edit('code', [ [ "\tif (x)\n\t\treturn first(b);\n", 'x' ] ])->{text},
    qr/lines 4-5, but line 5 is `.*first\(a, b\);`, not `.*first\(b\);`/, 'or lines, and where they differ';
put('great', join '', map { 'setting_' . substr(sha256_hex($_), 0, 12) . " = $_;\n" } 1 .. 600_000);
put('wide', 'w' x 30_000_000 . 'the needle in the hay' . 'v' x 30_000_000);
put('accents', 'x' . "\xc3\xa9" x 299);
like edit('accents', [ [ 'y' . "\xe9" x 299, 'b' ] ])->{text}, qr/closest: line 1 `\x{e9}*x?\x{e9}+`\.\.\.[^\x{fffd}]*$/, 'shown in whole characters';
my $t = time;
like edit('great', [ [ 'setting_' . substr(sha256_hex(555555), 0, 12) . ' = 0;', 'x' ] ])->{text},
    qr/closest: line 555555 /, 'in a great file';
like edit('wide', [ [ 'the neadle in the hay', 'x' ] ])->{text}, qr/closest: line 1 /, 'and in a line of 60 MB';
cmp_ok time - $t, '<', 20, 'in bounded time';
unlink map { "$home/$_" } qw(great wide huge);

# The diff is one that patch takes, and what it makes is what the file holds.
my $seed = $ENV{CNT_SEED} // time;
srand $seed;
diag "CNT_SEED=$seed";
mkdir "$home/p";
my $p = Session->new(env => { HOME => "$home/p" });
my ($wrong, $edits, $refused) = (0, 0, '');
for my $round (1 .. ($ENV{CNT_LONG} ? 2000 : 80)) {
	my $end = rand() < 0.3 ? "\r\n" : "\n";
	my @lines = map { rand() < 0.1 ? '' : 'line ' . int rand 30 } 1 .. 1 + rand 60;
	my $text = join($end, @lines) . (rand() < 0.7 ? $end : '');
	$end = "\n" if $text !~ /\n/;	# nothing says what ends its lines
	my $name = ('plain', 'with space', 'sub/dir')[rand 3];
	mkdir "$home/p/sub";
	put("p/$name", $text);
	my ($model, @edits) = $text;
	for (1 .. 1 + rand 4) {
		my $at = int rand length $model;
		my $old = substr $model, $at, 1 + rand 40;
		$old =~ s/^\n|\r$//g;
		next if $old eq '' || $old =~ /\r(?!\n)|(?<!\r)\n/ && $end eq "\r\n";
		my $new = rand() < 0.3 ? '' : join "\n", map { 'new ' . int rand 9 } 1 .. 1 + rand 3;
		my $count = () = $model =~ /\Q$old\E/g;
		$new =~ s/\n/$end/g;
		$model =~ s/\Q$old\E/$new/g;
		push @edits, [ map({ my $x = $_; $x =~ s/\r\n/\n/g; $x } $old, $new), $count ];
	}
	next if !@edits;
	my $r = $p->tool('edit_file', { path => $name,
	    edits => [ map { { old => $_->[0], new => $_->[1], expect => $_->[2] } } @edits ] });
	$edits++;
	if ($r->{error} || got("p/$name") ne $model) {
		$refused = $r->{text} . " instead of $model";
		next;
	}
	put("p/$name", $text);
	open my $patch, '|-', "cd $home/p && patch -s --binary -p0 >$home/said 2>&1" or die;
	binmode $patch;
	print $patch encode('UTF-8', $r->{data}{diff});
	my $ok = close $patch;
	$ok = 0 if got("p/$name") ne $model || -e "$home/p/$name.orig";
	$wrong++ if !$ok;
	diag "round $round: " . got('said') . $r->{data}{diff} if !$ok && $wrong == 1;
}
is $refused, '', "generated edits do what a model of them does ($edits)";
is $wrong, 0, 'and patch -p0 makes the same of their diffs';
put('p/absolute', "a\nb\n");
my $absolute = edit("$home/p/absolute", [ [ 'b', 'c' ] ])->{data}{diff};
open my $reverse, '|-', 'cd / && patch -s -R -p0' or die;
print $reverse $absolute;
ok close $reverse, 'that of an absolute path applies in /';
is got('p/absolute'), "a\nb\n", 'really';
put('p/target', "a\nb\n");
symlink 'target', "$home/p/link";
for my $path ('~/p/link', "$home/p/link") {
	open $reverse, '|-', $path =~ /^~/ ? "cd $home && patch -s -R -p0" : 'cd / && patch -s -R -p0' or die;
	print $reverse edit($path, [ [ 'b', 'c' ] ])->{data}{diff};
	ok close $reverse, "that of a link applies to what it leads to: $path";
	is got('p/target'), "a\nb\n", 'really';
}
put('l', join '', map { "line $_\n" } 1 .. 20000);
my $diff = edit('l', [ [ 'line', 'LINE', 20000 ] ])->{data}{diff};
cmp_ok length $diff, '<', 20100, 'a great diff is cut';
like $diff, qr/\n\[cut: 0 of 1 hunks are shown whole\]\n\z/, 'and says so';

# Many edits of one file at once are all made.
put('shared', join '', map { "<$_>\n" } 1 .. 40);
my @ids = map { $s->begin('edit_file', { path => 'shared', edits => [ { old => "<$_>", new => "[$_]" } ] }) } 1 .. 40;
is scalar(grep { $s->result($_)->{error} } @ids), 0, '40 edits of one file at once succeed';
is got('shared'), join('', map { "[$_]\n" } 1 .. 40), 'and none is lost';

my $lost = 0;
for my $round (1 .. 40) {
	put('log', "A\n");
	my @both = ($s->begin('edit_file', { path => 'log', edits => [ { old => 'A', new => 'B' } ] }),
	    $s->begin('write_file', { path => 'log', content => "more\n", append => $true }));
	$lost++ if grep({ $s->result($_)->{error} } @both) || got('log') ne "B\nmore\n";
}
is $lost, 0, 'nor what is added to the file meanwhile';

# Killed at any time it is the old file or the new one.
my ($torn, $new, $left) = (0, 0, 0);
my $size = 2_000_000;
put('kill', 'a' x $size);
for my $round (1 .. 20) {
	my $now = got('kill');
	my $other = $now =~ /^a/ ? 'b' : 'a';
	my $k = Session->new(env => { HOME => $home });
	$k->begin('edit_file', { path => 'kill', edits => [ { old => substr($now, 0, 1000), new => $other x 1000,
	    expect => $size / 1000 } ] });
	sleep rand 0.03;
	kill 'KILL', $k->{pid};
	$k->ended;
	Client::until(5, sub { !$k->processes });
	my $after = got('kill');
	$after eq $now ? 0 : $after eq $other x $size ? $new++ : $torn++;
	$left += () = glob "$home/.agent-box*";
}
is $torn, 0, "killed while editing: never half an edit ($new of 20 were made)";
is $left, 0, 'no temporary file is left';

is $s->result($slow)->{error}, 0, 'a lock is waited for';
is got('slow'), "b\n", 'and the edit made';
like $s->result($stuck)->{text}, qr/busy.*stuck: is locked by another process/, 'but not for ever';
cmp_ok time - $locked, '>', 9, 'ten seconds';
is got('stuck'), "a\n", 'nothing is written then';

done_testing;
