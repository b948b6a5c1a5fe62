#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Processes that outlive the connection: what every tool answers, what a cursor promises, and what becomes of them
# when the connection, the server, the keeper or the disk fails.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Encode qw(encode_utf8 decode_utf8);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $state = "$home/.local/state/agent-box/process";
my $tag = 200000 + $$;			# seconds that only our sleeps sleep
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my @env = (env => { HOME => $home });
Client::watch();
my $s = Session->new(@env);
my $seed = $ENV{SEED} // time ^ $$;
srand $seed;
diag "SEED=$seed";
$SIG{$_} = sub { exit 1 } for qw(TERM INT HUP);
END {
	local $?;
	for (grep { $_->{state} eq 'running' || $_->{left_running} } $s ? @{ tool('list')->{data}{processes} || [] } : ()) {
		tool('kill', id => $_->{id}, signal => 'KILL');
	}
	kill 'KILL', Session::matching(qr/sleep $tag/) if defined $tag;
}

sub tool { my ($tool, %args) = @_; return $s->tool("process_$tool", \%args, 70); }
sub start {
	my ($command, %o) = @_;
	my $r = tool('start', command => $command, %o);
	return $r->{data}{id} // die "start: $r->{text}";
}
sub over { my ($id) = @_; return tool('wait', id => $id, until => 'exit', timeout_seconds => 30)->{data}; }
sub listed { my ($id) = @_; my ($p) = grep { $_->{id} eq $id } @{ tool('list')->{data}{processes} }; return $p; }
sub slurp { my ($path) = @_; open my $f, '<:raw', $path or return ''; local $/; return scalar <$f>; }
sub record { my ($id) = @_; return JSON::PP->new->decode(slurp("$state/$id/record")); }
sub alive { return scalar grep { slurp("/proc/$_/stat") !~ /\) Z/ && -e "/proc/$_" } @_; }

# Start, list, read.
my $t = time;
my $r = tool('start', command => 'echo out; echo err >&2; printf "%s" "$X"; pwd; read x; exit 3', name => 'first',
    cwd => '/usr', env => { X => 'y' });
cmp_ok time - $t, '<', 5, 'process_start answers at once';
is_deeply [ sort keys %{ $r->{data} } ], [ qw(id log_path name pid) ], 'with id, name, pid and log';
my $id = $r->{data}{id};
is $id, 'p1', 'the id is short';
is_deeply over($id), { met => $true, reason => 'exit 3', state => 'exited', exit_code => 3, next => 14 }, 'it ends';
$r = tool('read', id => $id);
is $r->{head}, 'exit 3 · bytes 0-14 of 14', 'the first line of a read has the facts';
is $r->{body}, "out\nerr\ny/usr\n", 'standard output and error come in order';
is $r->{facts}{next}, 14, 'next is exact';
is slurp("$state/$id/log"), "out\nerr\ny/usr\n", 'the log has the bytes';
my $p = listed($id);
is "$p->{id} $p->{name} $p->{state} $p->{exit_code} $p->{log_bytes}", 'p1 first exited 3 14', 'it is listed';
like "$p->{started} $p->{ended}", qr/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ?){2}$/, 'with its times';
cmp_ok $p->{peak_memory_bytes}, '>', 100000, 'and what it used';
is sprintf('%o', (stat $state)[2] & 07777), '700', 'nobody else may look';
$id = start('kill -SEGV $$');
over($id);
is join(' ', @{ listed($id) }{qw(state signal)}), 'killed SEGV', 'a signal is named';
like tool('start', command => 'x', cwd => '/nowhere')->{text}, qr/not_found/, 'a cwd that is not there is an error';
like tool('read', id => 'first')->{text}, qr/no such process.*p1 \(first\)/, 'a wrong id: the error names those there are';
like tool('read', id => '../p1')->{text}, qr/no such process/, 'an id is no path';
like tool('read', id => 'p1', since => 99)->{text}, qr/past the end of the log, 14/, 'nor does a cursor lie ahead';

# What is shown.
$id = start(q(printf '\033[1mbold\033[0m \377\376 é\000'; sleep 0.2; printf 'x\303'; sleep 0.2; printf '\251z\n'));
over($id);
$r = tool('read', id => $id);
is $r->{text} =~ /bold \x{fffd}\x{fffd} é\x{fffd}xéz\n/ && 1, 1, 'text is UTF-8 without escapes';
like $r->{text}, qr/\[not UTF-8: U\+FFFD stands for bytes, which lie in \Q$state\E/, 'which is said';
is slurp("$state/$id/log"), "\e[1mbold\e[0m \xff\xfe \xc3\xa9\0x\xc3\xa9z\n", 'the log has what was written';
my ($text, $next) = ('', 0);
my $wide = 'aé€😀' x 20;
$id = start("printf '$wide'");
over($id);
for (1 .. 200) {
	$r = tool('read', id => $id, since => $next, limit => 1 + int rand 6);
	$text .= $1 if $r->{body} =~ /\A(.*?)\n?(\[more follows.*)?\z/s;
	last if $r->{facts}{next} == $next;
	$next = $r->{facts}{next};
}
is $text, $wide, 'pages fall between code points, whatever the limit';
my $colored = "\e[1;31maé\e[0m " x 20;
($text, $next) = ('', 0);
$id = start("printf '$colored'");
over($id);
for (1 .. 400) {
	$r = tool('read', id => $id, since => $next, limit => 1 + int rand 9);
	$text .= $1 if $r->{body} =~ /\A(.*?)\n?(\[more follows.*)?\z/s;
	last if $r->{facts}{next} == $next;
	$next = $r->{facts}{next};
}
is $text, 'aé ' x 20, 'and between escape sequences';
$id = start(q(perl -e 'print "\377" x 30000'));
over($id);
$r = tool('read', id => $id);
cmp_ok length encode_utf8($r->{body}), '<=', 20500, 'U+FFFD takes three bytes: a page has fewer of them';
is $r->{facts}{next}, 6666, 'and the cursor stands behind the last';
$id = start(q(perl -e 'print "a" x 9999, "\351", "b" x 20000'));
over($id);
cmp_ok tool('read', id => $id)->{facts}{next}, '>', 19990, 'of a page with one of them it takes no more than its room';
$id = start(q(printf 'caf\351'; exec sleep ) . $tag);
$r = tool('read', id => $id, wait_seconds => 30);
is $r->{facts}{next}, 3, 'what may be half a character waits';
$r = tool('read', id => $id, since => 3, wait_seconds => 0.2);
like $r->{body}, qr/\A\x{fffd}\n/, 'as long as the reader does';
tool('kill', id => $id, signal => 'KILL');

# Waiting.
$id = start('sleep 0.3; echo one; read x; printf "user> "; exec sleep ' . $tag, stdin => $true);
$t = time;
$r = tool('read', id => $id, wait_seconds => 30);
cmp_ok time - $t, '<', 5, 'a read waits for output';
is $r->{body}, "one\n", 'and brings it';
tool('write', id => $id, text => "\n");
$r = tool('wait', id => $id, until => 'output', pattern => '^[a-z]+> $');
is_deeply [ @{ $r->{data} }{qw(met reason next)} ], [ $true, 'output: user> ', 10 ], 'a prompt without newline matches';
is tool('wait', id => $id, until => 'output', pattern => 'on.')->{data}{next}, 7 - 4, 'next stands after the match';
is tool('wait', id => $id, until => 'output', pattern => 'one', since => 4, timeout_seconds => 0.2)->{data}{met}, $false,
    'since: what came before does not match';
is tool('wait', id => $id, until => 'output', pattern => 'never', timeout_seconds => 0.2)->{data}{reason},
    'timed out after 0.2 s', 'a time that is over is an answer';
like tool('wait', id => $id, until => 'output', pattern => '(')->{text}, qr/invalid.*pattern/, 'a bad pattern is an error';
like tool('wait', id => $id, until => 'output', pattern => '((x{1,60}){1,60}){1,60}')->{text}, qr/repeats too much/,
    'one that repeats without measure is refused';
is tool('wait', id => $id, until => 'idle')->{data}{met}, $true, 'one that rests is idle';
$r = tool('read', id => $id, since => 10, wait_seconds => 0.1);
is "$r->{head}/$r->{body}", 'running · bytes 10-10 of 10/', 'nothing new is no error';
my $wait = $s->begin('process_wait', { id => $id, until => 'exit' }, token => 1);
$s->pump(1.2);
cmp_ok scalar @{ $s->{progress}{1} || [] }, '>=', 1, 'progress is told';
$s->cancel($wait);
is tool('list')->{error}, 0, 'a wait can be cancelled';
ok !$s->{answers}{$wait}, 'and is not answered';
$wait = $s->begin('process_wait', { id => $id, until => 'output', pattern => 'never' });
my $other = Session->new(@env);
is $other->tool('process_kill', { id => $id })->{data}{signal}, 'TERM', 'another connection kills it';
is_deeply [ @{ $s->result($wait)->{data} }{qw(met reason)} ], [ $false, 'signal TERM' ], 'which ends the wait';
$id = start('seq 1 99999; printf "\n\0port 8080\r\nx"');
over($id);
for (['^9\d{4}$', 'output: 90000', 528893], ['^12774$', 'output: 12774', 65537], ['^$', 'output: ', 588889],
    ['port \d+$', "output: \x{fffd}port 8080\r", 588899], ['^\w\>', 'output: 1', 1], ['^x$', 'output: x', 588902]) {
	my ($pattern, $reason, $end) = @$_;
	$r = tool('wait', id => $id, until => 'output', pattern => $pattern)->{data};
	is_deeply [ @$r{qw(met reason next)} ], [ $true, $reason, $end ], "$pattern is met in a long log";
}
is tool('wait', id => $id, until => 'output', pattern => '(?i)PORT [0-9]', since => 588894)->{data}{met}, $false, 'once';
$id = start('printf half; read x; printf " line\n"', stdin => $true);
tool('wait', id => $id, until => 'output');
my %half = (id => $id, until => 'output', pattern => '^half line$');
$r = tool('wait', %half, timeout_seconds => 0.1)->{data};
is_deeply [ @$r{qw(met next)} ], [ $false, 0 ], 'next of a wait in vain stands before the line that is not whole';
tool('write', id => $id, text => "\n");
is_deeply [ @{ tool('wait', %half, since => $r->{next})->{data} }{qw(met next)} ], [ $true, 9 ], 'so that it is met by the next';
$id = start('perl -e \'print "x" x 1000, "\n" for 1 .. 8000\'');
over($id);
$r = tool('wait', id => $id, until => 'output', pattern => '(.*x.*x.*x){80}[01]$', timeout_seconds => 0.1)->{data};
like $r->{reason}, qr/before all output was searched/, 'a pattern that takes longer than its time says so';
cmp_ok $r->{next}, '<', 8008000, 'and where to go on';
$id = start('while :; do :; done');
is tool('wait', id => $id, until => 'idle', timeout_seconds => 1.6)->{data}{met}, $false, 'one that works is not idle';
tool('kill', id => $id);

# Ports.
my $listen = 'use IO::Socket::INET; $l = IO::Socket::INET->new(Listen => 99, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die; sleep '
    . $tag;
my $taken = IO::Socket::INET->new(Listen => 99, LocalAddr => '127.0.0.1') or die;
my $free = do { my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die; $l->sockport };
$id = start("sleep 0.3; perl -e '$listen' 0");
like tool('wait', id => $id, until => 'port')->{data}{reason}, qr/^listens on port \d+$/, 'a port of its tree is found';
$r = tool('wait', id => $id, until => 'port', port => $taken->sockport)->{data};
like $r->{reason}, qr/no process of $id is seen to listen/, 'one of somebody else is told apart';
my $second = start("sleep 0.3; perl -e '$listen' $free");
$wait = $s->begin('wait_for_port', { port => $free });
is tool('wait', id => $second, until => 'port', port => $free)->{data}{reason}, "listens on port $free", 'so is a given port';
is $s->result($wait)->{data}{open}, $true, 'wait_for_port';
is $s->tool('wait_for_port', { port => $free, host => 'localhost' })->{data}{open}, $true, 'by name';
tool('kill', id => $_) for $id, $second;
is $s->tool('wait_for_port', { port => $free, timeout_seconds => 0.2 })->{data}{open}, $false, 'and not open is an answer';
like $s->tool('wait_for_port', { port => $free, host => 'no.such.name' })->{text}, qr/not in .etc.hosts/, 'a name nobody knows';
$wait = $s->begin('wait_for_port', { port => $free, timeout_seconds => 60 });
$s->cancel($wait);
is tool('list')->{error}, 0, 'it can be cancelled';

# Writing.
$id = start('cat; echo end', stdin => $true);
is tool('write', id => $id, text => "é\n")->{data}{bytes_written}, 3, 'process_write';
is tool('wait', id => $id, until => 'output')->{data}{met}, $true, 'is read';
is $other->tool('process_write', { id => $id, text => 'bye', eof => $true })->{data}{bytes_written}, 3, 'with eof';
is over($id)->{reason}, 'exit 0', 'it sees the end';
is tool('read', id => $id)->{body}, "é\nbyeend\n", 'of all that was written';
like tool('write', id => $id, text => 'x')->{text}, qr/has ended/, 'one that has ended reads no more';
$id = start("sleep $tag", stdin => $true);
$t = time;
like tool('write', id => $id, text => 'x' x 200000)->{text}, qr/timeout.*took \d+ of 200000 bytes/,
    'one that does not read holds no call for ever';
cmp_ok time - $t, '<', 20, 'but some seconds';
like tool('write', id => 'p1', text => 'x')->{text}, qr/no standard input.*stdin=true/, 'one without stdin says so';
tool('kill', id => $id);

# Ending.
sub nasty { my ($n) = @_; return qq{
	setsid sh -c 'trap "" TERM HUP INT; (sleep $n & ) ; sleep $n; sleep $n' &
	sh -c 'sh -c "sleep $n & sleep $n" & ' &
	sleep $n & kill -STOP \$!
	trap "" TERM; echo ready; sleep $n; sleep $n }; }
$id = start(nasty($tag . 1));
tool('wait', id => $id, until => 'output');
$t = time;
$r = tool('kill', id => $id, grace_seconds => 0.3)->{data};
is_deeply [ @$r{qw(state signal escalated survivors)} ], [ 'killed', 'KILL', $true, [] ], 'a tree that resists is killed';
is scalar Session::matching(qr/sleep ${tag}1/), 0, 'whole';
cmp_ok time - $t, '<', 5, 'after the grace';
is_deeply tool('kill', id => $id)->{data}{survivors}, [], 'killing what has ended is no error';
$id = start("trap 'echo usr' USR1; trap 'echo bye; exit 5' INT; echo ready; while :; do sleep 0.05; done");
tool('wait', id => $id, until => 'output');
$r = tool('kill', id => $id, signal => 'SIGUSR1', grace_seconds => 0)->{data};
is $r->{state}, 'running', 'other signals do not end in KILL';
is $r->{survivors}[0], record($id)->{pid}, 'who survives is named by its pid';
is tool('wait', id => $id, until => 'output', pattern => 'usr')->{data}{met}, $true, 'but arrive';
$r = tool('kill', id => $id, signal => 2)->{data} // tool('kill', id => $id, signal => '2')->{data};
is_deeply [ @$r{qw(state exit_code escalated)} ], [ 'exited', 5, $false ], 'a number is a signal, and an exit code its answer';
like tool('kill', id => $id, signal => 'TREM')->{text}, qr/expected a name or a number, got \\"TREM/, 'a wrong one is named';
$id = start("kill -STOP \$PPID; sleep ${tag}1");
Client::until(5, sub { Session::matching(qr/sleep ${tag}1/) });
is tool('kill', id => $id)->{data}{state}, 'killed', 'one that stopped its keeper gains nothing';
$id = start("sleep ${tag}1 & exit 7");
is over($id)->{reason}, 'exit 7', 'the exit status is the command\'s';
is listed($id)->{left_running}, $true, 'what it left running is said';
like tool('read', id => $id)->{head}, qr/^exit 7 · .* · what it started runs on$/, 'by a read as well';
is tool('wait', id => $id, until => 'port', timeout_seconds => 0.2)->{data}{reason}, 'timed out after 0.2 s', 'and may listen yet';
is_deeply tool('kill', id => $id)->{data}{survivors}, [], 'and can be killed';
is scalar Session::matching(qr/sleep ${tag}1/), 0, 'later';
# qemu's user emulation shows a program other numbers than its real children have.
for ($ENV{EMULATED} ? () : ([34, 'RTMIN'], [37, 'RTMIN+3'])) {
	my ($number, $name) = @$_;
	$id = start("kill -$number \$\$");
	is over($id)->{reason}, "signal $name", "a process ends by $name";
	is listed($id)->{signal}, $name, 'and is listed';
}
$id = start("sleep $tag");
is tool('kill', id => $id, signal => 'SIGRTMIN+3')->{data}{signal}, 'RTMIN+3', 'and sent by that name';
# Between the record of an end and the keeper's own somebody may look: another holds its lock here.
$id = start('true');
over($id);
open my $locked, '<', "$state/$id" or die "$id: $!";
Client::until(5, sub { flock $locked, 6 }) or die "$id: its keeper has not gone";
is listed($id)->{left_running}, undef, 'of one that left nothing nothing is said, while its keeper is about to go';
is tool('read', id => $id)->{head}, 'exit 0 · bytes 0-0 of 0', 'by a read neither';
close $locked;

# shell_exec that takes longer than it may.
$r = $s->tool('shell_exec', { command => 'seq 1 30000; echo err >&2; sleep 4; seq 30001 60000; exit 9',
    timeout_seconds => 2, on_timeout => 'background' });
is $r->{error}, 0, 'on_timeout=background is no error';
$id = $r->{facts}{process_id};
like $r->{head}, qr/^runs on as $id \(process_read since 168898\)/, 'it runs on as a process';
is $r->{facts}{timed_out}, $true, 'which the facts say too';
is over($id)->{exit_code}, 9, 'its exit status is kept';
($text, $next) = ('', 0);
while (($r = tool('read', id => $id, since => $next, limit => 100000))->{facts}{next} > $next) {
	$text .= $r->{body} =~ s/\n?\[more follows.*\n\z//sr if $r->{body} =~ /\[more/;
	$text .= $r->{body} if $r->{body} !~ /\[more/;
	$next = $r->{facts}{next};
}
is $next, 168894 + 4 + 180000, 'all it wrote is there';
is sha256_hex(slurp("$state/$id/log")), sha256_hex(join('', map { "$_\n" } 1 .. 30000) . "err\n"
    . join('', map { "$_\n" } 30001 .. 60000)), 'from byte 0, in order';
is $s->tool('shell_exec', { command => 'echo quick', on_timeout => 'background' })->{body}, "quick\n", 'in time it is as ever';
ok !listed('p' . (substr($id, 1) + 1)), 'and leaves no process';

# The log's bound.
my $made = 'use strict; my $n = shift; my $i = 0; while ($n > 0) { my $l = sprintf("%07d ", $i++) . ("x" x ($i % 90)) . "\n"; '
    . '$l = substr $l, 0, $n if length $l > $n; print $l; $n -= length $l }';
sub whole { my ($n) = @_; open my $f, '-|', 'perl', '-e', $made, $n or die; local $/; return scalar <$f>; }
$id = start("perl -e '$made' 30000000");
is over($id)->{exit_code}, 0, 'one that writes much';
my $kept = 0;
$kept += -s for grep { !-l } glob "$state/$id/log*";
cmp_ok $kept, '<=', 16 << 20, 'costs bounded disk';
cmp_ok $kept, '>', 8 << 20, 'but the newest 8 MiB are kept';
$r = tool('read', id => $id);
like $r->{head}, qr/ · (\d+) bytes before these are gone$/, 'what rotation dropped is said';
is $r->{facts}{lost_bytes}, 30000000 - $kept, 'exactly';
my $whole = whole(30000000);
is $r->{body} =~ s/\n\[more.*//sr, substr($whole, 30000000 - $kept, 20000) =~ s/\n\z//r, 'then come the right bytes';
is tool('read', id => $id, since => 29999990)->{body}, substr($whole, -10), 'a cursor means the same byte for ever';
$id = start(q(perl -e 'print "\342\202\254" x 6500000'));
over($id);
$r = tool('read', id => $id, limit => 30);
is $r->{text} =~ s/^.*\n//r =~ s/\n\[more.*//sr, '€' x 10, 'half a character that rotation left is not shown';
is $r->{facts}{lost_bytes}, (8 << 20) + 1, 'and counted as lost';

# What is no log.
$id = start("printf abc; mkfifo $state/\$name/log.99; exec sleep $tag", env => { name => 'p' . (substr($id, 1) + 1) });
ok Client::until(5, sub { -p "$state/$id/log.99" && -s "$state/$id/log.0" }), 'a FIFO among the files of a log';
is listed($id)->{log_bytes}, 3, 'holds up no list';
is tool('read', id => $id)->{body}, 'abc', 'and hides nothing';
tool('kill', id => $id);

$id = start('read x', stdin => $true);
unlink "$state/$id/next" or die "next: $!";
system("mkfifo $state/$id/next") == 0 or die;
tool('write', id => $id, text => "\n");
is over($id)->{reason}, 'exit 0', 'and one where the record will be written keeps no end from it';

# Cuts.
my $size = $ENV{CNT_LONG} ? 10_000_000 : 3_000_000;
$whole = whole($size);
$id = start("perl -e '$made' $size");
my ($got, $cuts) = ('', 0);
my @cuts = sort { $a <=> $b } map { int rand $size * 0.9 } 1 .. 25;
my $c = Session->new(@env);
while (length $got < $size) {
	my $call = $c->begin('process_read', { id => $id, since => length $got, limit => 1 + int rand $size / 20,
	    wait_seconds => 10 });
	if (@cuts && length $got >= $cuts[0]) {
		shift @cuts;
		$cuts++;
		$c->pump(rand 0.004);
		kill 'KILL', $c->{pid} if $cuts % 2;
		$c->close_input;
		$c = Session->new(@env);
		next;
	}
	$r = $c->result($call);
	last if $r->{error};
	my $n = $r->{facts}{next} - length $got;
	$got .= substr $r->{body}, 0, $n;
}
is sha256_hex($got), sha256_hex($whole), "a read resumed after $cuts cuts is exact";
is $cuts, 25, 'all of them were made';
undef $got; undef $whole;

# The end of the connection.
for my $way (qw(close TERM KILL)) {
	my $c = Session->new(@env);
	my $id = $c->tool('process_start', { command => "echo up; read x; echo \$x; sleep ${tag}2", stdin => $true })->{data}{id};
	$c->tool('process_wait', { id => $id, until => 'output' });
	my $tree = $way eq 'KILL' ? nasty($tag . 3) : "sleep ${tag}3 & setsid sleep ${tag}3 & sleep ${tag}3";
	$c->begin('shell_exec', { command => $tree, timeout_seconds => 60 });
	ok Client::until(20, sub { $c->pump(0.05); Session::matching(qr/sleep ${tag}3/) > 2 }), "$way: a shell_exec runs";
	$way eq 'close' ? $c->close_input : kill $way, $c->{pid};
	$t = time;
	$c->line(5) until $c->{eof} || time > $t + 5;
	cmp_ok time - $t, '<', Client::allowed(3, $t), "$way: the client sees the end of output";
	$c->leaves;
	cmp_ok Session::gone(qr/sleep ${tag}3/), '<', 5, 'no child of a shell_exec is left';
	is tool('write', id => $id, text => "on\n")->{data}{bytes_written}, 3, 'what process_start started hears another connection';
	is tool('wait', id => $id, until => 'output', pattern => '^on$')->{data}{met}, $true, 'and answers';
	is tool('kill', id => $id)->{data}{state}, 'killed', 'and ends when told to';
}
$id = start(nasty($tag . 2));
tool('wait', id => $id, until => 'output');
my $keeper = record($id)->{keeper};
my @fds = map { readlink } glob "/proc/$keeper/fd/*";
is scalar(grep { !m{^(/dev/null|anon_inode:.*|socket:.*|pipe:.*|\Q$state\E.*)$} } @fds), 0, 'a keeper has its own descriptors only';
cmp_ok scalar @fds, '<', 10, 'and few';

# Its keeper is killed.
my $pid = record($id)->{pid};
kill 'KILL', $keeper;
ok Client::until(5, sub { listed($id)->{state} eq 'unknown' }), 'without a keeper the state is unknown';
is listed($id)->{reason}, 'its keeper was killed', 'and says why';
$r = tool('read', id => $id);
like $r->{head}, qr/^unknown \(its keeper was killed\) · bytes 0-6 of 6$/, 'so does a read';
$r = tool('wait', id => $id, until => 'exit', timeout_seconds => 5)->{data};
is "$r->{met} $r->{reason}", '0 unknown (its keeper was killed)', 'and a wait';
ok kill(0, $pid), 'the command may run on';
is_deeply [ @{ tool('kill', id => $id, grace_seconds => 0.2)->{data} }{qw(state survivors)} ], [ 'unknown', [] ],
    'its session and what descends from it are found and killed';
ok !alive($pid), 'the command';
is scalar(grep { slurp("/proc/$_/stat") =~ /\) \S \d+ \d+ $pid / } Session::matching(qr/sleep ${tag}2/)), 0, 'and its session';
kill 'KILL', Session::matching(qr/sleep ${tag}2/);

# A record of another time.
$id = start("sleep ${tag}2");
($keeper, $pid) = @{ record($id) }{qw(keeper pid)};
kill 'KILL', $keeper;
Client::until(5, sub { listed($id)->{state} eq 'unknown' });
my $bytes = slurp("$state/$id/record");
sub rewritten { my ($from, $to) = @_; open my $f, '>', "$state/$id/record"; print $f $bytes =~ s/$from/$to/r; close $f; }
rewritten(qr/"boot":"[^"]*"/, '"boot":"0"');
is listed($id)->{reason}, 'rebooted', 'after a reboot it says so';
is_deeply tool('kill', id => $id)->{data}{survivors}, [], 'and its pid is nobody\'s';
ok alive($pid), 'nor is it signalled';
rewritten(qr/"pid_start":\d+/, '"pid_start":1');
tool('kill', id => $id);
ok alive($pid), 'a pid with another start time is another process';
rewritten(qr/"pid":/, '"pid":-');
like tool('read', id => $id)->{text}, qr/record: pid makes no sense/, 'a damaged record is an error';
is tool('list')->{error}, 0, 'that hides no other';
kill 'KILL', $pid;

# Another life of the box: a pid namespace that ends.
system("unshare -pf --mount-proc sh -c 'HOME=$home $Session::program process_start --command \"echo x; sleep ${tag}4\" --json' "
    . ">$home/started") == 0 or die;
$id = JSON::PP->new->decode(slurp("$home/started"))->{id};
is "@{ listed($id) }{qw(state reason)}", 'unknown restarted', 'what died with its box says so';
is scalar Session::matching(qr/sleep ${tag}4/), 0, 'and has died';

# Together.
$t = time;
my @starts = map { $s->begin('process_start', { command => "echo $_; read x; echo \$x", stdin => $true }) } 1 .. 50;
my @ids = map { $s->result($_)->{data}{id} } @starts;
is scalar(keys %{ { map { $_ => 1 } @ids } }), 50, '50 processes start at once';
my @writes = map { ($_ % 2 ? $s : $other)->begin('process_write', { id => $ids[$_], text => "to $_\n" }) } 0 .. 49;
($_ % 2 ? $s : $other)->result($writes[$_]) for 0 .. 49;
is scalar(grep { over($ids[$_])->{reason} ne 'exit 0' } 0 .. 49), 0, 'all end';
is scalar(grep { tool('read', id => $ids[$_])->{body} ne ($_ + 1) . "\nto $_\n" } 0 .. 49), 0, 'each with its own output';
$id = start(nasty($tag . 5));
tool('wait', id => $id, until => 'output');
my @kills = map { $_->begin('process_kill', { id => $id, grace_seconds => 0.2 }) } $s, $other;
is_deeply [ map { $_->result(shift @kills)->{data}{state} } $s, $other ], [ 'killed', 'killed' ], 'two connections kill one';
my @all = @{ tool('list')->{data}{processes} };
is $all[0]{id}, $id, 'the newest is listed first';
$s->result($_) for map { $s->begin('process_start', { command => 'true' }) } 1 .. 60;
ok Client::until(30, sub { !grep { $_->{state} eq 'running' } @{ tool('list')->{data}{processes} } }), '60 more end';
start('true');
my @dirs = glob "$state/p*";
cmp_ok scalar @dirs, '<=', 52, 'old records are removed';
ok !-e "$state/p1", 'the oldest first';

# Who only looks makes nothing.
my $bare = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $looks = Session->new(env => { HOME => $bare });
is_deeply $looks->tool('process_list', {})->{data}{processes}, [], 'where nothing was started there are none';
like $looks->tool('process_read', { id => 'p1' })->{text}, qr/p1: no such process/, 'by any id';
is join(' ', glob "$bare/{*,.[a-z]*}"), '', 'and asking for them leaves nothing in the home directory';

# The state directory is somebody else's.
my $theirs = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
system("mkdir -p $theirs/.local/state/agent-box; chown 65534 $theirs/.local/state/agent-box");
$r = Session->new(env => { HOME => $theirs })->tool('process_start', { command => 'true' });
like $r->{text}, qr{/.local/state/agent-box.*not permitted}, 'a state directory of another user is refused';

# A full disk, no /proc, no HOME: in a mount namespace.
sub in_namespace {
	my ($script, @more) = @_;
	open my $f, '>', "$home/script" or die;
	print $f "A=$Session::static; H=$home/ns; mkdir -p \$H; export HOME=\$H\n$script";
	close $f;
	return scalar `unshare -m @more --propagation private sh $home/script 2>&1`;
}
$text = in_namespace(q{
	mount -t tmpfs -o size=1m none $H
	$A process_start --command 'echo begin; head -c 3000000 /dev/zero | tr "\0" x; echo end >&2; exit 6' >/dev/null
	$A process_wait --id p1 --until exit
	$A process_read --id p1 --since 900000
	$A process_read --id p1 --since 3000000
	rm -f $H/.local/state/agent-box/process/p1/log.0
	$A process_list
});
like $text, qr/reason +exit 6/, 'a full disk stops no process, and its end is recorded';
like $text, qr/log could not be written from byte \d+ on: no room/, 'that the log stopped is said';
like $text, qr/3000010/, 'and how much there would be';
$text = in_namespace(q{
	mount -t tmpfs -o size=1m none $H
	$A process_start --command 'head -c 2000000 /dev/zero | tr "\0" x; read go; sleep 1.2; echo; echo again' --stdin >/dev/null
	$A process_wait --id p1 --until idle >/dev/null
	turns() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/$(sed 's/.*"keeper":\([0-9]*\).*/\1/' record)/status; }
	cd $H/.local/state/agent-box/process/p1; before=$(turns)
	$A process_wait --id p1 --until output --pattern never --timeout-seconds 0.3
	echo turns $(($(turns) - before)).; cd /
	dd if=/dev/zero of=$H/.local/state/agent-box/process/p1/log.0 bs=1000 count=0 seek=10 2>&1 | grep -v records
	truncate -s 1000 $H/.local/state/agent-box/process/p1/log.0
	$A process_write --id p1 --text 'go
' >/dev/null
	$A process_wait --id p1 --until exit
	$A process_read --id p1 --since 500000 --json
});
like $text, qr/timed out after 0.3 s.*^turns \d\d?\.$/ms, 'nobody turns round and round for what could not be kept';
like $text, qr/reason +exit 0/, 'when there is room again';
like $text, qr/"text":"\\nagain\\n".*"lost_bytes":1500000/, 'the log goes on, and the gap is counted';
$text = in_namespace(q{
	mount -t tmpfs -o size=64k none $H
	head -c 1000000 /dev/zero >$H/full 2>/dev/null
	$A process_start --command "echo ran >$H.ran"
	sleep 0.2; ls $H.ran 2>&1
});
like $text, qr/No space left.*cannot access/s, 'where there is no room for its record nothing is started';
$text = in_namespace(q{
	mount -t tmpfs none /proc
	$A process_start --command 'echo no proc; sleep 1000' >/dev/null
	$A process_wait --id p1 --until output
	$A process_kill --id p1 --json
	$A process_read --id p1
});
like $text, qr/met +yes.*"signal":"TERM".*no proc\n/s, 'without /proc it works';
$text = in_namespace(q{
	mount -t proc -o hidepid=2 proc /proc
	chmod 711 ${H%/*}
	mount -t tmpfs -o mode=700,uid=65534 none $H
	A="setpriv --reuid 65534 --regid 65534 --clear-groups $A"
	$A process_start --command 'echo hidden; setsid sleep 1000 & sleep 1000' >/dev/null
	$A process_wait --id p1 --until idle
	$A process_kill --id p1 --json
	$A process_start --command 'setsid sleep 1000 & sleep 1000' >/dev/null
	kill -9 $(sed -n 's/.*"keeper":\([0-9]*\).*/\1/p' $H/.local/state/agent-box/process/p2/record)
	$A process_wait --id p2 --until exit
	$A process_kill --id p2 --json
}, '-pf');
like $text, qr/met +yes.*"signal":"TERM".*keeper was killed.*"survivors":\[\]/s, 'so it does for a user from whom /proc hides the rest';
$text = in_namespace(qq{
	sed "s,^root:.*,root:x:0:0::\$H/r:/bin/sh," /etc/passwd >\$H/passwd; mkdir -p \$H/r
	mount --bind \$H/passwd /etc/passwd
	env -i \$A process_start --command true
});
like $text, qr{log_path +\Q$home\E/ns/r/.local/state}, 'without HOME the user\'s own is taken';
done_testing;
