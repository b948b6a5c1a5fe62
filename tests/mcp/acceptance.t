#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What the best server does with whatever comes (mcp.md 1.4), held against three of them: what is answered with
# which error, what is echoed as the bytes that came, what gets no answer; and that it lives on. The work of a
# verb that lasts is one that waits for its database (Servers.pm). The ends are ending.t's, blocked pipes
# blocked.t's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Temp qw(tempdir);
use JSON::PP;
use Servers;
use Test::More;
use Time::HiRes qw(time);

Client::watch();
my $M = $Client::META;
my $ping = '{"jsonrpc":"2.0","id":7,"method":"ping"}';
my @revisions = qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25);

# Lines that are refused: with which code, and the id that comes with it.
my @refused = (
	(map { [-32700, $_] } '{', substr($ping, 0, -1), 'x', 'nul', 'True', "'x'", "$ping x", "$ping$ping", "$ping,",
	    '{"jsonrpc":"2.0","id":7,"method":"ping",}', '{"jsonrpc":"2.0","id":07,"method":"ping"}',
	    '{"jsonrpc":"2.0","id":+7,"method":"ping"}', '{jsonrpc:"2.0","id":7,"method":"ping"}',
	    "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", qq({"a":"\xc3"}), qq({"a":"\xed\xb0\x80"}),
	    "\0", qq({"a":"\0"}), "$ping\0", qq({"a":"\t"}), qq({"a":"\x1b"}), "\x0c$ping", '{"a":"\\u12"}', '{"a":"\\x"}',
	    "\xef\xbb\xbf$ping", "\xff\xfe{\0}\0", '[' x 100_000, '[' x 100_000 . ']' x 100_000, '{"a":' x 100_000,
	    '{"jsonrpc":"2.0","id":7,"method":"ping","params":' . '[' x 100_000 . ']' x 100_000 . '}'),
	(map { [-32600, $_] } '1', '-0', '"x"', 'null', 'true', 'false', '1e3', '[]', '{}', '{"id":null}', '{"id":1.5}', '[[]]', '[1]'),
	(map { [-32600, qq({"jsonrpc":"2.0","id":$_,"method":"ping"})] } qw(null 1.5 true {} [] [1] -0.5), '"' . 'x' x 4095 . '"'),
	[-32600, '{"jsonrpc":"1.0","id":7,"method":"ping"}', 7], [-32600, '{"jsonrpc":2.0,"id":7,"method":"ping"}', 7],
	[-32600, '{"id":"a","method":"ping"}', '"a"'], [-32600, '{"jsonrpc":"2.0","id":-1}', -1],
	[-32600, '{"jsonrpc":"2.0","id":7,"method":1}', 7], [-32600, '{"jsonrpc":"2.0","id":7,"method":null}', 7],
	[-32602, '{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', 7],
	[-32602, '{"jsonrpc":"2.0","id":7,"method":"ping","params":"x"}', 7],
	[-32601, '{"jsonrpc":"2.0","id":7,"method":"Ping"}', 7], [-32601, '{"jsonrpc":"2.0","id":7,"method":""}', 7],
	[-32601, '{"jsonrpc":"2.0","id":7,"method":"tasks/get"}', 7],
	[-32601, '{"jsonrpc":"2.0","id":7,"method":"rpc.discover"}', 7],
	(map { [-32602, qq({"jsonrpc":"2.0","id":"s","method":"ping","params":{"a":$_}}), '"s"'] } '"\u0000"', '"\ud83d"',
	    '"\udc00\ud83d"', '"\ud83dx"', '{"b":1,"b":2}', '1e400', '[' x 100 . ']' x 100),
	[-32602, '{"jsonrpc":"2.0","id":7,"method":"tools/call"}', 7],
	[-32602, '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":7}}', 7],
	(map { [-32602, qq({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"$_"}}), 7] } 'none', 'a' . "\xc3\xa9" x 99),
	[-32602, '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":"x"}}', 7],
);
# Of a call of the server's own tool.
my @arguments = ('[]', '"x"', '7', 'true');

# Lines that get no answer.
my @unanswered = ('', "\r", '{"jsonrpc":"2.0","id":7,"result":{}}', '{"jsonrpc":"2.0","id":"x","result":null}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}', '{"jsonrpc":"2.0","error":{}}',
    '{"jsonrpc":"2.0","method":"ping"}', '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","method":"x/y","params":[]}', '{"jsonrpc":"2.0","method":1}',
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}',
    (map { qq({"jsonrpc":"2.0","method":"notifications/cancelled"$_}) } '', ',"params":{}', ',"params":null',
	map { qq(,"params":{"requestId":$_}) } qw(7 "7" null {} 1.5 99999999999999999999)));

my @ids = ('0', '-1', '""', '9007199254740991', '9007199254740993', '-9223372036854775809', '123456789012345678901234567890',
    '"7"', '" "', '"a\u00e9\/\ud83d\ude00\""', "\"\xc3\xa9\"", '"' . 'x' x 4094 . '"');

sub short { my ($bytes) = @_; return length $bytes > 48 ? length($bytes) . ' bytes ' . substr $bytes, 0, 24 : $bytes }

for my $server (@Servers::all) {
	subtest $server->{name} => \&accept_all, $server;
}

sub accept_all {
	my ($server) = @_;
	my ($tool, $arguments) = @{ $server->{quick} };
	my $c = Servers::start($server);
	$c->initialize('2025-11-25');

	my @bad;
	for (@refused, map { [-32602, qq({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"$tool","arguments":$_}}), 7] } @arguments) {
		my ($code, $bytes, $id) = @$_;
		$c->raw("$bytes\n");
		my $line = $c->line // '';
		my $want = '{"jsonrpc":"2.0",' . (defined $id ? qq("id":$id,) : '') . qq("error":{"code":$code,"message":");
		push @bad, short($bytes) . ": $line" if index($line, $want) != 0 || !utf8::decode(my $text = $line);
	}
	is(join("\n", @bad), '', 'what is wrong is refused: code, id');
	ok($c->ping, 'and it lives on');
	ok($c->ask(qq({"jsonrpc":"2.0","id":8,"method":$_}))->{result}, "$_ is not wrong")
	    for '"ping","params":null', '"tools/list","params":{"cursor":""}';

	$c->say($_) for @unanswered;
	$c->say('{"jsonrpc":"2.0","id":"after","method":"ping"}' . "\r");
	is($c->line, '{"jsonrpc":"2.0","id":"after","result":{}}', 'what needs no answer gets none, and CRLF ends a line');

	@bad = ();
	for my $id (@ids) {
		$c->say(qq({"jsonrpc":"2.0","id":$id,"method":"ping"}));
		my $line = $c->line // '';
		push @bad, short($id) if $line ne qq({"jsonrpc":"2.0","id":$id,"result":{}});
		$c->say(qq({"params":{"name":"$tool","arguments":$arguments,"_meta":{"id":5}},"id" : $id,"method":"tools/call","jsonrpc":"2.0"}));
		$line = $c->line // '';
		push @bad, 'call ' . short($id) if index($line, qq({"jsonrpc":"2.0","id":$id,"result":{)) != 0;
	}
	is(join("\n", @bad), '', 'ids come back as the bytes that came');
	long_lines($c);
	batches($c);
	together($server, $c);
	cancelled($server, $c);
	progress($server, $c);
	$c->raw('{"jsonrpc":"2.0","id":"last","method":"ping"}');
	$c->close_input;
	is($c->line, '{"jsonrpc":"2.0","id":"last","result":{}}', 'a last line without newline is answered');
	is($c->ended, 0, 'exit 0');
	is($c->said, '', 'not a word on standard error');
	elsewhere($server);
	return;
}

# What it has started ends after its answer.
sub alone {
	my ($c, $what) = @_;
	ok(Client::until(2.5, sub { $c->processes == 1 }), $what)
	    or diag map { `tr '\\0' ' ' </proc/$_/cmdline` } $c->processes;
	return;
}

sub long_lines {
	my ($c) = @_;
	my $record = delete $c->{record};
	my $open = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"';

	$c->raw($open . 'x' x 20_000_000 . qq("}}\n));
	like($c->line(20), qr/^\{"jsonrpc":"2.0","error":\{"code":-32600,/, 'a line of 20 MB is refused');
	$c->raw($open . 'x' x ((16 << 20) - length($open) - 3) . qq("}}\n));
	is($c->line(20), '{"jsonrpc":"2.0","id":1,"result":{}}', 'one of 16 MiB is read');
	$c->raw($open . 'x' x ((16 << 20) - length($open) - 2) . qq("}}\n));
	like($c->line(20), qr/^\{"jsonrpc":"2.0","error":\{"code":-32600,/, 'a byte more is too much');
	$c->raw('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[' . '1,' x 8_000_000 . "1]}}\n");
	like($c->line(20), qr/^\{"jsonrpc":"2.0","id":1,"error":\{"code":-32602,/, 'eight million values are too many');
	alone($c, 'all by one process');
	open my $f, '<', "/proc/$c->{pid}/status" or die;
	my ($kib) = join('', <$f>) =~ /VmHWM:\s+(\d+)/;
	cmp_ok($kib, '<', $ENV{SAN} ? 1_000_000 : 100_000, "in little memory ($kib KiB)");
	$c->{record} = $record if $record;
	return;
}

# An array is a batch in one revision, and no request in the others.
sub batches {
	my ($c) = @_;
	my $batch = '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},5,{"jsonrpc":"2.0","id":"b","method":"ping"}]';

	for my $revision (@revisions) {
		$c->initialize($revision);
		$c->say($batch);
		my $line = $c->line // '';
		if ($revision eq '2025-03-26') {
			my @got = map { $_->{id} // $_->{error}{code} } @{ decode_json($line) };
			is("@got", '1 -32600 b', "$revision: a batch is answered by one");
		} else {
			like($line, qr/^\{"jsonrpc":"2.0","error":\{"code":-32600,/, "$revision: no batches");
		}
		$c->say('[]');
		like($c->line, qr/^\{"jsonrpc":"2.0","error":\{"code":-32600,/, "$revision: an empty one");
	}
	(my $modern = $batch) =~ s/"ping"/"tools\/list","params":{$M}/g;
	$c->say($modern);
	like($c->line, qr/^\{"jsonrpc":"2.0","error":\{"code":-32600,/, '2026-07-28: no batches');
	return;
}

# Many at once: each answer is one whole line, and comes once.
sub together {
	my ($server, $c) = @_;
	my (%got, @torn);

	$c->call($_, @{ $server->{quick} }) for 1 .. 100;
	while (keys %got < 100 and defined(my $line = $c->line(20))) {
		my $j = eval { decode_json($line) };
		defined $j && $j->{result} ? $got{ $j->{id} }++ : push @torn, $line;
	}
	is("@torn", '', 'no line of a hundred calls at once is torn');
	is(scalar(grep { $_ == 1 } values %got), 100, 'each is answered once');
	$c->cancel($_) for 1 .. 100;
	ok($c->ping && !@{ $c->{before} }, 'cancelled afterwards: nothing comes of it');
	return;
}

sub cancelled {
	my ($server, $c) = @_;

	ok(Servers::begin($server, $c, 1, '"1"'), 'work that lasts');
	ok($c->ping && !@{ $c->{before} }, 'ping while it runs');
	ok($c->ask(qq({"jsonrpc":"2.0","id":"l","method":"tools/list","params":{$M}}))->{result}, 'tools/list, too');
	is($c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$M}}))->{error}{code}, -32600, 'its id is in use');
	my $t = time;
	$c->cancel($_) for 1, '"1"';
	alone($c, 'cancelled, it is gone');
	Servers::release();
	$c->call(1, @{ $server->{quick} });
	ok($c->answer(1)->{result}, 'its id is free');
	is(scalar(grep { defined $_->{id} } @{ $c->{before} }), 0, 'it was not answered');
	return;
}

# A call that is silent for longer than two seconds, with the token 0.
sub progress {
	my ($server, $c) = @_;
	my ($n, $last, @bad) = (0, -1);
	my $began = my $t = time;

	Servers::call($server, $c, '"p"', '"progressToken":0');
	while (time - $began < 2.2 && defined(my $line = $c->line(20))) {
		my $took = time - $t;
		push @bad, sprintf '%.2f s', $took if $took > 1 && $took > Client::allowed(1, $t);
		$t = time;
		my ($progress) = $line =~ /"method":"notifications\/progress","params":\{"progressToken":0,"progress":([\d.e-]+)[,}]/;
		push @bad, $line if !defined $progress || $progress <= $last;
		$last = $progress // $last;
		$n++;
	}
	is("@bad", '', 'it is told of every second, by a number that grows');
	cmp_ok($n, '<=', 10 * (time - $began), 'and at most ten times');
	$server->{held} ? Servers::release() : $c->cancel('"p"');
	ok($c->answer('p')->{result}, 'the answer') if $server->{held};
	my $after = $c->ping;
	ok($after && (!$server->{held} || !@{ $c->{before} }), 'and nothing after it');
	return;
}

# Where a client starts it.
sub elsewhere {
	my ($server) = @_;
	my %six = (HOME => $Servers::home, LOGNAME => 'root', PATH => '/usr/bin:/bin', SHELL => '/bin/sh', TERM => 'dumb', USER => 'root');
	my $gone = tempdir('/var/tmp/cnt-tap.XXXXXX');
	my %where = (
		'the six variables that SDKs pass' => { env => \%six },
		'no variables' => { env => {} },
		'a directory that is gone' => { before => ['sh', '-c', 'cd "$0" && rmdir "$0" && exec "$@"', $gone] },
	);

	for my $name (sort keys %where) {
		my $c = Servers::start($server, %{ $where{$name} });
		my $list = $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$M}}));
		$c->call(2, @{ $server->{quick} });
		my $r = $c->answer(2)->{result};
		ok(@{ $list->{result}{tools} } && $r && !$r->{isError}, $name) or diag explain $r;
		$c->raw('{"jsonrpc":"2.0","id":3');
		$c->close_input;
		like($c->line, qr/-32700/, "$name: half a line at the end");
		is($c->ended, 0, "$name: exit 0");
	}
	return;
}

done_testing;
