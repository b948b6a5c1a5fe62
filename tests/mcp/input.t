#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a request needs from the client first: input_required in 2026-07-28, requests to the client
# before. The same tools ask in both ways; what the client sends back is anybody's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Everything;
use JSON::PP;
use Test::More;

my $ALL = '{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}';
my %fitting = (user_name => '{"action":"accept","content":{"name":"Ada"}}', confirm => '{"action":"accept","content":{"ok":true}}',
    capital_question => '{"role":"assistant","model":"m","content":{"type":"text","text":"Paris"}}',
    greeting => '{"role":"assistant","model":"m","content":{"type":"text","text":"Hi"}}',
    client_roots => '{"roots":[{"uri":"file:///r"}]}', user_context => '{"action":"decline"}');

# One call of 2026-07-28: result or error. more: inputResponses, requestState.
sub call {
	my ($c, $tool, $more, $capabilities, $arguments) = @_;
	my $r = $c->ask(modern(1, 'tools/call', qq("name":"$tool","arguments":) . ($arguments // '{}') . ($more ? ",$more" : ''),
	    $capabilities // $ALL));
	return $r->{result} // $r->{error};
}

sub responses { return '"inputResponses":{' . join(',', map { qq("$_":$fitting{$_}) } @_) . '}' }
sub state_of { return '"requestState":' . JSON::PP->new->allow_nonref->encode($_[0]{requestState}) }

subtest 'asked and answered' => sub {
	my $c = start();
	my $r = call($c, 'test_input_required_result_elicitation');
	is($r->{resultType}, 'input_required', 'asks');
	is($r->{inputRequests}{user_name}{method}, 'elicitation/create', 'for what');
	ok(!exists $r->{requestState} && !exists $r->{content} && !exists $r->{ttlMs}, 'and nothing else');
	$r = call($c, 'test_input_required_result_elicitation', responses('user_name'));
	is($r->{resultType}, 'complete', 'answered');
	like($r->{content}[0]{text}, qr/Hello,.*Ada/, 'with it');
	for my $bad ('{}', '{"other":{}}', '{"user_name":null}', '{"user_name":[]}', '{"user_name":{}}',
	    '{"user_name":{"action":"maybe"}}', '{"user_name":{"action":"accept"}}',
	    '{"user_name":{"action":"accept","content":{}}}', '{"user_name":{"action":"accept","content":{"name":7}}}') {
		is(call($c, 'test_input_required_result_elicitation', qq("inputResponses":$bad))->{resultType}, 'input_required',
		    "asked again: $bad");
	}
	is(call($c, 'test_input_required_result_elicitation', '"inputResponses":{"user_name":{"action":"decline"},"x":1}')
	    ->{resultType}, 'complete', 'declined; what was not asked for is passed over');
	is(call($c, 'test_input_required_result_elicitation', '"inputResponses":[]')->{code}, -32602, 'inputResponses []');
	for my $bad ('"capital_question":{"role":"assistant","content":{}}', '"capital_question":{"model":"m","role":"user"}') {
		is(call($c, 'test_input_required_result_sampling', qq("inputResponses":{$bad}))->{resultType}, 'input_required',
		    "asked again: $bad");
	}
	for my $bad ('{}', '{"roots":{}}', '{"roots":[{}]}') {
		is(call($c, 'test_input_required_result_list_roots', qq("inputResponses":{"client_roots":$bad}))->{resultType},
		    'input_required', "asked again: $bad");
	}
	like(call($c, 'test_input_required_result_list_roots', responses('client_roots'))->{content}[0]{text}, qr{file:///r}, 'roots');
	$r = $c->ask(modern(2, 'prompts/get', '"name":"test_input_required_result_prompt"', $ALL))->{result};
	is($r->{inputRequests}{user_context}{method}, 'elicitation/create', 'a prompt asks');
	$r = $c->ask(modern(2, 'prompts/get', '"name":"test_input_required_result_prompt",' . responses('user_context'), $ALL));
	is(scalar @{ $r->{result}{messages} }, 1, 'and is got');
	$r = $c->ask(modern(3, 'resources/read', '"uri":"test://asking"', $ALL))->{result};
	is($r->{inputRequests}{user_name}{method}, 'elicitation/create', 'a resource asks');
	$r = $c->ask(modern(3, 'resources/read', '"uri":"test://asking",' . responses('user_name'), $ALL))->{result};
	like($r->{contents}[0]{text}, qr/Ada/, 'and is read');
};

subtest 'what the client cannot' => sub {
	my $c = start();
	for (['test_missing_capability', '{}', { sampling => {} }], ['test_missing_capability', '{"sampling":true}', { sampling => {} }],
	    ['test_input_required_result_elicitation', '{"sampling":{}}', { elicitation => {} }],
	    ['test_input_required_result_elicitation', '{"elicitation":{"url":{}}}', { elicitation => {} }],
	    ['test_elicitation_url', '{"elicitation":{}}', { elicitation => {} }],
	    ['test_input_required_result_multiple_inputs', '{"elicitation":{}}', { sampling => {}, roots => {} }]) {
		my ($tool, $capabilities, $required) = @$_;
		my $e = call($c, $tool, undef, $capabilities);
		is($e->{code}, -32021, "$tool with $capabilities");
		is_deeply($e->{data}, { requiredCapabilities => $required }, 'says what is missing');
	}
	is(call($c, 'test_elicitation_url', undef, '{"elicitation":{"url":{}}}')->{inputRequests}{visit}{params}{mode}, 'url', 'url');
	is_deeply([keys %{ call($c, 'test_input_required_result_capabilities', undef, '{"sampling":{}}')->{inputRequests} }],
	    ['capital_question'], 'a tool asks for what can be answered');
	$c = start('2025-11-25', $ALL);
	is(call($c, 'test_missing_capability', undef, '{}')->{code}, -32021, 'what initialize said does not count here');
};

subtest 'requestState' => sub {
	my $c = start();
	my $tool = 'test_input_required_result_request_state';
	my $first = call($c, $tool, undef, undef, '{"a":[1,{"b":"c"}]}');
	my $state = state_of($first);
	my $same = responses('confirm') . ",$state";
	is(call($c, $tool, responses('confirm'), undef, '{}')->{resultType}, 'input_required', 'an answer without it');
	is(call($c, $tool, $state, undef, '{"a":[1,{"b":"c"}]}')->{resultType}, 'input_required', 'it without an answer');
	like(call($c, $tool, $same, undef, '{"a":[1,{"b":"c"}]}')->{content}[0]{text}, qr/state-ok/, 'both');
	like(call($c, $tool, $same, undef, '{ "a" : [1, {"b":"\u0063"}] }')->{content}[0]{text}, qr/state-ok/, 'written otherwise');
	is(call($c, $tool, $same, undef, $_)->{code}, -32602, "with other arguments: $_") for '{}', '{"a":[1,{"b":"d"}]}';
	is(call($c, 'test_input_required_result_tampered_state', $same, undef, '{"a":[1,{"b":"c"}]}')->{code}, -32602, 'to another tool');
	for my $i (0, 1, 30, 63, 64, 70, -1) {
		my $bad = $first->{requestState};
		substr($bad, $i, 1) =~ tr/0-9a-z/1-9a-z0/;
		is(call($c, $tool, responses('confirm') . qq(,"requestState":"$bad"), undef, '{"a":[1,{"b":"c"}]}')->{code}, -32602,
		    "changed at $i");
	}
	for my $bad ('""', '"x"', '7', 'null', '{}', '"' . 'f' x 64 . '"', '"' . '0' x 64 . '99999999999999999999:asked"', '"' . '0' x 70000 . '"') {
		is(call($c, $tool, qq("requestState":$bad))->{code}, -32602, 'made up: ' . substr($bad, 0, 20));
	}
	is(call(start(), $tool, $same, undef, '{"a":[1,{"b":"c"}]}')->{code}, -32602, 'to another process');
	is(call($c, 'test_simple_text', $same)->{code}, -32602, 'where none was given');
	my $r = call($c, 'test_input_required_result_multi_round');
	$r = call($c, 'test_input_required_result_multi_round', '"inputResponses":{"step1":{"action":"accept","content":{"name":"Ada"}}},' . state_of($r));
	is($r->{inputRequests}{step2}{method}, 'elicitation/create', 'a second round');
	$r = call($c, 'test_input_required_result_multi_round', '"inputResponses":{"step2":{"action":"accept","content":{"color":"red"}}},' . state_of($r));
	like($r->{content}[0]{text}, qr/Ada.*red/, 'knows the first');
};

# The requests that the server sends until it answers or asks no more.
sub asked { my ($c) = @_; return decode_json($c->line // '{}') }
sub reply { my ($c, $q, $result) = @_; $c->say(qq({"jsonrpc":"2.0","id":$q->{id},"result":$result})) }

for my $revision (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25)) {
	subtest "requests to the client in $revision" => sub {
		my $c = start($revision, $ALL);
		$c->say(legacy(1, 'tools/call', '"name":"test_sampling","arguments":{"prompt":"Say \"x\""}'));
		my $q = asked($c);
		is($q->{method}, 'sampling/createMessage', 'asks');
		is($q->{params}{messages}[0]{content}{text}, 'Say "x"', 'what');
		ok($c->ping, 'ping while it waits');
		reply($c, { id => $_ }, '{}') for 0, -1, '"1"', 99, $q->{id} + 1;
		reply($c, $q, $fitting{greeting});
		like($c->answer(1)->{result}{content}[0]{text}, qr/LLM response:.*Hi/, 'answers');
		is(scalar @{ $c->{before} }, 0, 'and says nothing else');
		reply($c, $q, $fitting{greeting});
		$c->say(qq({"jsonrpc":"2.0","id":$q->{id},"error":{"code":-1,"message":"late"}}));
		ok($c->ping, 'a second response is nobody\'s');
		$c->say(legacy(2, 'tools/call', '"name":"test_input_required_result_list_roots"'));
		reply($c, asked($c), $fitting{client_roots});
		like($c->answer(2)->{result}{content}[0]{text}, qr{file:///r}, 'roots');
		for my $bad ('"error":{"code":-1,"message":"No."}', '"error":7', '"result":[]', '"result":null,"error":{}') {
			$c->say(legacy(3, 'tools/call', '"name":"test_input_required_result_list_roots"'));
			$c->say(qq({"jsonrpc":"2.0","id":) . asked($c)->{id} . ",$bad}");
			my $r = $c->answer(3)->{result};
			ok($r->{isError}, "refused by $bad");
		}
		$c->say(legacy(4, 'tools/call', '"name":"test_input_required_result_list_roots"'));
		reply($c, asked($c), '{"roots":{}}');
		like($c->answer(4)->{result}{content}[0]{text}, qr/does not fit/, 'an answer that does not fit is asked for once');
		my $form = $c->ask(legacy(5, 'tools/call', '"name":"test_elicitation_url"')) if $revision lt '2025-11-25';
		ok(!defined $form || $form->{result}{isError}, 'elicitation by url is of 2025-11-25');
		next_elicitation($c, $revision);
	};
}

sub next_elicitation {
	my ($c, $revision) = @_;
	if ($revision lt '2025-06-18') {
		my $r = $c->ask(legacy(6, 'tools/call', '"name":"test_elicitation","arguments":{"message":"?"}'));
		like($r->{result}{content}[0]{text}, qr/unavailable.*elicitation/, 'no elicitation yet');
		return;
	}
	$c->say(legacy(6, 'tools/call', '"name":"test_elicitation","arguments":{"message":"?"}'));
	reply($c, asked($c), '{"action":"cancel"}');
	like($c->answer(6)->{result}{content}[0]{text}, qr/cancel/, 'elicitation');
	$c->say(legacy(7, 'prompts/get', '"name":"test_input_required_result_prompt"'));
	reply($c, asked($c), $fitting{user_context});
	is(scalar @{ $c->answer(7)->{result}{messages} }, 1, 'a prompt that asks');
	$c->say(legacy(8, 'resources/read', '"uri":"test://asking"'));
	$c->say(qq({"jsonrpc":"2.0","id":) . asked($c)->{id} . ',"error":{"code":-1,"message":"No."}}');
	like($c->answer(8)->{error}{message}, qr/refused.*No\./, 'a resource that asks, refused');
}

subtest 'several questions at once' => sub {
	my $c = start('2025-11-25', $ALL);
	my $tool = '"name":"test_input_required_result_multiple_inputs"';
	my %method = ('elicitation/create' => 'user_name', 'sampling/createMessage' => 'greeting', 'roots/list' => 'client_roots');
	$c->say(legacy(1, 'tools/call', $tool));
	my @q = map { asked($c) } 1 .. 3;
	is_deeply([sort map { $_->{method} } @q], [sort keys %method], 'three requests');
	reply($c, $_, $fitting{ $method{ $_->{method} } }) for reverse @q;
	like($c->answer(1)->{result}{content}[0]{text}, qr/Ada.*Hi.*file/, 'answered in another order');
	$c->say(legacy(2, 'tools/call', $tool));
	@q = map { asked($c) } 1 .. 3;
	$c->say(qq({"jsonrpc":"2.0","id":$q[1]{id},"error":{"code":-1,"message":"No."}}));
	my @gone = sort map { decode_json($c->line)->{params}{requestId} } 1 .. 2;
	is_deeply(\@gone, [sort $q[0]{id}, $q[2]{id}], 'one refused: the others are withdrawn');
	ok($c->answer(2)->{result}{isError}, 'one failed call');
	$c->say(legacy(3, 'tools/call', $tool));
	@q = map { asked($c) } 1 .. 3;
	$c->cancel(3);
	@gone = sort map { decode_json($c->line)->{params}{requestId} } 1 .. 3;
	is_deeply(\@gone, [sort map { $_->{id} } @q], 'cancelled: withdrawn');
	reply($c, $_, $fitting{ $method{ $_->{method} } }) for @q;
	ok($c->ping, 'and what comes then is nobody\'s');
	is(scalar @{ $c->{before} }, 0, 'no answer');
	$c->say(legacy(4, 'tools/call', '"name":"test_input_required_result_multi_round"'));
	reply($c, asked($c), '{"action":"accept","content":{"name":"Ada"}}');
	reply($c, asked($c), '{"action":"accept","content":{"color":"red"}}');
	like($c->answer(4)->{result}{content}[0]{text}, qr/Ada.*red/, 'two rounds');
};

subtest 'who may be asked' => sub {
	my $c = start('2025-11-25', '{"roots":{}}');
	my $r = $c->ask(legacy(1, 'tools/call', '"name":"test_sampling","arguments":{"prompt":"x"}'))->{result};
	like($r->{content}[0]{text}, qr/"code":"unavailable".*sampling/, 'not who has not declared it');
	is(call($c, 'test_missing_capability', undef, '{"sampling":{}}')->{resultType}, 'input_required', 'a request that says otherwise');
	$c = start();
	$c->ask('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}}');
	$r = $c->ask(legacy(2, 'tools/call', '"name":"test_input_required_result_list_roots"'))->{result};
	ok($r->{isError}, 'not before notifications/initialized');
	$c->say('{"jsonrpc":"2.0","method":"notifications/initialized","params":null}');
	$c->say(legacy(3, 'tools/call', '"name":"test_input_required_result_list_roots"'));
	is(asked($c)->{method}, 'roots/list', 'after it, whose params may be null');
	for my $how (qw(input TERM)) {
		$c = start('2025-11-25', $ALL);
		$c->say(legacy(1, 'tools/call', '"name":"test_input_required_result_list_roots"'));
		asked($c);
		$how eq 'input' ? $c->close_input : kill $how, $c->{pid};
		is($c->ended, 0, "the end by $how while one is asked");
	}
};

fits();
done_testing;
