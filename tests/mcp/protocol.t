#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# cnt-protocol.7 against what it is about: each method in each revision, and each limit.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Everything;
use Test::More;

my $top = "$FindBin::Bin/../..";

sub text {
	my ($path) = @_;
	open my $f, '<', "$top/$path" or die "$path: $!";
	local $/;
	return readline $f;
}

my $page = text('man/cnt-protocol.7.in');
my ($table) = $page =~ /^\.Bl -column[^\n]*\n(.*?)^\.El/ms;
my ($head, @rows) = map { [split / Ta /] } $table =~ /^\.It (.*)$/mg;
my @revisions = grep { /^\d/ } map { s/^Ta //r } @$head;

is_deeply(\@revisions, [qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25 2026-07-28)], 'the revisions');
cmp_ok(scalar @rows, '>', 12, 'methods');
for my $i (0 .. $#revisions) {
	my $revision = $revisions[$i];
	my $c = start($revision ge '2026' ? () : $revision);
	for (@rows, map { [$_, ('-') x 5] } qw(tasks/get tasks/list roots/list sampling/createMessage elicitation/create)) {
		my ($method, @has) = @$_;
		next if $method eq 'server/discover' && $revision lt '2026';	# is always of the new era
		next if $method eq 'subscriptions/listen' && $revision lt '2026';
		my $r = $c->ask(($revision ge '2026' ? \&modern : \&legacy)->(1, $method));
		is(($r->{error}{code} // 0) == -32601 ? '-' : 'yes', $has[$i], "$revision: $method");
	}
}

# What is installed.
for (['cnt-mcp', 'cnt-mcp'], ['agent-box', 'agent-box'], ['a verb', 'cnt-list', '--mcp']) {
	my ($name, @server) = @$_;
	my ($offers) = $page =~ /^\.It \Q$name\E\n(.*)$/m;
	$server[0] = ($ENV{BUILD} // "$top/build") . "/bin/$server[0]";
	my $r = Client->start(@server)->initialize->{result};
	is(join(', ', sort keys %{ $r->{capabilities} }), join(', ', sort split /, /, $offers), "$name offers $offers");
}

# What the page says, and the constant that makes it so.
for (['16 MiB; a longer', 'mcp/wire.h', 'CNT_LINE_MAX\s+\(\(size_t\)16 << 20\)'], ['64 arrays', 'lib/json.h', 'CNT_JSON_DEPTH\s+64'],
    ['500,000 in a line', 'lib/json.h', 'CNT_JSON_VALUES\s+500000\b'],
    ['128 MiB together', 'mcp/request.c', 'BYTES_IN_FLIGHT\s+\(\(size_t\)128 << 20\)'],
    ['512 requests', 'mcp/request.c', 'IN_FLIGHT\s+512\b'], ['1000 messages', 'mcp/server.c', 'BATCH_MAX\s+1000\b'],
    ['64 MiB of answers', 'mcp/answer.c', 'BATCH_BYTES\s+\(\(size_t\)64 << 20\)'],
    ['16 streams', 'mcp/listen.c', 'LISTENERS\s+16\b'], ['1024 uris', 'mcp/listen.c', 'SUBSCRIBED\s+1024\b'],
    ['4096 bytes each', 'mcp/listen.c', 'URI_MAX\s+4096\b'], ['4096 bytes, as', 'mcp/rpc.h', 'CNT_ID_MAX\s+4096\b'],
    ['64 MiB, then nothing', 'mcp/server.c', 'QUEUE_MAX\s+\(\(size_t\)64 << 20\)'],
    ['from 1 MiB on', 'mcp/progress.c', 'QUEUE_MAX\s+\(\(size_t\)1 << 20\)'],
    ['from 1 MiB on', 'mcp/logging.c', 'QUEUE_MAX\s+\(\(size_t\)1 << 20\)'],
    ['at most ten a second', 'mcp/progress.c', 'REPORT_US\s+100000\b'],
    ['64 MiB; a tool', 'mcp/work.c', 'RESULT_MAX\s+\(\(size_t\)64 << 20\)'],
    ['8 MiB from a verb', 'mcp/peer-own.h', 'CNT_PEER_LINE\s+\(\(size_t\)8 << 20\)'],
    ['4 MiB from a box', 'mcp/relay.h', 'CNT_RELAY_IN\s+\(\(\(size_t\)4 << 20\)'], ['deeper than 1000', 'mcp/raw.h', 'CNT_RAW_DEPTH\s+1000\b'],
    ['least every 10 seconds', 'mcp/server.c', 'READER_US\s+10000000\b'],
    ['600 seconds', 'mcp/request-state.h', 'CNT_REQUEST_STATE_US\s+\(\(int64_t\)600 \* 1000000\)'],
    ['100 values', 'mcp/completion.c', 'VALUES\s+100\b'], ['2 seconds later', 'mcp/work.c', 'GRACE_US\s+2000000\b']) {
	my ($words, $file, $constant) = @$_;
	ok(index($page =~ tr/\n/ /r, $words) > 0, "the page: $words");
	ok(text($file) =~ /^#define $constant/m, "$file: $constant");
}

# The codes: each that the engine knows.
my ($codes) = text('mcp/rpc.h') =~ /^enum \{(.*?)^\}/ms;
like($page, qr/^\.It $_$/m, "error $_") for $codes =~ /= (-\d+)/g;

done_testing;
