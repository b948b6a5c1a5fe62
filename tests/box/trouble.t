#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# shell_exec under trouble, many times over: times that end, calls and connections that are cut,
# starts that fail, clients that do not read. With CNT_LONG set ten times as often.
use strict;
use warnings;
use utf8;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $tag = 200000 + $$;			# seconds that only our sleeps sleep
my $often = $ENV{CNT_LONG} ? 10 : 1;
my @env = (env => { HOME => $home });
my $true = JSON::PP::true;

# Double forks, sessions of their own, no hang-ups, no ears for TERM.
sub nasty { my ($n) = @_; return qq{
	(setsid sh -c 'trap "" TERM HUP INT; sleep $n; sleep $n' &)
	(nohup sleep $n >/dev/null 2>&1 &)
	sh -c 'trap "" TERM; sleep $n & wait; sleep $n' &
	trap "" TERM; sleep $n; sleep $n }; }

# What a bare fork, exec and kill of a shell takes: the machine's own part of a delay.
sub control {
	my $t = time;
	my $pid = fork // die;
	if ($pid == 0) {
		open STDOUT, '>', '/dev/null';
		exec '/bin/sh', '-c', 'echo; sleep 9' or POSIX::_exit(127);
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return time - $t;
}
sub per { my ($p, @all) = @_; @all = sort { $a <=> $b } @all; return $all[ $p * $#all / 100 ] * 1e3; }
sub numbers { return sprintf 'p50 %.1f, p99 %.1f, max %.1f ms', map { per($_, @_) } 50, 99, 100; }

Client::watch();

# Times that end.
my $began = time;
my ($calls, $flying, @late, @control) = (1000 * $often, 6);
my $s = Session->new(@env);
my (%begun, $wrong);
for (my $n = 0; $n < $calls || %begun; ) {
	while ($n < $calls && keys %begun < $flying) {
		$begun{ $s->begin('shell_exec', { command => nasty($tag . 1), timeout_seconds => 0.1 }) } = time;
		push @control, control() if ++$n % 10 == 0;
	}
	my $line = $s->line(20) // last;
	my ($id) = $line =~ /"id":(\d+),/;
	push @late, time - 0.1 - delete $begun{$id};
	$wrong++ unless $line =~ /timed out after 0.1 s, killed/ && $line =~ /"isError":true/;
}
my @left = Session::matching(qr/sleep ${tag}1/);
is scalar @late, $calls, "$calls calls that time out are answered";
is $wrong // 0, 0, 'each as one that timed out';
is "@left", '', 'no process of theirs is left';
diag 'answers after their time: ' . numbers(@late);
diag 'a bare fork, exec and kill beside: ' . numbers(@control);
# Six trees at once are started and killed on as many processors as there are. A burst on the machine meets a few.
my $slow = per(100, @control) / 1e3;
my %limit = (95 => 0.05 + ($slow > 0.01 ? 10 * $slow : 0), 100 => Client::allowed(0.05, $began));
cmp_ok per($_, @late) / 1e3, '<=', $limit{$_}, sprintf '%d in a hundred within their time and %.0f ms', $_, $limit{$_} * 1e3 for 95, 100;

# Connections and calls that are cut, one after the other.
my (%cut, %gone, @answers);
$began = time;
sub watch {
	my %there;
	for my $p (glob '/proc/[0-9]*/cmdline') {
		open my $f, '<', $p or next;
		local $/;
		$there{$1} = 1 if (<$f> // '') =~ /sleep\0(${tag}2\d{4})\0/;
	}
	$gone{$_} //= time for grep { !$there{$_} } keys %cut;
}
for my $round (1 .. 20 * ($often > 1 ? 5 : 1)) {
	my $n = sprintf '%s2%04d', $tag, $round;
	my $how = (qw(cancel input TERM KILL))[ $round % 4 ];
	my $server = Session->new(@env);
	my $id = $server->begin('shell_exec', { timeout_seconds => 60, command => nasty($n) =~ s/trap "" TERM; sleep $n; sleep $n $//r .
	    "(trap 'date +%s.%N >$home/$n; exit' TERM; sleep $n & echo >$home/$n.up; wait) & trap '' TERM; sleep $n; sleep $n" });
	Client::until(20, sub { watch(); -e "$home/$n.up" && Session::matching(qr/sleep $n/) > 4 });
	my $t = time;
	if ($how eq 'cancel') {
		$server->cancel($id);
		$server->tool('read_file', { path => '/etc/hostname' });
	} else {
		$how eq 'input' ? $server->close_input : kill $how, $server->{pid};
		$server->ended(5);
	}
	push @answers, time - $t;
	$cut{$n} = [$t, $how, $server];
	watch();
}
Client::until(10, sub { watch(); keys %gone == keys %cut });
diag 'the server answers or is gone: ' . numbers(@answers);
cmp_ok per(100, @answers) / 1e3, '<', Client::allowed(0.1, $began), 'cancelled, cut off or killed, the server answers or is gone';
my @took = map { ($gone{$_} // $cut{$_}[0] + 99) - $cut{$_}[0] } keys %cut;
diag 'the last of a tree is gone: ' . numbers(@took);
cmp_ok per(100, @took) / 1e3, '<', Client::allowed(2.5, $began), '2.5 s later no process is left';
my @graceful = grep { $cut{$_}[1] ne 'KILL' } keys %cut;
cmp_ok per(50, map { $gone{$_} - $cut{$_}[0] } @graceful) / 1e3, '>', 1.5, 'who ignores TERM is killed after 2 s';
sub heard { open my $f, '<', $_[0] or return; return <$f>; }
my @heard = map { (heard("$home/$_") // 1e12) - $cut{$_}[0] } @graceful;
diag 'TERM is heard: ' . numbers(@heard);
cmp_ok per(100, @heard) / 1e3, '<', Client::allowed(0.3, $began), 'who listens hears it at once';
@left = Session::matching(qr/sleep ${tag}2/);
is "@left", '', 'in the end there is none';
$_->[2]->close_input for grep { $_->[1] eq 'cancel' } values %cut;
%cut = ();

# Starts that fail say why.
sub run { my ($command, %o) = @_; return $s->tool('shell_exec', { command => $command, %o }); }
my $r = run('true ' . 'x' x 200_000);
like "$r->{error} $r->{text}", qr/^1 .*unavailable.*\/bin\/sh: Argument list too long/, 'a command that is too long';
like $r->{text}, qr/hint.*128 KiB.*write_file/, 'and what to do';
like run('true', env => { map { ("V$_" => 'x' x 100_000) } 1 .. 40 })->{text}, qr/Argument list too long/, 'too great an environment';
like run('true', cwd => '/none/x')->{text}, qr/not_found.*nearest existing directory: \//, 'a directory that is not there';
like run('true', cwd => '/etc/passwd')->{text}, qr/Not a directory/, 'one that is none';
like run('true', env => { 'A=B' => 'x' })->{text}, qr/is no name of a variable/, 'a name that is none';
sub limited { my (@limit) = @_; return Session->new(@env, command => ['prlimit', @limit, $Session::program]); }
my $few = limited('--nofile=24');
my @ids = map { $few->begin('shell_exec', { command => 'sleep 0.3; echo hi' }) } 1 .. 20;
my @texts = map { $few->result($_)->{text} } @ids;
ok !(grep { !/hi\n|Too many open files/ } @texts) && (grep { /Too many open files/ } @texts), 'too many descriptors';
is $few->tool('shell_exec', { command => 'echo hi' })->{body}, "hi\n", 'which passes';
chmod 0777, $home;
chmod 0755, $home if $> != 0;
$few = Session->new(env => { HOME => $home }, command => ['setpriv', '--reuid', 65533, '--regid', 65533, '--clear-groups',
    'prlimit', '--nproc=6', $Session::program]);
@ids = map { $few->begin('shell_exec', { command => 'sleep 0.5; echo hi' }) } 1 .. 12;
@texts = map { $few->result($_)->{text} } @ids;
ok !(grep { !/hi\n|Resource temporarily unavailable|Cannot fork/ } @texts), 'too many processes' or diag @texts;
ok +(grep { /fork: Resource temporarily unavailable.*raise the limit \(pids\)/s } @texts), 'is what it says, and what to do';
ok Client::until(5, sub { $few->tool('shell_exec', { command => 'echo hi' })->{body} eq "hi\n" }), 'which passes too';

# Words that mean nothing are not replaced by others.
my %bad = (command => [5, [], {}, undef, $true], timeout_seconds => ['soon', -1, 0, 1e9, [], $true, ''],
    cwd => [5, $true, []], env => ['A=B', ['A'], { A => [] }, { A => undef }], stdin => [5, {}, $true],
    max_output_bytes => [0, -1, 1.5, 'many', 2 << 20], merge_stderr => ['maybe', 2, []], raw => ['raw', {}]);
for my $name (sort keys %bad) {
	for my $value (@{ $bad{$name} }) {
		my $r = $s->tool('shell_exec', { command => "touch $home/ran", $name => $value });
		my $said = JSON::PP->new->allow_nonref->encode($value);
		ok $r->{error} && $r->{text} =~ /invalid.*(?:$name[.A]*: expected .*, got |missing $name)/ && !-e "$home/ran",
		    "$name: $said is refused by name"
		    or diag $r->{text};
	}
}
my $long = 'a' . 'é' x 300;		# of which no error shows half a character
for ([shell_exec => timeout_seconds => $long], [shell_exec => env => { $long => [] }], [shell_exec => $long => 1],
    [write_file => mode => $long], [write_file => if_match => $long], [write_file => content => $long],
    [list_directory => cursor => $long], [find_files => newer_than => $long]) {
	my ($tool, $name, $value) = @$_;
	my %all = (shell_exec => { command => 'true' }, write_file => { path => "$home/ran", content => '', encoding => 'base64' },
	    list_directory => { path => '.' }, find_files => { glob => '*' });
	my $r = $s->tool($tool, { %{ $all{$tool} }, $name => $value });
	like $r->{text}, qr/invalid.*(?:unknown argument|expected .*, got) [^\x{fffd}]*$/, "$tool: what came is said" . ($name eq $long ? '' : ", $name");
}
is run('echo $PORT $ON', env => { PORT => 8080, ON => $true })->{body}, "8080 true\n", 'a number is its digits';
my $tools = $s->ask(qq({"jsonrpc":"2.0","id":"t","method":"tools/list","params":{$Client::META}}))->{result}{tools};
my %hints = map { $_->{name} => $_->{annotations} } @$tools;
ok $hints{read_file}{readOnlyHint} && !$hints{read_file}{destructiveHint}, 'reading is not called destructive';
ok $hints{shell_exec}{destructiveHint} && !$hints{shell_exec}{readOnlyHint}, 'a shell is';
ok !(grep { scalar(() = %$_) / 2 < 4 } values %hints), 'each tool says all four';

# A client that does not read its answers stops nobody else, and costs no memory.
my $deaf = Session->new(@env);
delete $deaf->{record};
$deaf->begin('shell_exec', { command => "yes | head -c 30000000; echo $_ >>$home/deaf", max_output_bytes => 1000000 })
    for 1 .. 20;
is run('echo hi')->{body}, "hi\n", 'another connection is answered meanwhile';
ok Client::until(60, sub { (-s "$home/deaf" // 0) >= 51 }), 'commands run to their end unheard';
Client::until(20, sub { !Session::matching(qr/head -c 30000000/) });
open my $f, '<', "/proc/$deaf->{pid}/status" or die;
my ($kib) = join('', <$f>) =~ /VmHWM:\s+(\d+)/;
cmp_ok $kib, '<', ($ENV{SAN} ? 400_000 : 60_000), "its server keeps the answers, not the outputs ($kib KiB)";
is scalar(grep { defined $deaf->line(20) } 1 .. 20), 20, 'which are all there when it reads';
open my $great, '>', "$home/great" or die;
print $great 'x' x 1_048_576;
close $great;
$deaf->begin('read_file', { path => "$home/great", limit => 1_048_576 }) for 1 .. 200;
is scalar(grep { defined $deaf->line(20) } 1 .. 200), 200, 'nor does it read what it could not keep the answers of';
open $f, '<', "/proc/$deaf->{pid}/status" or die;
($kib) = join('', <$f>) =~ /VmHWM:\s+(\d+)/;
cmp_ok $kib, '<', ($ENV{SAN} ? 800_000 : 120_000), "200 MiB of them ($kib KiB)";
unlink glob "$home/.local/state/agent-box/output-*";
$began = time;
$s->close_input;
cmp_ok $s->leaves, '<', Client::allowed(0.1, $began), 'a server that has seen all this leaves at once';
done_testing;
