#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A full disk: whatever writes leaves the old file whole, says what is missing and leaves nothing behind; what
# cannot fit is refused before anything is written. On tmpfs, on ext4 and
# past a quota of btrfs, in a mount namespace of its own.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep);

use lib dirname(__FILE__);
use Session;

exec 'unshare', '-m', '--propagation', 'private', $^X, $0, 'inside' or die "unshare: $!" if !@ARGV;

my $top = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my ($fs, $s);

sub put { my ($path, $bytes) = @_; open my $f, '>:raw', $path or die "$path: $!"; print $f $bytes; close $f; }
sub got { my ($path) = @_; open my $f, '<:raw', $path or return undef; local $/; return scalar <$f> // ''; }
sub free { my $n = `stat -f -c '%f %S' $fs`; my ($blocks, $size) = split ' ', $n; return $blocks * $size; }
sub left { return join ' ', sort map { s{.*/}{}r } glob "$fs/* $fs/.agent*"; }

my $old = join '', map { "old line $_\n" } 1 .. 8000;		# 110 KB
my $new = 'n' x 400_000;
put("$top/source", $new);
my @writers = (
	[ 'write_file', { path => 'file', content => $new } ],
	[ 'edit_file', { path => 'file', edits => [ { old => "old line 7\n", new => $new } ] } ],
	[ 'copy_file', { source => "$top/source", destination => 'file', overwrite => JSON::PP::true } ],
	[ 'move_file', { source => "$top/source", destination => 'file', overwrite => JSON::PP::true } ],
	[ 'write_file', { path => 'file', content => $new, append => JSON::PP::true } ],
	[ 'write_file', { path => 'fresh', content => $new } ],
	[ 'copy_file', { source => "$top/source", destination => 'fresh' } ],
	[ 'move_file', { source => "$top/source", destination => 'fresh' } ]);

sub name { my ($w) = @_; return $w->[0] . ($w->[1]{append} ? ' that appends' : '') .
	(($w->[1]{path} // $w->[1]{destination}) eq 'fresh' ? ' of a new file' : ''); }

# No room: every writer is refused with both numbers.
sub refused {
	my ($what) = @_;
	put("$fs/file", $old);
	chmod 0751, "$fs/file";
	put("$fs/filler", '');
	system("head -c @{[ free() - 200_000 ]} /dev/zero >$fs/filler");
	my $inode = (stat "$fs/file")[1];
	for my $w (@writers) {
		my $r = $s->tool(@$w);
		like $r->{text}, qr/"no".*: [45]\d{5} bytes to write, \d+ bytes free on its file system.*ENOSPC; nothing was changed/,
		    "$what: ${\ name($w)} is refused before it writes";
		is got("$fs/file") eq $old && (stat "$fs/file")[1] == $inode, 1, 'the old file is whole';
		is left(), 'file filler' . ($what eq 'ext4' ? ' lost+found' : ''), 'and nothing is left';
		is got("$top/source"), $new, 'the source is where it was' if $w->[0] eq 'move_file';
	}
	like $s->tool('copy_file', { source => '/proc/kallsyms', destination => 'fresh' })->{text},
	    qr/No space left on device.*ENOSPC/, 'what has no size is found out while writing';
	is left(), 'file filler' . ($what eq 'ext4' ? ' lost+found' : ''), 'and leaves nothing either';
	unlink "$fs/filler";
	is $s->tool(@{ $writers[0] })->{error}, 0, 'with room it is written';
}

# Somebody else takes and gives back the room all the time: some calls fail in the middle.
sub raced {
	my ($what, $rounds) = @_;
	my $size = free() - 60_000;
	my $eater = fork // die;
	if (!$eater) {
		open my $f, '>', "$fs/filler";
		while (getppid != 1) {
			my $r = syscall 285, fileno $f, 0, 0, $size;		# fallocate
			sleep rand 0.001;
			truncate $f, 0;
			sleep rand 0.001;
		}
		POSIX::_exit(0);
	}
	my ($torn, $done, $early, $late) = ('', 0, 0, 0);
	put("$top/source", $new);
	for (1 .. $rounds) {
		my $w = $writers[int rand 5];
		for (1 .. 1000) {
			last if -s "$fs/file" == length $old;
			put("$fs/file.new", $old) and rename "$fs/file.new", "$fs/file";
			sleep 0.001;
		}
		put("$top/source", $new) if !-e "$top/source";
		my $r = $s->tool(@$w);
		my $now = got("$fs/file");
		my $changed = $now ne $old;
		$changed ? $done++ : $r->{text} =~ /bytes free/ ? $early++ : $r->{text} =~ /No space left.*ENOSPC/ ? $late++ :
		    ($torn .= name($w) . ": $r->{text}\n");
		$torn .= name($w) . ": error, but changed: $r->{text}\n" if $changed && $r->{error};
		$torn .= name($w) . ' was not whole' if $changed && length $now != length $new &&
		    length $now != length($old) + length($new) - ($w->[0] eq 'edit_file' ? 11 : 0);
		$torn .= "left: " . left() . "\n" if left() =~ /agent/;
	}
	kill 'KILL', $eater;
	waitpid $eater, 0;
	is $torn, '', "$what: beside one who takes the room and gives it back a file is the old or the new one";
	diag "$what: $done written, $early refused before, $late failed while writing";
	cmp_ok $done, '>', 0, 'some calls are done';
	cmp_ok $early + $late, '>', 0, 'some have no room';
}

# tmpfs.
$fs = "$top/tmpfs";
mkdir $fs;
system("mount -t tmpfs -o size=3m,nr_inodes=64 none $fs") == 0 or die 'mount';
$s = Session->new(env => { HOME => $fs });
refused('tmpfs');
put("$fs/file", $old);
raced('tmpfs', $ENV{CNT_LONG} ? 3000 : 200);
unlink "$fs/filler";
put("$fs/file", $old);
my $n = 0;
$n++ while open my $f, '>', "$fs/inode$n";
like $s->tool('write_file', { path => 'file', content => 'x' })->{text}, qr/No space left on device.*ENOSPC/, 'no inode is left';
ok got("$fs/file") eq $old, 'the old file is whole';
like $s->tool('make_directory', { path => 'dir' })->{text}, qr/ENOSPC/, 'nor is there one for a directory';
my @start = ('process_start', { command => 'sleep 60' });
like $s->tool(@start)->{text}, qr{"no".*agent-box.*No space left.*ENOSPC.*df -h}, 'nor for a process';
for (1 .. 30) {
	unlink "$fs/inode@{[ --$n ]}";
	my $r = $s->tool(@start);
	$r->{error} or $s->tool('process_kill', { id => $r->{data}{id}, signal => 'KILL' }), last;
	like $r->{text}, qr{ENOSPC.*df -h}, "with $_ inodes";
	is join(' ', glob "$fs/.local/state/agent-box/process/p*"), '', 'no half a process is left';
}

# ext4.
$fs = "$top/ext4";
mkdir $fs;
system("truncate -s 8M $top/image && mkfs.ext4 -q -m 0 $top/image && mount -o loop $top/image $fs") == 0 or die 'mount';
$s = Session->new(env => { HOME => $fs });
put("$top/source", $new);
refused('ext4');
raced('ext4', $ENV{CNT_LONG} ? 1000 : 60);

# A quota: the disk has room, whose share is used up has none. btrfs holds root to it as well.
$fs = "$top/quota";
mkdir $fs;
system("truncate -s 128M $top/image.quota && mkfs.btrfs -q -M $top/image.quota >$top/said && mount -o loop $top/image.quota $fs &&
    btrfs quota enable $fs && sync -f $fs") == 0 or die 'mount';
put("$fs/file", $old);
put("$top/source", $new);
system("sync -f $fs && btrfs qgroup limit 280K 0/5 $fs") == 0 or die 'btrfs';
$s = Session->new(env => { HOME => $fs });
for my $w (@writers) {
	like $s->tool(@$w)->{text}, qr/"no".*Disk quota exceeded.*EDQUOT: a quota; nothing was changed/, "${\ name($w)} past a quota";
	ok got("$fs/file") eq $old, 'the old file is whole';
	is left(), 'file', 'and nothing is left';
}
# Where it cannot be reserved, what was added and cannot be taken back is told: fallocate says EOPNOTSUPP.
sub no_fallocate {
	my $filter = pack '(SCCL)4', 0x20, 0, 0, 0, 0x15, 0, 1, 285, 0x06, 0, 0, 0x50000 | 95, 0x06, 0, 0, 0x7fff0000;
	syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, pack('S x6 P', 4, $filter)) == 0 or die 'seccomp';
}
system("btrfs qgroup limit 180K 0/5 $fs") == 0 or die 'btrfs';
my $pid = fork // die;
if (!$pid) {
	$ENV{HOME} = $fs;
	open STDOUT, '>', "$top/said";
	open STDERR, '>&', \*STDOUT;
	no_fallocate();
	exec $Session::program, 'write_file', '--path', 'file', '--content', 'n' x 100_000, '--append';
}
waitpid $pid, 0;
my $size = -s "$fs/file";
like got("$top/said"), qr/quota.*\nhint: .*it was 110893 bytes and is $size$/, 'what could not be taken back is told';
cmp_ok $size, '>', 110893, 'and was not';
system("btrfs qgroup limit none 0/5 $fs") == 0 or die 'btrfs';
is $s->tool(@{ $writers[0] })->{error}, 0, 'with a larger share it is written';

# A limit on the size of files.
$fs = "$top/limit";
mkdir $fs;
system("mount -t tmpfs none $fs") == 0 or die 'mount';
put("$fs/file", $old);
put("$top/source", $new);
my $program = $Session::program;
$s = Session->new(env => { HOME => $fs }, command => [ 'sh', '-c', "ulimit -f 400; exec $program" ]);	# 204800 bytes
my @append = ('write_file', { path => 'file', content => 'a' x 150_000, append => JSON::PP::true });
for my $w (@writers, \@append) {
	like $s->tool(@$w)->{text}, qr/EFBIG/, "${\ name($w)} past the limit on files";
	ok got("$fs/file") eq $old, 'the old file is whole';
	is left(), 'file', 'and nothing is left';
}
is $s->tool('write_file', { path => 'file', content => 'a', append => JSON::PP::true })->{error}, 0, 'what fits is appended';

END {
	chdir '/';
	system("umount -l $_") for grep { defined && -d } map { $top && "$top/$_" } qw(tmpfs ext4 quota limit);
}

done_testing;
