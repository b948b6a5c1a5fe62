#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# find_files and search_files leave out what git leaves out: its own check-ignore is asked about every path
# of generated trees, with nested, negated and anchored patterns and with spellings that nobody would write.
# CNT_SEED begins with that one; CNT_LONG takes more of them.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IPC::Open2;
use Test::More;

use lib dirname(__FILE__);
use Session;

my $home = tempdir('/dev/shm/cnt-tap.XXXXXX', CLEANUP => 1);	# thousands of files are made
@ENV{qw(HOME XDG_CONFIG_HOME GIT_CONFIG_NOSYSTEM)} = ($home, "$home/.config", 1);
my $s = Session->new(env => { HOME => $home });

sub put { my ($path, $bytes) = @_; open my $f, '>:raw', $path or die "$path: $!"; print $f $bytes; close $f; }
sub git { system('git', '-C', @_) == 0 or die "git @_"; }
sub pick { return $_[ rand @_ ]; }

# All that the tool finds, over pages.
sub found {
	my (%o) = @_;
	my (@all, $cursor);
	do {
		my $r = $s->tool('find_files', { glob => '*', limit => 3000, %o, defined $cursor ? (cursor => $cursor) : () });
		die $r->{text} if $r->{error};
		push @all, @{ $r->{data}{paths} };
		$cursor = $r->{data}{next_cursor};
	} while defined $cursor;
	return @all;
}

# Which of these paths git ignores.
sub ignored {
	my ($repo, @paths) = @_;
	my %ignored;
	put("$home/asked", join '', map { "$_\0" } @paths);
	open my $f, '-|', "git -C '$repo' check-ignore --no-index -z --stdin <'$home/asked'" or die;
	local $/ = "\0";
	while (<$f>) { chomp; $ignored{$_} = 1; }
	return \%ignored;
}

my @names = qw(a b c d foo bar baz build src doc x1 x2 x.o y.o z.c .hid Foo a.b.c foobar);
my @odd = ('#x', '!x', 'sp ', 'sp  x', 'b[r', 'b]r', 'st*r', 'q?', 'back\\s', 'a-b', '[ab]', 'tab	t', '{a,b}', '^c', '~');
my @parts = (@names, qw(* ? ** *.o *.c f* *r *a*b* ?? [ab] [!a] [^a-c]* [a-] []a] [[:alpha:]] [[:digit:]x]* x[0-9] [b-d]?),
    '\\#x', '\\!x', 'sp\\ ', 'b\\[r', 'st\\*r', 'foo*bar', 'f**o', '***', '[', 'a[', '[[:bad:]]', 'back\\\\s', '*\\', '[\\]]', '[a-\\c]', '**a', 'a**');

sub pattern {
	my $p = join '/', map { pick(@parts) } 1 .. pick(1, 1, 1, 2, 2, 3);
	$p = pick('/', '**/', '/**/', '!', '!/', '', '', '', '', '#', '\\', '//') . $p . pick('', '', '', '/', '/**', '/*', ' ', '  ', '\\ ', '//');
	return $p . pick(("\n") x 8, "\r\n");
}

sub patterns { return pick('', '', '', "\xef\xbb\xbf", "\n") . join '', map { pattern() } 1 .. 1 + int rand 6; }

sub tree {
	my ($top, $wanted) = @_;
	my (@dirs, @all) = ('');
	while (@all < $wanted) {
		my $in = pick(@dirs);
		my $path = $in . (rand() < 0.15 ? pick(@odd) : pick(@names) . pick('', '', int rand 30));
		next if -l "$top/$path" || -e _;
		push @all, $path;
		my $kind = rand;
		if ($kind < 0.2 && $path =~ tr{/}{} < 6) {
			mkdir "$top/$path" or die "$path: $!";
			push @dirs, "$path/";
		} elsif ($kind < 0.22) {
			symlink pick('.', 'nothing', '..'), "$top/$path";
		} else {
			put("$top/$path", '');
		}
	}
	for my $dir (grep { $_ eq '' || rand() < 0.3 } @dirs) {
		put("$top/$dir.gitignore", patterns());
		push @all, "$dir.gitignore";
	}
	return @all;
}

sub differ {
	my ($got, $want) = @_;
	my %got = map { $_ => 1 } @$got;
	my %want = map { $_ => 1 } @$want;
	return join ', ', (map { "+$_" } grep { !$want{$_} } @$got), map { "-$_" } grep { !$got{$_} } @$want;
}

my $seed = $ENV{CNT_SEED} // time % 100000;
for my $n ($seed .. $seed + ($ENV{CNT_LONG} ? 59 : 2)) {
	srand $n;
	my $repo = "$home/repo";
	mkdir $repo;
	git($repo, 'init', '-q');
	make_path("$repo/.git/info");
	put("$repo/.git/info/exclude", patterns());
	make_path("$home/.config/git");
	put("$home/.config/git/ignore", pattern());
	my @all = tree($repo, 5000);
	my $ignored = ignored($repo, @all);
	my @want = grep { !$ignored->{$_} } @all;
	my @got = map { s{^\Q$repo\E/}{}r } found(path => $repo);
	my $differ = differ(\@got, \@want);
	is substr($differ, 0, 300), '', "seed $n: of " . @all . ' paths git ignores ' . keys(%$ignored) . ', and so do we';
	my @dirs = grep { -d "$repo/$_" && !-l "$repo/$_" } @want;
	my $wrong = '';
	for my $dir (map { pick(@dirs) } 1 .. (@dirs ? 8 : 0)) {
		my @in = grep { m{^\Q$dir\E/} } @want;
		my @there = map { s{^\Q$repo\E/}{}r } found(path => "$repo/$dir");
		my $d = differ(\@there, \@in);
		$wrong .= "$dir: $d; " if $d ne '';
	}
	is substr($wrong, 0, 300), '', "seed $n: also from a directory below";
	remove_tree($repo);
}

# What a generated tree does not have.
remove_tree("$home/.config");
my $r = "$home/r";
make_path("$r/.git/info", "$r/sub/.git/info", "$r/out/deep", "$r/plain");
put("$r/.gitignore", "*.log\nout/\n");
put("$r/$_", "word\n") for qw(x.log x.c sub/y.log sub/y.c out/z.c out/deep/z.log plain/p.log plain/p.c .git/config);
is join(' ', map { s{^\Q$r\E/}{}r } found(path => $r, type => 'file')), '.gitignore plain/p.c sub/y.c sub/y.log x.c',
    'in a repository within a repository only its own patterns count';
is join(' ', map { s{^\Q$r\E/}{}r } found(path => "$r/out", type => 'file')), 'out/deep/z.log out/z.c',
    'a directory that is ignored is searched when it is named';
make_path("$home/.config/git");
put("$home/dotfile", "*.c\n/y.log\n");
symlink '../../dotfile', "$home/.config/git/ignore";
is join(' ', map { s{^\Q$r\E/}{}r } found(path => $r, type => 'file')), '.gitignore',
    'what the user leaves out everywhere is left out in each repository';
put("$home/free.c", '');
like join(' ', found(path => $home)), qr{/free\.c\b}, 'and outside of them it is not';
unlink "$home/.config/git/ignore";
my $all = $s->tool('search_files', { pattern => 'word', path => $r, respect_gitignore => JSON::PP::false });
is $all->{facts}{files_searched}, 10, 'without respect_gitignore everything is';
like $all->{body}, qr{/\.git/config\n}, 'also .git';
is $s->tool('search_files', { pattern => 'word', path => "$r/x.log" })->{facts}{files_searched}, 1, 'and a file that is named';
symlink '/etc', "$r/plain/.git";
is $s->tool('find_files', { glob => '*.c', path => $r })->{error}, 0, 'a .git that is a link is no way out';
rename "$r/.gitignore", "$r/rules";
symlink 'rules', "$r/.gitignore";
like join(' ', found(path => $r)), qr/x\.log/, 'nor is a .gitignore that is a link read, as git does not';

done_testing;
