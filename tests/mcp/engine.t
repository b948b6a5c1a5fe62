#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The protocol engine with a server of its own (echo.c): both eras, batches, progress, cancel at every stage, much
# at once. What every server does with whatever comes is acceptance.t's, the ends are ending.t's.
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

Client::watch();

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
	is_deeply($r->{error}{data}, { supported => [qw(2026-07-28 2025-11-25 2025-06-18 2025-03-26 2024-11-05)] }, 'and in which revisions');
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
	refused($c, '[' . join(',', ('{"jsonrpc":"2.0","id":1,"method":"ping"}') x 1001) . ']', -32600, 'too many: one error');
	$c->say('[{"jsonrpc":"2.0","method":"x"}]');
	ok($c->ping, 'only notifications: no answer');
	$c->say('[{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"sleep","arguments":{"seconds":60}}},'
	    . '{"jsonrpc":"2.0","id":5,"method":"ping"}]');
	ok($c->ping, 'ping while it waits');
	$c->cancel(4);
	is($c->line, '[{"jsonrpc":"2.0","id":5,"result":{}}]', 'one of two cancelled');
	$c->say('[' . join(',', map { qq({"jsonrpc":"2.0","id":$_,"method":"tools/call","params":{"name":"big","arguments":{"bytes":30000000}}}) }
	    1 .. 3) . ']');
	my $all = $c->line(60) // '';
	is(scalar(() = $all =~ /"id":\d,"result"/g), 2, 'two answers of 30 MB');
	like($all, qr/"id":\d,"error":\{"code":-32603/, 'and a third that is too much for one line');
	my $one = '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":{%s}}}';
	$c->say(sprintf "[$one,$one]", $_, 'sleep', '"seconds":60', 10 + $_, 'big', '"bytes":30000000') for 1 .. 3;
	ok(Client::until(20, sub { $c->ping && $c->processes == 4 }), 'three that wait for one answer each');
	$c->cancel($_) for 1 .. 3;
	$all = join '', map { $c->line(20) // '' } 1 .. 3;
	is(join(' ', scalar(() = $all =~ /"id":\d+,"result"/g), scalar(() = $all =~ /"id":\d+,"error":\{"code":-32603/g)), '2 1',
	    'their answers of 90 MB are too much together');
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

subtest 'ids that are none' => sub {
	my ($c, $long) = (start(), '"' . 'x' x 4095 . '"');
	refused($c, '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600, 'two of them');
	refused($c, qq({"jsonrpc":"2.0","id":$long,"method":"ping"$_}), -32600, 'a long one') for '', ',"a":1,"a":2';
	refused($c, qq({"jsonrpc":"1.0","id":$long,"method":"ping"}), -32600, 'and more is wrong');
};

subtest 'what is judged first' => sub {
	my $c = start();
	my $version = '"io.modelcontextprotocol/protocolVersion"';
	my $call = '"name":"sleep","arguments":{"seconds":60}';
	my $old = $M =~ s/2026-07-28/2025-11-25/r;
	my $code = sub { $c->ask(qq({"jsonrpc":"2.0","id":$_[0]}))->{error}{code} };

	is($code->('1,"method":"x/y"'), -32602, 'nobody has been introduced: an unknown method too');
	is($code->(qq(1,"method":"x/y","params":{$M})), -32601, 'an unknown method');
	is($code->(qq(1,"method":"$_","params":{$old})), -32022, "$_ of an older revision") for qw(tools/list initialize x/y);
	is($code->(qq(1,"method":"tools/list","params":{"_meta":{$version:$_}})), -32602, "version $_ without capabilities")
	    for '7', 'null', '"2026-07-28"';
	is_deeply($c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{$version:"2027-03-01"}}}))->{error}{data},
	    { supported => ['2026-07-28'], requested => '2027-03-01' }, 'a later version, whatever else it has');
	is($code->(qq(1,"method":"tools/list","params":{"_meta":{$version:"2026-07-28","io.modelcontextprotocol/clientCapabilities":$_}})),
	    -32602, "capabilities $_") for '7', 'null', '[]';
	is($code->('1,"method":"tools/list","params":{"_meta":7}'), -32602, '_meta 7 is no _meta');
	$c->say(qq({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{$M,$call}}));
	is($code->(qq(2,"method":$_)), -32600, "the id of a call that runs: $_") for '"x/y"', '"ping"', qq("tools/list","params":{$old});
	$c->say('{"jsonrpc":"2.0","id":2,"result":{}}');
	$c->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
	is($code->('1,"method":"tools/list"'), -32602, 'notifications/initialized alone introduces nobody');
	is($c->initialize('2025-03-26')->{result}{protocolVersion}, '2025-03-26', 'initialize while a call runs');
	$c->say(qq([{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{$M}},{"jsonrpc":"2.0","id":4,"method":"ping"}]));
	my %by = map { $_->{id} => $_ } @{ decode_json($c->line) };
	is($by{3}{error}{code}, -32600, 'no batches in 2026-07-28');
	ok($by{4}{result}, 'the rest of it is answered');
	$c->cancel(2);
	is($code->('2,"method":"x/y"'), -32601, 'its id is free');
	for my $m (qw(tasks/get tasks/list tasks/result tasks/cancel server/discover)) {
		is($code->(qq(5,"method":"$m")), $m eq 'server/discover' ? -32602 : -32601, $m);
	}
	is($code->(qq(5,"method":"tasks/update","params":{$M})), -32601, 'tasks/update');
	my $r = $c->ask('{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},"task":{"ttl":1}}}');
	is($r->{result}{content}[0]{text}, '{"text":"x"}', 'a call as a task is a call');
	$c->say(qq({"jsonrpc":"2.0","method":"notifications/$_","params":{}}))
	    for qw(roots/list_changed progress tasks/status x), 'initialized';
	ok($c->ping, 'notifications that mean nothing here');
	is($c->ask('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')->{result}{tools}[0]{name}, 'echo', 'lists are the same');
	is_deeply(start('2025-03-26')->ask('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')->{result},
	    $c->ask('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')->{result}, 'for every connection');
};

subtest 'errors of tools' => sub {
	my $c = start();
	$c->call(1, 'echo', '{"text":1,"more":2}');
	my $r = $c->answer(1);
	ok($r->{result}{isError}, 'bad arguments are a result');
	$c->call(1, 'echo', '{"a' . "\xc3\xa9" x 99 . '":1}');
	like($c->answer(1)->{result}{content}[0]{text}, qr/unknown argument \\"a\x{e9}{31}\\"/, 'a long name is cut, not what is said of it');
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
	ok($c->ping, 'ping');
	is(scalar @{ $c->{before} }, 0, 'none after the answer');
	for my $token ('null', '1.5', 'true', '{}') {
		$c->call(2, 'sleep', '{"seconds":0.05}', qq("progressToken":$token));
		$c->answer(2);
		is(scalar @{ $c->{before} }, 0, "token $token is none");
	}
	$c->call(2, 'sleep', '{"seconds":0.1}');
	$c->answer(2);
	is(scalar @{ $c->{before} }, 0, 'none without a token');
	for my $v (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25)) {
		$c = start($v);
		$c->ask('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"seconds":0.05},'
		    . '"_meta":{"progressToken":1}}}');
		my $p = $c->{before}[0]{params};
		is_deeply([@$p{qw(progressToken message)}], [1, $v ge '2025-03-26' ? 'sleeping' : undef], "$v: its message");
	}
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
	cmp_ok(time - $t, '<', Client::allowed(0.5, $t), 'at once');
	$c->call(1, 'echo', '{"text":"again"}');
	is($c->answer(1)->{result}{structuredContent}{text}, 'again', 'its id is free, and it was not answered');
	is(scalar @{ $c->{before} }, 0, 'at all');
	$c->cancel(1);
	ok($c->ping, 'after the answer');
	$c->call(3, 'sleep', '{"seconds":60}');
	$c->say(qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"half \\ud83d","requestId":3}}));
	$c->say(qq({"jsonrpc":"2.0","method":"x/y","params":{"reason":"half \\ud83d"}}));
	ok($c->ping && !@{ $c->{before} }, 'a reason that is cut in the middle of a character is no reason to answer');
	ok(Client::until(2, sub { $c->processes == 1 }), 'nor to go on');
	$c->call(2, 'sleep', '{"seconds":60,"stubborn":true,"child":true}');
	ok(Client::until(2, sub { $c->processes == 3 }), 'one that stays, with a child');
	$c->cancel(2);
	ok($c->ping, 'ping meanwhile');
	ok(Client::until(2.5, sub { $c->processes == 1 }), 'killed with its group after 2 s');
	for my $i (1 .. 50) {
		$c->call($i, 'echo_child', '{"text":"x"}');
		$c->cancel($i);
	}
	ok($c->ping, 'fifty cancelled as they start');
	my %answered;
	$answered{ $_->{id} // 'none' }++ for @{ $c->{before} };
	is((grep { !/^\d+$/ || $answered{$_} > 1 } keys %answered), 0, 'one that was quicker is answered once');
	ok(Client::until(2.5, sub { $c->processes == 1 }), 'none left');
	ok($c->ping && !@{ $c->{before} }, 'and none is answered later');
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

subtest 'much at once' => sub {
	my $c = start();
	delete $c->{record};
	$c->call($_, 'sleep', '{"seconds":60,"wait_for_previous":"' . 'x' x 15_000_000 . '"}') for 1 .. 9;
	my $r = $c->answer(9)->{result};
	like($r->{content}[0]{text}, qr/busy.*8 requests are running already/, 'calls of 135 MB are too much');
	$c->cancel(1);
	$c->call(9, 'sleep', '{"seconds":0}');
	ok(!$c->answer(9)->{result}{isError}, 'one less, and there is room');
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

subtest 'a large line' => sub {
	my $c = start();
	delete $c->{record};
	my $held = sub { open my $f, '<', "/proc/$c->{pid}/status" or die; return join('', <$f>) =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 };
	$c->ping;
	my $before = $held->();
	$c->ask('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"' . 'x' x 15_000_000 . '"}}');
	ok($ENV{SAN} || Client::until(2, sub { $held->() < $before + 4096 }), 'is not kept') or diag $held->();
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

done_testing;
