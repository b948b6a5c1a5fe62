#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Calls of verbs through cnt mcp, each a process: many at once, in order and bounded; and programs that
# are wrong in every way, each of which is one failed call that says who did what, and one finished
# call beside it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
my $lab = tempdir('cnt-calls.XXXXXX', DIR => '/var/tmp', CLEANUP => 1);
chmod 0755, $lab;
mkdir "$lab/$_" or die for qw(bin etc etc/cnt out);
$ENV{CNT_ROOT} = $lab;
my $mcp = "$lab/bin/cnt-mcp";
copy("$build/bin/cnt-mcp", $mcp) or die "cnt-mcp: $!";
chmod 0755, $mcp;

Client::watch();
binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);	# names are what was said

sub get { my ($path) = @_; open my $f, '<', $path or return ''; local $/; return <$f> // '' }
sub put { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print $f $text; close $f }

# A verb's program: what it does when it is called, in sh, with the request in $line.
sub verb {
	my ($name, $does) = @_;
	put("$lab/bin/cnt-$name", <<"END");
#!/bin/sh
if [ "\$1" = --describe ]; then
	echo '{"verbs":[{"name":"$name","tool":{"name":"$name","inputSchema":{"type":"object","properties":{}}}}]}'
	exit
fi
read -r line
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}],"isError":false}}\\n' "\$1" "\$2"; }
$does
END
	chmod 0755, "$lab/bin/cnt-$name";
}

sub conf { put("$lab/etc/cnt/cnt.conf", join '', map { "$_\n" } @_); chmod 0644, "$lab/etc/cnt/cnt.conf" }

# The text of a call's answer, and its error.
sub answer {
	my ($c, $id, $seconds) = @_;
	my $r = $c->answer($id, $seconds // 20)->{result};
	my $text = $r->{content}[0]{text} // '';
	return ($text, $r->{isError} ? decode_json($text)->{error} : undef);
}

# Its memory at its worst, in KiB.
sub most { my ($c) = @_; return get("/proc/$c->{pid}/status") =~ /^VmHWM:\s+(\d+)/m ? $1 : 0 }

verb('good', 'answer 1 good; cat >/dev/null');
verb('count', <<"END");
n=\${line##*\\"n\\":}
n=\${n%%[!0-9]*}
echo "\$n \$(cut -d ' ' -f 22 /proc/\$\$/stat)" >>$lab/order
mkdir $lab/out/\$n
ls $lab/out | wc -l >>$lab/many
until [ -e $lab/go ]; do sleep 0.05; done
rmdir $lab/out/\$n
answer 1 \$n
cat >/dev/null
END

subtest 'a hundred calls at once' => sub {
	conf('mcp-calls 4');
	my $c = Client->start($mcp, '--tools', 'platform');
	$c->call($_, 'count', qq({"n":$_})) for 1 .. 100;
	ok(Client::until(20, sub { (() = get("$lab/order") =~ /\n/g) == 4 }), 'four have begun');
	$c->cancel($_) for 50 .. 59;
	$c->cancel(2);
	ok(Client::until(20, sub { (() = get("$lab/order") =~ /\n/g) == 5 }), 'one that runs is cancelled: another begins');
	put("$lab/go", '');
	my %got;
	while (keys %got < 89 and defined(my $line = $c->line(30))) { $got{$1}++ if $line =~ /"id":(\d+),.*"isError":false/ }
	is_deeply([sort { $a <=> $b } keys %got], [1, 3 .. 49, 60 .. 100], 'all are answered but those that were cancelled');
	is((grep { $_ != 1 } values %got), 0, 'once');
	my %began = split ' ', get("$lab/order");	# as the kernel says, in ticks: who writes it first is another matter
	my @ran = sort { $a <=> $b } keys %began;
	is_deeply(\@ran, [1 .. 49, 60 .. 100], 'one that was cancelled while it waited has never begun');
	is((grep { $began{ $ran[$_] } < $began{ $ran[$_ - 1] } } 1 .. $#ran), 0, 'they begin in the order they came');
	my ($most) = sort { $b <=> $a } split /\n/, get("$lab/many");
	cmp_ok($most, '<=', 5, 'four at once');			# and the one that was cancelled has left its mark
	ok(Client::until(3, sub { $c->processes == 1 }), 'no process stays');
};

verb('big', <<"END");
echo >>$lab/big
printf '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"'
head -c 3000000 /dev/zero | tr '\\0' x
echo '"}]}}'
cat >/dev/null
END

subtest 'answers that nobody reads' => sub {
	my ($calls, $got) = (40, 0);
	my $c = Client->start($mcp, '--tools', 'platform');
	$c->call($_, 'big', '{}') for 1 .. $calls;
	ok(Client::until(20, sub { get("$lab/big") =~ /^\n{6}/ && $c->processes == 1 }), 'what has begun has been answered');
	cmp_ok(length get("$lab/big"), '<', $calls, 'and the rest waits');
	while ($got < $calls and defined(my $line = $c->line(20))) { $got++ if length $line > 3e6 }
	is($got, $calls, 'every answer comes');
	cmp_ok(most($c), '<', 64 << 10, 'in ' . (most($c) >> 10) . ' MiB of memory') if !$ENV{SAN};
};

# name, what it does, its error
my @wrong = (
	['rubbish', 'echo hello', qr/wrote what is not MCP: "hello"$/],
	['binary', 'head -c 100000 /dev/urandom; echo', qr/wrote what is not MCP/],
	['array', 'echo "[]"', qr/wrote what is not MCP/],
	['utf8', 'printf "{\"a\":\"\\\\377\"}\n"', qr/wrote what is not MCP/],
	['half', 'printf "{\"jsonrpc\":\"2.0\",\"id\":1,\"resu"', qr/ended without an answer \(exit status 0\)$/],
	['leave', 'exit 3', qr/ended without an answer \(exit status 3\)$/],
	['crash', 'kill -SEGV $$', qr/ended without an answer \(signal 11\)$/],
	['other', 'answer 2 x; cat >/dev/null', qr/answered a call that it was not given$/],
	['string', 'answer \'"1"\' x; cat >/dev/null', qr/answered a call that it was not given$/],
	['refuse', q(echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not today"}}'; cat >/dev/null), qr/refused the call: not today$/],
	['empty', q(echo '{"jsonrpc":"2.0","id":1}'; cat >/dev/null), qr/answered without a result$/],
	['shape', q(echo '{"jsonrpc":"2.0","id":1,"result":[1]}'; cat >/dev/null), qr/answered without a result$/],
	['closes', 'exec >&-; sleep 1702', qr/closed its output without an answer, so it was ended$/],
	['flood', 'exec head -c 1G /dev/zero', qr/wrote a line of more than 8 MiB$/],
	['lines', q(exec yes '{"jsonrpc":"2.0","method":"notifications/x","params":{}}'), qr/wrote more than 64 MiB$/],
	['hang', 'sleep 1702', qr/no answer in 4 s, so it was ended$/],
	['deaf', "trap '' TERM; while :; do sleep 0.1; done", qr/no answer in 4 s, so it was ended$/],
);
# Each of these is one good answer.
my @right = (
	['twice', 'answer 1 right; answer 1 wrong; cat >/dev/null'],
	['after', 'answer 1 right; echo rubbish; exec yes'],
	['stays', "answer 1 right; trap '' TERM; exec <&-; while :; do sleep 0.1; done"],
	['closes_after', 'answer 1 right; exec >&-; sleep 1702'],
	['dies_after', 'answer 1 right; kill -9 $$'],
	['behind', 'sleep 1702 & answer 1 right'],
	['slow', 'sleep 0.3; printf "{\"jsonrpc\":\"2.0\",\"id\":1,\"re"; sleep 0.3; printf "sult\":{\"content\":[{\"type\":\"text\",\"text\":\"right\"}]}}\n"'],
);

subtest 'programs that are wrong' => sub {
	conf('mcp-calls 32', 'mcp-deadline 4s');
	verb(@$_[0, 1]) for @wrong, @right;
	my $c = Client->start($mcp, '--tools', 'platform');
	my ($n, %of) = 0;
	for (@wrong, @right) {
		$c->call(++$n, $_->[0], '{}');
		$of{$n} = $_;
		$c->call(1000 + $n, 'good', '{}');
	}
	my %got;
	while (keys %got < 2 * $n and defined(my $line = $c->line(30))) {
		my $r = decode_json($line);
		push @{ $got{ $r->{id} } }, $r->{result};
	}
	for my $id (1 .. $n) {
		my ($name, undef, $why) = @{ $of{$id} };
		my $r = $got{$id}[0];
		my $text = $r->{content}[0]{text} // '';
		is(scalar @{ $got{$id} // [] }, 1, "$name: one answer") or next;
		if (!$why) {
			is($text, 'right', "$name: the right one");
			next;
		}
		my $e = $r->{isError} ? JSON::PP->new->decode($text)->{error} : {};
		like($e->{message}, qr/^cnt-$name: /, "$name: named");
		like($e->{message}, $why, $e->{message} // 'what it did');
		like($e->{code}, $name =~ /hang|deaf/ ? qr/^timeout$/ : qr/^bug$/, 'a code');
		like($e->{hint}, qr/^(mcp-deadline in cnt\.conf|part of its work may be done|a fault of that program)/, 'what to do');
	}
	is((grep { $got{ 1000 + $_ }[0]{content}[0]{text} ne 'good' } 1 .. $n), 0, 'each call beside them is answered');
	cmp_ok(most($c), '<', $ENV{SAN} ? 400 << 10 : 64 << 10, 'in ' . (most($c) >> 10) . ' MiB of memory');
	ok(Client::until(5, sub { $c->processes == 1 }), 'no process stays')
	    or diag map { get("/proc/$_/cmdline") =~ tr/\0/ /r . "\n" } $c->processes;
	ok(defined $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}})), 'and it serves on');
};

subtest 'the end beside a program that will not' => sub {
	conf();
	my $c = Client->start($mcp, '--tools', 'platform');
	$c->call($_, 'deaf', '{}') for 1 .. 20;		# four of them wait
	ok(Client::until(5, sub { $c->processes > 16 }), 'they run');
	$c->close_input;
	my $t = time;
	is($c->ended(2), 0, 'exit 0');
	cmp_ok(time - $t, '<', Client::allowed($ENV{SAN} ? 1 : 0.12, $t), 'within 100 ms');
	ok(Client::until(2.5, sub { !$c->processes }, $t), 'no process 2.5 s later');
};

subtest 'the limits are checked' => sub {
	for (['mcp-calls 0', 'expected a number from 1 to 256, got "0"'], ['mcp-calls 257', 'got "257"'], ['mcp-calls x', 'got "x"'],
	    ['mcp-deadline 0', 'expected a duration up to 30d, got "0"'], ['mcp-deadline soon', 'not a duration'], ['mcp-deadline 31d', 'up to 30d']) {
		my ($line, $why) = @$_;
		conf($line);
		my $c = Client->start($mcp);
		is($c->ended(5) >> 8, 2, $line);
		like($c->said, qr/^cnt: \Q$lab\E\/etc\/cnt\/cnt\.conf:1: .*\Q$why\E/, 'is refused with its reason');
	}
};

done_testing;
