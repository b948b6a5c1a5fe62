#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# session.txt is what an agent sees in twenty-odd steps of a day: what it asks, and the text it gets back.
# Each step is done again with the real agent-box, and must give the same but for times, pids and the
# like. `RECORD=1 tests/box/recorded.t` writes the answers anew; read the difference.
use strict;
use warnings;
use Encode qw(encode_utf8);
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use JSON::PP;
use Session;
use Test::More;

my $file = "$FindBin::Bin/session.txt";
my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $json = JSON::PP->new->utf8->canonical;

# What this machine, this moment and this directory have to do with it.
my @varies = (
	[qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/, 'TIME'],
	[qr/\b\d+(?:\.\d+)? (?:ms|s|min)\b/, 'DURATION'], [qr/\b\d+(?:\.\d+)? [KMG]iB\b/, 'SIZE'],
	[qr/(?<=")(\w+_ms|pid|peak_memory_bytes|uptime_s|cpus|size|used|limit)":(?:\d+(?:\.\d+)?|null)(?=[,}])/, '$1":N'],
	[qr/(?<=")(os|kernel|arch|user|owner|group)":"[^"]*"/, '$1":"X"'], [qr/(?<="name":)"[^"]*"(?=,"os")/, '"X"'],
	[qr/(?<=")(addresses|listening)":\[.*?\](?=[,}])/, '$1":[]'],
	[qr/\b\d+(?=:\d+:[0-9a-f]{8}\b)/, 'INODE'], [qr/output-[0-9a-f]{32}/, 'output-X'],
);

sub settled {
	my ($text) = @_;
	for (@varies) {
		my ($from, $to) = @$_;
		$text =~ s/$from/my $one = $1; $to =~ s{\$1}{$one}r/ge;
	}
	return $text;
}

sub text_of {
	my ($m) = @_;
	return "error $m->{error}{code}: $m->{error}{message}" if $m->{error};
	my $r = $m->{result};
	my $text = $r->{content} ? $r->{content}[0]{text} : $r->{contents} ? $r->{contents}[0]{text}
	    : $r->{messages} ? $r->{messages}[0]{content}{text} : $r->{instructions};
	utf8::encode($text);
	return ($r->{isError} ? "(isError)\n" : '') . $text =~ s/\Q$home\E/\/home\/agent/gr;
}

# Of the machine that recorded it nothing is to be read.
sub plain {
	my ($text) = @_;
	$text =~ s/("(?:user|owner|group)":)"[^"]*"/$1"agent"/g;
	$text =~ s/^\{"name":.*"os":.*/{"name":"web","os":"Debian GNU\/Linux 12 (bookworm)","kernel":"6.1.0","arch":"x86_64","cpus":2,"memory":{"limit":2147483648,"used":61440000},"disk":{"size":21474836480,"used":1073741824},"uptime_s":3600,"user":"agent","addresses":["10.88.64.2"],"listening":[{"port":22,"process":"sshd"}]}/m;
	return $text;
}

open my $in, '<', $file or die "$file: $!";
my $all = do { local $/; <$in> };
my ($intro, @steps) = split /^(?=>> )/m, $all;
cmp_ok(scalar @steps, '>=', 20, 'twenty steps, and some');

umask 022;
my $s = Session->new(env => { HOME => $home, TZ => 'UTC', CNT_CI_CONTEXT_PATH => "$home/none.json" });
$s->initialize;

my ($id, $new, $structured, @differ) = (0, $intro, 0);
for my $step (@steps) {
	my ($ask, $want) = split /\n/, $step, 2;
	my ($method, $params) = $ask =~ /^>> (\S+)(?: (.*))?$/ or die "not a step: $ask";
	my $tool = $method =~ m{/};
	$s->say($json->encode({ jsonrpc => '2.0', id => ++$id, method => $tool ? $method : 'tools/call',
	    params => $tool ? $json->decode($params // '{}') : { name => $method, arguments => $json->decode($params // '{}') } }));
	my $answer = $s->answer($id, 30) // { error => { code => 0, message => 'no answer' } };
	my $got = text_of($answer);
	if (my $data = $answer->{result}{structuredContent}) {
		$structured++;
		push @differ, $ask if $json->encode($data) ne $json->encode($json->decode(encode_utf8($answer->{result}{content}[0]{text})));
	}
	$got .= "\n" unless $got =~ /\n\z/;
	$new .= "$ask\n" . plain($got) . "\n";
	is(settled($got), settled($want =~ s/\n\n\z/\n/r), $ask) unless $ENV{RECORD};
}
if ($ENV{RECORD}) {
	open my $out, '>', $file or die "$file: $!";
	print $out $new;
	close $out;
}
cmp_ok($structured, '>=', 10, 'some results have a structure');
is_deeply(\@differ, [], 'and the text of each is the same JSON');
my %used = map { /^>> (\w+)(?![\w\/])/ ? ($1 => 1) : () } @steps;
is_deeply([grep { !$used{$_} } qw(shell_exec process_start process_wait process_read process_kill read_file write_file edit_file
    list_directory search_files find_files file_info tail_log wait_for_port box_info)], [], 'with the tools of every day');

done_testing;
