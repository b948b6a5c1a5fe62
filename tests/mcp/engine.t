#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The protocol engine against everything a client may send: the gate, ids, batches, both eras, cancel
# at every stage, and the end.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $server = ($ENV{BUILD} // "$FindBin::Bin/../../build") . '/tests/mcp/echo';
my $M = $Client::META;

sub start { my $c = Client->start($server); $c->initialize(@_) if @_; return $c }

# One line in; the error's code, and whether an id came with it.
sub refused {
	my ($c, $bytes, $code, $name, $id) = @_;
	$c->raw("$bytes\n");
	my $line = $c->line;
	my $j = defined $line ? decode_json($line) : {};
	is($j->{error}{code}, $code, $name);
	defined $id ? like($line, qr/"id":\Q$id\E[,}]/, "$name: id $id")
	    : ok(!exists $j->{id}, "$name: no id");
	ok($c->ping, "$name: lives on");
}

subtest 'initialize negotiates' => sub {
	for my $v (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25)) {
		my $r = start()->initialize($v);
		is($r->{result}{protocolVersion}, $v, "$v is taken");
		is_deeply($r->{result}{capabilities}, { tools => {} }, "$v: tools and nothing else");
	}
	for my $v (qw(2026-07-28 1999-01-01)) {
		is(start()->initialize($v)->{result}{protocolVersion}, '2025-11-25', "$v gets the latest of its era");
	}
	my $c = start();
	ok($c->ping, 'ping before initialize');
	my $r = $c->ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
	is($r->{error}{code}, -32602, 'tools/list before initialize');
	like($r->{error}{message}, qr/initialize/, 'says what to send');
	is($c->initialize('2025-06-18')->{result}{protocolVersion}, '2025-06-18', 'initialize');
	is($c->initialize('2025-03-26')->{result}{protocolVersion}, '2025-03-26', 'and again');
	is($c->ask('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')->{error}{code}, -32602,
	    'without a version');
};

subtest 'revisions see what they know' => sub {
	for my $v (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25)) {
		my $c = start($v);
		my $t = $c->ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')->{result}{tools}[0];
		is(exists $t->{annotations}, $v ge '2025-03-26', "$v: annotations");
		is(exists $t->{outputSchema}, $v ge '2025-06-18', "$v: outputSchema");
		my $r = $c->ask('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo",'
		    . '"arguments":{"text":"x"}}}')->{result};
		is(exists $r->{structuredContent}, $v ge '2025-06-18', "$v: structuredContent");
		is($r->{content}[0]{text}, '{"text":"x"}', "$v: text");
		ok(!exists $r->{resultType}, "$v: no resultType");
	}
};

subtest 'ids come back as the bytes that came' => sub {
	my $c = start('2025-11-25');
	for my $id ('9007199254740993', '-9223372036854775808', '0', '-1', '""', '"a\u00e9\/\ud83d\ude00"', '"1"') {
		$c->say(qq({"jsonrpc":"2.0","id":$id,"method":"ping"}));
		like($c->line, qr/"id":\Q$id\E,/, "id $id");
		$c->say(qq({"params":{"name":"echo","arguments":{"text":"]}\\""}},"method":"tools/call","id" : $id ,"jsonrpc":"2.0"}));
		like($c->line, qr/"id":\Q$id\E,"result"/, "id $id, after params");
	}
	refused($c, qq({"jsonrpc":"2.0","id":$_,"method":"ping"}), -32600, "id $_")
	    for 'null', '1.5', 'true', '{}', '[]', '[1]';
};

subtest 'broken lines' => sub {
	my $c = start('2025-11-25');
	refused($c, $_, -32700, "line " . substr($_, 0, 40)) for '{', '{"jsonrpc":"2.0","id":1,"method":"ping"', 'x',
	    '{"jsonrpc":"2.0","id":1,"method":"ping",}', '{"jsonrpc":"2.0","id":01,"method":"ping"}',
	    '{"jsonrpc":"2.0","id":1,"method":"ping"} x', "\xff", '{"a":"' . "\xc0\xaf" . '"}',
	    '{"a":"' . "\xed\xa0\x80" . '"}', qq({"a":"\0"}), qq(\0), qq({"a":"\t"}),
	    "\xef\xbb\xbf" . '{"jsonrpc":"2.0","id":1,"method":"ping"}',
	    '[' x 100000,
	    '{"a":' x 100000, '[' x 100000 . ']' x 100000;
	refused($c, $_, -32600, "line " . substr($_, 0, 40)) for '1', '"x"', 'null', 'true', '[]', '[1]', '{}',
	    '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', '{"id":1.5}';
	refused($c, '{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600, 'jsonrpc 1.0', 7);
	refused($c, '{"id":7,"method":"ping"}', -32600, 'no jsonrpc', 7);
	refused($c, '{"jsonrpc":"2.0","id":7}', -32600, 'neither request nor response', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":1}', -32600, 'method 1', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', -32602, 'params []', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"Ping"}', -32601, 'Ping', 7);
	refused($c, '{"jsonrpc":"2.0","id":"7","method":"ping","params":{"a":"\u0000"}}', -32602, '\u0000', '"7"');
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"\ud83d"}}', -32602, 'half a surrogate pair', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1,"a":2}}', -32602, 'a name twice', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1e400}}', -32602, '1e400', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"resources/list"}', -32601, 'not offered', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"tools/call"}', -32602, 'call of nothing', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"nope"}}', -32602, 'unknown tool', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":[]}}',
	    -32602, 'arguments []', 7);
	refused($c, '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":"x"}}', -32602, 'cursor', 7);
	ok(defined $c->ask('{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":""}}')->{result}, 'empty cursor');
	ok(defined $c->ask('{"jsonrpc":"2.0","id":8,"method":"ping","params":null}')->{result}, 'params null');
	$c->say($_) for '', "\r", '{"jsonrpc":"2.0","id":1,"result":{}}', '{"jsonrpc":"2.0","id":1,"error":{}}',
	    '{"jsonrpc":"2.0","method":"ping"}', '{"jsonrpc":"2.0","method":"x/y","params":[]}',
	    '{"jsonrpc":"2.0","method":1}', '{"jsonrpc":"2.0","method":"notifications/cancelled"}',
	    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}';
	$c->raw(qq({"jsonrpc":"2.0","id":"crlf","method":"ping"}\r\n));
	is($c->line, '{"jsonrpc":"2.0","id":"crlf","result":{}}', 'CRLF; what needs no answer got none');
};

subtest 'long lines' => sub {
	my $c = start('2025-11-25');
	delete $c->{record};
	my $open = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"';
	refused($c, $open . 'x' x 20_000_000 . '"}}', -32600, '20 MB');
	is(scalar $c->processes, 1, 'one process still');
	$c->raw($open . 'x' x ((16 << 20) - length($open) - 3) . qq("}}\n));
	is($c->line, '{"jsonrpc":"2.0","id":1,"result":{}}', '16 MiB');
	refused($c, $open . 'x' x ((16 << 20) - length($open) - 2) . '"}}', -32600, '16 MiB and a byte');
};

subtest 'batches' => sub {
	my $c = start('2025-03-26');
	$c->say('[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},5,'
	    . '{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"echo_child","arguments":{"text":"b"}}},'
	    . '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a"}}},'
	    . '{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}]');
	my $line = $c->line;
	like($line, qr/"id":9007199254740993,/, 'ids in it are bytes');
	my %by = map { $_->{id} // 'none' => $_ } @{ decode_json($line) };
	is(scalar keys %by, 5, 'one array of five');
	is($by{none}{error}{code}, -32600, 'a scalar in it');
	is($by{3}{error}{code}, -32600, 'initialize in it');
	is($by{s}{result}{content}[0]{text}, '{"text":"b"}', 'a call in it');
	refused($c, '[]', -32600, 'empty');
	refused($c, '[' . '1,' x 1000 . '1]', -32600, 'too many');
	$c->say('[{"jsonrpc":"2.0","method":"x"}]');
	ok($c->ping, 'only notifications: no answer');
	$c->say('[{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"sleep","arguments":{"seconds":60}}},'
	    . '{"jsonrpc":"2.0","id":5,"method":"ping"}]');
	ok($c->ping, 'ping while it waits');
	$c->cancel(4);
	is($c->line, '[{"jsonrpc":"2.0","id":5,"result":{}}]', 'one of two cancelled');
	$c->initialize('2025-06-18');
	refused($c, '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, 'not after another revision');
};

subtest 'stateless' => sub {
	my $c = start();
	my $r = $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{$M}}))->{result};
	is_deeply($r->{supportedVersions}, ['2026-07-28'], 'discover');
	is($r->{resultType}, 'complete', 'resultType');
	is($r->{_meta}{'io.modelcontextprotocol/serverInfo'}{name}, 'echo', 'serverInfo');
	$r = $c->ask(qq({"jsonrpc":"2.0","id":2,"method":"tools/list","params":{$M}}))->{result};
	ok($r->{ttlMs} >= 0 && $r->{cacheScope} =~ /^(public|private)$/, 'ttlMs, cacheScope');
	$c->call(3, 'big', '{"bytes":3}');
	$r = $c->answer(3)->{result};
	is($r->{_meta}{'cnt/result'}{bytes}, 3, 'the tool\'s _meta is kept');
	is($r->{_meta}{'io.modelcontextprotocol/serverInfo'}{name}, 'echo', 'beside ours');
	for my $m (qw(initialize ping logging/setLevel resources/subscribe tasks/list subscriptions/listen)) {
		is($c->ask(qq({"jsonrpc":"2.0","id":4,"method":"$m","params":{$M}}))->{error}{code}, -32601, $m);
	}
	is($c->ask('{"jsonrpc":"2.0","id":5,"method":"server/discover"}')->{error}{code}, -32602, 'without _meta');
	is($c->ask('{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{'
	    . '"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}')->{error}{code}, -32602, 'without capabilities');
	(my $old = $M) =~ s/2026-07-28/2099-01-01/;
	$r = $c->ask(qq({"jsonrpc":"2.0","id":6,"method":"tools/list","params":{$old}}))->{error};
	is($r->{code}, -32022, 'unknown version');
	is_deeply($r->{data}, { supported => ['2026-07-28'], requested => '2099-01-01' }, 'says which');
	(my $level = $M) =~ s/\}$/,"io.modelcontextprotocol\/logLevel":"loud"}/;
	is($c->ask(qq({"jsonrpc":"2.0","id":7,"method":"tools/list","params":{$level}}))->{error}{code}, -32602, 'bad log level');
	$c->initialize('2025-06-18');
	ok(!exists $c->ask('{"jsonrpc":"2.0","id":8,"method":"tools/list"}')->{result}{resultType},
	    'both eras on one connection');
};

subtest 'errors of tools' => sub {
	my $c = start();
	$c->call(1, 'echo', '{"text":1,"more":2}');
	my $r = $c->answer(1);
	ok($r->{result}{isError}, 'bad arguments are a result');
	for my $how (qw(exit abort print)) {
		$c->call(2, 'die', qq({"how":"$how"}));
		$r = $c->answer(2)->{result};
		ok($r->{isError}, "$how is one failed call");
		is(decode_json($r->{content}[0]{text})->{error}{code}, $how eq 'print' ? 'not_found' : 'bug', "$how: code");
		is(scalar @{ $c->{before} }, 0, "$how: nothing else on the wire");
	}
	ok($c->ping, 'lives on');
};

subtest 'progress' => sub {
	my $c = start();
	for my $token ('0', '"t"', '9007199254740993') {
		$c->call(1, 'sleep', '{"seconds":0.35}', qq("progressToken":$token));
		my ($last, $n, $line) = (-1, 0);
		while (($line = $c->line) =~ /notifications\/progress/) {
			like($line, qr/"progressToken":\Q$token\E,/, "token $token") if $n++ == 0;
			my $p = decode_json($line)->{params}{progress};
			ok($p > $last, 'increases') or last;
			$last = $p;
		}
		like($line, qr/"id":1,"result"/, 'then the answer');
		ok($n >= 2 && $n <= 5, "at most ten a second ($n)");
	}
	$c->call(2, 'sleep', '{"seconds":0.1}');
	$c->answer(2);
	is(scalar @{ $c->{before} }, 0, 'none without a token');
};

subtest 'cancel' => sub {
	my $c = start('2025-11-25');
	$c->cancel($_) for 1, '"x"', 'null', '99999999999999999999';
	$c->call(1, 'sleep', '{"seconds":60}');
	is($c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$M}}))->{error}{code}, -32600, 'id in use');
	ok($c->ping, 'ping while it runs');
	ok(Client::until(2, sub { $c->processes == 2 }), 'a process for it');
	my $t = time;
	$c->cancel(1);
	ok(Client::until(2, sub { $c->processes == 1 }), 'gone');
	cmp_ok(time - $t, '<', Client::allowed(0.5), 'at once');
	$c->call(1, 'echo', '{"text":"again"}');
	is($c->answer(1)->{result}{structuredContent}{text}, 'again', 'its id is free, and it was not answered');
	is(scalar @{ $c->{before} }, 0, 'at all');
	$c->cancel(1);
	ok($c->ping, 'after the answer');
	$c->call(2, 'sleep', '{"seconds":60,"stubborn":true,"child":true}');
	ok(Client::until(2, sub { $c->processes == 3 }), 'one that stays, with a child');
	$c->cancel(2);
	ok($c->ping, 'ping meanwhile');
	ok(Client::until(Client::allowed(2.5), sub { $c->processes == 1 }), 'killed with its group after 2 s');
	for my $i (1 .. 50) {
		$c->call($i, 'echo_child', '{"text":"x"}');
		$c->cancel($i);
	}
	ok($c->ping, 'fifty cancelled as they start');
	ok(Client::until(Client::allowed(2.5), sub { $c->processes == 1 }), 'none left');
	$c->ping;
	is(scalar(grep { /"id":\d/ } @{ $c->{before} }), 0, 'none answered');
};

subtest 'many at once' => sub {
	my $c = start('2025-11-25');
	$c->call($_, 'sleep', '{"seconds":0.5}') for 1 .. 200;
	my $t = time;
	ok($c->ping, 'ping while 200 run');
	my %got;
	while (keys %got < 200 and defined(my $line = $c->line(10))) {
		$got{$1}++ if $line =~ /"id":(\d+),"result"/;
	}
	is(scalar keys %got, 200, 'all answered once');
	is((grep { $_ != 1 } values %got), 0, 'each once');
};

subtest 'a client that does not read' => sub {
	my $c = start();
	delete $c->{record};
	$c->call($_, 'big', '{"bytes":1000000}') for 1 .. 8;
	my $ping = '{"jsonrpc":"2.0","id":"p","method":"ping"}' . "\n";
	ok($c->raw($ping x 20000, deaf => 1), 'is still read');
	$c->call(100, 'sleep', '{"seconds":60}');
	$c->cancel(100);
	ok(Client::until(5, sub { $c->processes == 1 }), 'and its cancel is heeded');
	my ($big, $pings, $other) = (0, 0, 0);
	while ($big < 8 || $pings < 20000) {
		my $line = $c->line // last;
		if ($line =~ m{^\{"jsonrpc":"2.0","id":\d+,"result":\{.*"big\\n(x*)"} && length $1 == 1000000) { $big++ }
		elsif ($line eq '{"jsonrpc":"2.0","id":"p","result":{}}') { $pings++ }
		else { $other++ }
	}
	is("$big $pings $other", '8 20000 0', 'every line comes whole');
};

subtest 'large results' => sub {
	my $c = start();
	delete $c->{record};
	$c->call(1, 'big', '{"bytes":33554432}');
	my $line = $c->line(20);
	like(substr($line, 0, 200), qr{"id":1,"result":.*"text":"big\\nx{50}}, "32 MiB");
	cmp_ok(length $line, ">", 33554432, "whole");
	$c->call(2, 'big', '{"bytes":67108864}');
	like($c->line(20), qr{"id":2,"result".*"isError":true}, 'more than 64 MiB is one failed call');
	ok($c->ping, 'lives on');
};

subtest 'the end of input' => sub {
	my $c = start();
	$c->raw('{"jsonrpc":"2.0","id":1,"method":"ping"}');
	$c->close_input;
	is($c->line, '{"jsonrpc":"2.0","id":1,"result":{}}', 'a last line without newline is answered');
	is($c->ended, 0, 'exit 0');
	$c = start();
	$c->call(1, 'echo_child', '{"text":"x"}');
	$c->close_input;
	like($c->line, qr/"id":1,"result"/, 'work that is all but done is answered');
	is($c->ended, 0, 'exit 0');
	$c = start();
	$c->raw('{"jsonrpc":"2.0","id":1');
	$c->close_input;
	like($c->line, qr/-32700/, 'half a line');
	is($c->ended, 0, 'exit 0');
};

for my $how (qw(input TERM INT HUP KILL output)) {
	subtest "the end by $how with work running" => sub {
		my $c = start();
		$c->call(1, 'sleep', '{"seconds":60}');
		$c->call(2, 'sleep', '{"seconds":60,"stubborn":true,"child":true}') if $how ne 'KILL';
		my $n = $how eq 'KILL' ? 2 : 4;
		ok(Client::until(5, sub { $c->processes == $n }), 'it runs');
		my $t = time;
		if ($how eq 'input') { $c->close_input }
		elsif ($how eq 'output') { close delete $c->{out} }
		else { kill $how, $c->{pid} }
		is($c->ended(2), $how eq 'KILL' ? 9 : 0, 'exit status');
		cmp_ok(time - $t, '<', Client::allowed($ENV{SAN} ? 1 : 0.12), 'within 100 ms');
		ok(Client::until(Client::allowed(2.5) - (time - $t), sub { $c->processes == 0 }), 'no process 2.5 s later');
	};
}

subtest 'a signal while output is blocked' => sub {
	my $c = start();
	ok($c->ping, "it is there");
	$c->call(1, 'big', '{"bytes":4000000}');
	vec(my $r = "", fileno $c->{out}, 1) = 1;
	is(select($r, undef, undef, 10), 1, "the answer is more than the pipe takes");
	kill 'TERM', $c->{pid};
	my $t = time;
	is($c->ended(2), 0, 'exit 0');
	cmp_ok(time - $t, '<', Client::allowed($ENV{SAN} ? 1 : 0.12), 'within 100 ms');
};

done_testing;
