#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Boxes whose root has replaced the agent-box (tests/host/babbler.c), or takes its pipe over, beside one
# that behaves, in one connection: what an attack costs is calls in its own box, and nothing else.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
$ENV{PATH} = "$build/bin:/usr/sbin:/usr/bin:/sbin:/bin";
my ($own, $bad, $good) = (undef, "t$$-bad", "t$$-good");
my $dir = tempdir(CLEANUP => 1);

if (!$ENV{CNT_ROOT}) {
	chomp($own = `sh $FindBin::Bin/../instance make`);
	$ENV{CNT_ROOT} = $own;
}
$SIG{TERM} = $SIG{INT} = sub { exit 1 };
END {
	local $?;
	system "cnt delete --force $bad $good >/dev/null 2>&1";
	system "sh $FindBin::Bin/../instance unmake >/dev/null 2>&1" if $own;
}
system("cnt create $_ >/dev/null") == 0 or die for $bad, $good;

# Programs among which agent-box is another, and a configuration of its own.
mkdir $_ or die for "$dir/bin", "$dir/etc";
system('cp', "$build/bin/cnt-mcp", "$dir/bin/") == 0 or die;
system('cp', "$build/tests/host/babbler", "$dir/bin/agent-box") == 0 or die;
open my $conf, '>', "$dir/etc/cnt.conf" or die;
print $conf "mcp-box-wait 1s\n";
close $conf;
system('mkdir', '-p', "$ENV{CNT_ROOT}/etc/cnt");
my $c = Client->start('unshare', '-m', 'sh', '-ec', "mount --bind $dir/etc $ENV{CNT_ROOT}/etc/cnt; exec $dir/bin/cnt-mcp");
my ($id, %got, @progress, %most) = (0);

# Lines as they come, answers by id.
sub read_on {
	my ($seconds) = @_;
	defined(my $line = $c->line($seconds)) or return;
	unlike($line, qr/[\x00-\x1f\x7f]/, 'no control byte passes') if $line =~ /[\x00-\x1f\x7f]/;
	# JSON::PP takes seconds for megabytes, in which nobody would look at the clock.
	my $j = length $line < 1 << 20 ? decode_json($line) : { id => $line =~ /"id":(\d+)/, result =>
	    { content => [{ text => length($line) . ' bytes' }], isError => JSON::PP::false } };
	if (defined $j->{id}) { push @{ $got{ $j->{id} } }, $j }
	else { push @progress, $j }
	return 1;
}

sub answer {
	my ($want, $seconds) = @_;
	my $until = time + $seconds;
	while (!$got{$want}) { read_on($until - time) or return }
	return $got{$want}[0]{result};
}

sub call {
	my ($box, $command, $seconds, $meta) = @_;
	$c->call(++$id, 'shell_exec', encode_json({ box => $box, command => $command,
	    timeout_seconds => $seconds }), $meta);
	return $id;
}

sub text { my ($r) = @_; return $r ? $r->{content}[0]{text} // encode_json($r) : 'no answer' }

sub error {
	my ($r) = @_;
	return $r && $r->{isError} ? decode_json($r->{content}[0]{text})->{error} : { message => text($r) };
}

# The peak of each of our processes' memory so far, in MiB, by what it is.
sub measure {
	for my $pid ($c->processes) {
		open my $f, '<', "/proc/$pid/status" or next;
		my %s = map { /^(\w+):\s*(.*?)\s*$/ } <$f>;
		open $f, '<', "/proc/$pid/cmdline" or next;
		my $line = <$f> // '';
		my $what = $line =~ /^cnt-mcp-relay/ ? 'relay' : $line =~ /--box/ ? 'entry' : 'server';
		my ($kib) = ($s{VmHWM} // '0') =~ /(\d+)/;
		$most{$what} = max($most{$what} // 0, $kib / 1024);
	}
}

sub slurp { my ($path) = @_; open my $f, '<', $path or return ''; local $/; return scalar(<$f>) // '' }

# How long the box that behaves needs for an answer.
sub neighbour {
	my $t = time;
	is(text(answer(call($good, 'good', 30), 20)), 'good', 'the neighbour is answered') or return 20;
	return time - $t;
}

answer(call($_, 'good', 30), 20) or die $c->said for $bad, $good;
my $control = max(map { neighbour() } 1 .. 20);
my $server = $c->{pid};
my ($longer, $much, $wrong, $late) = (qr/sent a line longer than 4 MiB$/, qr/sent much that nobody asked for$/,
    qr/sent what is not MCP$/, qr/has not answered in 1 s$/);

subtest 'ids of the calls of another box' => sub {
	my @others = map { call($good, 'slow', 30) } 1 .. 3;
	is(text(answer(call($bad, 'stray-ids', 30), 20)), 'good', 'are sent');
	is(text(answer($_, 20)), 'good', 'and are not taken for them') for @others;
};

for my $case (
	['no-newline', $longer], ['blank', $much], ['unrelated', $much], ['rubbish', $wrong], ['stray-ids'],
	['twice'], ['requests'], ['foreign-progress'], ['progress-flood', $much], ['silent', $late], ['half', $late],
	['huge', $longer], ['many-values', $wrong], ['largest', qr/^39\d{5} bytes$/], ['deep', $wrong], ['forged', qr/^forged/],
	['leave', qr/agent-box ended: exit status 7$/], ['die', qr/agent-box ended: signal 9$/],
	['heir', qr/agent-box ended: exit status 0$/], ['shut', $late], ['deaf', $late], ['stubborn', $wrong], ['slow']) {
	my ($attack, $message) = @$case;
	subtest $attack => sub {
		@progress = ();
		my $call = call($bad, $attack, ($message // '') eq $late ? 0.1 : 30, '"progressToken":"mine"');
		my @took;
		do { push @took, neighbour(); measure() } until $got{$call} || @took > 2000;
		cmp_ok(max(@took), '<', 1 + 20 * $control, 'in time, ' . @took . ' times');
		my $r = answer($call, 20);
		if (defined $message) {
			like(error($r)->{message}, $message, 'the call in the box that attacks says why');
			like($r->{content}[0]{text}, qr/$bad/, 'and where') unless $attack =~ /forged|largest/;
		} else {
			is(text($r), 'good', 'an answer all the same');
		}
		is((grep { ($_->{method} // '') ne 'notifications/progress' || $_->{params}{progressToken} ne 'mine' } @progress),
		    0, 'nothing else came but progress of that call');
		cmp_ok(scalar @progress, '<', 200, 'at the rate that progress has');
		is(text(answer(call($bad, 'good', 30), 20)), 'good', 'the next call is answered');
		is((grep { @$_ != 1 } values %got), 0, 'every call was answered once');
	};
}
like($progress[0]{params}{message} // 'none', qr/./, 'progress is shown') if @progress;

subtest 'what is cancelled' => sub {
	my $call = call($bad, 'silent', 600);
	neighbour();
	$c->cancel($call);
	is(text(answer(call($bad, 'good', 30), 20)), 'good', 'leaves its box as it is');
	ok(!$got{$call}, 'and is not answered');
};

subtest 'calls that pile up' => sub {
	my $deaf = call($bad, 'deaf', 20);
	my $load = 'x' x (1 << 20);
	my @calls = map { call($bad, $load, 20) } 1 .. 40;
	my @took = map { neighbour() } 1 .. 20;
	cmp_ok(max(@took), '<', 1 + 20 * $control, 'the neighbour is answered in time');
	like(error(answer($calls[-1], 5))->{message}, qr/its agent-box does not read$/, 'no more is queued');
	$c->cancel($_) for $deaf, @calls;
	ok(!grep({ $got{$_} } @calls[0 .. 10]), 'what was queued waits');
	measure();
	system "cnt restart --force $bad >/dev/null";
	ok(Client::until(5, sub { text(answer(call($bad, 'good', 30), 20)) eq 'good' }), 'the next call is answered');
	@calls = map { call($bad, 'silent', 20) } 1 .. 129;
	like(error(answer($calls[-1], 5))->{message}, qr/128 calls are under way/, 'one box does not take all places');
	neighbour();
	$c->cancel($_) for @calls;
};

# One line ends all calls in its box.
subtest 'an error that comes to many calls' => sub {
	my @calls = ((map { call($bad, 'silent', 30) } 1 .. 100), call($bad, 'forged-long', 30));
	my @long = grep { my $e = error(answer($_, 20)); $e->{message} !~ /^long y+\.\.\.y+$/ || length $e->{message} > 1023 ||
	    length $e->{hint} > 511 } @calls;
	is("@long", '', 'is cut');
	measure();
	neighbour();
};

# What the client does not take stays in the box.
subtest 'answers that nobody reads' => sub {
	my @calls = map { call($bad, 'wide', 3) } 1 .. 24;
	my ($before, $now, $until) = (-1, 0, time + 5);
	ok(Client::until(20, sub {
		select undef, undef, undef, 0.3;
		($before, $now) = ($now, (split ' ', slurp("/proc/$c->{pid}/statm"))[1]);
		return $now == $before;
	}), 'the server takes no more');
	measure();
	Client::until(5, sub { time > $until });	# a call's time is over: that is not the box's fault
	like(text(answer($_, 20)), qr/^4\d{6} bytes$/, 'an answer') for @calls;
	neighbour();
};

subtest 'what it cost' => sub {
	measure();
	is($c->{pid}, $server, 'one server did all that');
	ok(!defined $c->ended(0), 'and lives');
	diag join ', ', map { sprintf '%s %.0f MiB', $_, $most{$_} } sort keys %most;
	if (!$ENV{SAN}) {
		cmp_ok($most{server}, '<', 64, 'memory of the server');
		cmp_ok($most{relay}, '<', 64, 'memory of a relay');
		cmp_ok($most{entry}, '<', 16, 'memory of an entry');
	}
	ok(Client::until(9, sub { $c->processes == 7 }), 'two boxes, three processes each') or
	    diag `ps -o args= -p @{[join ',', $c->processes]}`;
	$c->close_input;
	is($c->ended(2), 0, 'exit 0');
	ok(Client::until(9, sub { !$c->processes }), 'no process stays on the host');
	ok(Client::until(5, sub { `cnt exec $_ -- pgrep -xf agent-box` eq '' }), "nor in $_") for $bad, $good;
};

# The box's user may take the descriptors of the user's processes: pidfd_open, pidfd_getfd.
my $take = q(perl -e 'my $pidfd = syscall 434, `pgrep -oxf agent-box` + 0, 0;
for my $fd (3 .. 9) {
	open my $f, ">&=", syscall(438, $pidfd, $fd, 0) or next;
	syswrite $f, "hello\n";
} sleep 5');

subtest 'an agent-box taken over' => sub {
	$c = Client->start("$build/bin/cnt-mcp");
	%got = ();
	for my $case ([$take, $wrong], ['sudo pkill -KILL -xf agent-box; sleep 5', qr/agent-box ended: signal 9$/]) {
		my $taken = call($bad, $case->[0], 30);
		like(text(answer(call($good, 'echo here', 30), 20)), qr/\nhere\n/, 'the neighbour is answered');
		like(error(answer($taken, 20))->{message}, $case->[1], 'one failed call');
		like(text(answer(call($bad, 'echo again', 30), 20)), qr/\nagain\n/, 'and a new agent-box');
	}
};

# As if it had been taken over: we write where the relay of the box writes.
sub relays { return grep { slurp("/proc/$_/cmdline") =~ /^cnt-mcp-relay\0$bad\0/ } $c->processes }

subtest 'a relay taken over' => sub {
	for my $said ('hello', 'R x {}', 'R 1 {"a":"\ud800"}', 'R 1 {"resultT\u0079pe":"x"}', "R 1 {\t}", "R 1 {\"a\":\"\xff\"}",
		'R 1 {"a":1E+0999}', 'R 1 {"a":99999e307}', 'R 1 {"a":' . 9 x 40 . 'e269}', 'R 1 {"a":' . 9 x 400 . '}',
		'R 1 {"a":' . '[' x 500 . ']' x 500 . '}', 'F {"a":"\u00', 'F {"a":"' . 'x' x 20000 . '"}') {
		my %before = map { $_ => 1 } relays();
		answer(call($bad, 'sudo pkill -KILL -xf agent-box', 30), 20);
		my $call = call($bad, 'sleep 5', 30);
		is(text(answer(call($good, 'true', 30), 20)) =~ s/ .*//sr, 'exit', 'the neighbour is answered');
		my $relay;
		Client::until(20, sub { ($relay) = grep { !$before{$_} } relays(); defined $relay }) or die 'no relay';
		open my $f, '>', "/proc/$relay/fd/1" or die "relay: $!";
		syswrite $f, "$said\nR 1 {}\n";
		like(error(answer($call, 20))->{message}, qr/ended: what it sent could not be read$/, substr $said, 0, 30);
	}
};

done_testing;
