#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# cnt mcp over one connection: verbs in programs of their own, the tools of boxes through one agent-box
# a box, and the relay between a box and us. Real boxes, in the run's instance.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
my $mcp = "$build/bin/cnt-mcp";
$ENV{PATH} = "$build/bin:/usr/sbin:/usr/bin:/sbin:/bin";
my ($own, $A, $B) = (undef, "t$$-a", "t$$-b");

if (!$ENV{CNT_ROOT}) {
	chomp($own = `sh $FindBin::Bin/../instance make`);
	$ENV{CNT_ROOT} = $own;
}
END {
	local $?;
	system "cnt delete --force $A $B >/dev/null 2>&1";
	system "sh $FindBin::Bin/../instance unmake >/dev/null 2>&1" if $own;
}

Client::watch();
my $c = Client->start($mcp);
my $id = 100;
my $at_once = $ENV{SAN} ? 1 : 0.12;

# The answer's result and, when it is an error, what its text says.
sub result {
	my ($tool, $arguments, $client) = @_;
	($client // $c)->call(++$id, $tool, $arguments);
	my $r = ($client // $c)->answer($id, 30);
	return ($r->{result}, $r->{result}{isError} ? decode_json($r->{result}{content}[0]{text})->{error} : undef);
}

sub shell {
	my ($box, $command, $client) = @_;
	my ($r) = result('shell_exec', encode_json({ box => $box, command => $command }), $client);
	return $r->{content}[0]{text} // '';
}

# Processes anywhere whose command line is exactly this.
sub running { my ($command) = @_; return split /\n/, `pgrep -xf '$command'` }

sub begin {
	my ($box, $command, $client) = @_;
	($client // $c)->call(++$id, 'shell_exec', encode_json({ box => $box, command => $command }));
	return Client::until(10, sub { running($command) });
}

subtest 'the catalogue' => sub {
	my %list;
	for my $sets ('platform', 'box', 'platform,box') {
		my $d = Client->start($mcp, '--tools', $sets);
		$d->say(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}));
		$list{$sets} = $d->answer(1)->{result}{tools};
	}
	my %tool = map { $_->{name} => $_ } @{ $list{'platform,box'} };
	is(scalar keys %tool, @{ $list{platform} } + @{ $list{box} }, 'both sets');
	ok(exists $tool{create_container} && exists $tool{shell_exec}, 'verbs and tools of boxes');
	for my $t (@{ $list{box} }) {
		is($t->{inputSchema}{required}[0], 'box', "$t->{name} requires a box");
	}
	ok(!exists $_->{inputSchema}{required} || ref $_->{inputSchema}{required} eq 'ARRAY', $_->{name})
	    for @{ $list{platform} };
	my @said = map { my $t = $_; ("$t->{name}: $t->{description}", map { "$t->{name}: $_: " .
	    ($t->{inputSchema}{properties}{$_}{description} // '') } keys %{ $t->{inputSchema}{properties} }) } values %tool;
	is(join("\n", grep { /standard input|repeatable|--[a-z]/ } @said), '', 'nothing in it is about a command line');
	my $d = Client->start($mcp, '--read-only');
	my $r = $d->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}));
	is((grep { !$_->{annotations}{readOnlyHint} } @{ $r->{result}{tools} }), 0, '--read-only');
	ok(@{ $r->{result}{tools} } > 0, 'offers what reads');
	$d->call(2, 'delete_container', '{"box":"x"}');
	is($d->answer(2)->{error}{code}, -32602, 'and refuses the rest');
};

subtest 'from nothing to a file in a box' => sub {
	my ($r, $e) = result('create_container', qq({"name":"$A"}));
	is($r->{structuredContent}{state}, 'running', 'create') or diag explain $e;
	like(shell($A, 'id -un'), qr/^exit 0 .*\n$A\n/, 'a command runs as the box\'s user');
	like(shell($A, 'exit 7'), qr/^exit 7 /, 'an exit status is an answer');
	($r, $e) = result('write_file', qq({"box":"$A","path":"note","content":"gr\\u00fc\\u00dfe"}));
	ok(!$r->{isError}, 'write_file') or diag explain $e;
	($r, $e) = result('read_file', qq({"box":"$A","path":"note"}));
	like($r->{content}[0]{text}, qr/\ngr\x{fc}\x{df}e/, 'read_file') or diag explain $e;
	is(scalar(grep { /json/ } map { cmdline($_) } $c->processes), 2, 'one entry for it all, and what watches over it');
	($r, $e) = result('create_container', qq({"name":"$A"}));
	is($e->{code}, 'exists', 'an error of a verb');
	($r, $e) = result('create_container', qq({"name":"$A","color":1}));
	is($e->{code}, 'invalid', 'an error of the checker');
	result('create_container', qq({"name":"$B"}));
	like(shell($B, 'ls'), qr/stdout 0 B/, 'another box has its own files');
};

sub cmdline {
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/cmdline" or return '';
	local $/;
	my $line = <$f> // '';
	$line =~ tr/\0/ /;
	return $line;
}

subtest 'errors reach the caller' => sub {
	my (undef, $e) = result('shell_exec', '{"command":"id"}');
	is($e->{code}, 'invalid', 'no box');
	(undef, $e) = result('shell_exec', '{"box":"../x","command":"id"}');
	is($e->{code}, 'invalid', 'no name');
	(undef, $e) = result('shell_exec', '{"box":"t0-nowhere","command":"id"}');
	is($e->{code}, 'not_found', 'no such box');
	(undef, $e) = result('shell_exec', qq({"box":"$A"}));
	is($e->{code}, 'invalid', 'agent-box says what is missing');
	like($e->{message}, qr/command/, 'by name');
};

subtest 'the relay can do nothing' => sub {
	my ($relay) = grep { cmdline($_) =~ /^cnt-mcp-relay $A/ } $c->processes;
	ok($relay, 'there is one') or return;
	open my $f, '<', "/proc/$relay/status" or die;
	my %s = map { /^(\w+):\s*(.*?)\s*$/ } <$f>;
	like($s{$_}, qr/^65534\s+65534\s+65534\s+65534$/, $_) for qw(Uid Gid);
	is($s{Groups}, '', 'no groups');
	is($s{$_}, '0' x 16, $_) for qw(CapInh CapPrm CapEff CapBnd CapAmb);
	is($s{NoNewPrivs}, 1, 'no new privileges');
	is($s{Seccomp}, 2, 'a filter of system calls');
	is(join(' ', sort map { m{(\d+)$} } glob "/proc/$relay/fd/*"), '0 1 2', 'three descriptors');
	is((grep { readlink !~ /^pipe:/ } glob "/proc/$relay/fd/*"), 0, 'all of them pipes');
};

subtest 'cancel in a box' => sub {
	ok(begin($A, 'sleep 1001'), 'a command runs');
	ok(defined $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{$Client::META}})),
	    'others are answered meanwhile');
	my $t = time;
	$c->cancel($id);
	ok(Client::until(2.5, sub { !running('sleep 1001') }), 'gone');
	cmp_ok(time - $t, '<', Client::allowed(1, $t), 'at once');
	like(shell($A, 'echo on'), qr/\non\n/, 'the box goes on');
	is((grep { defined $_->{id} } @{ $c->{before} }), 0, 'no answer came');
};

subtest 'progress from a box' => sub {
	$c->call(++$id, 'shell_exec', encode_json({ box => $A, command => 'for i in 1 2 3 4; do echo $i; sleep 0.3; done' }),
	    '"progressToken":"p"');
	ok($c->answer($id, 10)->{result}, 'answered');
	my @p = grep { ($_->{method} // '') eq 'notifications/progress' } @{ $c->{before} };
	ok(@p > 0, 'with progress before');
	is((grep { $_->{params}{progressToken} ne 'p' } @p), 0, 'under the client\'s token');
};

subtest 'an agent-box that dies is one failed call' => sub {
	ok(begin($A, 'sleep 1002'), 'a command runs');
	my $call = $id;
	system qq(cnt exec $A -- sudo pkill -9 -xf agent-box >/dev/null 2>&1);
	my $r = $c->answer($call, 10);
	ok($r->{result}{isError}, 'the call fails');
	like($r->{result}{content}[0]{text}, qr/agent-box ended/, 'and says why');
	ok(Client::until(7, sub { !running('sleep 1002') }), 'nothing is left of it');
	like(shell($A, 'echo again'), qr/\nagain\n/, 'the next call starts a new one');
};

subtest 'a box that stops' => sub {
	ok(begin($A, 'sleep 1003'), 'a command runs');
	my $call = $id;
	system "cnt stop --force $A >/dev/null";
	ok($c->answer($call, 10)->{result}{isError}, 'its call fails');
	my (undef, $e) = result('shell_exec', qq({"box":"$A","command":"id"}));
	is($e->{code}, 'no', 'the next one says so');
	like($e->{hint} // '', qr/start/, 'and what to do');
	system "cnt start $A >/dev/null";
	like(shell($A, 'echo up'), qr/\nup\n/, 'after start it works again');
};

subtest 'a hostile box' => sub {
	# What runs as its agent-box is another program: the box's root may trace its own processes, so
	# anything may come out of there.
	my %lines = (
		'not JSON' => 'hello', 'an array' => '[]', 'a bare number' => '5',
		'no version' => '{"id":1,"result":{}}',
		'no result' => '{"jsonrpc":"2.0","id":1}',
		(map { ("a result with $_" => qq({"jsonrpc":"2.0","id":1,"result":{$_}})) } '', '"content":7',
		    '"content":{"type":"text","text":"x"}', '"content":[7]', '"content":[{"type":"text"}]',
		    '"content":[{"type":"text","text":7}]', '"content":[{"type":"video","text":"x"}]',
		    '"content":[{"type":"text","text":"x","annotations":7}]', '"content":[],"isError":"x"'),
		'a long line' => '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"' . 'x' x (5 << 20) . '"}]}}',
		'deep' => '{"jsonrpc":"2.0","id":1,"result":{"content":[],"x":' . '[' x 2000 . ']' x 2000 . '}}',
		'a name twice' => '{"jsonrpc":"2.0","id":1,"result":{"content":[],"content":[]}}',
		'bad UTF-8' => "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[],\"a\":\"\xff\"}}",
	);
	for my $name (sort keys %lines) {
		my @said = relay("$lines{$name}\n");
		is(scalar @said, 1, "$name: one line");
		like($said[0] // '', qr/^F \{.*"isError":true\}$/, "$name: the end");
	}
	my @ignored = ('{"jsonrpc":"2.0","id":2,"result":{}}', '{"jsonrpc":"2.0","id":"1","result":{}}',
	    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1}}',
	    '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}', '{"jsonrpc":"2.0","method":"x"}');
	is(scalar relay("$_\n"), 0, "not passed on: $_") for @ignored;
	is((relay(qq({ "id" : 1 , "jsonrpc":"2.0","result":{ "content" : [ ], "b" : "\\u0009\\u00e9" } }\n)))[0],
	    "R 1 {\"content\":[],\"b\":\"\\t\xc3\xa9\"}", 'an answer is written anew');
	is(scalar relay(qq({"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n) x 3), 1, 'once');
	is((relay(qq({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":2,"message":"a\\nF {}\\r\\u001b[2J"}}\n)))[0],
	    'P 1 2 0 a F {}  [2J', 'progress has no control bytes');
	like((relay(qq({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no \\"x\\""}}\n)))[0],
	    qr/^R 1 \{.*"isError":true\}$/, 'an error is a failed call');
	like((relay(qq({"error":{"code":"busy","message":"m","hint":"h"}}\n)))[0], qr/^F .*busy/, 'our own error');
	is(scalar(relay("\n" x 1000 . "{")), 0, 'half a line');
};

# What the relay makes of the box's bytes, told of call 1.
sub relay {
	my ($bytes) = @_;
	pipe(my $box_r, my $box_w) && pipe(my $main_r, my $main_w) && pipe(my $told_r, my $told_w) or die;
	my $pid = fork // die;
	if ($pid == 0) {
		open STDIN, '<&', $box_r or die;
		open STDOUT, '>&', $main_w or die;
		open STDERR, '<&', $told_r or die;
		exec { $mcp } 'cnt-mcp-relay', 'web' or POSIX::_exit(127);
	}
	close $_ for $box_r, $main_w, $told_r;
	syswrite $told_w, "+1\n";
	local $SIG{PIPE} = 'IGNORE';
	my $at = 0;
	while ($at < length $bytes) { $at += syswrite($box_w, $bytes, 1 << 16, $at) // last }
	close $_ for $box_w, $told_w;
	my @lines = <$main_r>;
	chomp @lines;
	waitpid $pid, 0;
	return @lines;
}

subtest 'programs that misbehave' => sub {
	my $dir = tempdir(CLEANUP => 1);
	my %does = (
		babble => 'echo hello; cat >/dev/null', leave => 'exit 3', crash => 'kill -SEGV $$',
		other => q(echo '{"jsonrpc":"2.0","id":2,"result":{}}'; cat >/dev/null),
		flood => q(yes '{"jsonrpc":"2.0","method":"notifications/x","params":{}}'),
		refuse => q(read -r line; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}'),
		deaf => q(trap "" TERM; while :; do sleep 1; done),
	);
	for my $name (keys %does) {
		open my $f, '>', "$dir/cnt-$name" or die;
		print $f qq(#!/bin/sh\nif [ "\$1" = --describe ]; then echo '{"verbs":[{"name":"$name","tool":),
		    qq({"name":"$name","inputSchema":{"type":"object","properties":{}}}}]}'; exit; fi\n$does{$name}\n);
		close $f;
		chmod 0755, "$dir/cnt-$name";
	}
	symlink $mcp, "$dir/x" or die;
	system('cp', '-L', "$dir/x", "$dir/cnt-mcp") == 0 or die;
	my $d = Client->start("$dir/cnt-mcp", '--tools', 'platform');
	for my $name (qw(babble leave crash other flood refuse)) {
		my ($r, $e) = result($name, '{}', $d);
		ok($r->{isError}, "$name is one failed call");
		like($e->{message} // '', qr/^cnt-$name: /, $e->{message} // 'says who');
	}
	ok(Client::until(4, sub { $d->processes == 1 }), 'no process stays');
	$d->call(++$id, 'deaf', '{}');
	ok(Client::until(2, sub { $d->processes > 1 }), 'one that ignores TERM');
	$d->cancel($id);
	ok(Client::until(2.5, sub { $d->processes == 1 }), 'is killed 2 s after cancel');
	$d->call(++$id, 'deaf', '{}');
	ok(Client::until(2, sub { $d->processes > 1 }), 'and again');
	my $t = time;
	$d->close_input;
	is($d->ended(2), 0, 'exit 0');
	cmp_ok(time - $t, '<', Client::allowed($at_once, $t), 'within 100 ms');
	ok(Client::until(2.5, sub { !$d->processes }, $t), 'and after the end of input');
};

subtest 'verbs at once' => sub {
	my $d = Client->start($mcp);
	$d->call($_, 'list_containers', '{}') for 1 .. 60;
	$d->cancel(60);
	$d->cancel(59);
	my %got;
	while (keys %got < 58 and defined(my $line = $d->line(20))) { $got{$1}++ if $line =~ /"id":(\d+),/ }
	is(scalar keys %got, 58, 'sixty calls, of which two cancelled while they wait');
	ok(Client::until(3, sub { $d->processes == 1 }), 'no process stays');
};

for my $how (qw(input TERM KILL)) {
	subtest "the end by $how" => sub {
		my $d = Client->start($mcp);
		ok(begin($A, 'sleep 1004', $d) && begin($B, 'sleep 1005', $d), 'commands run in two boxes');
		my $t = time;
		$how eq 'input' ? $d->close_input : kill $how, $d->{pid};
		is($d->ended(2), $how eq 'KILL' ? 9 : 0, 'exit status');
		cmp_ok(time - $t, '<', Client::allowed($at_once, $t), 'within 100 ms');
		ok(Client::until(2.6, sub { !$d->processes && !running('sleep 1004') && !running('sleep 1005') }, $t),
		    'no process 2.5 s later');
	};
}

subtest 'a verb\'s end with cnt mcp' => sub {
	my $d = Client->start($mcp);
	$d->call(1, 'stop_container', qq({"box":"$B","timeout":"60s"}));
	$d->call(2, 'restart_container', qq({"box":"$A"}));
	$d->close_input;
	is($d->ended(2), 0, 'exit 0');
	ok(Client::until(2.6, sub { !grep { cmdline($_) =~ /cnt-(stop|restart)/ } $d->processes }), 'no verb stays');
	# Their inits may have been asked to power off: a start would find them running for a moment more.
	is(system("cnt stop --force $_ >/dev/null && cnt start $_ >/dev/null"), 0, "$_ is started again") for $A, $B;
	like(`cnt list`, qr/$A +running/, 'the box is as good as ever');
};

subtest 'cnt mcp --box is that box\'s agent-box' => sub {
	system "cnt restart --force $A >/dev/null";	# it may still be on its way down
	my $d = Client->start($mcp, '--box', $A);
	is($d->initialize->{result}{serverInfo}{name}, 'agent-box', 'initialize');
	$d->call(1, 'shell_exec', '{"command":"id -un"}');
	my $r = $d->answer(1) // { error => $d->said };
	like($r->{result}{content}[0]{text} // $r->{error}, qr/\n$A\n/, 'a call');
	$d->close_input;
	is($d->ended(2), 0, 'exit 0');
	my $n = () = `cnt mcp --box t0-nowhere --json 2>/dev/null </dev/null` =~ /"not_found"/;
	is($n, 1, 'no such box');
};

done_testing;
