#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Who is told what changed: subscriptions/listen, and what stood for it before 2026-07-28.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Everything;
use JSON::PP;
use Test::More;

my $ID = 'io.modelcontextprotocol/subscriptionId';
my %trigger = (tools => 'test_trigger_tool_change', prompts => 'test_trigger_prompt_change',
    resources => 'test_trigger_resource_change');

# The lines that come before the answer to a change of this kind.
sub change {
	my ($c, $what, $uri) = @_;
	my $arguments = defined $uri ? qq({"uri":"$uri"}) : '{}';
	$c->say(modern('"t"', 'tools/call', qq("name":"$trigger{$what}","arguments":$arguments)));
	my @lines;
	while (defined(my $line = $c->line)) {
		return @lines if $line =~ /"id":"t"/;
		push @lines, $line;
	}
	die 'no answer';
}

sub subscribe {
	my ($c, $id, $filter) = @_;
	$c->say(modern($id, 'subscriptions/listen', qq("notifications":$filter)));
	return $c->line;
}

subtest 'a stream' => sub {
	my $c = start();
	for my $id ('"listen:0"', '0', '-1', '9007199254740993', '"a\u00e9\""', '""') {
		my $ack = subscribe($c, $id, '{"toolsListChanged":true,"promptsListChanged":false,"news":true}');
		is($ack, qq({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"$ID":$id},)
		    . '"notifications":{"toolsListChanged":true}}}', "$id: acknowledged first, what is offered and wanted");
		my @told = change($c, 'tools');
		is($told[0], qq({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"$ID":$id}}}),
		    "$id: told by its bytes");
		is(scalar @told, 1, 'once');
		is(scalar change($c, 'prompts'), 0, 'not of what was not wanted');
		$c->say(modern($id, 'tools/list'));
		like($c->line, qr/"id":\Q$id\E,"error":\{"code":-32600/, 'its id is in use');
		$c->cancel($id);
		is(scalar change($c, 'tools'), 0, 'nothing after its cancel, and no answer');
	}
	ok($c->ping, 'ping');
};

subtest 'resources' => sub {
	my $c = start();
	my $ack = decode_json(subscribe($c, 1, '{"resourceSubscriptions":["test://a","test://b"],"resourcesListChanged":true}'));
	is_deeply($ack->{params}{notifications}, { resourcesListChanged => JSON::PP::true,
	    resourceSubscriptions => ['test://a', 'test://b'] }, 'uris are acknowledged');
	my ($told) = change($c, 'resources', 'test://b');
	is_deeply(decode_json($told)->{params}, { _meta => { $ID => 1 }, uri => 'test://b' }, 'one of them');
	is(scalar change($c, 'resources', 'test://c'), 0, 'not another');
	like((change($c, 'resources'))[0], qr{resources/list_changed}, 'the list');
	like(subscribe($c, 2, '{}'), qr/"notifications":\{\}/, 'a stream of nothing');
	is(scalar change($c, 'resources', 'test://a'), 1, 'is told nothing');
};

subtest 'several at once' => sub {
	my $c = start();
	subscribe($c, $_, '{"toolsListChanged":true}') for 1 .. 3;
	is_deeply([sort map { decode_json($_)->{params}{_meta}{$ID} } change($c, 'tools')], [1, 2, 3], 'each is told');
	$c->cancel(2);
	is_deeply([sort map { decode_json($_)->{params}{_meta}{$ID} } change($c, 'tools')], [1, 3], 'one less');
	subscribe($c, $_, '{"toolsListChanged":true}') for 4 .. 17;
	like(subscribe($c, 18, '{"toolsListChanged":true}'), qr/"id":18,"error":\{"code":-32603/, 'one more than 16');
	$c->cancel(17);
	like(subscribe($c, 19, '{}'), qr/acknowledged/, 'until one ends');
};

subtest 'bad filters' => sub {
	my $c = start();
	for my $params ('', '"notifications":[]', '"notifications":{"resourceSubscriptions":"test://a"}',
	    '"notifications":{"resourceSubscriptions":[1]}', '"notifications":{"resourceSubscriptions":["' . 'x' x 4097 . '"]}',
	    '"notifications":{"resourceSubscriptions":["' . join('","', 0 .. 1024) . '"]}') {
		is($c->ask(modern(1, 'subscriptions/listen', $params))->{error}{code}, -32602, substr($params, 0, 60));
	}
	is($c->ask('{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{}}}')->{error}{code},
	    -32602, 'without _meta');
	is(scalar change($c, 'tools'), 0, 'none of them is one');
};

for my $how (qw(input TERM)) {
	subtest "the end by $how" => sub {
		my $c = start();
		subscribe($c, '"l"', '{"toolsListChanged":true}');
		$how eq 'input' ? $c->close_input : kill $how, $c->{pid};
		my $r = decode_json($c->line // '{}');
		is_deeply([$r->{id}, $r->{result}{resultType}, $r->{result}{_meta}{$ID}], ['l', 'complete', 'l'],
		    'the stream ends with its result');
		is($c->line, undef, 'and nothing follows');
		is($c->ended, 0, 'exit 0');
	};
}

subtest 'before 2026-07-28' => sub {
	my $c = start();
	is(scalar change($c, 'tools'), 0, 'nobody is told who has not said who they are');
	$c->ask('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}');
	is(scalar change($c, 'tools'), 0, 'nor before notifications/initialized');
	for my $revision (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25)) {
		$c = start($revision);
		is_deeply([change($c, $_)], [qq({"jsonrpc":"2.0","method":"notifications/$_/list_changed"})], "$revision: $_")
		    for sort keys %trigger;
		is(scalar change($c, 'resources', 'test://a'), 0, "$revision: an update nobody wants");
		$c->ask(legacy(1, 'resources/subscribe', '"uri":"test://a"')) for 1 .. 2;
		is_deeply([change($c, 'resources', 'test://a')],
		    ['{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://a"}}'],
		    "$revision: one that is wanted, once");
		is_deeply($c->ask(legacy(2, 'resources/unsubscribe', '"uri":"test://a"'))->{result}, {}, 'unsubscribe');
		is(scalar change($c, 'resources', 'test://a'), 0, 'and no more');
		is_deeply($c->ask(legacy(3, 'resources/unsubscribe', '"uri":"test://z"'))->{result}, {}, 'of what was not');
		is($c->ask(legacy(4, "resources/$_"))->{error}{code}, -32602, "$_ without uri") for qw(subscribe unsubscribe);
		$c->ask(legacy(5, 'resources/subscribe', '"uri":"test://a"'));
		$c->initialize($revision);
		is(scalar change($c, 'resources', 'test://a'), 0, 'initialize begins anew');
	}
	for my $i (1 .. 1024) {
		$c->ask(legacy($i, 'resources/subscribe', qq("uri":"test://$i")));
	}
	is($c->ask(legacy(1, 'resources/subscribe', '"uri":"test://x"'))->{error}{code}, -32603, 'one more than 1024');
	is_deeply($c->ask(legacy(1, 'resources/subscribe', '"uri":"test://7"'))->{result}, {}, 'one of these again');
	is($c->ask(legacy(1, 'resources/subscribe', '"uri":"' . 'x' x 4097 . '"'))->{error}{code}, -32602, 'a long uri');
	subscribe($c, 9, '{"toolsListChanged":true}');
	is(scalar change($c, 'tools'), 2, 'both eras on one connection');
};

subtest 'a server whose lists stay as they are' => sub {
	my $c = Client->start(($ENV{BUILD} // "$FindBin::Bin/../../build") . '/tests/mcp/echo');
	$c->initialize;
	is($c->ask(modern(1, 'subscriptions/listen', '"notifications":{}'))->{error}{code}, -32601, 'listen');
	is($c->ask(legacy(1, "resources/$_", '"uri":"test://a"'))->{error}{code}, -32601, $_) for qw(subscribe unsubscribe);
};

fits();
done_testing;
