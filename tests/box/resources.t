#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Resources and the prompt of agent-box, in every revision: lists, the CI context as the file changes
# under it, files by template behind the wall, and what is said when there is nothing.
use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Encode qw(encode_utf8);
use File::Temp qw(tempdir);
use JSON::PP;
use MIME::Base64;
use Session;
use Test::More;

my $dir = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $file = "$dir/ci.json";
mkdir "$dir/home";
my %env = (HOME => "$dir/home", CNT_CI_CONTEXT_PATH => $file);
my $json = JSON::PP->new->utf8->canonical;
my $id = 1000;

sub spew { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print $f $text; close $f }

# One request, stateless unless an older revision was settled: the whole answer.
sub ask {
	my ($s, $method, %params) = @_;
	my $meta = $s->{legacy} ? {} : { _meta => { 'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
	    'io.modelcontextprotocol/clientCapabilities' => {} } };
	++$id;
	$s->say($json->encode({ jsonrpc => '2.0', id => $id, method => $method, params => { %params, %$meta } }));
	return $s->answer($id) // {};
}

sub content { my ($s, $uri) = @_; return ask($s, 'resources/read', uri => $uri)->{result}{contents}[0] }
sub context { return $json->decode(encode_utf8(content($_[0], $_[1] // 'cnt://ci-context')->{text})) }

for my $revision (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25 2026-07-28)) {
	subtest $revision => sub {
		my $modern = $revision eq '2026-07-28';
		my $s = Session->new(env => \%env);
		my $about = $modern ? ask($s, 'server/discover')->{result} : $s->initialize($revision)->{result};
		$s->{legacy} = !$modern;
		is_deeply($about->{capabilities}, { tools => {}, resources => {}, prompts => {} }, 'all three, and nothing else');
		cmp_ok(length $about->{instructions}, '<=', 600, 'instructions');
		for (['resources/list', 'resources', 'cnt://ci-context cnt://ci-prompt', 'uri'],
		    ['resources/templates/list', 'resourceTemplates', undef, 'uriTemplate'],
		    ['prompts/list', 'prompts', 'debug_ci', 'name']) {
			my ($method, $member, $want, $key) = @$_;
			my $r = ask($s, $method)->{result};
			my $got = join ' ', map { $_->{$key} } @{ $r->{$member} };
			is($got, $want, $method) if defined $want;
			is($got, 'file:///{+path} cnt://process/{id}/log', $method) unless defined $want;
			is((grep { !length($_->{description} // '') || !length $_->{name} } @{ $r->{$member} }), 0, "$method: each says what it is");
			is((grep { exists $_->{title} } @{ $r->{$member} }) > 0, $revision ge '2025-06-18', "$method: title");
			is_deeply([@$r{qw(ttlMs cacheScope resultType)}], $modern ? [3600000, 'private', 'complete'] : [(undef) x 3], "$method: may be kept");
			is(ask($s, $method, cursor => 'x')->{error}{code}, -32602, "$method: no other page");
			ok(ask($s, $method, cursor => '')->{result}, "$method: an empty cursor is the first page");
		}
		my $r = ask($s, 'resources/read', uri => 'cnt://ci-context')->{result};
		is_deeply([@$r{qw(ttlMs cacheScope)}], $modern ? [0, 'private'] : [undef, undef], 'what is read may not be kept');
		for my $uri ('cnt://nothing', 'file:///nowhere/at/all', 'file:///etc/passwd/x', 'http://x/', '') {
			my $e = ask($s, 'resources/read', uri => $uri)->{error};
			is($e->{code}, $modern ? -32602 : -32002, "\"$uri\": not found");
			is($e->{data}{uri}, $uri, 'data.uri');
		}
		is(ask($s, 'resources/read')->{error}{code}, -32602, 'no uri');
		is(ask($s, 'resources/read', uri => 7)->{error}{code}, -32602, 'a uri that is no string');
		is(ask($s, 'prompts/get', name => 'x')->{error}{code}, -32602, 'no such prompt');
		is(ask($s, $_)->{error}{code}, -32601, "$_: not offered")
		    for qw(completion/complete logging/setLevel resources/subscribe);
		ok($s->ping, 'lives on') unless $modern;
	};
}

my $s = Session->new(env => \%env);

subtest 'the context' => sub {
	is_deeply(context($s), { schema_version => '1.0', available => JSON::PP::false }, 'absent');
	spew($file, qq({"schema_version":"1.0","available":true,\n "repo":"a/b","failure_log_tail":"\\u00fc\xc3\xbc"}\n));
	is_deeply(context($s), { schema_version => '1.0', available => JSON::PP::true, repo => 'a/b', failure_log_tail => 'üü' },
	    'as the file has it');
	is_deeply(context($s, 'containarium://ci-context'), context($s), 'by the older name');
	is(content($s, 'cnt://ci-context')->{mimeType}, 'application/json', 'mimeType');
	spew("$file.new", '{"schema_version":"1.0","available":true,"repo":"c/d"}');
	rename "$file.new", $file or die;
	is(context($s)->{repo}, 'c/d', 'a changed file is seen at the next read');
	my %bad = ('empty' => '', 'half' => '{"schema_version":"1.0"', 'a list' => '[]', 'bad UTF-8' => "{\"a\":\"\xff\"}",
	    'a name twice' => '{"a":1,"a":2}', 'too long' => '{"a":"' . 'x' x 300000 . '"}', 'deep' => '[' x 100000);
	for my $what (sort keys %bad) {
		spew($file, $bad{$what});
		my $c = context($s);
		is_deeply([@$c{qw(schema_version available)}], ['1.0', JSON::PP::false], "$what: not available");
		like($c->{reason} // '', qr/^\Q$file\E: ./, "$what: $c->{reason}");
	}
	unlink $file;
	system('mkfifo', $file);
	like(context($s)->{reason}, qr/fifo/, 'a fifo is not waited for');
	unlink $file;
	mkdir $file;
	like(context($s)->{reason}, qr/directory/, 'a directory');
	rmdir $file;
	symlink 'ci.json', $file;
	like(context($s)->{reason}, qr/Too many levels/, 'a link to itself');
	unlink $file;
	my $other = Session->new(env => { HOME => "$dir/home" });
	is_deeply(context($other), { schema_version => '1.0', available => JSON::PP::false }, '/workspace, when nothing else is said')
	    unless -e '/workspace/.cnt/ci-context.json';
};

subtest 'what the command line writes is what is read' => sub {
	local %ENV = (%ENV, %env);
	open my $out, '|-', qw(sh -c), 'exec "$@" >/dev/null', 'sh', $Session::program, 'write_ci_context',
	    qw(--platform git --exit-code 3 --repo x/y), '--failing-command', encode_utf8(qq(make "a\\b"\nü)) or die;
	print $out "line $_\n" for 1 .. 20000;
	print $out "\e[31mred\e[0m \xff\0\n";
	close $out;
	is($?, 0, 'written');
	my $c = context($s);
	is_deeply([@$c{qw(schema_version platform exit_code repo pr_number failing_test)}], ['1.0', 'git', 3, 'x/y', undef, undef], 'fields');
	ok($c->{available}, 'available');
	is($c->{failing_command}, qq(make "a\\b"\nü), 'any text');
	like($c->{failure_log_tail}, qr/\A(?:line \d+\n)+red \x{fffd}\x{fffd}\n\z/, 'the end of the log, whole lines, without escapes');
	cmp_ok(length $c->{failure_log_tail}, '>', 19900, 'as much as fits');
	like($c->{written_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'when');
	is(join(' ', glob("$dir/.[a-zA-Z]* $dir/*")), "$dir/ci.json $dir/home", 'and no other file is left');
	unlink $file;
};

subtest 'the playbook and the prompt' => sub {
	my $text = content($s, 'cnt://ci-prompt')->{text};
	like($text, qr/cnt:\/\/ci-context first.*Reproduce.*smallest fix.*diff.*Do not/s, 'in this order');
	cmp_ok(length $text, '<', 2000, 'short');
	is(content($s, 'containarium://ci-prompt')->{text}, $text, 'by the older name');
	my $r = ask($s, 'prompts/get', name => 'debug_ci')->{result};
	is($r->{messages}[0]{role}, 'user', 'one message');
	like($r->{messages}[0]{content}{text}, qr/\Q$text\E.*"available":false/s, 'the playbook and the context');
	spew($file, '{"schema_version":"1.0","available":true,"x":"' . 'y' x 40000 . '"}');
	$r = ask($s, 'prompts/get', name => 'debug_ci', arguments => { failing_test => 'a "b"', command => 'make t' })->{result};
	like($r->{messages}[0]{content}{text}, qr/failing_test: a "b"\n\ncommand: make t\n$/, 'arguments; a long context is not copied');
	unlink $file;
	my $e = ask($s, 'prompts/get', name => 'debug_ci', arguments => { test => 'a' })->{error};
	is($e->{code}, -32602, 'an unknown argument');
	like("$e->{message} $e->{data}{hint}", qr/"test".*failing_test, command/, 'by name, with what it takes');
	is(ask($s, 'prompts/get', name => 'debug_ci', arguments => [])->{error}{code}, -32602, 'a list of arguments');
};

subtest 'with --read-only no tool is named that is not there' => sub {
	my $r = Session->new(env => \%env, command => [$Session::program, '--read-only']);
	my $about = ask($r, 'server/discover')->{result};
	my %there = map { $_->{name} => 1 } @{ ask($r, 'tools/list')->{result}{tools} };
	my @missing = grep { !$there{$_} } map { $_->{name} } @{ ask($s, 'tools/list')->{result}{tools} };
	cmp_ok(scalar @missing, '>', 5, 'some are not');
	my %said = (instructions => $about->{instructions}, map { $_->{uri} => content($r, $_->{uri})->{text} }
	    @{ ask($r, 'resources/list')->{result}{resources} });
	for my $what (sort keys %said) {
		is_deeply([grep { $said{$what} =~ /\b$_\b/ } @missing], [], "in $what");
	}
	cmp_ok(length $said{instructions}, '<=', 600, 'the instructions are short');
	like($said{instructions}, qr/cnt:\/\/ci-context/, 'and say what to read first');
	is_deeply([sort keys %{ $about->{capabilities} }], [qw(resources tools)], 'nor is there a prompt that needs one');
};

subtest 'files' => sub {
	my $bytes = join '', map { chr } 0 .. 255;
	spew("$dir/home/text", "gr\xc3\xbc\xc3\x9fe\n");
	spew("$dir/home/b", $bytes);
	spew("$dir/home/a b%c?#\xc3\xbc", 'odd');
	spew("$dir/home/empty", '');
	spew("$dir/home/mega", 'x' x 1048576);
	spew("$dir/home/more", 'x' x 1048577);
	is(content($s, "file://$dir/home/text")->{text}, "grüße\n", 'text');
	is(decode_base64(content($s, "file://$dir/home/b")->{blob}), $bytes, 'bytes');
	is(content($s, "file://$dir/home/a%20b%25c?#%c3%BC")->{text}, 'odd', 'percent-encoded');
	is(content($s, "file://$dir/home/empty")->{text}, '', 'empty');
	spew("$dir/home/p", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . "\0" x 9000);
	is(content($s, "file://$dir/home/p")->{mimeType}, 'image/png', 'mimeType of bytes');
	is(content($s, "file://$dir/home/text")->{mimeType}, 'text/plain', 'and of text');
	is(length content($s, "file://$dir/home/mega")->{text}, 1048576, '1 MiB');
	my $e = ask($s, 'resources/read', uri => "file://$dir/home/more")->{error};
	is($e->{code}, -32602, 'more than that');
	like($e->{data}{hint}, qr/read_file/, 'is for read_file');
	is(ask($s, 'resources/read', uri => "file://$dir/home/$_")->{error}{code}, -32602, "not a path: $_") for 'text%', 'text%0', 'text%zz', 'text%00b', "text%\cP0";
	is(ask($s, 'resources/read', uri => "file://$dir/home")->{error}{code}, -32602, 'a directory');
	system('mkfifo', "$dir/home/fifo");
	is(ask($s, 'resources/read', uri => "file://$dir/home/fifo")->{error}{code}, -32602, 'a fifo');
	$e = ask($s, 'resources/read', uri => "file://$dir/home/txt")->{error};
	like($e->{data}{hint}, qr/named alike in it: text/, 'a hint, as read_file has it');
};

subtest 'the log of a process' => sub {
	my $p = $s->tool('process_start', { command => 'echo a line; seq 1 9000; printf "\\033[1mbold\\377"' })->{data};
	my $uri = "cnt://process/$p->{id}/log";
	$s->tool('process_wait', { id => $p->{id}, until => 'exit' });
	my $text = content($s, $uri)->{text};
	like($text, qr/\A\d+\n(?:\d+\n)+9000\nbold\x{fffd}\z/, 'the end of a long one, from the start of a line, as text');
	cmp_ok(length $text, '>', 19900, 'as much as process_read gives');
	for my $line ('caf\351', '\377' x 30) {
		$p = $s->tool('process_start', { command => "perl -e 'printf qq{line %05d @{[ '%s' ]}\n}, \$_, \$_ > 2900 ? qq{$line} : q{} for 1 .. 3000'" })->{data};
		$s->tool('process_wait', { id => $p->{id}, until => 'exit' });
		$text = content($s, "cnt://process/$p->{id}/log")->{text};
		like($text, qr/\A(?:line \d{5}) .*^line 03000 (?:caf)?\x{fffd}+\n\z/ms, 'the end, also where bytes are no text');
		cmp_ok(length Encode::encode_utf8($text), $_->[0], $_->[1], 'as much as there is room for') for ['>', 19800], ['<=', 20000];
	}
	$p = $s->tool('process_start', { command => 'echo short' })->{data};
	$s->tool('process_wait', { id => $p->{id}, until => 'exit' });
	is(content($s, "cnt://process/$p->{id}/log")->{text}, "short\n", 'a short one is whole');
	is(content($s, "cnt://process/$p->{id}/log")->{mimeType}, 'text/plain', 'mimeType');
	for my $id ('p999', 'x', '..', 'p1/../p2', '', "$p->{id}/log") {
		is(ask($s, 'resources/read', uri => "cnt://process/$id/log")->{error}{code}, -32602, "none: \"$id\"");
	}
};

subtest 'the wall' => sub {
	mkdir "$dir/home/in";
	spew("$dir/home/in/f", 'inside');
	spew("$dir/secret", 'outside');
	symlink "$dir/secret", "$dir/home/in/link";
	symlink '../../secret', "$dir/home/in/up";
	my $w = Session->new(env => { %env, AGENTBOX_ROOT => "$dir/home/in" });
	is(content($w, "file://$dir/home/in/f")->{text}, 'inside', 'below it');
	for my $path ("$dir/secret", "$dir/home/in/link", "$dir/home/in/up", "$dir/home/in/../../secret",
	    "$dir/home/in/%2e%2e/%2e%2e/secret", '/proc/self/root/etc/passwd', '/etc/passwd') {
		my $a = ask($w, 'resources/read', uri => "file://$path");
		ok(!$a->{result} && $a->{error}{message}, "not read: $path");
	}
	spew($file, '{"schema_version":"1.0","available":true}');
	ok(!context($w)->{available} && context($w)->{reason}, 'a context outside it is not read');
	unlink $file;
};

done_testing;
