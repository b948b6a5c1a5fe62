#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The database damaged, in an instance of its own: every verb that needs it says what is wrong and what to do,
# none crashes, hangs, makes another or changes the one there, and with the good copy back all is well. DAMAGE_SEED=N
# repeats a run's flipped bits; CNT_LONG=1 flips more.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(__FILE__) . '/../verb', dirname(__FILE__) . '/../mcp';
use Client;
use Verbs;

my $seed = $ENV{DAMAGE_SEED} // time;
my $long = $ENV{CNT_LONG} ? 10 : 1;
srand $seed;
diag "seed $seed";

chomp(my $root = `sh $Verbs::tests/instance make bare 2>$Verbs::tmp/make`);
BAIL_OUT(`cat $Verbs::tmp/make`) unless -d $root;
$ENV{CNT_ROOT} = $root;
my $state = "$root/var/lib/cnt";
my $db = "$state/cnt.db";
my ($me, $holder, %good) = ("t$$", undef);

sub sh { my ($script) = @_; system('sh', '-ec', $script) == 0 or die "$script: wait status $?\n" }
sub slurp { my ($path) = @_; open my $f, '<', $path or return ''; local $/; return <$f> // '' }
sub spew { my ($path, $bytes) = @_; open my $f, '>', $path or die "$path: $!"; print {$f} $bytes; close $f }
sub sql { my ($text) = @_; sh(qq(sqlite3 '$db' "$text" >/dev/null)) }

sub put_back {
	my ($copy) = @_;
	for my $end ('', '-wal', '-shm', '-journal') {
		!-l "$db$end" && -d _ ? rmdir "$db$end" : unlink "$db$end";
		next if !defined $good{$copy}{$end};
		spew("$db$end", $good{$copy}{$end});
		chmod 0600, "$db$end";
	}
}
sub keep { my ($copy) = @_; $good{$copy} = { map { -e "$db$_" ? ($_ => slurp("$db$_")) : () } '', '-wal' } }

END {
	local $?;
	kill 'KILL', $holder if $holder;
	system "chattr -i '$db' 2>/dev/null";
	put_back('logged') if $good{logged};
	system "sh $Verbs::tests/instance unmake >/dev/null 2>$Verbs::tmp/unmake; rm -rf '$root'" if $root;
}

sh("$Verbs::tests/tiny $me | cnt image import - --name tiny >/dev/null");
sh("cnt create $me-up --image tiny >/dev/null; cnt create $me-down --image tiny --no-start >/dev/null");

# Pages of every kind: interior ones need rows, an overflowing one a long argument.
sh("cnt start $me-none 2>/dev/null && exit 1 || :") for 1 .. 12;
sh("cnt image import /nowhere/@{['x' x 3990]} --name x 2>/dev/null && exit 1 || :");
my @all = Verbs::all();
sql("INSERT INTO image SELECT printf('%064x', value), '', 'ready', 1, 1 FROM generate_series(1, 200);");
sql('PRAGMA wal_checkpoint(TRUNCATE)');
keep('plain');
my $whole = $good{plain}{''};
sub listed {
	my $said = $_[0] // Verbs::answer('cnt', 'list');
	delete $_->{memory_used} for @{ $said->{boxes} };
	return $said;
}
my $before = listed();

# A box that counts and is only in the log.
sh("cnt create $me-log --image tiny --no-start >/dev/null");
keep('logged');
my $list = listed();
is scalar @{ $list->{boxes} }, 3, 'three boxes';
unlike $whole, qr/\Q$me-log/, 'one of which is only in the log';

# Each verb as it would do something, and as it would do nothing; those that need no database; and
# those whose own failures have a status.
my %plain = Verbs::plain($me);
my %idle = (
	create => ["$me-new", '--image', 'none'], delete => ['none'], start => ['none'], stop => ['none'],
	restart => ['none'], resize => ['none', '--pids', 300], info => ["$me-up"], enter => ['none'], exec => ['none', '--', 'true'],
	'image build' => ['none'], 'image delete' => ['none'], 'image import' => ['/none', '--name', 'x']);
my %needs_none = (version => 0, mcp => 0);
my %own = (exec => 125, enter => 125);
sh("$Verbs::tests/tiny other >$Verbs::tmp/tar");

sub command {
	my ($v, $words) = @_;
	my @words = $v->{tool} && $v->{tool}{name} eq 'get_system_info' ? () : @{ $words->{ $v->{name} } // [] };
	return [@{ $v->{words} }, '--json', @words];
}
sub reads { my ($v) = @_; return $v->{name} eq 'doctor' || ($v->{tool} && $v->{tool}{annotations}{readOnlyHint}) }

# What cnt may not touch: the file itself, its log, and which file it is.
sub face {
	my @s = lstat $db;
	return join ' ', $s[1] // 'gone', map { sha256_hex(-f "$db$_" ? slurp("$db$_") : '') } '', '-wal';
}

# What doctor says of the rows that are not well.
sub rows {
	my ($r) = @_;
	return { map { $_->{state} eq 'ok' ? () : ($_->{name} => "$_->{state}: $_->{detail}") } @{ $r->{said}{checks} // [] } };
}

# What is not right in how this verb refuses a damaged database: in its exit status, its text, its hint.
sub not_refused {
	my ($v, $r, $text, $code) = @_;
	if ($v->{name} eq 'doctor') {
		return Verbs::flaw($r, 69) if $r->{hung} || $r->{signal} || $r->{status} != 69;
		return (rows($r)->{database} // '') =~ $text ? '' : "says nothing: $r->{out}";
	}
	my $why = Verbs::flaw($r, $needs_none{ $v->{name} } // $own{ $v->{name} } // $code);
	return $why || $r->{status} == 0 || $r->{err} =~ $text ? $why : "says $r->{err}";
}

# Or why this is no answer. Doctor's other rows are not this test's.
sub not_read {
	my ($v, $r) = @_;
	return Verbs::flaw($r, 0) if $v->{name} ne 'doctor' || $r->{status} != 69;
	return (rows($r)->{database} // '') =~ /fail/ ? "says $r->{out}" : '';
}

sub files { return join ' ', sort glob "$state/{boxes,images}/* $root/run/cnt/lock/*" }

# Every verb that opens the database refuses it and leaves it as it is. around: runs it so; some: one in
# four is enough for what is next to the same.
sub refused {
	my ($name, $copy, $text, $code, $damage, %o) = @_;
	put_back($copy);
	$damage->();
	my ($face, $files, @bad) = (face(), files());
	my $turn = int rand 4;
	for my $v ($o{some} && $long == 1 ? grep { $turn++ % 4 == 0 } @all : @all) {
		my $r = Verbs::run([@{ $o{around} // [] }, @{ command($v, \%plain) }]);
		my $why = $o{reads} && reads($v) ? not_read($v, $r) : not_refused($v, $r, $text, $code);
		push @bad, "@{ $v->{words} }: $why" if $why;
		push @bad, "@{ $v->{words} }: the database changed" if face() ne $face;
		push @bad, "@{ $v->{words} }: files changed" if files() ne $files;
		($face, $files) = (face(), files());
	}
	system 'chattr', '-i', $db if $name eq 'immutable';
	is join("\n", @bad), '', "$name: every verb says so";
	put_back('logged');
	is_deeply listed(), $list, "$name: and all is well with the good copy";
}

sub flip { my ($bytes, $at, $bit) = @_; substr($bytes, $at, 1) ^= chr(1 << $bit); return $bytes }
sub cut { my ($n) = @_; return sub { truncate $db, $n or die "truncate: $!" } }
sub becomes { my ($bytes) = @_; return sub { spew($db, $bytes) } }
sub sql_does { my ($text) = @_; return sub { sql($text) } }
sub sh_does { my ($text) = @_; return sub { sh($text) } }

my $damaged = qr/cnt\.db: (damaged|not a database)/;
refused('cut to nothing', 'logged', $damaged, 71, cut(0));
refused('cut to half a page', 'logged', $damaged, 71, cut(2048));
refused('cut to half', 'plain', $damaged, 71, cut(4096 * int(length($whole) / 8192)));
refused('the first bytes', 'logged', $damaged, 71, becomes(flip($whole, 5, int rand 8)));
refused('of another program', 'plain', $damaged, 71, sql_does('PRAGMA application_id = 7'));
refused('of a newer version', 'plain', qr/version 9999/, 69, sql_does('PRAGMA user_version = 9999'));
refused('of no version', 'plain', qr/version -1/, 69, sql_does('PRAGMA user_version = -1'));
refused('without a table', 'plain', qr/damaged \((no such table|missing): /, 71, sql_does('PRAGMA foreign_keys = OFF; DROP TABLE box'));
for my $end ('', '-wal', '-shm') {
	my ($path, $file, @o) = ("$db$end", "cnt\\.db$end: must be a file of root's", some => $end ne '');
	my $mode = qr/$file with mode 0600/;
	refused("cnt.db$end that others can read", 'logged', $mode, 69, sh_does("touch $path; chmod 644 $path"), @o);
	refused("cnt.db$end of another's", 'logged', $mode, 69, sh_does("touch $path; chmod 600 $path; chown 1 $path"), @o);
	refused("a link as cnt.db$end", 'logged', qr/$file$/m, 69,
	    sh_does("touch $path; mv $path $Verbs::tmp/away; ln -s $Verbs::tmp/away $path"), @o);
	refused("a directory as cnt.db$end", 'logged', qr/$file$/m, 69, sh_does("rm -f $path; mkdir $path"), @o);
}
refused('gone, its log still there', 'logged', qr/gone, but its log/, 71, sh_does("rm $db"));
refused('gone with its log', 'logged', qr/gone, but there are boxes/, 71, sh_does("rm -f $db $db-wal $db-shm"));

# Over MCP it is a call that failed, and the server goes on.
put_back('plain');
my $c = Client->start('cnt', 'mcp');
$c->call(1, 'list_containers', '{}');
ok !$c->answer(1)->{result}{isError}, 'over MCP: whole';
cut(2048)->();
$c->call(2, 'list_containers', '{}');
like $Verbs::json->encode($c->answer(2)->{result}), qr/put a copy in the place.*"isError":true/, 'over MCP: damaged';
put_back('logged');
$c->call(3, 'list_containers', '{}');
ok !$c->answer(3)->{result}{isError}, 'over MCP: whole again';
undef $c;

# What can be read is read.
my @own_mounts = ('unshare', '-m', 'sh', '-ec');
refused('immutable', 'logged', qr/readonly/, 71, sh_does("cnt list >/dev/null; chattr +i $db"), reads => 1);
refused('on a disk mounted read-only', 'logged', qr/readonly|Read-only/, 71, sh_does('cnt list >/dev/null'), reads => 1,
    around => [@own_mounts, "mount --bind $state $state; mount -o remount,bind,ro $state; exec \"\$@\"", 'sh']);
refused('on a full disk', 'logged', qr/full|No space/, 71, sh_does("mkdir $Verbs::tmp/logged; cp -a $db* $Verbs::tmp/logged"), reads => 1,
    around => [@own_mounts, "mount -t tmpfs -o size=1m,mode=711 full $state; cp -a $Verbs::tmp/logged/. $state/;
    mkdir -m 711 $state/boxes; mkdir -m 700 $state/images; cnt list >/dev/null;
    cat /dev/zero >$state/fill 2>/dev/null || :; exec \"\$@\"", 'sh']);

# Locked for as long as it takes, with something to be finished, too: a verb waits ten seconds.
put_back('logged');
sql("INSERT INTO pending SELECT max(seq), 1, 0 FROM audit");
$holder = open my $hold, '|-', "exec sqlite3 -bail -cmd '.timeout 5000' $db >$Verbs::tmp/held 2>&1" or die;
select((select($hold), $| = 1)[0]);
print {$hold} "BEGIN IMMEDIATE;\nSELECT 'held';\n";
Client::until(10, sub { slurp("$Verbs::tmp/held") =~ /^held/m }) or die 'not held';
my ($files, @slow) = files();
for my $wait (map { [$_, Verbs::start(command($_, \%plain), seconds => 60)] } @all) {
	my ($v, $r) = ($wait->[0], Verbs::end($wait->[1]));
	my $why = reads($v) ? not_read($v, $r) : Verbs::flaw($r, $needs_none{ $v->{name} } // $own{ $v->{name} } // 75);
	$why ||= "takes $r->{seconds} s" if $r->{seconds} > 30 || ($r->{status} == 75 && $r->{seconds} < 9.9);
	$why ||= "says $r->{err}" if $r->{status} == 75 && $r->{said}{error}{code} ne 'busy';
	push @slow, "@{ $v->{words} }: $why" if $why;
}
push @slow, 'files changed' if files() ne $files;
is join("\n", @slow), '', 'locked: reads go on, and every other verb says busy after its wait';
print {$hold} "ROLLBACK;\n";
close $hold;
undef $holder;
is_deeply listed(), $list, 'locked no more: all is well';

# A verb answers, or refuses with a hint; whatever it finds.
my %seen;
sub sane {
	my ($name, @verbs) = @_;
	my ($inode, @bad) = ((stat $db)[1]);
	for my $v (@verbs ? grep { my $v = $_; grep { $_ eq $v->{name} } @verbs } @all : @all) {
		my $r = Verbs::run(command($v, \%idle));
		my $refuses = $v->{name} ne 'doctor' && $r->{err} =~ /cnt\.db: /;
		my $why = $r->{hung} || $r->{signal} || $refuses ? Verbs::flaw($r, $own{ $v->{name} } // 71, 69, 70, 71) : '';
		$why = 'takes another list for right' if !$why && $v->{name} eq 'list' && $name =~ /header/ && $r->{status} == 0 &&
		    $Verbs::json->encode(listed($r->{said})) ne $Verbs::json->encode($before);
		push @bad, "$name: @{ $v->{words} }: $why" if $why;
		$seen{ $refuses ? 'refused' : 'answered' }++;
	}
	push @bad, "$name: another file" if $inode != (stat $db)[1];
	return @bad;
}

my (@header, @page, @table);
for my $table (qw(instance image audit pending)) {
	put_back('plain');
	sql("PRAGMA foreign_keys = OFF; DROP TABLE $table");
	push @table, sane("without $table");
	my $doctor = Verbs::run(['cnt', 'doctor', '--json']);
	push @table, "without $table: $doctor->{out}"
	    if ($doctor->{out} // '') !~ /damaged \((no such table|missing): $table/ || $doctor->{status} != 69;
}
is join("\n", @table), '', 'a table that is gone: who needs it says so, and doctor';
for my $at (0 .. 99) {
	for (1 .. $long) {
		put_back('plain');
		my $bit = int rand 8;
		spew($db, flip($whole, $at, $bit));
		push @header, sane("header, byte $at, bit $bit", 'list');
	}
}
is join("\n", @header), '', 'a bit of the header, each byte: answered right or refused';

put_back('plain');
my %pages;
for (split /\n/, `sqlite3 -separator ' ' $db "SELECT pagetype, (name IN (SELECT name FROM sqlite_schema WHERE type = 'index')
    OR name = 'image'), pageno FROM dbstat WHERE pageno > 1"`) {
	my ($type, $index, $page) = split / /;
	push @{ $pages{ "$type of " . ($index ? 'an index' : 'a table') } }, $page;
}
is_deeply [sort keys %pages], ['internal of a table', 'internal of an index', 'leaf of a table', 'leaf of an index',
    'overflow of a table'], 'pages of each kind';
my $missed = 0;
for my $kind (sort keys %pages) {
	for my $try (1 .. 4 * $long) {
		my $page = $pages{$kind}[rand @{ $pages{$kind} }];
		my ($at, $bit) = ($try % 2 ? int rand 12 : int rand 4096, int rand 8);
		put_back('plain');
		spew($db, flip($whole, 4096 * ($page - 1) + $at, $bit));
		my $flawed = `sqlite3 $db 'PRAGMA integrity_check' 2>&1` !~ /\Aok$/;
		push @page, sane("page $page, byte $at, bit $bit", $try == 1 ? () : qw(list info create));
		my $doctor = Verbs::run(['cnt', 'doctor', '--json']);
		push @page, "page $page, byte $at, bit $bit: doctor: $doctor->{status} $doctor->{out}"
		    if $doctor->{hung} || $doctor->{signal} || ($flawed && (rows($doctor)->{database} // '') !~ $damaged);
	}
}
is join("\n", @page), '', 'a bit of a page of each kind: no crash, and doctor sees what SQLite sees';
diag join ', ', map { "$seen{$_} $_" } sort keys %seen;
is scalar(grep { !$seen{$_} } qw(answered refused)), 0, 'some were answered and some refused';

# What SQLite does not see by itself.
sub doctor_says {
	my ($name, $row, $text, $damage, $copy) = @_;
	put_back($copy // 'plain');
	$damage->();
	my $r = Verbs::run(['cnt', 'doctor', '--json']);
	like rows($r)->{$row} // "no word: $r->{out}", $text, "doctor sees $name";
}
sub in_file { my ($from, $to) = @_; my $n = (my $bytes = $whole) =~ s/$from/$to/; die "$from" unless $n; return becomes($bytes) }
doctor_says("a $_ that is gone", 'database', qr/damaged \(missing: /, sql_does("DROP $_"))
    for 'TRIGGER audit_update', 'INDEX image_name', 'INDEX box_unfinished';
doctor_says('a page cut short', 'database', $damaged, cut(length($whole) - 1000));
doctor_says("a bit in a box's name", 'database', $damaged, in_file("$me-down(?=$me)", "$me-eown"));
doctor_says("a bit in a record's text", 'audit', qr/record \d+: changed/, in_file('nowhere/xxxx', 'nowhere/xxyx'));
doctor_says('a box that cannot be', 'database', qr/damaged \(box /, sql_does("UPDATE box SET name = '../etc' WHERE name = '$me-down'"));
doctor_says('a bit in a state', 'database', qr/CHECK/, sub { spew($db, $whole =~ s/tinyready/tinyreagy/gr) });
doctor_says('a box without its image', 'database', $damaged, sql_does("PRAGMA foreign_keys = OFF; DELETE FROM image WHERE name = 'tiny'"));

# A log that is damaged or gone is an older database, as SQLite sees it; the files of a box tell.
my $log = $good{logged}{'-wal'};
my %logs = ('gone' => undef, 'empty' => '', 'cut' => substr($log, 0, length($log) / 2), 'a bit of its header' => flip($log, 20, 3));
$logs{"a bit of frame $_"} = flip($log, 32 + 4120 * $_ + 24 + int rand 4096, int rand 8) for 0, 1;
for my $what (sort keys %logs) {
	my $does = sub { defined $logs{$what} ? spew("$db-wal", $logs{$what}) : unlink "$db-wal" };
	doctor_says("a log damaged: $what", 'files', qr/\Q$me-log\E$/, $does, 'logged');
	is_deeply listed(), $before, "a log damaged: $what: the rest is as it was";
}
put_back('plain');
my $r = Verbs::run(['cnt', 'create', "$me-log", '--image', 'tiny', '--json']);
is Verbs::flaw($r, 1), '', 'a box whose row is lost is not made over';

ok -d "$state/boxes/$me-log/disk", 'nor are its files taken away';
put_back('plain');
spew($db, $whole =~ s/tinyready/tinyreagy/gr);
my @all_there = sort glob "$state/{boxes,images}/*";
Verbs::run(['cnt', @$_]) for ['list'], ['create', "$me-new", '--image', 'none'], ['doctor', '--repair'];
is_deeply [sort glob "$state/{boxes,images}/*"], \@all_there, 'no box and no image goes for a bit in its state';
put_back('plain');
sql("UPDATE box SET state = 'creating' WHERE name = '$me-down'; DROP INDEX image_name");
like rows(Verbs::run(['cnt', 'doctor', '--repair', '--json']))->{database}, $damaged, 'repair with an index gone: a damage';
is_deeply [sort glob "$state/{boxes,images}/*"], \@all_there, 'nor for what a damaged database says is half made';

put_back('logged');
spew("$db-shm", join '', map { chr rand 256 } 1 .. 32768);
chmod 0600, "$db-shm";
is_deeply listed(), $list, 'an index of the log full of anything is made again';
put_back('logged');
sh("cnt start $me-log >/dev/null; cnt exec $me-log -- true; cnt delete --force $me-log $me-up $me-down >/dev/null");
is scalar @{ Verbs::answer('cnt', 'list')->{boxes} }, 0, 'and everything works';
done_testing;
