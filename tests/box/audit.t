#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# AGENTBOX_AUDIT=1: a line a call to /dev/log, whichever way it came and however it ended, without a
# value of its arguments. The test has a /dev of its own, in a mount namespace.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Fcntl;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Socket;
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

exec 'unshare', '-m', $0 or die "unshare: $!" unless $ENV{AUDIT_OWN}++;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
mkdir "$home/dev";
system('mount', '--make-rprivate', '/') == 0 && system('mknod', '-m', '666', "$home/dev/null", 'c', 1, 3) == 0 &&
    system('mount', '--bind', "$home/dev", '/dev') == 0 or die 'no /dev of its own';
Client::watch();
my @env = (env => { HOME => $home, AGENTBOX_AUDIT => 1, TZ => 'UTC' });

# Without a log nothing is hurt.
my $s = Session->new(@env);
is $s->tool('shell_exec', { command => 'echo hi' })->{body}, "hi\n", 'no /dev/log: calls are answered';

my $log;
sub open_log {
	unlink '/dev/log';
	socket $log, AF_UNIX, SOCK_DGRAM, 0 or die "socket: $!";
	bind $log, pack_sockaddr_un('/dev/log') or die "bind: $!";
}

# The next line, or '' after a while.
sub logged {
	my $r = '';
	vec($r, fileno $log, 1) = 1;
	select($r, undef, undef, $_[0] // 5) or return '';
	recv $log, my $line, 65536, 0;
	return $line;
}
my $when = qr/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3][0-9] \d\d:\d\d:\d\d/;

# tool, arguments as JSON, outcome.
sub is_line {
	my ($line, $tool, $json, $outcome, $name, $pid) = @_;
	my $hash = sha256_hex($json);
	$pid //= $s->{pid};
	like $line, qr/\A<86>$when agent-box\[$pid\]: tool=$tool arguments=sha256:$hash outcome=$outcome duration_ms=\d+\z/, $name;
}

open_log();
$s->tool('shell_exec', { command => 'echo hi' });
my $line = logged();
is_line($line, 'shell_exec', '{"command":"echo hi"}', 'ok', 'with one, a call is a line: in a process of its own');
unlike $line, qr/echo/, 'which holds no value';
$s->tool('read_file', { path => '/etc/hostname' });
is_line(logged(), 'read_file', '{"path":"/etc/hostname"}', 'ok', 'in the server');
$s->tool('read_file', { path => '/none' });
is_line(logged(), 'read_file', '{"path":"/none"}', 'not_found', 'one that fails');
$s->tool('read_file', { path => '/x', limit => 0 });
is_line(logged(), 'read_file', '{"limit":0,"path":"/x"}', 'invalid', 'one that is refused');
for ([ 'file:///etc/hostname', 'ok' ], [ 'file:///none', 'not_found' ]) {
	my ($uri, $outcome) = @$_;
	$s->ask(qq({"jsonrpc":"2.0","id":"r","method":"resources/read","params":{$Client::META,"uri":"$uri"}}));
	is_line(logged(), 'resources/read', qq({"uri":"$uri"}), $outcome, "a resource: $outcome");
}
my $began = time;
$s->tool('shell_exec', { command => 'sleep 9', timeout_seconds => 0.1 });
my ($took) = logged() =~ /outcome=timeout duration_ms=(\d+)\z/;
cmp_ok $took // 0, '>=', 100, 'one that takes too long';
cmp_ok $took // 0, '<', 1000 * Client::allowed(0.2, $began), 'and how long it took';
$s->tool('shell_exec', { command => 'exit 3' });
is_line(logged(), 'shell_exec', '{"command":"exit 3"}', 'ok', 'a status is an outcome of the command');
my $id = $s->begin('shell_exec', { command => 'sleep 9' });
$s->pump(0.1);
$s->cancel($id);
is_line(logged(), 'shell_exec', '{"command":"sleep 9"}', 'cancelled', 'one that is cancelled');
$s->begin('shell_exec', { command => 'sleep 8' });
$s->pump(0.1);
$s->close_input;
is_line(logged(), 'shell_exec', '{"command":"sleep 8"}', 'cancelled', 'one that ends with the connection');
$s->leaves;

# From a shell.
sub shell {
	my ($env, @words) = @_;
	my $pid = fork // die;
	return $pid if $pid;
	%ENV = (%ENV, HOME => $home, %$env);
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	exec $Session::program, @words or die;
}
my $pid = shell({ AGENTBOX_AUDIT => 1 }, 'shell_exec', '--command', 'true');
waitpid $pid, 0;
is_line(logged(), 'shell_exec', '{"command":"true"}', 'ok', 'a call from a shell', $pid);
$pid = shell({ AGENTBOX_AUDIT => 1 }, 'read_file', '--path', '/none');
waitpid $pid, 0;
is_line(logged(), 'read_file', '{"path":"/none"}', 'not_found', 'one that fails', $pid);
waitpid shell({ AGENTBOX_AUDIT => 0 }, 'shell_exec', '--command', 'true'), 0;
waitpid shell({}, 'shell_exec', '--command', 'true'), 0;
is logged(0.2), '', 'unless it is asked for there is none';
waitpid shell({ AGENTBOX_AUDIT => 'yes' }, 'shell_exec', '--command', 'true'), 0;
is $? >> 8, 2, 'a word that means nothing is refused';

# A log that nobody reads stops nothing; what is lost is said.
$s = Session->new(@env);
$s->tool('shell_exec', { command => 'true' }) for 1 .. 3;
my $most = 0;
$began = time;
for (1 .. 600) {
	my $t = time;
	$s->tool('read_file', { path => '/none' });
	$most = time - $t if time - $t > $most;
}
cmp_ok $most, '<', Client::allowed(0.2, $began), 'a log that nobody reads stops no call';
1 while logged(0) ne '';
$s->tool('read_file', { path => '/none' });
my ($lost) = logged() =~ / lost=(\d+)\z/;
cmp_ok $lost // 0, '>', 0, 'the next line says how many are missing';
$s->tool('read_file', { path => '/none' });
unlike logged(), qr/lost/, 'once';
close $log;
is $s->tool('shell_exec', { command => 'echo hi' })->{body}, "hi\n", 'a log that goes away hurts nobody';
done_testing;
