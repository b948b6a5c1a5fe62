#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Resources, templates, prompts, completion, logging, and kinds of content, as each revision has them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Everything;
use JSON::PP;
use Test::More;

my @LEGACY = qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25);
my @LISTS = (['tools/list', 'tools'], ['resources/list', 'resources'], ['resources/templates/list', 'resourceTemplates'],
    ['prompts/list', 'prompts']);

# ask(REVISION, CONNECTION, METHOD, PARAMS): the answer.
sub ask {
	my ($revision, $c, $method, $params) = @_;
	return $c->ask(($revision eq '2026-07-28' ? \&modern : \&legacy)->(1, $method, $params));
}

for my $revision (@LEGACY, '2026-07-28') {
	my $is_modern = $revision eq '2026-07-28';
	my $c = start($is_modern ? () : $revision);

	subtest "$revision: what is advertised" => sub {
		my $r = $is_modern ? ask($revision, $c, 'server/discover')->{result} : $c->initialize($revision)->{result};
		my $change = { listChanged => JSON::PP::true };
		is_deeply($r->{capabilities}, { tools => $change, prompts => $change, logging => {},
		    resources => { %$change, subscribe => JSON::PP::true },
		    $revision ge '2025-03-26' ? (completions => {}) : () }, 'capabilities');
		is(exists $r->{ttlMs}, $is_modern, 'ttlMs');
	};

	subtest "$revision: lists" => sub {
		for (@LISTS) {
			my ($method, $member) = @$_;
			my $r = ask($revision, $c, $method)->{result};
			cmp_ok(scalar @{ $r->{$member} }, '>', 0, $method);
			is((grep { exists $_->{title} } @{ $r->{$member} }) > 0, $revision ge '2025-06-18' && $member ne 'resourceTemplates',
			    "$method: titles");
			is(exists $r->{nextCursor}, '', 'one page');
			is_deeply(ask($revision, $c, $method, '"cursor":""')->{result}, $r, 'the empty cursor, the same again');
			is(ask($revision, $c, $method, qq("cursor":$_))->{error}{code}, -32602, "cursor $_") for '"x"', 'null', '7', '{}';
			is_deeply([@$r{qw(ttlMs cacheScope resultType)}], $is_modern ? [0, 'private', 'complete'] : [(undef) x 3],
			    'how long it may be kept: not at all, for it changes');
		}
	};

	subtest "$revision: resources" => sub {
		my $r = ask($revision, $c, 'resources/read', '"uri":"test://static-text"')->{result};
		is($r->{contents}[0]{text}, 'This is the content of the static text resource.', 'read');
		is_deeply([@$r{qw(ttlMs cacheScope)}], $is_modern ? [0, 'private'] : [undef, undef], 'not kept');
		is(ask($revision, $c, 'resources/read', '"uri":"test://template/7/data"')->{result}{contents}[0]{uri},
		    'test://template/7/data', 'of a template');
		$r = ask($revision, $c, 'resources/read', '"uri":"test://nowhere/\u00e9"')->{error};
		is($r->{code}, $is_modern ? -32602 : -32002, 'not found');
		is($r->{data}{uri}, "test://nowhere/\x{e9}", 'with its uri');
		is(ask($revision, $c, 'resources/read', $_)->{error}{code}, -32602, "{$_}") for '', '"uri":7', '"uri":null';
	};

	subtest "$revision: prompts" => sub {
		my $r = ask($revision, $c, 'prompts/get', '"name":"test_prompt_with_arguments","arguments":{"arg1":"a","arg2":"b"}');
		is($r->{result}{messages}[0]{content}{text}, "Prompt with arguments: arg1='a', arg2='b'", 'got');
		ok(!exists $r->{result}{ttlMs}, 'no ttlMs');
		ok(exists ask($revision, $c, 'prompts/get', '"name":"test_simple_prompt"' . $_)->{result}, "arguments $_")
		    for '', ',"arguments":{}', ',"arguments":null', ',"arguments":{"more":"x"}';
		is(ask($revision, $c, 'prompts/get', $_)->{error}{code}, -32602, "{$_}") for '', '"name":7', '"name":"nope"',
		    map { qq("name":"test_prompt_with_arguments"$_) } '', ',"arguments":{"arg1":"a"}', ',"arguments":[]',
		    ',"arguments":"x"', ',"arguments":{"arg1":"a","arg2":2}';
	};

	subtest "$revision: completion" => sub {
		my $ref = '"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"}';
		my $r = ask($revision, $c, 'completion/complete', qq($ref,"argument":{"name":"arg1","value":"park"}))->{result};
		is_deeply($r->{completion}, { values => ['park'], total => 1, hasMore => JSON::PP::false }, 'one');
		$r = ask($revision, $c, 'completion/complete', qq($ref,"argument":{"name":"arg1","value":"park"},"context":{"arguments":{"arg2":"7"}}));
		is_deeply($r->{result}{completion}{values}, $revision ge '2025-06-18' ? ['park', '7'] : ['park'], 'by what another argument is');
		$r = ask($revision, $c, 'completion/complete', qq($ref,"argument":{"name":"arg2","value":""},"context":{"arguments":{"arg1":"x"}}));
		$r = $r->{result}{completion};
		is_deeply([scalar @{ $r->{values} }, $r->{values}[99], $r->{total}, $r->{hasMore}], [100, 99, 150, JSON::PP::true], 'the first 100');
		is(ask($revision, $c, 'completion/complete', $_)->{error}{code}, -32602, "{$_}") for '', $ref,
		    '"argument":{"name":"arg1","value":""}', qq($ref,"argument":{"name":"arg1"}), qq($ref,"argument":{"name":1,"value":""}),
		    '"ref":{"type":"ref/prompt"},"argument":{"name":"arg1","value":""}',
		    '"ref":{"type":"ref/tool","name":"x"},"argument":{"name":"arg1","value":""}',
		    qq($ref,"argument":{"name":"arg1","value":""},"context":7),
		    '"ref":{"type":"ref/resource","uri":"test://nope"},"argument":{"name":"id","value":""}';
	};

	subtest "$revision: content" => sub {
		my $audio = ask($revision, $c, 'tools/call', '"name":"test_audio_content"')->{result}{content}[0];
		is($audio->{type}, $revision ge '2025-03-26' ? 'audio' : 'text', 'audio');
		my $link = ask($revision, $c, 'tools/call', '"name":"test_resource_link"')->{result}{content}[0];
		is($link->{type}, $revision ge '2025-06-18' ? 'resource_link' : 'text', 'a link');
		like($link->{uri} // $link->{text}, qr{test://static-text$}, 'where to');
		my ($array) = grep { $_->{name} eq 'test_any_result' } @{ ask($revision, $c, 'tools/list')->{result}{tools} };
		my $any = ask($revision, $c, 'tools/call', '"name":"test_any_result"')->{result};
		is(exists $array->{outputSchema}, $is_modern, 'a result that is no object: its schema');
		is_deeply($any->{structuredContent}, $is_modern ? [1] : undef, 'and itself');
		my $three = ask($revision, $c, 'tools/call', '"name":"test_multiple_content_types"')->{result}{content};
		is_deeply([map { $_->{type} } @$three], [qw(text image resource)], 'three kinds');
	};
}

sub messages {
	my ($c, $line) = @_;
	$c->say($line);
	$c->answer(1);
	return join ' ', map { $_->{params}{level} } @{ $c->{before} };
}

subtest 'logging' => sub {
	my $call = '"name":"test_logging_tool"';
	my @levels = qw(debug info notice warning error critical alert emergency);
	my $c = start('2025-11-25');
	is(messages($c, legacy(1, 'tools/call', $call)), "@levels[1 .. 7]", 'info and above at first');
	for my $i (0 .. 7) {
		is_deeply($c->ask(legacy(2, 'logging/setLevel', qq("level":"$levels[$i]")))->{result}, {}, $levels[$i]);
		is(messages($c, legacy(1, 'tools/call', $call)), "@levels[$i .. 7]", 'and above');
	}
	is($c->ask(legacy(2, 'logging/setLevel', $_))->{error}{code}, -32602, "{$_}") for '', '"level":"loud"', '"level":3';
	is(messages($c, legacy(1, 'tools/call', $call)), 'emergency', 'as before');
	is(messages($c, modern(1, 'tools/call', $call)), '', 'setLevel is not for 2026-07-28');
	is(messages($c, modern(1, 'tools/call', $call, '{}', '"io.modelcontextprotocol/logLevel":"alert"')), 'alert emergency',
	    'each request has its own');
	is(messages($c, modern(1, 'tools/call', $call)), '', 'and no other');
	is($c->ask(modern(1, 'logging/setLevel', '"level":"debug"'))->{error}{code}, -32601, 'no setLevel there');
	$c->initialize('2025-06-18');
	is(messages($c, legacy(1, 'tools/call', $call)), "@levels[1 .. 7]", 'initialize begins anew');
};

subtest 'progress beyond what readers can read' => sub {
	my $c = start();
	$c->ask(modern(1, 'tools/call', '"name":"test_far_progress"', '{}', '"progressToken":1'));
	is_deeply([map { $_->{params}{progress} } @{ $c->{before} }], [5], 'is left out');
};

subtest 'as much as can be in flight' => sub {
	my $c = start('2025-11-25', '{"roots":{}}');
	$c->say(legacy($_, 'tools/call', '"name":"test_input_required_result_list_roots"')) for 1 .. 512;
	my $r = $c->ask(legacy('"x"', 'tools/call', '"name":"test_simple_text"'))->{result};
	ok($r->{isError}, 'one more than 512 calls');
	like($r->{content}[0]{text}, qr/"code":"busy".*"hint"/, 'is told to come again');
	is($c->ask(legacy('"x"', 'resources/read', '"uri":"test://static-text"'))->{error}{code}, -32603, 'or a read');
	ok($c->ping, 'ping and lists are answered');
	ok($c->ask(legacy('"x"', 'tools/list'))->{result}, 'always');
	$c->cancel(1);
	ok(exists $c->ask(legacy('"x"', 'resources/read', '"uri":"test://static-text"'))->{result}, 'when one has ended');
};

subtest 'a server that offers none of it' => sub {
	my $c = Client->start(($ENV{BUILD} // "$FindBin::Bin/../../build") . '/tests/mcp/echo');
	$c->initialize;
	my @methods = qw(resources/list resources/templates/list resources/read prompts/list prompts/get completion/complete);
	is($c->ask(legacy(1, $_))->{error}{code}, -32601, $_) for @methods, 'logging/setLevel';
	is($c->ask(modern(1, $_))->{error}{code}, -32601, "$_ in 2026-07-28") for @methods;
};

fits();
done_testing;
