#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A client that does not read: its answers wait, none is lost, and the server reads on, heeds a cancel and ends when
# it is told to. Standard output is a pipe of one page, blocked for five seconds; standard error one that is
# full from the start and that nobody reads.
use strict;
use warnings;
use Errno qw(EAGAIN);
use Fcntl qw(O_NONBLOCK O_RDWR);
use FindBin;
use lib $FindBin::Bin;
use Client;
use POSIX qw(mkfifo);
use JSON::PP;
use Servers;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { F_SETPIPE_SZ => 1031, FIONREAD => 0x541b, BLOCKED => 5, N => 1000 };

Client::watch();
my $box = Servers::boxed();
my $M = $Client::META;
my @full;

# The server, with a standard error that takes nothing.
sub start {
	my ($server) = @_;
	my $fifo = "$Servers::home/" . @full;

	mkfifo($fifo, 0600) && sysopen(my $f, $fifo, O_RDWR | O_NONBLOCK) or die "$fifo: $!";
	1 while defined syswrite $f, 'x' x 4096;
	die $! unless $!{EAGAIN};
	push @full, $f;
	my $c = Servers::start($server, before => ['sh', '-c', 'exec "$@" 2>"$0"', $fifo]);
	delete $c->{record};
	$c->ping or die "$server->{name}: no answer";
	fcntl $c->{out}, F_SETPIPE_SZ, 4096 or die "pipe: $!";
	return $c;
}

# Bytes in the pipe to the server that it has not read.
sub unread {
	my ($c) = @_;
	my $n = pack 'i', 0;
	ioctl $c->{in}, FIONREAD, $n or die "FIONREAD: $!";
	return unpack 'i', $n;
}

sub lists { return map { qq({"jsonrpc":"2.0","id":$_,"method":"tools/list","params":{$M}}\n) } 1 .. $_[0] // N }

# All answers, whole and once each? They differ in their ids alone.
sub answers {
	my ($c, $name) = @_;
	my (%got, $line, $first);

	while (keys %got < N && defined($line = $c->line(20))) {
		last unless $line =~ s/^(\{"jsonrpc":"2.0","id":)(\d+),/$1,/;
		my $id = $2;
		$first //= $line;
		$got{$id}++ if $line eq $first;
	}
	ok(eval { @{ decode_json(($first // '') =~ s/"id":/$&0/r)->{result}{tools} } }, "$name: lists");
	is(scalar keys %got, N, "$name: a thousand answers");
	is(scalar(grep { $_ != 1 } values %got), 0, 'each once');
	return;
}

# One that reads nothing for ever, and is gone but for that. Its server has ten seconds, until the end of this test.
my $left = start($Servers::all[1]);
$left->ask(lists(1)) or die 'no list';	# now it knows what it offers
ok(!$left->raw(join('', lists(4 * N)), deaf => 2), 'above 64 MiB of answers no more is read');
$left->close_input;

# Three clients that stop reading at the same time, and three that close their input besides.
my (@open, @closed);
for my $server (@Servers::all) {
	my $c = start($server);
	ok($c->raw(join('', lists()), deaf => 10), "$server->{name}: a thousand requests are taken while nobody reads");
	ok(Client::until(10, sub { !unread($c) }), 'and read, all of them');
	if (!$server->{held}) {
		$c->call('"slow"', @{ $server->{slow} });
		ok(Client::until(5, sub { $c->processes > 1 }), 'a call is begun');
		$c->cancel('"slow"');
		ok(Client::until(5, sub { $c->processes == 1 }), 'and a cancel is heeded');
	}
	push @open, [$server->{name}, $c];
	$c = start($server);
	$c->raw(join('', lists()), deaf => 10);
	push @closed, ["$server->{name}, at the end of input", $c];
}

# In a box whoever does not read has as long, and what process_start left goes on.
my $boxed = start($box);
my ($mark) = $boxed->{mark} =~ /=(.*)/;
$boxed->call('"s"', 'process_start', qq({"command":"sleep 600","env":{"CNT_TEST_MARK":"$mark"}}));
ok($boxed->answer('s')->{result}, 'agent-box in a box has started a process');
$boxed->raw(join('', lists()), deaf => 10);

$_->close_input for $boxed, map { $_->[1] } @closed;
my $since = time;
Client::until(BLOCKED + 1, sub { time - $since > BLOCKED });
for (@closed, @open) {
	my ($name, $c) = @$_;
	answers($c, $name);
}
for (@open) {
	my ($name, $c) = @$_;
	ok($c->ping, "$name: goes on");
	$c->close_input;
}
is($_->[1]->ended, 0, "$_->[0]: exit 0") for @open, @closed, ['agent-box in a box', $boxed];
ok(Client::until(1, sub { $boxed->processes > 0 }), 'its process goes on');

# Nor does it wait for a reader when it is told to end, or when there is none any more.
for my $server (@Servers::all) {
	for my $how (qw(TERM output)) {
		my $c = start($server);
		$c->raw(join('', lists()), deaf => 10);
		Client::until(10, sub { !unread($c) });
		my $t = time;
		$how eq 'TERM' ? kill('TERM', $c->{pid}) : close delete $c->{out};
		is($c->ended, 0, "$server->{name}, $how while blocked: exit 0");
		cmp_ok(time - $t, '<', Client::allowed($ENV{SAN} ? 1 : 0.1, $t), 'within 100 ms');
	}
}
is($left->ended(10), 0, 'nor for one that has read nothing in ten seconds, with requests that it has not read itself');
done_testing;
