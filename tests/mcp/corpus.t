#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The public corpus of what JSON parsers are asked (corpus.txt), each text through a server's own door: as a whole
# line, and as the arguments of a call. tests/unit/json.c gives the same texts to the reader itself. A line feed
# ends a message, so it comes as a carriage return, which is as good in all of them.
#
# What is refused though RFC 8259 allows it, for cnt-protocol(7): a name twice in one object; \u0000; half a surrogate
# pair; a number out of a double's range; more than 64 levels; a byte order mark. What cJSON alone would take
# (mcp.md 6: leading zeros, 1. and 2.e3, raw control characters, form feed between values) is refused, too.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use Test::More;

my $program = $ENV{AGENT_BOX} // ($ENV{BUILD} // "$FindBin::Bin/../../build") . '/bin/agent-box';
my (%count, @wrong);

sub text {
	my ($text) = @_;
	$text =~ s/%\{(\d+):(.*?)\}/$2 x $1/ge;
	$text =~ s/%([0-9A-F]{2})/chr hex $1/ge;
	return $text =~ tr/\n/\r/r;
}

# What became of it: taken, no JSON, refused.
sub verdict {
	my ($line, $taken) = @_;
	return 'taken' if $line =~ $taken;
	return 'no JSON' if $line =~ /^\{"jsonrpc":"2.0","error":\{"code":-32700,/;
	return 'refused' if $line =~ /"code":-3260[02],"message":"Refused: /;
	return $line;
}

open my $f, '<', "$FindBin::Bin/corpus.txt" or die;
my $c = Client->start($program);
$c->initialize('2025-11-25');
while (<$f>) {
	next if /^#/;
	my ($kind, $sign, $name, $text) = /^([yni])([+-]) (\S+) ?(.*)$/ or die "corpus.txt: $_";
	my $bytes = text($text);
	my @got;
	if ($bytes =~ /[^\r]/) {
		$c->say($bytes);
		push @got, verdict($c->line // 'no answer', qr/"code":-32600,"message":"Invalid request: /);
	}
	$c->say(qq({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"file_info","arguments":$bytes}}));
	push @got, verdict($c->line // 'no answer', qr/^\{"jsonrpc":"2.0","id":1,"(?:result":|error":\{"code":-32602,"message":"Invalid)/);
	my $want = $sign eq '+' ? qr/^taken$/ : $kind eq 'n' ? qr/^no JSON$/ : qr/^(?:no JSON|refused)$/;
	push @wrong, "$name: @got" if grep { $_ !~ $want } @got;
	$count{"$kind$sign"}++;
}
is(join("\n", @wrong), '', 'what must be taken is, what must not is refused');
is_deeply(\%count, { 'y+' => 91, 'y-' => 4, 'n-' => 188, 'i+' => 5, 'i-' => 30 }, 'all of the corpus');
ok($c->ping, 'the process lives on');
$c->close_input;
is($c->ended, 0, 'exit 0');
done_testing;
