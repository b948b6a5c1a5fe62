#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What cnt mcp tells a model before its first call is true to the letter: the three calls that stand in
# its instructions, and those in the prompt new_box, are made as they stand there, and a box works.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use JSON::PP;
use Test::More;

my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
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

my $c = Client->start("$build/bin/cnt-mcp");
my $id = 100;

sub works {
	my ($text, $box) = @_;
	my @calls;
	push @calls, [$1, $2] while $text =~ /(\w+) (\{"[^}]*\})/g;
	is(join(' ', map { $_->[0] } @calls), 'create_container write_file shell_exec', 'three calls');
	my $r;
	for (@calls) {
		$c->call(++$id, @$_);
		$r = $c->answer($id, 60)->{result};
		ok(!$r->{isError}, "$_->[0] $_->[1]") or diag explain $r;
		is(decode_json($_->[1])->{ $_->[0] eq 'create_container' ? 'name' : 'box' }, $box, 'of that box');
	}
	like($r->{content}[0]{text}, qr/^exit 0 .*\nLinux \S+\nroot\n/, 'the box works');
}

sub prompt {
	my ($params) = @_;
	return $c->ask(qq({"jsonrpc":"2.0","id":) . ++$id . qq(,"method":"prompts/get","params":{$Client::META,$params}}));
}

subtest 'the instructions' => sub {
	my $text = $c->initialize->{result}{instructions};
	cmp_ok(length $text, '<=', 600, 'short: ' . length $text);
	unlike($text, qr/`box`/, 'which tools work in a box is not said by an argument that others take too');
	$text =~ s/"web"/"$A"/g;
	works($text, $A);
};

subtest 'the prompt' => sub {
	my $all = $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"prompts/list","params":{$Client::META}}))->{result}{prompts};
	is_deeply([map { my $p = $_; map { "$p->{name}: $_->{name}" . ($_->{required} ? '!' : '') } @{ $p->{arguments} } } @$all],
	    ['new_box: name', 'new_box: purpose'], 'is offered; nothing is required');
	my $m = prompt(qq("name":"new_box","arguments":{"name":"$B","purpose":"a blog with Caddy"}))->{result}{messages};
	is_deeply([map { "$_->{role} $_->{content}{type}" } @$m], ['user text'], 'is one text');
	like($m->[0]{content}{text}, qr/^Then make it ready for this: a blog with Caddy$/m, 'says the purpose');
	works($m->[0]{content}{text}, $B);
	like(prompt('"name":"new_box"')->{result}{messages}[0]{content}{text}, qr/"name":"[a-z]+"/, 'needs no arguments');
	my $e = prompt(qq("name":"new_box","arguments":{"name":"\\"}; rm"}))->{error};
	is($e->{code}, -32602, 'a name that no box can have is refused');
	is(prompt('"name":"old_box"')->{error}{code}, -32602, 'and a prompt that is not there');
};

for my $how (['--tools', 'platform'], ['--tools', 'box'], ['--read-only']) {
	subtest "with @$how" => sub {
		my $part = Client->start("$build/bin/cnt-mcp", @$how);
		my $result = $part->initialize->{result};
		my %there = map { $_->{name} => 1 } @{ $part->ask(qq({"jsonrpc":"2.0","id":2,"method":"tools/list"}))->{result}{tools} };
		cmp_ok(scalar keys %there, '>', 3, 'some tools are offered');
		is_deeply([grep { !$there{$_} } $result->{instructions} =~ /(\w+_\w+)/g], [], 'and no other is named');
		ok(!$result->{capabilities}{prompts}, 'nor a prompt that needs it');
	};
}

done_testing;
