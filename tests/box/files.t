#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The file tools: bytes survive, files keep what they were, nothing hangs, errors say what is there.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Fcntl qw(:mode);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use MIME::Base64;
use POSIX qw(mkfifo);
use Socket;
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $s = Session->new(env => { HOME => $home });

sub put { my ($name, $bytes) = @_; open my $f, '>:raw', "$home/$name" or die; print $f $bytes; close $f; }
sub got { my ($name) = @_; open my $f, '<:raw', "$home/$name" or return undef; local $/; return scalar <$f> // ''; }
sub utf8 { my ($s) = @_; utf8::encode($s); return $s; }
sub readf { my ($path, %o) = @_; return $s->tool('read_file', { path => $path, %o }); }
sub writef { my ($path, $content, %o) = @_;
	return $s->tool('write_file', { path => $path, content => $content, %o }); }
sub mode { return sprintf '%04o', S_IMODE((lstat "$home/$_[0]")[2]); }
sub list { my ($path, %o) = @_; return $s->tool('list_directory', { path => $path, %o }); }
sub names { return join ' ', map { $_->{name} } @{ $_[0]{data}{entries} }; }
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

# read_file.
put('a', "one\ntwo\nthree\n");
my $r = readf('a');
is $r->{body}, "one\ntwo\nthree\n", 'a file is read as it is';
like $r->{head}, qr/^bytes 0-14 of 14 · utf-8 · 3 lines · mtime \d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z · sha256 [0-9a-f]{64}$/,
    'the first line has the facts';
is $r->{facts}{sha256}, sha256_hex("one\ntwo\nthree\n"), 'with the sha256';
is_deeply [ @{ $r->{facts} }{qw(path size offset bytes next_offset lines truncated)} ],
    [ "$home/a", 14, 0, 14, undef, 3, $false ], 'typed facts';
is readf('a', offset => 4, limit => 4)->{body}, "two\n\n[more follows: next_offset 8]\n" =~ s/\n\n/\n/r, 'a part';
is readf('a', offset => 4, limit => 4)->{facts}{next_offset}, 8, 'and where it goes on';
is readf('a', offset => 14)->{facts}{bytes}, 0, 'at its end there is nothing';
is readf('a', offset => $_)->{facts}{offset}, $_, "nor behind it, at $_" for 15, 18, 19, 10**12;
is readf('~/a')->{body}, "one\ntwo\nthree\n", '~ is the home directory';
writef('~/dir/new', 'x');
is got('dir/new') . (-e "$home/~" ? '~' : ''), 'x', 'for writing too';
like readf('')->{text}, qr/expected a path/, 'an empty path';
like readf('long/' x 700)->{text}, qr/\.\.\..*: No such file/, 'of a long path the error still says what is wrong';
like writef('a/', 'x')->{text}, qr/invalid.*slash/, 'a path that ends in a slash is no file';
is writef('match', 'x', if_match => 'absent')->{error} . writef('match', 'y', if_match => uc sha256_hex('x'))->{error}, '00',
    'hex digits of either case';
is readf('a', head => 2)->{body}, "one\ntwo\n[more follows: next_offset 8]\n", 'first lines';
is readf('a', tail => 2)->{body}, "two\nthree\n", 'last lines';
is readf('a', head => 10**12)->{body}, "one\ntwo\nthree\n", 'a great count of lines allocates nothing';
is readf('a', tail => 10**12)->{body}, "one\ntwo\nthree\n", 'from the end too';
like readf('a', head => 1, tail => 1)->{text}, qr/one of offset, head and tail/, 'but not both';
put('long', 'x' x 30000 . "\nlast\n");
is readf('long', tail => 1)->{body}, "last\n", 'the last line of a file with long ones';
is readf('long', tail => 2)->{facts}{offset}, 30006 - 20000, 'lines that do not fit are cut at their start';
is_deeply [ map { readf('a', tail => 2, limit => $_)->{facts}{truncated} } 9, 10, 11 ], [ $true, $false, $false ], 'but not what just fits';

my $text = join '', map { chr(0x20 + $_ % 90) . "é€\x{1f600}" } 1 .. 5000;
put('u', utf8($text));
my ($all, $at, $steps, $clean) = ('', 0, 0, 1);
while (defined $at && $steps++ < 100) {
	$r = readf('u', offset => $at, limit => 997);
	$clean = 0 if $r->{facts}{encoding} ne 'utf-8' || $r->{facts}{offset} != $at;
	$all .= substr utf8($r->{body}), 0, $r->{facts}{bytes};
	$at = $r->{facts}{next_offset};
}
ok $clean && $all eq utf8($text), 'pages cut between code points and join without a gap';
is readf('u', limit => 1, offset => 1)->{body}, "é\n[more follows: next_offset 3]\n",
    'a limit below a code point still gets on';
is readf('u', offset => 2, limit => 2)->{facts}{offset}, 1, 'an offset inside a code point goes back to its start';

my $binary = join '', map { chr($_ % 256) } 0 .. 9999;
put('b', $binary);
$r = readf('b');
is $r->{facts}{encoding}, 'base64', 'what is not UTF-8 comes as base64';
is decode_base64($r->{body}), $binary, 'byte for byte';
is writef('b2', $r->{body}, encoding => 'base64')->{data}{sha256}, sha256_hex($binary), 'and is written back';
is got('b2'), $binary, 'byte for byte';
is readf('b', encoding => 'utf-8', limit => 200)->{facts}{encoding}, 'utf-8', 'or is shown as text when asked for';
put('latin', "\xff" x 9000 . join '', map { "gr\xfc\xdfe $_\n" } 1 .. 3000);
(my $page, $at, $steps) = ('', 0, 0);
while (defined $at && $steps++ < 100) {
	$r = readf('latin', offset => $at, encoding => 'utf-8');
	$clean = 0 if length utf8($r->{body} =~ s/\n?\[more.*\n\z//r) > 20_000 || $r->{facts}{offset} != $at;
	$page .= substr got('latin'), $at, $r->{facts}{bytes};
	$at = $r->{facts}{next_offset};
}
ok $clean && $page eq got('latin'), 'in pages of 20000 bytes with what stands for others' or diag "$steps pages";
is $steps, 4, 'and no shorter ones';
is readf('latin', limit => 1, encoding => 'utf-8')->{facts}{next_offset}, 1, 'or of one byte at least';
put('nul', "a\0b");
is readf('nul')->{facts}{encoding}, 'base64', 'a NUL is not text';
put('quotes', "\x01" x 1048576);
$r = readf('quotes', limit => 1048576, encoding => 'utf-8');
ok $r->{facts}{bytes} > 500000 && defined $r->{facts}{next_offset}, 'what JSON makes long is cut';
cmp_ok $s->{longest}, '<', 4 << 20, 'so that no line passes 4 MiB';
put('big', 'y' x 3_000_000);
is readf('big')->{facts}{bytes}, 20000, 'by default 20000 bytes are answered';
like readf('big', limit => 1048577)->{text}, qr/limit.*1048576/, 'and never more than a MiB';
is readf('big')->{facts}{sha256}, sha256_hex('y' x 3_000_000), 'sha256 is the whole file\'s';
put('empty', '');
is readf('empty')->{facts}{sha256}, sha256_hex(''), 'an empty file';

# Nothing hangs.
mkfifo("$home/fifo", 0600);
socket(my $sock, PF_UNIX, SOCK_STREAM, 0);
bind $sock, pack_sockaddr_un("$home/sock");
my $t = time;
like readf('fifo')->{text}, qr/is a fifo/, 'a FIFO is refused';
like readf('sock')->{text}, qr/is a socket/, 'a socket';
like readf('/dev/zero')->{text}, qr/is a character device/, 'a device';
like readf($home)->{text}, qr/is a directory.*list_directory/, 'a directory, with what to use';
like writef('fifo', 'x')->{text}, qr/is a fifo/, 'nor are they written to';
ok -p "$home/fifo", 'or replaced';
is readf('/proc/self/status', limit => 6)->{body}, "Name:\t\n[more follows: next_offset 6]\n", 'a file of /proc is read';
is readf('/proc/version')->{error}, 0, 'whole';
$r = readf('/proc/version', offset => 99999);
is $r->{facts}{size}, undef, 'which has no size, behind its end either';
like $r->{head}, qr/^bytes 99999-99999 of an unknown number/, 'and the first line says so';
is_deeply [ @{ readf('/sys/class/net/lo/mtu', tail => 1, limit => 100)->{facts} }{qw(size bytes truncated)} ],
    [ undef, length `cat /sys/class/net/lo/mtu`, $false ], 'one that says too great a size';
my @last = `tail -n 1 /proc/kallsyms`;
$r = readf('/proc/kallsyms', tail => 1);
push @last, `tail -n 1 /proc/kallsyms`;
ok scalar(grep { $_ eq $r->{body} } @last), 'the last line of one that says none' or diag "$r->{text}, not @last";
is readf('/proc/self/pagemap', tail => 10**9)->{facts}{next_offset}, 8 << 20, 'or, of one without an end, how far that was read';
isnt readf('/proc/kmsg')->{text}, 'no answer', 'one that would wait is not waited for';
like readf('/proc/self/exe')->{text}, qr/denied/, 'a magic link is refused';
like readf('/proc/self/root/etc/hostname')->{text}, qr/denied/, 'also as a part of a path';
cmp_ok time - $t, '<', 3, 'all of that at once';

# Errors a model can act on.
put('config.yaml', '');
put('main.c', '');
like readf('confg.yaml')->{text}, qr/not_found.*nearest existing directory: \Q$home\E; named alike in it: config.yaml"/,
    'a wrong name: the nearest directory and what is named alike';
like readf('no/such/dir')->{text}, qr/nearest existing directory: \Q$home\E"/, 'a wrong directory';
like readf('main.c/x')->{text}, qr/not_found.*Not a directory.*nearest existing directory: \Q$home\E/, 'a file as a directory';
like readf('')->{text}, qr/"error"/, 'an empty path';
like readf("x\ny")->{text}, qr/x\\\\x0ay: No such/, 'control characters of a name are shown';
like readf('x' x 300)->{text}, qr/too long/, 'a name that is too long';
like $s->tool('read_file', { path => ['a'] })->{text}, qr/path: expected a string, got an array/, 'a wrong type';

# write_file.
$r = writef('new/deep/file', "hé\n");
is_deeply $r->{data}, { path => "$home/new/deep/file", bytes_written => 4, sha256 => sha256_hex(utf8("hé\n")),
    mode => '0644', created => $true }, 'a new file, its directories made';
is got('new/deep/file'), utf8("hé\n"), 'holds what was given';
like writef('nodir/file', 'x', mkdirs => $false)->{text}, qr/not_found/, 'unless directories shall not be made';
chmod 0640, "$home/a";
chown 12, 34, "$home/a" if $> == 0;
my ($file, $name, $value) = ("$home/a", 'user.x', 'y');
syscall 188, $file, $name, $value, 1, 0;		# setxattr
is writef('a', 'changed')->{data}{created}, $false, 'a file is overwritten';
is mode('a'), '0640', 'its mode is kept';
is join(' ', (stat "$home/a")[4, 5]), $> == 0 ? '12 34' : "$> " . (split ' ', $))[0], 'its owner is kept';
$value = '-';
syscall 191, $file, $name, $value, 1;			# getxattr
is $value, 'y', 'its extended attributes are kept';
mkdir "$home/acl";
put('acl/f', 'old');
chmod 0640, "$home/acl/f";
my ($shared, $default, $names) = ("$home/acl", 'system.posix_acl_default', "\0" x 99);
my $acl = pack 'V(vvV)5', 2, 1, 7, 0xffffffff, 2, 7, 65534, 4, 7, 0xffffffff, 16, 7, 0xffffffff, 32, 0, 0xffffffff;
is syscall(188, $shared, $default, $acl, length $acl, 0), 0, 'a directory that gives new files an ACL';
writef('acl/f', 'new');
is syscall(194, "$shared/f", $names, 99), 0, 'does not give it to a file that had none';	# listxattr
is mode('acl/f'), '0640', 'nor another mode';
writef('acl/new', 'new');
isnt syscall(194, "$shared/new", $names, 99), 0, 'but to a new one';
is writef('a', 'x', mode => '0600')->{data}{mode}, '0600', 'unless a mode is given';
like writef('a', 'x', mode => '99')->{text}, qr/mode: expected octal/, 'which must be one';
symlink 'a', "$home/link";
symlink "$home/link", "$home/link2";
is writef('link2', 'through')->{data}{path}, "$home/a", 'a link is followed';
ok -l "$home/link2" && got('a') eq 'through', 'and stays';
symlink 'made', "$home/dangling";
writef('dangling', 'x');
is got('made'), 'x', 'also to a file that is not there';
symlink 'loop', "$home/loop";
like writef('loop', 'x')->{text}, qr/Too many levels/, 'but not for ever';
writef('log', "1\n", append => $true);
my $inode = (stat "$home/log")[1];
is writef('log', "2\n", append => $true)->{data}{sha256}, sha256_hex("1\n2\n"), 'append adds to the end';
is((stat "$home/log")[1], $inode, 'of the same file');
like writef('log', 'x', if_match => 'absent')->{text}, qr/exists/, 'if_match: absent';
like writef('log', 'x', if_match => sha256_hex('other'))->{text}, qr/its sha256 is [0-9a-f]{64}.*read it again/,
    'if_match: another content';
is writef('log', 'x', if_match => sha256_hex("1\n2\n"))->{error}, 0, 'if_match: the content that was seen';
like writef('none', 'x', if_match => sha256_hex(''))->{text}, qr/not_found/, 'if_match: no such file';
ok !-e "$home/none", 'which is not made then';
like writef('none/at/all', 'x', if_match => sha256_hex(''))->{text}, qr/not_found/, 'nor directory';
ok !-e "$home/none", 'which is not made either';
is writef('none/at/all', 'x', if_match => 'absent')->{error}, 0, 'but where there shall be none';
like writef('x', '*', encoding => 'base64')->{text}, qr/base64/, 'what is no base64 is refused';
like writef('a/', 'x')->{text}, qr/error|written/, 'a slash at the end';
like writef('..', 'x')->{text}, qr/does not end in a name/, 'a path without a name';
is join(' ', glob "$home/.agent-box*"), '', 'no temporary file is left';

# move_file and delete_file.
sub move { my ($from, $to, %o) = @_;
	return $s->tool('move_file', { source => $from, destination => $to, %o }); }
put('m1', '1');
put('m2', '2');
like move('m1', 'm2')->{text}, qr/exists/, 'what is there is not replaced';
is got('m2'), '2', 'really';
is_deeply move('m1', 'm2', overwrite => $true)->{data},
    { source => "$home/m1", destination => "$home/m2", replaced => $true, copied => $false }, 'unless asked for';
is got('m2'), '1', 'really';
link "$home/m2", "$home/m1";
is move('m1', './m2', overwrite => $true)->{data}{replaced}, $true, 'a link to the same file is replaced';
ok !-e "$home/m1" && got('m2') eq '1', 'and the source is gone';
link "$home/m2", "$home/m1";
is move('m1', './m1', overwrite => $true)->{error}, 0, 'what is moved to its own name';
is got('m1'), '1', 'stays';
unlink "$home/m1";
is move('m2', 'm/for/it')->{data}{replaced}, $false, 'directories are made';
is got('m/for/it'), '1', 'it is there';
like move('nothing', 'made2/x')->{text}, qr/not_found/, 'what is not there';
ok !-e "$home/made2", 'makes no directories';
mkdir "$home/dir";
is move('dir', 'dir2')->{error}, 0, 'a directory is moved';
like move('dir2', 'dir2/in')->{text}, qr/inside of/, 'but not into itself';
symlink '/etc/passwd', "$home/l";
move('l', 'l2');
is readlink "$home/l2", '/etc/passwd', 'a link itself is moved';
put('far', $binary);
chmod 0750, "$home/far";
my $shm = "/dev/shm/cnt-tap-$$";
is move('far', $shm)->{data}{copied}, $true, 'to another file system it is copied';
ok !-e "$home/far" && do { open my $f, '<:raw', $shm; local $/; <$f> eq $binary }, 'byte for byte';
is sprintf('%o', S_IMODE((stat $shm)[2])), '750', 'with its mode';
unlink $shm;
is_deeply $s->tool('delete_file', { path => 'l2' })->{data}, { path => "$home/l2", bytes => 11 }, 'a link is deleted';
ok -e '/etc/passwd', 'not its target';
like $s->tool('delete_file', { path => 'dir2' })->{text}, qr/is a directory.*rm -r/, 'a directory is not';
ok -d "$home/dir2", 'really';
is $s->tool('delete_file', { path => 'fifo' })->{error}, 0, 'a FIFO is';
like $s->tool('delete_file', { path => 'fifo' })->{text}, qr/not_found/, 'once';

# list_directory.
mkdir "$home/t";
mkdir "$home/t/$_" for qw(b b/c .h);
put("t/$_", 'x') for qw(a b/1 b/c/2 b.c c .h/x);
symlink 'a', "$home/t/z";
is names(list('t')), 'a b b.c c z', 'by name, without what is hidden';
is names(list('t', include_hidden => $true)), '.h a b b.c c z', 'with it';
is names(list('t', depth => 3)), 'a b b/1 b/c b/c/2 b.c c z', 'a tree: entries follow their directory';
is names(list('t', depth => 3, glob => '*c')), 'b/c b.c c', 'only names that match';
is names(list('t', depth => 3, glob => '{a,*c,b/*}')), 'a b/1 b/c b.c c', 'or paths, as find_files reads them';
is names(list("$home/t", depth => 3, limit => 2, glob => "$home/t/b/**")), 'b/1 b/c', 'which may say the directory again';
is list('t', depth => 3, limit => 1, glob => 'b/**')->{data}{total}, 3, 'and are counted';
like list('t', glob => '{a,b}' x 9)->{text}, qr/invalid.*more than 256 alternatives/, 'but not without measure';
like list('t', glob => '{a,b}' x 99_999)->{text}, qr/invalid.*at most 4096 bytes/, 'in any way';
$r = list('t')->{data}{entries};
is_deeply [ map { $_->{type} } @$r ], [qw(file directory file file symlink)], 'types';
is $r->[4]{target}, 'a', 'the target of a link';
like $r->[0]{mtime}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'time';
is $r->[0]{owner}, (getpwuid $>)[0] // $>, 'owner';
my ($cursor, @pages);
for (1 .. 20) {
	my $page = list('t', depth => 3, limit => 3, defined $cursor ? (cursor => $cursor) : ())->{data};
	push @pages, map { $_->{name} } @{ $page->{entries} };
	put('t/0new', '') if $_ == 1;		# before the cursor: pages do not shift
	unlink "$home/t/c" if $_ == 1;		# behind it
	$cursor = $page->{next_cursor} // last;
}
is "@pages", 'a b b/1 b/c b/c/2 b.c z', 'pages go on where they were, whatever changes';
is list('t', limit => 1)->{data}{total}, 5, 'total counts what is on other pages';
like list('t', cursor => '!')->{text}, qr/cursor/, 'a wrong cursor is refused';
mkdir "$home/many";
put("many/f$_", '') for 1 .. 2500;
($cursor, @pages) = (undef);
do {
	my $page = list('many', limit => 1001, defined $cursor ? (cursor => $cursor) : ())->{data};
	push @pages, map { $_->{name} } @{ $page->{entries} };
	$cursor = $page->{next_cursor};
} while defined $cursor && @pages < 9999;
is "@pages", join(' ', sort map { "f$_" } 1 .. 2500), '2500 entries in pages of 1001';
put("t/\xff", '');
is names(list('t', glob => "\x{fffd}*")), '', 'names that are not UTF-8';
like names(list('t')), qr/\x{fffd}/, 'are shown as U+FFFD';
like list('a')->{text}, qr/Not a directory/, 'a file is not listed';

# box_info.
$r = $s->tool('box_info', {})->{data};
like $r->{kernel}, qr/^\d/, 'box_info: kernel';
ok $r->{memory}{limit} > 0 && $r->{disk}{size} > 0 && $r->{cpus} > 0, 'memory, disk, processors';
socket(my $listen, PF_INET, SOCK_STREAM, 0);
bind $listen, pack_sockaddr_in(0, inet_aton('127.0.0.1'));
listen $listen, 1;
my ($port) = unpack_sockaddr_in(getsockname $listen);
my $odd = Session->new(env => { HOME => $home }, command => [ qw(unshare -fp --mount-proc sh -c),
    'echo "a) R 1" >/proc/self/comm; "$0"; exit', $Session::program ]);
like $odd->tool('box_info', {})->{data}{uptime_s} // '', qr/^\d+$/, 'uptime, whatever the name of init';
my ($found) = grep { $_->{port} == $port } @{ $s->tool('box_info', {})->{data}{listening} };
like $found->{process} // '', qr/perl|files/, 'who listens where';

done_testing;
