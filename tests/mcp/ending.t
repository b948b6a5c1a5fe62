#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# However a connection ends, with three calls under way: the server is gone at once, with exit status 0, and no
# process is there 2.5 s later. A process belongs to a server when it carries its mark in the environment. Beside
# the three servers: agent-box in a box, and tests/mcp/echo, whose work ignores TERM and has a child that does.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use Fcntl qw(F_SETFD);
use Servers;
use Socket;
use Test::More;
use Time::HiRes qw(time);

my @own = (@Servers::all, Servers::boxed());
my @servers = (@own, { name => 'stubborn work', command => ["$Servers::build/tests/mcp/echo"], pids => 3,
    slow => ['sleep', '{"seconds":600,"stubborn":true,"child":true}'] });
my $at_once = $ENV{SAN} ? 1 : 0.1;
Client::watch();

sub end {
	my ($c, $how) = @_;
	my $t = time;

	if ($how eq 'input') { $c->close_input }
	elsif ($how eq 'output') { close delete $c->{out} }
	else { kill $how, $c->{pid} }
	my $status = $c->ended(5) // 'none';
	return ($t, time - $t, $status);
}

# KILL leaves the server no time; what it started goes all the same, but for the children of a verb's own.
my @took;
for my $how (qw(input TERM INT HUP output KILL)) {
	my @ended;
	for my $server ($how eq 'KILL' ? @own : @servers) {
		my $c = Servers::start($server);
		ok(Servers::begin($server, $c, 1, 2, 3), "$server->{name}: three calls run") or diag join ' ', $c->processes;
		my ($t, $took, $status) = end($c, $how);
		is($status, $how eq 'KILL' ? 9 : 0, "$server->{name}, $how: exit status");
		cmp_ok($took, '<', Client::allowed($at_once, $t), "$server->{name}, $how: within 100 ms");
		push @ended, [$server->{name}, $c, $t];
		push @took, $took;
		Servers::release();
	}
	for (@ended) {
		my ($name, $c, $t) = @$_;
		ok(Client::until(2.5, sub { !$c->processes }, $t), "$name, $how: no process 2.5 s later")
		    or diag map { `tr '\\0' ' ' </proc/$_/cmdline` } $c->processes;
	}
}
diag sprintf 'gone after %.1f ms at most', 1e3 * (sort { $b <=> $a } @took)[0];

# Nor does reading hold it up, be it of a tree that takes long.
for my $how (qw(input TERM)) {
	my $c = Servers::start($Servers::all[2]);
	$c->ping;
	$c->call($_, 'list_directory', '{"path":"/usr","depth":16,"include_hidden":true,"limit":10}') for 1 .. 4;
	my $t = time;
	ok($c->ping, 'a ping behind the listing of a tree');
	cmp_ok(time - $t, '<', Client::allowed($at_once, $t), 'is answered within 100 ms');
	$c->call($_, 'list_directory', '{"path":"/usr","depth":16,"include_hidden":true,"limit":10}') for 5 .. 8;
	my ($began, $took, $status) = end($c, $how);
	is($status, 0, "$how meanwhile: exit 0");
	cmp_ok($took, '<', Client::allowed($at_once, $began), 'within 100 ms');
}

# Nor does a batch, be it one of many that are quick.
{
	my $c = Servers::start($Servers::all[2]);
	open my $f, '>', "$Servers::home/text" or die;
	print $f 'x' x (1 << 20);
	close $f;
	$c->initialize('2025-03-26');
	$c->say('[' . join(',', map { qq({"jsonrpc":"2.0","id":$_,"method":"tools/call","params":{"name":"read_file",)
	    . qq("arguments":{"path":"$Servers::home/text","limit":1048576}}}) } 1 .. 900) . ']');
	my $read = sub { open my $io, '<', "/proc/$c->{pid}/io" or die; return <$io> =~ /^rchar: (\d+)/ ? $1 : 0 };
	ok(Client::until(5, sub { $read->() > 20 << 20 }), 'a batch of 900 reads is under way');
	my ($began, $took, $status) = end($c, 'TERM');
	is($status, 0, 'TERM meanwhile: exit 0');
	cmp_ok($took, '<', Client::allowed($at_once, $began), 'within 100 ms');
}

# Work that is all but done is answered, where its start alone does not take longer; and a second signal changes nothing.
for my $server (@Servers::all) {
	my $c = Servers::start($server);
	$c->call(1, @{ $server->{quick} });
	$c->close_input;
	is($c->ended, 0, "$server->{name}: a call and the end of input, exit 0");
	my $line = $c->line(1);
	ok(!defined $line || $line =~ /^\{"jsonrpc":"2.0","id":1,"result":/, 'its answer, or none') or diag $line;
	$c = Servers::start($server);
	$c->ping;
	kill $_, $c->{pid} for qw(INT TERM HUP TERM);
	is($c->ended, 0, "$server->{name}: four signals at once, exit 0");
}
my $c = Client->start($servers[-1]{command}[0]);
$c->call(1, 'echo_child', '{"text":"x"}');
$c->close_input;
like($c->line, qr/^\{"jsonrpc":"2.0","id":1,"result":/, 'what takes a moment is answered at the end of input');

# Output that is found broken by the answer itself, and a socket that nobody holds any more: node's are sockets.
my $echo = $servers[-1]{command}[0];
$c = Client->start('sh', '-c', 'exec "$0" >/dev/full', $echo);
$c->call(1, 'sleep', '{"seconds":0.05}');
is($c->ended, 0, 'an answer that cannot be written: exit 0');
is($c->said, '', 'and that is all');
socketpair my $ours, my $its, AF_UNIX, SOCK_STREAM, 0 or die "socketpair: $!";
fcntl $its, F_SETFD, 0 or die "fcntl: $!";
$c = Client->start($^X, '-e', 'open STDOUT, ">&", shift or die; exec @ARGV', fileno $its, $echo);
close $its;
$c->say('{"jsonrpc":"2.0","id":1,"method":"ping"}');
is(scalar readline $ours, qq({"jsonrpc":"2.0","id":1,"result":{}}\n), 'an answer into a socket');
close $ours;
is($c->ended, 0, 'whose other end is closed: exit 0');
done_testing;
