#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# list_directory page by page while the directory changes: what stays is given once, nothing is skipped
# silently. And what ten thousand entries cost.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Test::More;

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my $s = Session->new(env => { HOME => $home });
my $seed = $ENV{CNT_SEED} // time;
srand $seed;
diag "CNT_SEED=$seed";

# A file where a directory should be is no error.
sub make { my ($path) = @_; eval { make_path(dirname("$home/$path")) }; return open my $f, '>', "$home/$path"; }
sub name { return join '', map { ('a' .. 'd', '.', '-', "\xc3\xa9", ' ')[rand 8] } 1 .. 1 + rand 5; }

# A tree of which a part stays and a part comes and goes between pages.
my ($twice, $lost, $ghosts, $pages, $order) = ('', '', '', 0, '');
for my $round (1 .. ($ENV{CNT_LONG} ? 300 : 25)) {
	remove_tree("$home/t");
	mkdir "$home/t";
	my $depth = 1 + int rand 3;
	my $path = sub { return join '/', map { 'x' . name() } 1 .. 1 + rand $depth };
	my %stays;
	make("t/$_"), $stays{$_} = 1 for map { $path->() } 1 .. 30 + rand 60;
	%stays = map { $_ => 1 } grep { -f "$home/t/$_" } keys %stays;
	my %ever = %stays;
	my (%seen, $cursor, $last);
	do {
		my $r = $s->tool('list_directory', { path => 't', depth => $depth, limit => 1 + int rand 12,
		    defined $cursor ? (cursor => $cursor) : () });
		$ghosts .= "error: $r->{text}\n" if $r->{error};
		for (@{ $r->{data}{entries} }) {
			my $name = $_->{name};
			utf8::encode($name);
			$twice .= "$seed/$round: $name\n" if $seen{$name}++;
			my ($a, $b) = map { $_ =~ s{/}{\0}gr } $last // '', $name;
			$order .= "$seed/$round: $last before $name\n" if defined $last && $a ge $b;
			$ghosts .= "$seed/$round: $name\n" if $_->{type} eq 'file' && !$ever{$name};
			$last = $name;
		}
		$cursor = $r->{data}{next_cursor};
		$pages++;
		for (1 .. rand 6) {		# what comes and goes
			my $new = $path->() . '~';
			my @old = grep { /~$/ } keys %ever;
			rand() < 0.5 && @old ? unlink "$home/t/$old[rand @old]" : make("t/$new");
			$ever{$new} = 1;
		}
		if (rand() < 0.3) {		# the file that the cursor names goes away too
			delete $stays{$last} if defined $last;
			unlink "$home/t/$last" if defined $last;
		}
	} while (defined $cursor && $pages < 100_000);
	$lost .= "$seed/$round: $_\n" for grep { !$seen{$_} && ($_ =~ tr{/}{}) < $depth } keys %stays;
}
is $twice, '', "nothing is given twice ($pages pages)";
is $lost, '', 'what stays is not skipped';
is $ghosts, '', 'what never was is not given';
is $order, '', 'pages follow each other in one order';

# Nothing is opened, and a count allocates nothing.
mkdir "$home/odd";
mkfifo("$home/odd/fifo", 0600);
symlink '/dev/zero', "$home/odd/zero";
is join(' ', map { "$_->{name} $_->{type}" } @{ $s->tool('list_directory', { path => 'odd', depth => 16 })->{data}{entries} }),
    'fifo fifo zero symlink', 'a FIFO and a link to a device are listed';
like $s->tool('list_directory', { path => 'odd/fifo' })->{text}, qr/Not a directory/, 'but no directories';
like $s->tool('list_directory', { path => 'odd', limit => 10**12 })->{text}, qr/limit: expected 1 to 10000/, 'a count of 10^12';
like $s->tool('list_directory', { path => 'odd', depth => 10**12 })->{text}, qr/depth: expected 1 to 16/, 'levels';

# A page is as large as a line may be, whatever the names are.
mkdir "$home/wide";
make('wide/' . $_ . "\1" x 240) for 1 .. 3000;
my ($wide, $next) = (0, undef);
do {
	my $page = $s->tool('list_directory', { path => 'wide', limit => 10_000, defined $next ? (cursor => $next) : () })->{data};
	$wide += @{ $page->{entries} };
	$next = $page->{next_cursor};
} while defined $next;
is $wide, 3000, 'names that JSON makes long are all given';
$s->tool('find_files', { path => 'wide', glob => '*', limit => 10_000 });
cmp_ok $s->{longest}, '<', 4 << 20, 'in answers of at most 4 MiB, of find_files too';

# What is not asked for otherwise is a page of 20000 bytes, which begins with how to go on.
mkdir "$home/usual";
make('usual/' . 'n' x 30 . $_) for 1 .. 1500;
for my $tool (qw(list_directory find_files)) {
	my ($given, $place, @names) = (0);
	do {
		my $r = $s->tool($tool, { path => 'usual', $tool eq 'find_files' ? (glob => '*') : (), defined $place ? (cursor => $place) : () });
		push @names, map { ref $_ ? $_->{name} : s{.*/}{}r } @{ $r->{data}{entries} // $r->{data}{paths} };
		cmp_ok length $r->{text}, '<', 20_300, "$tool: a page of 20000 bytes" unless $given++;
		$place = $r->{data}{next_cursor};
		like $r->{text}, qr/^\{(?:"total":1500,)?"next_cursor":"/, 'the cursor comes first' if defined $place && $given == 1;
	} while defined $place && $given < 100;
	is "@names", join(' ', sort map { 'n' x 30 . $_ } 1 .. 1500), "and $given pages are all";
}

# A cursor is of one tool and path.
my %of = map { my $r = $s->tool($_, { path => 'wide', limit => 1, $_ eq 'find_files' ? (glob => '*') : () });
	$_ => $r->{data}{next_cursor} } qw(list_directory find_files);
for my $tool (sort keys %of) {
	my @glob = $tool eq 'find_files' ? (glob => '*') : ();
	my ($other) = grep { $_ ne $tool } keys %of;
	like $s->tool($tool, { path => 'odd', @glob, cursor => $of{$tool} })->{text}, qr/invalid.*same path/, "$tool: another path's cursor";
	like $s->tool($tool, { path => 'wide', @glob, cursor => $of{$other} })->{text}, qr/invalid.*of $tool/, "$tool: another tool's";
}

# What may not be read in a tree is named.
{
	mkdir "$home/closed";
	mkdir "$home/closed/$_" for 'no', 'yes';
	chmod 0, "$home/closed/no";
	chmod 0755, $home;
	my $nobody = Session->new(env => { HOME => $home }, command => [ 'setpriv', '--reuid=65534', '--regid=65534',
	    '--clear-groups', $Session::program ]);
	my $r = $nobody->tool('list_directory', { path => 'closed', depth => 2 })->{data};
	is join(' ', map { $_->{name} } @{ $r->{entries} }) . " ($r->{note})", 'no yes (not listed whole (unreadable or too large): no)',
	    'a directory that may not be read is named';
}

# The CPU time of ten thousand entries beside what ls takes for them.
mkdir "$home/many";
make("many/file-name-$_.txt") for 1 .. 10_000;
# Its own, and that of the workers it has reaped, once it has reaped them all.
sub cpu {
	my ($pid) = @_;
	Client::until(10, sub { `cat /proc/$pid/task/$pid/children` eq '' });
	open my $f, '<', "/proc/$pid/stat";
	my @f = split ' ', <$f> =~ s/.*\)//r;
	return $f[11] + $f[12] + $f[13] + $f[14];
}
my ($own, $ls) = (0, 0);
$s = Session->new(env => { HOME => $home }, command => [$Session::static]);		# as it is shipped
for (1 .. 15) {		# alternately, so that both meet the same neighbours
	my $before = cpu($s->{pid});
	$s->begin('list_directory', { path => 'many', limit => 10_000 });
	my $answer = $s->line(20) // '';
	die 'entries are missing' if (() = $answer =~ /"name":"file-name-/g) != 10_000;
	$own += cpu($s->{pid}) - $before;
	my $children = (times)[2] + (times)[3];
	system "ls -l $home/many >/dev/null";
	$ls += ((times)[2] + (times)[3] - $children) * 100;
}
diag sprintf '10000 entries: %.1f ms of CPU, ls -l %.1f ms', $own * 10 / 15, $ls * 10 / 15;
cmp_ok $own, '<', $ls * 2 / 3, 'ten thousand entries cost less than two thirds of what ls -l takes';

done_testing;
