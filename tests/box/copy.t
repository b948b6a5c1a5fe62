#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# copy_file, make_directory, file_info, delete_file: what they do, what they keep, what they refuse, and that
# nothing makes them wait.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Fcntl qw(:mode);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Socket;
use Test::More;
use Time::HiRes qw(time sleep utime);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $s = Session->new(env => { HOME => $home });
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub put { my ($name, $bytes) = @_; open my $f, '>:raw', "$home/$name" or die; print $f $bytes; close $f; }
sub got { my ($name) = @_; open my $f, '<:raw', "$home/$name" or return undef; local $/; return scalar <$f> // ''; }
sub mode { return sprintf '%04o', S_IMODE((lstat "$home/$_[0]")[2]); }
sub copy { my ($from, $to, %o) = @_; return $s->tool('copy_file', { source => $from, destination => $to, %o }); }
sub info { my ($path) = @_; return $s->tool('file_info', { path => $path }); }
sub mkd { my ($path, %o) = @_; return $s->tool('make_directory', { path => $path, %o }); }

# copy_file.
my $bytes = join '', map { chr($_ * 7 % 256) } 0 .. 99_999;
put('a', $bytes);
chmod 04750, "$home/a";
is_deeply copy('a', 'new/dir/b')->{data}, { destination => "$home/new/dir/b", bytes => 100_000, sha256 => sha256_hex($bytes) },
    'a file is copied, directories are made';
is got('new/dir/b'), $bytes, 'byte for byte';
is mode('new/dir/b'), '0750', 'with its mode, without set-id';
like copy('a', 'no/dir/b', mkdirs => $false)->{text}, qr/not_found/, 'unless directories shall not be made';
put('old', 'old');
chmod 0604, "$home/old";
chown 12, 34, "$home/old" if $> == 0;
like copy('a', 'old')->{text}, qr/exists.*overwrite/, 'what is there is not replaced';
is got('old'), 'old', 'really';
symlink 'old', "$home/link";
is copy('a', 'link', overwrite => $true)->{data}{destination}, "$home/old", 'unless asked for; a link is followed';
ok -l "$home/link" && got('old') eq $bytes, 'and stays';
is mode('old') . ' ' . join(' ', (stat "$home/old")[4, 5]), $> == 0 ? '0604 12 34' : '0604 ' . (stat "$home/a")[4, 5],
    'what is overwritten keeps its mode and owner';
symlink 'a', "$home/from";
is copy('from', 'through')->{data}{bytes}, 100_000, 'a link is followed at the source too';
ok !-l "$home/through", 'and not copied itself';
like copy('a', './new/../a', overwrite => $true)->{text}, qr/is the source itself/, 'a file is not copied onto itself';
is got('a'), $bytes, 'and stays';
mkdir "$home/d";
like copy('d', 'e')->{text}, qr/is a directory.*cp -a/, 'a directory is refused, with what to use';
like copy('a', 'f/')->{text}, qr/invalid.*slash/, 'a destination that only a directory can have';
like $s->tool('move_file', { source => 'a', destination => 'f/' })->{text}, qr/invalid.*slash/, 'for move_file too';
like $s->tool('delete_file', { path => 'a/' })->{text}, qr/invalid.*slash/, 'and delete_file';
like copy('a', 'd', overwrite => $true)->{text}, qr/is a directory/, 'as a destination too';
like copy('nothing', 'made/x')->{text}, qr/not_found/, 'what is not there';
ok !-e "$home/made", 'makes no directories';
is copy('/proc/version', 'version')->{data}{bytes}, length got('version'), 'a file of the kernel, which has no size';
like got('version'), qr/^Linux/, 'is copied';
my $mtu = '/sys/class/net/lo/mtu';
my $read = do { open my $f, '<', $mtu or die "$mtu: $!"; local $/; <$f> };
cmp_ok(-s $mtu, '>', length $read, 'one that says to have more than it has');
is copy($mtu, 'mtu')->{data}{bytes}, length $read, 'has as many bytes as can be read';
is got('mtu'), $read, 'and these';
open my $f, '>', "$home/sparse";
seek $f, 100 << 20, 0;
print $f 'end';
close $f;
is copy('sparse', 'sparse2')->{data}{bytes}, (100 << 20) + 3, 'a file with holes';
cmp_ok((stat "$home/sparse2")[12], '<', 1000, 'keeps them');
is copy('sparse', 'sparse3')->{data}{sha256}, undef, 'no sha256 above 64 MiB';
my $shm = "/dev/shm/cnt-tap-$$";
is copy('a', $shm)->{error}, 0, 'to another file system';
open $f, '<:raw', $shm;
is do { local $/; <$f> }, $bytes, 'byte for byte';
unlink $shm;
is copy('sparse', $shm)->{data}{bytes}, (100 << 20) + 3, 'a file with holes';
cmp_ok((stat $shm)[12], '<', 1000, 'keeps them there too');
is -s $shm, -s "$home/sparse", 'and its size';
unlink $shm;
is join(' ', glob "$home/.agent-box* $home/*/.agent-box*"), '', 'no temporary file is left';

# Killed while copying: nothing, or all of it.
put('great', 'g' x 30_000_000);
my ($none, $all, $part) = (0, 0, 0);
for (1 .. 15) {
	unlink "$home/copied";
	my $k = Session->new(env => { HOME => $home });
	$k->begin('copy_file', { source => 'great', destination => 'copied' });
	sleep rand 0.04;
	kill 'KILL', $k->{pid};
	$k->ended;
	Client::until(5, sub { !$k->processes });
	!-e "$home/copied" ? $none++ : -s "$home/copied" == 30_000_000 ? $all++ : $part++;
}
is $part, 0, "killed while copying: nothing ($none) or all ($all)";
is join(' ', glob "$home/.agent-box*"), '', 'no temporary file is left';

# move_file to another file system: the old place or the new one, whole, whenever it is killed.
mkdir "$shm.d";
sub move { my ($from, $to, %o) = @_; return $s->tool('move_file', { source => $from, destination => $to, %o }); }
my ($lost, $moved) = ('', 0);
for (1 .. 15) {
	put('great', 'g' x 30_000_000) if !-e "$home/great";
	unlink "$shm.d/moved";
	my $k = Session->new(env => { HOME => $home });
	$k->begin('move_file', { source => 'great', destination => "$shm.d/moved" });
	sleep rand 0.04;
	kill 'KILL', $k->{pid};
	$k->ended;
	Client::until(5, sub { !$k->processes });
	my ($old, $new) = map { -s $_ // 'none' } "$home/great", "$shm.d/moved";
	$moved++ if $old eq 'none';
	$lost .= "$old and $new; " if ($old ne 30_000_000 && $new ne 30_000_000) || ($new ne 'none' && $new ne 30_000_000);
}
is $lost, '', "killed while moving: the file is whole in one place ($moved of 15 were moved)";
is join(' ', map { s{.*/}{}r } glob("$shm.d/* $shm.d/.agent-box*")), -e "$shm.d/moved" ? 'moved' : '', 'no temporary file is left';
mkfifo("$home/pipe", 0600);
like move('pipe', "$shm.d/pipe")->{text}, qr/is no regular file.*mv moves it/, 'a FIFO does not go there';
like move('d', "$shm.d/d")->{text}, qr/is no regular file.*mv moves it/, 'nor a directory';
is move('pipe', 'pipe2')->{error}, 0, 'on its own file system it moves';
put('kept', 'source');
open $f, '>', "$shm.d/there";
print $f 'old';
close $f;
like move('kept', "$shm.d/there")->{text}, qr/exists/, 'nothing is replaced there unasked';
is -s "$shm.d/there", 3, 'really';
is_deeply [ @{ move('kept', "$shm.d/there", overwrite => $true)->{data} }{qw(replaced copied)} ], [ $true, $true ], 'but when asked for';
system("rm -r $shm.d");
my $mounts = Session->new(env => { HOME => $home }, command => [qw(strace -f -qq -o /dev/null -e trace=renameat2 -e
    inject=renameat2:error=EXDEV), $Session::static]);
like $mounts->tool('move_file', { source => 'a', destination => './a', overwrite => $true })->{text}, qr/is the source itself/,
    'a file that two mounts show is not copied onto itself';
ok -e "$home/a", 'and stays';

# make_directory.
is_deeply mkd('m/n/o')->{data}, { path => "$home/m/n/o", created => $true }, 'a directory and its parents';
is mode('m/n/o'), '0755', 'by the umask';
is mkd('m/n/o', mode => '0700')->{data}{created}, $false, 'one that is there is no error';
is mode('m/n/o'), '0755', 'and stays as it is';
mkd('p/q', mode => '0707');
is mode('p') . mode('p/q'), '07550707', 'a mode is exact, and the last one\'s';
mkd('r', mode => '2770');
is mode('r'), '2770', 'also one with set-id';
like mkd('s', mode => '9')->{text}, qr/mode: expected octal/, 'it must be one';
ok !-e "$home/s", 'else nothing is made';
like mkd('a')->{text}, qr/Not a directory/, 'a file is no directory';
like mkd('a/b')->{text}, qr/Not a directory/, 'nor has it one';
symlink 'nowhere', "$home/dangling";
like mkd('dangling')->{text}, qr/File exists/, 'nor a link that leads nowhere';
symlink 'd', "$home/dl";
is mkd('dl')->{data}{created}, $false, 'a link to one is';
is mkd('/')->{data}{created}, $false, 'the root is there';
my @ids = map { $s->begin('make_directory', { path => 'many/at/once' }) } 1 .. 20;
my @made = grep { my $r = $s->result($_); die $r->{text} if $r->{error}; $r->{data}{created} } @ids;
is scalar @made, 1, 'of twenty at once one has made it';

# file_info.
put('t.json', "{}\n");
chmod 0640, "$home/t.json";
utime 1795304846.125, 1795304846.125, "$home/t.json";
my $r = info('t.json')->{data};
is_deeply $r, { type => 'file', size => 3, mode => '0640', owner => scalar getpwuid $>, group => scalar getgrgid((split ' ', $))[0]),
    mtime => '2026-11-21T23:47:26.125Z', mime => 'application/json', sha256 => sha256_hex("{}\n") }, 'facts about a file';
is_deeply [ @{ info('link')->{data} }{qw(type target mime sha256)} ], [ 'symlink', 'old', 'inode/symlink', undef ],
    'a link is not followed';
is info('dangling')->{data}{target}, 'nowhere', 'wherever it leads';
is info('link/')->{error}, 1, 'nor with a slash behind it';
is_deeply [ @{ info('d')->{data} }{qw(type mime)} ], [ 'directory', 'inode/directory' ], 'a directory';
is info('sparse')->{data}{sha256}, undef, 'no sha256 above 64 MiB';
is info('/')->{data}{type}, 'directory', 'the root';
my %mime = ('x.png' => [ "\x89PNG\r\n\x1a\n...", 'image/png' ], 'x.txt' => [ "\x7fELF\2", 'application/x-elf' ],
	'x.py' => [ "print()\n", 'text/x-python' ], x => [ "text\n", 'text/plain' ], 'x.sh' => [ "#!/bin/sh\n", 'text/x-shellscript' ],
	'x.bin' => [ "a\0b", 'application/octet-stream' ], 'x.empty' => [ '', 'inode/x-empty' ], 'x.gz' => [ "\x1f\x8b\x08.", 'application/gzip' ],
	'x.md' => [ "\xff\xfe\xff\xfe\xfd", 'application/octet-stream' ], 'script' => [ "#!/usr/bin/perl\n", 'text/x-script' ]);
for my $name (sort keys %mime) {
	put($name, $mime{$name}[0]);
	is info($name)->{data}{mime}, $mime{$name}[1], "$name is $mime{$name}[1]";
}

# Nothing hangs, nothing is opened that must not be.
mkfifo("$home/fifo", 0600);
socket(my $sock, PF_UNIX, SOCK_STREAM, 0);
bind $sock, pack_sockaddr_un("$home/sock");
my $t = time;
is info('fifo')->{data}{type}, 'fifo', 'a FIFO';
is info('sock')->{data}{type}, 'socket', 'a socket';
is info('/dev/null')->{data}{type}, 'character device', 'a device';
is info('/dev/zero')->{data}{sha256}, undef, 'is not read';
is info('/proc/self/status')->{data}{sha256}, undef, 'a file of /proc has no lasting content';
is info('/proc/kmsg')->{data}{type}, 'file', 'one that would wait is not waited for';
is info('/proc/self/exe')->{data}{type}, 'symlink', 'a magic link is not followed';
like copy('fifo', 'x1')->{text}, qr/is a fifo/, 'nothing of the kind is copied';
like copy('sock', 'x1')->{text}, qr/is a socket/, 'a socket';
like copy('/dev/zero', 'x1')->{text}, qr/is a character device/, 'a device';
like copy('a', 'fifo', overwrite => $true)->{text}, qr/is a fifo/, 'nor overwritten';
like copy('a', '/dev/null', overwrite => $true)->{text}, qr/is a character device/, 'a device';
isnt copy('/proc/kmsg', 'x1')->{text}, 'no answer', 'what would wait is not waited for';
isnt copy('/proc/self/pagemap', 'x2')->{text}, 'no answer', 'what has no end is ended';
ok !-e "$home/x2", 'and not kept';
like mkd('fifo')->{text}, qr/Not a directory/, 'a FIFO is no directory';
cmp_ok time - $t, '<', 10, 'all of that at once';
my $writer = fork // die;
if (!$writer) {
	open my $f, '>', "$home/fifo";
	POSIX::_exit(0);
}
sub state { open my $f, '<', "/proc/$writer/syscall" or return ''; return scalar <$f> // ''; }
Client::until(10, sub { state() =~ /^257 / });		# openat
info('fifo');
$s->tool($_->[0], $_->[1]) for [ 'read_file', { path => 'fifo' } ], [ 'list_directory', { path => '.' } ];
like state(), qr/^257 /, 'nobody who waits for a reader of a FIFO has found one';
kill 'KILL', $writer;
waitpid $writer, 0;

# delete_file.
like $s->tool('delete_file', { path => 'm' })->{text}, qr/is a directory.*rm -r/, 'a directory is not deleted, but how is said';
like $s->tool('delete_file', { path => 'm/n/o/' })->{text}, qr/is a directory/, 'an empty one neither';
ok -d "$home/m/n/o", 'really';
is $s->tool('delete_file', { path => $_ })->{error}, 0, "$_ is deleted" for qw(fifo sock dl dangling x);
ok -d "$home/d", 'the target of a link stays';

done_testing;
