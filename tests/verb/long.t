#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Work that takes its time: what it says as it goes, and that nothing of it is left when it is cancelled at
# any instant, in whatever way: looked at before any other verb could mend it. The instance is this test's
# own, on a file system in memory and in a mount namespace that ends with it: instants are not the disk's.
# LONG_SEED=N repeats a run's instants; with CNT_LONG there are many more.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../mcp";
use Client;
use File::Copy qw(copy);
use File::Find;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

exec 'unshare', '-m', 'env', 'LONG_OWN=1', $^X, $0, @ARGV or die if !$ENV{LONG_OWN};
Client::watch();
my $tests = "$FindBin::Bin/..";
my $build = $ENV{BUILD} // "$tests/../build";
my $tmp = tempdir('/var/tmp/cnt-long.XXXXXX', CLEANUP => 1);
my $seed = $ENV{LONG_SEED} // time & 0xffffff;
my $more = $ENV{CNT_LONG} ? 10 : 1;
srand $seed;
diag "seed $seed";

# Programs beside a recipe, as they are installed.
system "mkdir -p $tmp/bin $tmp/share/cnt/image && find $build/bin -type f -exec cp -t $tmp/bin {} + &&"
    . " cp $tests/../sh/image/debian $tmp/share/cnt/image" and die;
chmod 0755, $tmp;
$ENV{PATH} = "$tmp/bin:$build/bin:/usr/sbin:/usr/bin:/sbin:/bin";
my $root = $ENV{CNT_ROOT} = tempdir('/var/tmp/cnt-test.XXXXXX');
my $db = "$root/var/lib/cnt/cnt.db";
my $self = $$;
# A child may get one before it executes anything.
for my $name ('HUP', 'INT', 'TERM') {
	$SIG{$name} = sub {
		exit 130 if $$ == $self;
		$SIG{$name} = 'DEFAULT';
		kill $name, $$;
	};
}
END {
	local $?;
	system "cnt list 2>/dev/null | awk 'NR > 1 { print \$1 }' | xargs -r cnt delete --force >/dev/null 2>&1;"
	    . " cnt setup --undo >/dev/null; umount $root; umount $tmp/memory; rmdir $root" if $self == $$;
}
chmod 0755, $root;
system "mkdir $tmp/memory && mount -t tmpfs cnt $tmp/memory && truncate -s 2G $tmp/memory/disk &&"
    . " mkfs.ext4 -q -m 0 $tmp/memory/disk && mount -o loop $tmp/memory/disk $root && cnt setup >/dev/null" and die;

sub text {
	open my $f, '<', $_[0] or return '';
	local $/;
	return <$f> // '';
}

sub tree {		# an image's files below $tmp/NAME, with an init of our own
	my ($name, $init) = @_;
	system "$tests/tiny $name >$tmp/$name.tar && mkdir $tmp/$name && tar -C $tmp/$name -xf $tmp/$name.tar"
	    and die;
	return if !defined $init;
	system "cp /bin/busybox $tmp/$name/bin/busybox && rm $tmp/$name/sbin/init" and die;
	open my $f, '>', "$tmp/$name/sbin/init" or die;
	print {$f} "#!/bin/busybox sh\n$init\n";
	close $f;
	chmod 0755, "$tmp/$name/sbin/init";
}

# 32 MB in 2,000 files.
tree('big');
for my $n (0 .. 1999) {
	mkdir "$tmp/big/d" . int $n / 100 if $n % 100 == 0;
	open my $f, '>', "$tmp/big/d" . int($n / 100) . "/$n" or die;
	print {$f} pack('N', rand 2**32) x 4096;
}
system "tar -C $tmp/big -cf $tmp/big.tar ." and die;
tree('tiny');
tree('deaf', 'exec /bin/busybox sleep 1000000');
system "tar -C $tmp/deaf -cf $tmp/deaf.tar ." and die;
system "cnt image import $tmp/$_.tar --name $_ >/dev/null" and die for 'tiny', 'deaf';
system 'cnt create a --image tiny >/dev/null && cnt delete --force a >/dev/null' and die;
chomp(my $tag = `cnt info --json | jq -r .bridge | sed 's/.\$//'`);

# Servers of ours that only wait; a process that holds nothing (mcp/undertaker.h), and one that is killed
# and waits for the disk alone, are nobody's work any more.
my %waits;
sub is_over {
	my ($proc) = @_;
	my ($pid) = $proc =~ /(\d+)$/;
	my $status = text("$proc/status");
	return $waits{$pid} || $pid == $$ || $status =~ /^State:\tZ/m || !(() = glob "$proc/fd/*")
	    || grep { hex(substr $_, -8) & 0x100 } $status =~ /^S\w+Pnd:\t(\w+)/mg;
}

# All that this instance has on the machine, but for what its database holds. A program that runs for it
# has its directories in its words, its variables or below its root.
sub machine {
	my @all = map { "mount $_" } grep { m{\Q$root\E} } split /\n/, text('/proc/self/mountinfo');
	push @all, map { "interface $_" } glob "/sys/class/net/$tag*";
	for my $top (grep { -d } glob "/sys/fs/cgroup/{,*/}$tag*") {
		find({ no_chdir => 1, wanted => sub { push @all, "cgroup $_" if -d } }, $top);
	}
	find({ no_chdir => 1, wanted => sub { push @all, "file $_" unless m{/cnt\.db|/rootfs/.} } }, $root);
	for my $proc (glob '/proc/[0-9]*') {
		my $of = join "\0", map { $_ // '' } readlink "$proc/root", readlink "$proc/cwd";
		$of .= text("$proc/cmdline") . text("$proc/environ");
		push @all, 'process ' . text("$proc/cmdline") =~ tr/\0/ /r
		    if index($of, $root) >= 0 && !is_over($proc);
	}
	push @all, map { "nft $_" } split /\n/, `nft list table bridge $tag; nft list table inet $tag`;
	push @all, map { "row $_" } split /\n/,
	    `sqlite3 $db 'SELECT name, state FROM box UNION SELECT id, state FROM image'`;
	return join "\n", sort @all;
}

sub difference {
	my ($then, $now) = map { my %h = map { $_ => 1 } split /\n/; \%h } @_;
	return join ', ', (map { "+ $_" } grep { !$then->{$_} } sort keys %$now),
	    map { "- $_" } grep { !$now->{$_} } sort keys %$then;
}

sub ask { my ($what) = @_; chomp(my $r = `sqlite3 $db 'SELECT $what'`); return $r }
sub last_outcome { return ask('result FROM audit WHERE kind = 2 ORDER BY seq DESC LIMIT 1') }
sub is_open { return ask('count(*) FROM pending') > 0 }
sub records { return ask('count(*) FROM audit') }

sub quietly {
	my $pid = fork // die;
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$tmp/out";
		open STDERR, '>', "$tmp/err";
		setpgrp;
		exec @_ or POSIX::_exit(127);
	}
	return $pid;
}
sub cnt { waitpid quietly('cnt', @_), 0; return $? }

# Ways to end one. Each gets the verb and the seconds after which, and returns when none of its processes is
# left: how long that took, and what is wrong.
my $servers = {};
sub server {
	my @command = @_;
	my $c = $servers->{"@command"} //= Client->start(@command);
	$waits{ $c->{pid} } = 1;
	return $c;
}
my $id = 0;

# Its processes that work, without those of a box that was made in time.
sub working {
	my ($c) = @_;
	return grep { !is_over("/proc/$_") && text("/proc/$_/cgroup") !~ m{:/\Q$tag\E/} } $c->processes;
}

sub by_signal {
	my ($v, $after, $signal) = @_;
	my $pid = quietly('cnt', @{ $v->{words} });
	usleep 1e6 * $after;
	my $t = time;
	kill $signal, $pid;
	waitpid $pid, 0;
	my %number = (TERM => 15, INT => 2, HUP => 1);
	return (time - $t, $? == 0 || ($? & 127) == $number{$signal} ? '' : "status $?: " . text("$tmp/err"));
}

sub by_request {
	my ($v, $after, @command) = @_;
	my $c = server(@command);
	$c->call(++$id, $v->{tool}, $v->{arguments}, '"progressToken":1');
	my $answer = $c->answer($id, $after);
	return (0, $answer->{result}{isError} ? encode_json($answer) : '') if $answer;
	my $t = time;
	$c->cancel($id);
	my $quiet = Client::until(6, sub { !working($c) });
	my $took = time - $t;
	my $late = $c->answer($id, 0.02);
	# What is sent before the cancel is read may be an answer.
	return ($took, !$quiet ? 'it goes on' : $late && last_outcome() ne 'ok' ? 'answered' : '');
}

sub by_end {
	my ($v, $after, @command) = @_;
	my $c = Client->start(@command);
	$c->call(++$id, $v->{tool}, $v->{arguments});
	$c->answer($id, $after);
	my $t = time;
	$c->close_input;
	my $ended = $c->ended(2);
	my $gone = Client::until(6, sub { !working($c) });
	return (time - $t, !defined $ended || $ended != 0 ? 'the server ends badly' : $gone ? '' : 'it goes on');
}

my @ways = (
	[ 'TERM', sub { by_signal(@_, 'TERM') } ],
	[ 'cancelled', sub { by_request(@_, $_[0]{program}, '--mcp') } ],
	[ 'INT', sub { by_signal(@_, 'INT') } ],
	[ 'cancelled through cnt mcp', sub { by_request(@_, 'cnt-mcp', '--tools', 'platform') } ],
	[ 'HUP', sub { by_signal(@_, 'HUP') } ],
	[ 'the client ends', sub { by_end(@_, $_[0]{program}, '--mcp') } ],
);

# within: seconds that the instants are spread over; 0: as long as a whole one takes.
my @verbs = (
	{ name => 'image import', words => ['image', 'import', "$tmp/big.tar", '--name', 'big'],
	  program => 'cnt-image', tool => 'import_image', arguments => qq({"file":"$tmp/big.tar","name":"big"}),
	  rounds => 12, within => 0, back => ['image', 'delete', 'big'] },
	{ name => 'create', words => ['create', 'a', '--image', 'tiny'],
	  program => 'cnt-create', tool => 'create_container', arguments => '{"name":"a","image":"tiny"}',
	  rounds => 18, within => 0, back => ['delete', '--force', 'a'] },
	{ name => 'create with a wait for what never comes',
	  words => ['create', 'a', '--image', 'tiny', '--wait', 'ssh'],
	  program => 'cnt-create', tool => 'create_container', arguments => '{"name":"a","image":"tiny","wait":"ssh"}',
	  rounds => 6, within => 0.3, back => ['delete', '--force', 'a'] },
	{ name => 'image build', words => ['image', 'build', 'built', '--suite', 'bookworm'],
	  program => 'cnt-image', tool => 'build_image', arguments => '{"name":"built","suite":"bookworm"}',
	  rounds => 5, within => $ENV{CNT_LONG} ? 45 : 2.5, back => ['image', 'delete', 'built'] },
);

for my $v (@verbs) {
	my $begin = time;
	my $whole = !$v->{within};
	if ($whole) {
		cnt(@{ $v->{words} }) == 0 or die "$v->{name}: " . text("$tmp/err");
		$v->{within} = 1.1 * (time - $begin);
		cnt(@{ $v->{back} }) == 0 or die text("$tmp/err");
	}
	server('cnt-mcp', '--tools', 'platform')->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}));	# writes its cache
	my $before = machine();
	my (%count, @wrong);
	my $longest = 0;
	for my $n (0 .. $v->{rounds} * $more - 1) {
		my ($way, $end) = @{ $ways[ $n % @ways ] };
		my $after = rand $v->{within};
		my $of = sprintf '%s after %.3f s', $way, $after;
		my $had = records();
		my ($took, $wrong) = $end->($v, $after);
		$longest = $took if $took > $longest;
		push @wrong, "$of: $wrong" if $wrong ne '';
		my $now = machine();
		my $outcome = records() > $had ? last_outcome() : 'none';
		# Where it takes longer than the two seconds to KILL, the next verb goes on.
		if (is_open() && $took > 1.9) {
			Client::until(10, sub { cnt('list'); machine() eq $before });
			($outcome, $now) = ('interrupted', machine());
		} elsif ($outcome eq 'ok') {
			cnt(@{ $v->{back} }) == 0 or push @wrong, "$of: and back: " . text("$tmp/err");
			$now = machine();
		} elsif ($outcome !~ /^(cancelled|none)$/) {
			push @wrong, "$of: $outcome";
		}
		$count{$outcome}++;
		push @wrong, "$of: " . difference($before, $now) if $now ne $before;
	}
	is(join("\n", @wrong), '', "$v->{name}: nothing is left of it");
	ok($count{cancelled}, 'the record says what was cancelled');
	if ($whole) {
		is(cnt(@{ $v->{words} }), 0, 'the next one works') or diag text("$tmp/err");
		cnt(@{ $v->{back} });
	}
	diag sprintf '%s: %.1f s, within %.3f s, taken back in %.3f s at most: %s', $v->{name},
	    time - $begin, $v->{within}, $longest, join '; ', map { "$count{$_} $_" } sort keys %count;
}

# What is left by one whose undoing is cut short by KILL, the next verb finds.
for my $v (grep { $_->{name} !~ /never/ } @verbs) {
	my $before = machine();
	my @wrong;
	for my $n (1 .. $v->{rounds} * $more / 3) {
		my $pid = quietly('cnt', @{ $v->{words} });
		usleep 1e6 * rand $v->{within};
		kill 'TERM', $pid;
		usleep 1e6 * rand 0.03;
		kill 'KILL', $pid;
		waitpid $pid, 0;
		cnt(@{ $v->{back} }) if $? == 0;
		Client::until(10, sub { cnt('list'); machine() eq $before }) or push @wrong, difference($before, machine());
	}
	is(join("\n", @wrong), '', "$v->{name}: KILL after TERM, and one verb more");
}

# The notifications and the answer of a call, each with its time, until stop says so.
sub follow {
	my ($c, $id, $seconds, $stop) = @_;
	my ($until, @seen) = (time + $seconds);
	while (time < $until) {
		my $line = $c->line(0.05) // next;
		my $j = decode_json($line);
		$j->{at} = time;
		push @seen, $j;
		last if defined $j->{id} || ($stop && $stop->($j->{params}));
	}
	return @seen;
}

# From the call on: something each second, always more, and what is being done.
sub tells {
	my ($name, $begin, $texts, @seen) = @_;
	my ($last, $at, $longest, @less) = (-1, $begin, 0);
	for my $j (@seen) {
		$longest = $j->{at} - $at if $j->{at} - $at > $longest;
		$at = $j->{at};
		next if defined $j->{id};
		my $p = $j->{params};
		push @less, "$p->{progress} after $last" if $p->{progress} <= $last;
		push @less, "$p->{progress} of $p->{total}" if defined $p->{total} && $p->{progress} > $p->{total};
		$last = $p->{progress};
	}
	$longest = time - $at if time - $at > $longest;
	cmp_ok($longest, '<=', Client::allowed(1, $begin), sprintf "$name: something each second (%d in %.1f s)",
	    scalar @seen, $at - $begin);
	is(join("\n", @less), '', "$name: always more");
	my $said = join "\n", map { $_->{params}{message} // '' } @seen;
	like($said, $_, "$name: says so") for @$texts;
}

sub ends_quietly {
	my ($name, $c, $before) = @_;
	$c->cancel($id);
	Client::until(6, sub { !working($c) });
	$before //= machine();
	is(difference($before, machine()), '', "$name: cancelled, and nothing is left");
	is(last_outcome(), 'cancelled', "$name: as the record says");
	my @late;
	while (defined(my $line = $c->line(0.05))) { push @late, $line }
	is((grep { !/notifications\/progress/ } @late), 0, "$name: no answer");
	ok(!defined $c->line(0.8), "$name: nor anything after that");
	ok($c->ping, "$name: the server lives");
}

my $quiet = machine();

# An archive that comes slowly and then not at all.
{
	POSIX::mkfifo("$tmp/fifo", 0600);
	open my $fifo, '+<', "$tmp/fifo" or die;
	my $c = server('cnt-image', '--mcp');
	my $begin = time;
	$c->call(++$id, 'import_image', qq({"file":"$tmp/fifo","name":"slow"}), '"progressToken":"slow"');
	open my $tar, '<', "$tmp/big.tar" or die;
	for (1 .. 100) {
		read $tar, my $bytes, 60_000;
		syswrite $fifo, $bytes;
	}
	tells('an archive that stops', $begin, [qr/^unpacking: [45] MB$/m, qr/^unpacking: [45] MB \(1 s\)$/m],
	    follow($c, $id, 10, sub { ($_[0]{message} // '') =~ /1 s/ }));
	ends_quietly('an archive that stops', $c, $quiet);
}

# A whole one; its total is known.
{
	my $c = server('cnt-mcp', '--tools', 'platform');
	my $begin = time;
	$c->call(++$id, 'import_image', qq({"file":"$tmp/big.tar","name":"big"}), '"progressToken":0');
	my @seen = follow($c, $id, 60);
	tells('an import through cnt mcp', $begin,
	    [qr/^unpacking: \d+ of \d\d MB$/m], @seen);
	is((grep { !$_->{params}{total} } @seen[1 .. $#seen - 1]), 0, 'its total is known');
	ok(defined $seen[-1]{id} && !$seen[-1]{result}{isError}, 'the answer comes last');
	is(cnt('image', 'delete', 'big'), 0, 'it is there');
	$c->call(++$id, 'import_image', qq({"file":"$tmp/big.tar","name":"big"}));
	is(scalar(follow($c, $id, 60)), 1, 'without a token there is the answer alone');
	cnt('image', 'delete', 'big');
}

# A mirror that takes the connection and says nothing.
{
	my $silent = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1') or die;
	local $ENV{http_proxy} = 'http://127.0.0.1:' . $silent->sockport;
	my $c = Client->start('cnt-image', '--mcp');
	$waits{ $c->{pid} } = 1;
	my $begin = time;
	$c->call(++$id, 'build_image', '{"name":"built","suite":"bookworm"}', '"progressToken":"p"');
	tells('a mirror that is silent', $begin, [qr/apt-get update/],
	    follow($c, $id, 30, sub { ($_[0]{message} // '') =~ /update.* \(1 s\)/ }));
	ends_quietly('a mirror that is silent', $c, $quiet);
}

# A box that never answers, and one that does not end.
{
	my $c = server('cnt-mcp', '--tools', 'platform');
	my $begin = time;
	$c->call(++$id, 'create_container', '{"name":"a","image":"tiny","wait":"ssh"}', '"progressToken":"p"');
	tells('a box without sshd', $begin, [qr/^waiting for its ssh server \(1 s\)$/m],
	    follow($c, $id, 10, sub { ($_[0]{message} // '') =~ /1 s/ }));
	ends_quietly('a box without sshd', $c, $quiet);

	is(cnt('create', 'deaf', '--image', 'deaf'), 0, 'a box whose init does not listen');
	my $running = machine();
	my $p = quietly('cnt', 'stop', 'deaf');
	Client::until(10, \&is_open);
	usleep 100_000;
	kill 'KILL', $p;
	waitpid $p, 0;
	is(cnt('list') . last_outcome(), '0interrupted', 'a stop is killed before init could hear of it');
	is(ask('autostart FROM box'), 1, 'the box is still to run');
	$begin = time;
	$c->call(++$id, 'stop_container', '{"box":"deaf"}', '"progressToken":"p"');
	tells('its stop', $begin, [qr/^stopping/m], follow($c, $id, 10, sub { ($_[0]{message} // '') =~ /1 s/ }));
	ends_quietly('its stop', $c, $running);
	is(ask('autostart FROM box'), 1, 'it is still to run');
	is(cnt('exec', 'deaf', '--', '/bin/busybox', 'true'), 0, 'it runs on');
	is(cnt('delete', '--force', 'deaf'), 0, 'and is deleted');
}

# The same line of progress for people, where they can see it.
{
	is(cnt('image', 'import', "$tmp/big.tar", '--name', 'big'), 0, 'an import on no terminal');
	is(text("$tmp/err"), '', 'shows no progress');
	cnt('image', 'delete', 'big');
	my $said = `script -qec 'cnt image import $tmp/big.tar --name big' /dev/null </dev/null`;
	like($said, qr/unpacking: \d+ of \d\d MB\r\e\[K.*writing to the disk\r\e\[K/s,
	    'on a terminal it does, and takes it away');
	cnt('image', 'delete', 'big');
	$said = `script -qec 'cnt create a --image tiny' /dev/null </dev/null`;
	like($said, qr/starting\r\e\[K(?!.*ssh)/s, 'nothing is said of an sshd that is not waited for');
	cnt('delete', '--force', 'a');
}

is(cnt('doctor'), 0, 'the database and the record are whole') or diag text("$tmp/out");
done_testing;
