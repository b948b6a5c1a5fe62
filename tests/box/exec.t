#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# shell_exec: what it answers, and that nothing outlives what should have ended it.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $tag = 100000 + $$;			# seconds that only our sleeps sleep
my @env = (env => { HOME => $home });
Client::watch();
my $s = Session->new(@env);

sub run { my ($command, %o) = @_; return $s->tool('shell_exec', { command => $command, %o }); }

# A tree that resists: a session of its own that ignores TERM, a double fork, a stopped process.
sub nasty { my ($n) = @_; return qq{
	setsid sh -c 'trap "" TERM HUP INT; (sleep $n & ) ; sleep $n; sleep $n' &
	sh -c 'sh -c "sleep $n & sleep $n" & ' &
	sleep $n & kill -STOP \$!
	trap "" TERM; sleep $n; sleep $n }; }

# Answers.
my $r = run('echo hi');
is $r->{error}, 0, 'a command that succeeds is no error';
like $r->{head}, qr/^exit 0 · \d+ ms · stdout 3 B · stderr 0 B · cpu \d+ ms · peak [\d.]+ MiB$/, 'the first line has the facts';
is $r->{body}, "hi\n", 'then its output';
is_deeply [ @{ $r->{facts} }{qw(exit_code signal timed_out left_running)} ], [ 0, undef, JSON::PP::false, [] ],
    'typed facts are in _meta';
ok !exists $r->{facts}{stdout}{text}, 'the payload is carried once';
ok !exists $r->{raw}{structuredContent}, 'no structuredContent, which some clients would show instead';

my $u = run('i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; head -c 3000000 /dev/zero >big; sync big')->{facts}{usage};
cmp_ok $u->{cpu_ms}, '>', 20, 'usage: time';
cmp_ok $u->{write_bytes}, '>=', 3000000, 'what was written';
like "$u->{read_bytes} $u->{peak_memory_from}", qr/^\d+ (largest process|cgroup)$/, 'read, and where the peak is from';
$u = run(q{perl -e '$x = "a"; $x x= 40000000; fork; wait'; (sh -c "perl -e '\$x = 1; \$x x= 30000000; 1 while \$i++ < 3000000' &"); sleep 1})
    ->{facts}{usage};
cmp_ok $u->{peak_memory_bytes}, '>', 40000000, 'memory of the largest';
cmp_ok $u->{peak_memory_bytes}, '<', 120000000, 'and no more';
cmp_ok $u->{cpu_ms}, '>', 30, 'of a child that was left by its parent too';

$r = run('echo out; echo err >&2; exit 7');
is "$r->{error} $r->{facts}{exit_code}", '0 7', 'a status other than 0 is an answer';
is $r->{body}, "out\n[stderr]\nerr\n", 'standard error follows standard output';
is run('echo a; echo b >&2; echo c', merge_stderr => JSON::PP::true)->{body}, "a\nb\nc\n",
    'merge_stderr keeps the order';
is run('kill -SEGV $$')->{facts}{signal}, 'SEGV', 'a signal is named';
is run('cat', stdin => "x\ny")->{body}, "x\ny", 'stdin is what was given';
is run('cat; echo end')->{body}, "end\n", 'without it there is none';
is run('cat | wc -c', stdin => 'x' x 3_000_000)->{body}, "3000000\n", 'a long one is read whole';
is run('true', stdin => 'x' x 3_000_000)->{error}, 0, 'and need not be read';
is run('pwd')->{body}, "$home\n", 'it starts in the home directory';
is run('pwd', cwd => '/usr')->{body}, "/usr\n", 'or where it is told';
mkdir "$home/sub";
is run('pwd', cwd => 'sub')->{body}, "$home/sub\n", 'a relative cwd is below home';
$r = run('pwd', cwd => "$home/sup");
like $r->{text}, qr/not_found.*named alike in it: sub/, 'a cwd that is not there: the error says what is';
is run('env | cut -d= -f1 | sort | tr "\n" " "', env => { X => '1' })->{body},
    'HOME LANG LOGNAME PATH PWD SHELL TERM USER X ', 'a clean environment and what was added';
is run('-x')->{facts}{exit_code}, 127, 'a command that begins with - is a command';
is run('echo "$0 $#"; tty', raw => JSON::PP::true)->{body}, "sh 0\nnot a tty\n", 'no terminal, no arguments';
like $s->tool('shell_exec', {})->{text}, qr/missing command/, 'a missing argument is named';
like $s->tool('shell_exec', { command => 'x', no_such => 'kill' })->{text}, qr/unknown argument/,
    'what there is not is unknown';
like run('x', timeout_seconds => 601)->{text}, qr/timeout_seconds.*600.*601/, 'a value out of range is named';
is run('echo hi', timeout_seconds => '5', wait_for_previous => JSON::PP::true)->{body}, "hi\n",
    'a number as text and a field that clients inject are taken';
is run('ls /proc/self/fd | wc -l')->{body}, "4\n", 'it gets no descriptor of ours';
like run('ps -o sid= -p $$; echo $$')->{body}, qr/^\s*(\d+)\n\1\n/, 'it is a session of its own';

$r = run('kill -37 $$');
is "$r->{facts}{signal} $r->{head}" =~ s/ \xb7.*//r, 'RTMIN+3 signal RTMIN+3', 'a signal without a name of its own is named';

# Ends.
my $t = time;
$r = run("sleep $tag & echo hi");
cmp_ok time - $t, '<', Client::allowed(0.2, $t), 'a call ends when its command ends';
is scalar @{ $r->{facts}{left_running} }, 1, 'and says what runs on';
ok kill(0, $r->{facts}{left_running}[0]), 'which does run on';
$r = run("(while echo a line of noise; do echo >>$home/beat; done) & echo hi");
like $r->{body}, qr/hi\n/, 'also when what runs on writes without end';
ok Client::until(10, sub { (-s "$home/beat" // 0) > 10000 }), 'which neither blocks nor dies of that';
run("kill -9 $r->{facts}{left_running}[0]");

$t = time;
$r = run("echo before; " . nasty($tag . 1), timeout_seconds => 1);
cmp_ok time - $t, '<', Client::allowed(2, $t), 'a timeout answers at once';
is $r->{error}, 1, 'as an error';
like $r->{head}, qr/^timed out after 1 s, killed/, 'its first line says so';
like $r->{body}, qr/^before/, 'with what was written so far';
my $e = eval { JSON::PP->new->decode((split /\n/, $r->{text})[-1])->{error} } // {};
is $e->{code}, 'timeout', 'its last line is the error';
like $e->{message}, qr/^timed out after 1 s; /, 'what it means';
like $e->{hint}, qr/on_timeout=background/, 'and what to do';
like run('printf ended; sleep ' . $tag, timeout_seconds => 1)->{body}, qr/\Aended\n\{"error":/, 'a line of its own';
like run('sleep ' . $tag, timeout_seconds => 0.1)->{body}, qr/\A\{"error":/, 'where nothing was written too';
is join(' ', Session::matching(qr/sleep ${tag}1/)), '', 'and nothing of its tree is left';

my $left = 0;
for my $round (1 .. 10) {
	my @ids = map { $s->begin('shell_exec', { command => nasty($tag . 2), timeout_seconds => 0.2 }) } 1 .. 10;
	$s->result($_) for @ids;
	$left += Session::matching(qr/sleep ${tag}2/);
}
is $left, 0, 'a hundred timeouts leave no process';

$r = run('kill -9 $PPID; sleep ' . $tag . 3, timeout_seconds => 5);
like $r->{text}, qr/supervisor was killed/, 'a command that kills its supervisor is an error';
is scalar Session::matching(qr/sleep ${tag}3/), 0, 'and is killed';
$t = time;
$r = run('kill -STOP $PPID; sleep ' . $tag . 7, timeout_seconds => 0.3);
cmp_ok time - $t, '<', Client::allowed(4, $t), 'one that stops its supervisor gains no time';
is scalar Session::matching(qr/sleep ${tag}7/), 0, 'and is killed';

$t = time;
$r = run('b() { [ $1 -gt 7 ] || { b $(($1+1)) & b $(($1+1)) & }; sleep ' . $tag . '4; }; b 1', timeout_seconds => 1);
cmp_ok time - $t, '<', Client::allowed(5, $t), 'a bush of 255 processes is killed';
is scalar Session::matching(qr/sleep ${tag}4/), 0, 'whole';

# Cancel: nothing is answered, the server goes on, TERM at once and KILL after two seconds.
my @ids = map { $s->begin('shell_exec', { command => nasty($tag . 5), timeout_seconds => 60 }) } 1 .. 100;
my $gentle = $s->begin('shell_exec', { command => "trap 'touch $home/term; exit' TERM; sleep ${tag}6 & echo >$home/up; wait" });
ok Client::until(60, sub { $s->pump(0.2); -e "$home/up" && Session::matching(qr/sleep ${tag}5/) > 300 }), 'a hundred trees and one more';
$s->pump(0.3);
$t = time;
$s->cancel($_) for @ids, $gentle;
is $s->tool('read_file', { path => '/etc/hostname' }, 2)->{error}, 0, 'the server answers while it ends them';
cmp_ok time - $t, '<', Client::allowed(1.5, $t), 'without waiting';
my $took = Session::gone(qr/sleep ${tag}[56]/);
cmp_ok $took, '<', Client::allowed(3.5, $t), 'a hundred cancelled trees are gone';
ok -e "$home/term", 'a command hears TERM first';
$s->pump(0.3);
ok !(grep { $s->{answers}{$_} } @ids, $gentle), 'a cancelled call is not answered';

# A command that has stopped its supervisor, which then hears nothing by itself.
my @stopped = map { $s->begin('shell_exec', { command => "kill -STOP \$PPID; touch $home/stop$_; sleep ${tag}8", timeout_seconds => 60 }) } 1 .. 5;
Client::until(10, sub { 5 == (() = glob "$home/stop*") }) or diag 'not all have begun';
$t = time;
$s->cancel($_) for @stopped;
cmp_ok Session::gone(qr/sleep ${tag}8/), '<', Client::allowed(3.5, $t), 'cancelled, it is gone as well';
$s->pump(0.3);
ok !(grep { $s->{answers}{$_} } @stopped), 'without an answer';
my $cut = Session->new(@env);
$cut->begin('shell_exec', { command => "kill -STOP \$PPID; touch $home/cut; sleep ${tag}9", timeout_seconds => 60 });
Client::until(10, sub { -e "$home/cut" });
$t = time;
$cut->close_input;
cmp_ok Session::gone(qr/sleep ${tag}9/), '<', Client::allowed(3.5, $t), 'so is one whose connection ends';
$cut->leaves;

# Whoever ends all processes ends a call's a moment before the server: that is no answer, unless the server stays.
sub without_worker {
	my $own = Session->new(@env);
	my $id = $own->begin('shell_exec', { command => "sleep ${tag}8", timeout_seconds => 60 });
	$own->pump(0.05) until Session::matching(qr/^sleep ${tag}8/);
	kill 'TERM', split ' ', `pgrep -P $own->{pid}`;
	return ($own, $id);
}
my ($own, $id) = without_worker();
$r = $own->result($id);
like $r->{text}, qr/"code":"bug","message":"shell_exec: ended without an answer \(signal 15\)"/, 'a call that is ended by TERM is answered';
ok $own->ping, 'by a server that lives on';
for my $end (sub { kill 'TERM', $_[0]{pid} }, sub { $_[0]->close_input }, sub { $_[0]->cancel($_[1]); $_[0]->ping; $_[0]->close_input }) {
	($own, $id) = without_worker();
	ok !$own->pump(0.02, $id), 'not at once';
	$end->($own, $id);
	cmp_ok $own->leaves, '<', Client::allowed(0.1), 'a server that is ended meanwhile leaves at once';
	ok !$own->pump(1, $id), 'and answers no such thing';
}
cmp_ok Session::gone(qr/^sleep ${tag}8/), '<', Client::allowed(3.5), 'nor is its command left';

# Some callers ignore their children: exit statuses and usage must not be lost.
my $childless = Session->new(@env, command => [ $^X, '-e', '$SIG{CHLD} = "IGNORE"; exec @ARGV', $Session::program ]);
$r = $childless->tool('shell_exec', { command => 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 7' });
is $r->{facts}{exit_code}, 7, 'below a caller that ignores its children a status is heard of';
cmp_ok $r->{facts}{usage}{cpu_ms}, '>', 20, 'and what it used';
my $kept = $childless->tool('process_start', { command => 'exit 5' })->{data}{id};
is $childless->tool('process_wait', { id => $kept, until => 'exit', timeout_seconds => 10 })->{data}{reason}, 'exit 5',
    'also of a process';

# Many at once.
@ids = map { $s->begin('shell_exec', { command => "sleep 1; echo $_" }) } 1 .. 200;
is $s->tool('read_file', { path => '/etc/hostname' })->{error}, 0, 'a read answers among 200 commands';
ok +(grep { !$s->{answers}{$_} } @ids), 'before they end';
is_deeply [ map { $s->result($_)->{body} } @ids ], [ map { "$_\n" } 1 .. 200 ], '200 commands run together';

# Progress.
$id = $s->begin('shell_exec', { command => 'for i in 1 2 3 4; do echo $i; sleep 0.4; done' }, token => 0);
$s->result($id);
my @p = @{ $s->{progress}{0} || [] };
cmp_ok scalar @p, '>=', 2, 'progress is told with a token, also 0';
cmp_ok scalar @p, '<=', 17, 'at most ten a second';
ok !(grep { $p[$_]{progress} <= $p[ $_ - 1 ]{progress} } 1 .. $#p), 'it only grows';
like $p[-1]{message}, qr/\d B$/, 'and says how much was written';

# The ends of the connection.
ok kill(0, Session::matching(qr/sleep $tag /)), 'what was left running runs until the end';
$s->begin('shell_exec', { command => nasty($tag . 7), timeout_seconds => 60 });
ok Client::until(20, sub { $s->pump(0.2); Session::matching(qr/sleep ${tag}7/) > 4 }), 'beside a tree that resists';
$t = time;
$s->close_input;
cmp_ok $s->leaves, '<', Client::allowed(0.3, $t), 'at end of input the server leaves at once';
is $s->{status}, 0, 'with status 0';
cmp_ok Session::gone(qr/sleep $tag/), '<', Client::allowed(2.6, $t), 'and its commands are gone soon after';

for my $signal (qw(TERM KILL)) {
	my $most = 0;
	$t = time;
	for my $round (1, 2) {
		my @all = map { Session->new(@env) } 1 .. 50;
		for (@all) {
			$_->begin('shell_exec', { command => nasty($tag . 8), timeout_seconds => 60 });
			$_->tool('shell_exec', { command => "(setsid sleep ${tag}8 &) &" }) if $round == 1;
		}
		$_->pump(0.02) for @all;
		kill $signal, $_->{pid} for @all;
		$_->leaves for @all;
		my $gone = Session::gone(qr/sleep ${tag}8/);
		$most = $gone if $gone > $most;
	}
	is scalar Session::matching(qr/sleep ${tag}8/), 0, "a hundred servers ended by $signal leave no process";
	cmp_ok $most, '<', Client::allowed(3.5, $t), 'within the grace';
}
kill 'KILL', Session::matching(qr/sleep $tag/);
done_testing;
