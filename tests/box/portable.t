#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One program for every root: the same session of calls in Debian's image and in a root that holds a static
# busybox alone, as root and not, with all of what a box usually has or without some of it.
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

my $tmp = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $small = "$tmp/small";
my $large = "$tmp/debian";
my $tag = 300000 + $$ % 100000;
chmod 0755, $tmp;

sub make_small {
	mkdir "$small$_" for '', qw(/bin /proc /dev /tmp);
	chmod 01777, "$small/tmp";
	copy('/bin/busybox', "$small/bin/busybox") or die "/bin/busybox: $!";
	symlink 'busybox', "$small/bin/$_" for qw(sh sleep echo cat id setsid seq);
	chmod 0755, "$small/bin/busybox";
}

sub make_large {
	my ($archive) = glob(($ENV{BUILD} // dirname($Session::static) . '/..') . '/tests/image-*.tar');
	mkdir $large;
	system('tar', '-C', $large, '--exclude=./usr/share', '--exclude=./dev/*', '-xpf', $archive) == 0 or die "tar: $archive";
	mkdir "$large/$_" for qw(proc dev tmp);
	chmod 01777, "$large/tmp";
}

# A session in the root, in a mount namespace of its own, with the variables given and no other.
# mounts: proc, hidepid, dev, readonly, noexec.
sub session {
	my (%o) = @_;
	my $root = $o{root};
	my %with = map { $_ => 1 } @{ $o{mounts} // [] };
	my $user = $o{user} // 0;
	my @do = ("mount --bind $root $root", "cd $root");
	push @do, 'mount -t proc proc proc' if $with{proc};
	push @do, 'mount -t proc -o hidepid=2 proc proc' if $with{hidepid};
	push @do, 'mount -t tmpfs -o mode=755 dev dev', 'mknod -m 666 dev/null c 1 3' if $with{dev};
	push @do, 'mount --bind tmp tmp', 'mount -o remount,bind,noexec tmp' if $with{noexec};
	push @do, "mount -o remount,bind,ro $root" if $with{readonly};
	push @do, join ' ', 'exec env -i', (map { "'$_=$o{env}{$_}'" } sort keys %{ $o{env} }),
	    "/usr/sbin/chroot --userspec=$user:$user --groups= $root /agent-box";
	return Session->new(command => ['unshare', '-m', 'sh', '-ec', join "\n", @do]);
}

sub commands {
	my ($s, %o) = @_;
	my $r = $s->tool('shell_exec', { command => 'echo hi; cat; id -u; exit 3', stdin => "lo\n" });
	is $r->{body}, "hi\nlo\n" . ($o{user} // 0) . "\n", 'a command runs, as the user';
	is $r->{facts}{exit_code}, 3, 'with its status';
	$r = $s->tool('shell_exec', { command => 'echo "$PATH:$HOME"' });
	like $r->{body}, qr{^/usr/local/sbin:\S*/bin:/\S*$}, 'with PATH and HOME, whatever the server has';
	$r = $s->tool('shell_exec', { command => 'seq 100000' });
	like $r->{body}, qr/^1\n2\n.*left out.*\n99999\n100000\n/s, 'of long output both ends are shown';
	my $path = $r->{facts}{stdout}{spill_path};
	if ($o{home} eq 'none') {
		is $path, undef, 'there is no place for all of it';
		like $r->{text}, qr/could not be kept in a file/, 'and it says so';
	} else {
		$r = $s->tool('read_file', { path => $path, tail => 1 });
		is $r->{body}, "100000\n", 'and all of it is kept';
	}
	# Without /proc every pid is asked for, which takes a second or two.
	$r = $s->tool('shell_exec', { command => "sleep $tag; echo", timeout_seconds => 0.2 });
	like $r->{text}, qr/timed out after 0.2 s/, 'a timeout is one';
	is scalar Session::matching(qr/sleep $tag/), 0, 'and leaves nothing';
}

sub files {
	my ($s, $dir) = @_;
	my $all = join '', map { chr } 0 .. 255;
	my $r = $s->tool('write_file', { path => "$dir/d/f", content => "one\ntwö\n" });
	is $r->{data}{created}, JSON::PP::true, 'a file is written';
	$r = $s->tool('write_file', { path => "$dir/d/f", content => "one\ntwo\n", if_match => $r->{data}{sha256} });
	is $r->{data}{created}, JSON::PP::false, 'and overwritten';
	is $s->tool('read_file', { path => "$dir/d/f" })->{body}, "one\ntwo\n", 'and read';
	require MIME::Base64;
	$s->tool('write_file', { path => "$dir/d/b", content => MIME::Base64::encode($all, ''), encoding => 'base64' });
	$r = $s->tool('read_file', { path => "$dir/d/b" });
	is MIME::Base64::decode($r->{body} =~ s/\n.*//sr), $all, 'all bytes come back';
	$r = $s->tool('list_directory', { path => "$dir/d" });
	is join(' ', map { "$_->{name}:$_->{size}" } @{ $r->{data}{entries} }), 'b:256 f:8', 'it is listed';
	$r = $s->tool('move_file', { source => "$dir/d/f", destination => "$dir/e/g" });
	ok !$r->{error}, 'moved' or diag $r->{text};
	$r = $s->tool('delete_file', { path => "$dir/e/g" });
	is $r->{data}{bytes}, 8, 'and deleted';
}

sub searching {
	my ($s, $dir) = @_;
	$s->tool('write_file', { path => "$dir/s/$_", content => "one\ntwo $_\n" }) for 'a.c', 'b/c.h';
	my $r = $s->tool('search_files', { pattern => 'tw[o] [ab]', path => "$dir/s" });
	is $r->{facts}{matches}[0]{line} // $r->{text}, 2, 'text is found';
	$r = $s->tool('find_files', { glob => '**/*.h', path => "$dir/s" });
	is_deeply $r->{data}{paths}, ["$dir/s/b/c.h"], 'and files';
	$r = $s->tool('edit_file', { path => "$dir/s/a.c", edits => [{ old => "one\n", new => "1\n" }] });
	like $r->{data}{diff}, qr/^-one\n\+1\n two a.c/m, 'one is edited';
	$r = $s->tool('tail_log', { path => "$dir/s/a.c", follow_seconds => 0 });
	like $r->{text}, qr/^two a.c/m, 'and its end read';
}

sub processes {
	my ($s, %o) = @_;
	my %p = (command => 'echo out; read x; echo "got $x"; exit 4', name => 'p', stdin => JSON::PP::true);
	my $r = $s->tool('process_start', \%p);
	if ($o{home} eq 'none') {
		is $r->{error}, 1, 'a process that has no place for its log is not started';
		like $r->{text}, qr{/\.local/state/agent-box.*: (?:No such|Permission|Read-only)}, 'and it says which';
		return;
	}
	my $id = $r->{data}{id};
	ok $id, 'a process is started' or return diag $r->{text};
	$r = $s->tool('process_wait', { id => $id, until => 'output', pattern => 'out', timeout_seconds => 20 });
	is $r->{data}{met}, JSON::PP::true, 'its output is waited for' or diag $r->{text};
	my $other = session(%o);
	is $other->tool('process_write', { id => $id, text => "in\n" })->{data}{bytes_written}, 3,
	    'another connection writes to it';
	$r = $other->tool('process_wait', { id => $id, until => 'exit', timeout_seconds => 20 });
	is $r->{data}{exit_code}, 4, 'and waits for its end' or diag $r->{text};
	like $s->tool('process_read', { id => $id })->{text}, qr/^out\ngot in$/m, 'all of its output is there';
	$r = $s->tool('process_start', { command => "sh -c 'sleep $tag; echo'; echo" });
	$id = $r->{data}{id};
	$r = $s->tool('process_kill', { id => $id, grace_seconds => 0.5 });
	is_deeply $r->{data}{survivors}, [], 'one is ended, with all of it' or diag $r->{text};
	cmp_ok Session::gone(qr/sleep $tag/), '<', 5, 'so it is';
	is join(' ', map { $_->{state} } @{ $s->tool('process_list', {})->{data}{processes} }), 'killed exited',
	    'they are listed';
}

sub nothing_written {
	my ($s, $dir) = @_;
	my $r = $s->tool('write_file', { path => "$dir/f", content => 'x' });
	is $r->{error}, 1, 'nothing is written';
	like $r->{text}, qr/Read-only file system/, 'and it says why';
	ok !$s->tool('list_directory', { path => $dir })->{error}, 'reading works';
}

sub around {
	my ($name, $root, %o) = @_;
	$o{home} //= 'some';
	subtest $name => sub {
		$o{root} = $root;
		my $s = session(%o);
		my $r = $s->tool('box_info', {});
		like $r->{data}{kernel}, qr/^\d/, 'it says what it can about the box' or diag $r->{text};
		commands($s, %o);
		($o{readonly} ? \&nothing_written : \&files)->($s, '/tmp');
		searching($s, '/tmp') unless $o{readonly};
		processes($s, %o);
		my $t = time;
		$s->close_input;
		cmp_ok $s->leaves, '<', Client::allowed(2, $t), 'it leaves at end of input';
		system 'rm', '-rf', glob("$root/tmp/* $root/tmp/.local");
	};
}

Client::watch();
make_small();
make_large();
for my $root ($small, $large) {
	copy($Session::static, "$root/agent-box") or die "$Session::static: $!";
	chmod 0755, "$root/agent-box";
}
my %home = (HOME => '/tmp');
my @usual = (mounts => [qw(proc dev)]);
around 'Debian', $large, @usual, env => {%home};
around 'Debian, not as root', $large, @usual, user => 1000, env => {%home};
around 'Debian, with nothing in its environment', $large, @usual, user => 1000, home => 'none';
around 'Debian, /proc hides', $large, mounts => [qw(hidepid dev)], user => 1000, env => {%home};
around 'busybox alone', $small, @usual, env => {%home};
around 'busybox alone, not as root', $small, @usual, user => 1000, env => {%home};
around 'busybox alone, /proc hides', $small, mounts => [qw(hidepid dev)], user => 1000, env => {%home};
around 'without /proc, not as root', $small, mounts => ['dev'], user => 1000, env => {%home};
around 'without /dev', $small, mounts => ['proc'], user => 1000, env => {%home};
around 'without HOME, PATH or a user', $small, @usual, user => 12345, home => 'none';
around 'HOME is nowhere', $small, @usual, user => 1000, env => { HOME => '/nowhere' }, home => 'none';
around 'no locale, another locale', $small, @usual, user => 1000, env => { %home, LC_ALL => 'de_DE.ISO-8859-1' };
around 'a root that cannot be written', $small, mounts => [qw(proc dev readonly)], env => {%home}, home => 'none',
    readonly => 1;
around '/tmp without programs', $small, mounts => [qw(proc dev noexec)], user => 1000, env => {%home};

done_testing;
