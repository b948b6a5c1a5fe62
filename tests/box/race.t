#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The wall under attack: while names become links that lead out and directories are moved out and back, as
# fast as two threads can, no tool that takes a path reads, writes, makes, deletes or tells anything outside
# of AGENTBOX_ROOT. A new tool is found by its description. And without openat2(2) there is no wall, so
# nothing is served.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Find qw(find);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX qw(WUNTRACED);
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__);
use Session;

my $seconds = $ENV{CNT_RACE} // ($ENV{CNT_LONG} || $ENV{CI} ? 10 : 1);	# for each tool
my $aid = dirname(dirname($Session::static)) . '/tests/box/race';
my $json = JSON::PP->new->utf8->canonical;
my $top = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my ($root, $out) = ("$top/root", "$top/out");
mkdir $_ for $root, $out, "$root/home";
sub put { my ($path, $bytes) = @_; open my $f, '>', $path or die "$path: $!"; print $f $bytes; close $f; }

# What must not be seen: content, names, a time.
my $secret = 'outside-' . join '', map { chr 97 + rand 26 } 1 .. 12;
sub fill_outside {
	put("$out/secret", "$secret\n" x 100);
	mkdir "$out/there";
	put($_, $secret) for "$out/only-outside", "$out/there/only-outside";
	chmod 0604, "$out/secret";
	utime 981200000, 981200000, map { "$out/$_" } qw(secret only-outside there/only-outside there);		# 2001-02-03
}
my $told = qr/$secret|only-outside|2001-02-03T/;

# All there is outside, but for the directory that goes in and out, which belongs to the inside.
sub outside {
	my @all;
	find({ no_chdir => 1, wanted => sub {
		return $File::Find::prune = 1 if $_ eq "$out/moved";
		my @st = lstat or return push @all, "$_: gone";
		return push @all, "$_ $st[1]" if $_ eq $out;
		open my $f, '<', $_ or return push @all, "$_: gone";
		push @all, join ' ', $_, @st[ 1 .. 5, 7, 9, 10 ], -f $f ? sha256_hex(<$f>) : '';
	} }, $out);
	return join "\n", sort @all;
}

# What was brought inside: content of it, or its inode.
sub brought {
	my @found;
	no warnings 'File::Find';
	find({ no_chdir => 1, wanted => sub {
		my @st = lstat or return;
		push @found, $_ if $st[9] == 981200000;
		return unless -f _;
		open my $f, '<', $_ or return;
		push @found, $_ if grep { /$secret/ } <$f>;
	} }, $root, -d "$out/moved" ? "$out/moved" : ());
	return "@found";
}

# The other end of what has two. A link may stand there now, or a directory.
sub restore {
	remove_tree("$root/home/other") if !-l "$root/home/other" && -d _;
	unlink "$root/home/other";
	put("$root/home/other", "inside\n");
}

# A command's cwd is no path of this kind: a command goes where it wants, within Landlock where that is set.
# What each argument that is no path is given; one without a value here fails the test.
my %value = (content => "inside\n", edits => [ { old => 'inside', new => 'inside' } ],
	glob => '**', pattern => '.', overwrite => JSON::PP::true, follow_seconds => 0, depth => 2, context => 1);
my @paths = ('flip/secret', 'leaf', 'flip', 'moved/../secret', 'moved/../leaf', 'flip/../secret', 'flip/new',
    'moved/../new', 'moved/../there', 'moved/../moved/secret', 'moved/..', 'flip/new/deep', '.');

my $described = $json->decode(scalar `AGENTBOX_ROOT=$root $Session::program --describe`);
my (%calls, @unknown);
for my $v (grep { $_->{tool} } @{ $described->{verbs} }) {
	my %p = %{ $v->{input}{properties} // {} };
	my @path = sort grep { /path|source|destination|directory|file|folder|root/ } keys %p or next;
	my %rest = map { $_ => $value{$_} } grep { exists $value{$_} } keys %p;
	push @unknown, map { "$v->{name} $_" } grep { my $n = $_; !exists $value{$n} && !grep { $_ eq $n } @path }
	    @{ $v->{input}{required} // [] };
	for my $path (@path) {
		push @{ $calls{ $v->{name} } }, map { my $p = $_; {
			name => $v->{name}, arguments => { %rest, (map { $_ => $_ eq $path ? $p : 'home/other' } @path) } } } @paths;
	}
}
is "@unknown", '', 'every argument of every tool that takes a path has a value here';
cmp_ok scalar keys %calls, '>=', 9, 'tools that take a path: ' . join ' ', sort keys %calls;

my $racer;
my $pid = open $racer, '|-', "exec $aid flip $root $out >$top/flips" or die;
Client::until(10, sub { -l "$root/leaf" || -l "$root/leaf-link" }) or die "$aid does not begin";
my $s = Session->new(env => { HOME => $root, AGENTBOX_ROOT => $root });
my ($calls, $id) = (0, 1000);

# Requests are written out beforehand: this end shall not be what is slow.
sub attack {
	my ($what, @requests) = @_;
	my $batch = '';
	for (1 .. 4) { $batch .= $_ . "\n" for @requests }
	my $n = 4 * @requests;
	fill_outside();
	my $before = outside();
	my ($served, $leak, $end, $done) = (0, '', time + $seconds, 0);
	while (time < $end && $leak eq '') {
		restore();
		$s->raw($batch);
		for (1 .. $n) {
			my $line = $s->line(30) // last;
			$served++ if index($line, '"isError":true') < 0 && index($line, '"error":') < 0;
			$leak = $line if $line =~ $told;
			$done++;
		}
	}
	$calls += $done;
	is substr($leak, 0, 2000), '', "$what tells nothing of the outside ($served of $done calls served)";
	cmp_ok $served, '>', 0, 'but serves what is inside';
	kill 'STOP', $pid;
	waitpid $pid, WUNTRACED;
	is outside(), $before, 'and changes nothing there';
	is brought(), '', 'nor brings anything in';
	kill 'CONT', $pid;
}

sub request {
	my ($method, $params) = @_;
	$params = $json->encode($params);
	return qq({"jsonrpc":"2.0","id":@{[ $id++ ]},"method":"$method","params":) .
	    $params =~ s/\}$/,$Client::META}}/r;
}
for my $tool (sort keys %calls) {
	attack($tool, map { request('tools/call', $_) } @{ $calls{$tool} });
}
attack('resources/read', map { request('resources/read', { uri => "file://$root/$_" }) } @paths);
close $racer;
open my $f, '<', "$top/flips" or die;
chomp(my $flips = <$f> // 0);
diag "$calls calls while names changed $flips times";
cmp_ok $flips, '>=', $seconds < 10 ? 10_000 : 600_000 * keys %calls, 'that often names changed';
cmp_ok $calls, '>=', 1000, 'and that many calls met them';

# Without openat2 nothing is emulated.
for my $how ('', "AGENTBOX_ROOT=$root ") {
	for my $args ('read_file --path /etc/hostname', '--mcp') {
		my $said = `env $how$aid blind $Session::program $args 2>&1 </dev/null`;
		is $? >> 8, 69, "without openat2 ${how}agent-box $args ends";
		like $said, qr/openat2: Function not implemented\nhint: .*Linux 5\.6/, 'and says why';
	}
}

done_testing;
