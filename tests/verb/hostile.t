#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Every verb, and every tool of agent-box, in hostile hands: wrong words, no streams, a terminal that goes away,
# signals, no environment, strange limits. Each ends by itself with a status of the table, and what it was asked for is
# then done or not begun. In an instance of its own, which is as before at the end. What a verb says to wrong values
# is edges.t's. HOSTILE_SEED=N repeats a run's instants; CNT_LONG=1 makes more.
use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(usleep);

use lib dirname(__FILE__), dirname(__FILE__) . '/../mcp';
use Client;
use Verbs;

my $seed = $ENV{HOSTILE_SEED} // time;
my $long = $ENV{CNT_LONG} ? 10 : 1;
srand $seed;
diag "seed $seed";

my ($me, $tmp) = ("t$$", $Verbs::tmp);
chomp(my $root = `sh $Verbs::tests/instance make bare 2>$tmp/make`);
BAIL_OUT(`cat $tmp/make`) unless -d $root;
$ENV{CNT_ROOT} = $root;
$ENV{HOME} = "$tmp/home";
mkdir $ENV{HOME};
chdir $ENV{HOME} or die;
END {
	local $?;
	chdir '/';
	system 'agent-box process_kill --id p1 --grace-seconds 0 >/dev/null';
	system "sh $Verbs::tests/instance unmake >/dev/null 2>$tmp/unmake; rm -rf '$root'" if $root;
}
sub sh { my ($script) = @_; system('sh', '-ec', $script) == 0 or die "$script: wait status $?\n" }
sub spew { my ($path, $bytes) = @_; open my $f, '>', $path or die "$path: $!"; print {$f} $bytes; close $f }

sh("$Verbs::tests/tiny tiny | cnt image import - --name tiny >/dev/null; $Verbs::tests/tiny x >$tmp/tar");
sh("cnt create $me-down --image tiny --no-start >/dev/null; cnt create $me-up --image tiny >/dev/null");
my ($tag) = Verbs::answer('cnt', 'info')->{bridge} =~ /(.*)0$/;
sub machine { return scalar `$Verbs::tests/machine '$tag' 2>/dev/null` }
sub tree { return join '', sort `find '$root' -type d -printf '%P %m %U:%G\n' , -type f -printf '%P %m %U:%G\n'` }

# Verbs and tools alike: { name, words, options, required, plain, begin, own }; own: the status of its own failure, where
# what it runs has the others.
my %plain = Verbs::plain($me);
my %begin = Verbs::begin($me);
my @all = map { { %$_, plain => $plain{ $_->{name} } // [], begin => $begin{ $_->{name} },
    own => $_->{name} =~ /^(exec|enter|mcp)$/ ? 125 : undef } } Verbs::all();
$_->{tool} && $_->{tool}{name} eq 'get_system_info' and $_->{plain} = [] for @all;
my %tool = (shell_exec => [qw(--command true)], read_file => [qw(--path f)], list_directory => [qw(--path .)],
	write_file => [qw(--path w --content x)], move_file => [qw(--source f --destination f --overwrite)],
	delete_file => [qw(--path gone)], edit_file => ['--path', 'f', '--edits', '{"old":"text","new":"text"}'],
	search_files => [qw(--pattern text)], find_files => [qw(--glob f)], file_info => [qw(--path f)],
	make_directory => [qw(--path d)], copy_file => [qw(--source f --destination g --overwrite)],
	tail_log => [qw(--path f --follow-seconds 0)], wait_for_port => [qw(--port 9 --timeout-seconds 0.1)],
	process_start => [qw(--command true)], process_read => [qw(--id p1)], process_write => [qw(--id p1 --text x)],
	process_wait => [qw(--id p1 --until output)], process_kill => [qw(--id p0)]);
spew("$ENV{HOME}/f", "text\n");
sh("agent-box process_start --stdin --command 'echo x; exec sleep 1000' >/dev/null");
my @words = split /\n/, `agent-box --describe=words`;
for my $t (@{ $Verbs::json->decode(scalar `agent-box --describe`)->{verbs} }) {
	my $options = shift @words;
	push @all, { %$t, words => ['agent-box', $t->{name}], required => $t->{input}{required} // [], plain => $tool{ $t->{name} } // [],
	    options => { map { $_ => 1 } grep { /^--/ } split / /, $options },
	    begin => $t->{name} eq 'delete_file' ? sub { spew("$ENV{HOME}/gone", '') } : undef };
}

# What is as it should be when a verb begins: the other half of each case, since a box that the one before left half
# made would not go away.
sub prepare {
	my ($v) = @_;
	my $begin = $v->{begin} or return '';
	return $begin->() && '' if ref $begin eq 'CODE';
	for my $words (@$begin) {
		my $r = Verbs::run(['cnt', @$words]);
		return "cannot begin: @$words: $r->{status} $r->{err}" if $r->{hung} || $r->{signal} || $r->{status} > 1;
	}
	return '';
}

# What a verb does when nothing is wrong.
for my $v (@all) {
	prepare($v);
	my $r = Verbs::run([@{ $v->{words} }, @{ $v->{plain} }]);
	@$v{qw(status prints)} = ($r->{status}, length $r->{out} ? 1 : 0);
	diag "@{ $v->{words} }: $r->{status}" if $ENV{HOSTILE_SHOW};
}

sub odd {
	my ($r) = @_;
	return 'does not end' if $r->{hung};
	return "signal $r->{signal}" if $r->{signal};
	return 'its output stays open' if $r->{held};
	return "exits $r->{status}: $r->{err}" unless grep { $_ == $r->{status} } 0, 1, 2, 69, 71, 75, 77, 124 .. 127, 129, 130;
	return '';
}

# all NAME, WANTED, HOW: each verb as it would do something, or with other words, so; WANTED says what is wrong with the
# result.
sub all {
	my ($name, $want, %o) = @_;
	my @bad;
	for my $v (@all) {
		my @words = $o{words} ? $o{words}->($v) : [@{ $v->{words} }, @{ $v->{plain} }];
		for my $words (@words) {
			my $why = $o{words} && !$o{begin} ? '' : prepare($v);
			my $r = $why ? undef : Verbs::run([@{ $o{around} // [] }, @$words], %o);
			$why ||= odd($r) || $want->($v, $r, $words);
			push @bad, substr("@$words", 0, 80) . ": $why" if $why;
		}
	}
	is join("\n", @bad), '', $name;
}

sub as_ever { my ($v, $r) = @_; return $r->{status} == $v->{status} ? '' : "exits $r->{status}: $r->{err}" }
sub usage {
	my ($text) = @_;
	return sub {
		my ($v, $r) = @_;
		my @is = ($v->{own} // 2, $v->{name} eq 'mcp' ? 2 : ());	# it passes a status on with --box
		return "exits $r->{status}" unless grep { $_ == $r->{status} } @is;
		return $r->{err} =~ $text ? '' : "says $r->{err}";
	};
}
# Output that cannot be written is noticed by whoever has some.
sub lost {
	my ($v, $r) = @_;
	return as_ever($v, $r) unless $v->{prints};
	return $r->{status} == ($v->{status} || 71) ? '' : "exits $r->{status}: $r->{err}";
}
# Done, or an error of the machine that says something; a tool may also say no.
sub done_or_refused {
	my ($v, $r) = @_;
	return '' if $r->{status} == $v->{status};
	return "exits $r->{status}: $r->{err}" unless grep { $_ == $r->{status} } 1, 69, 71, 75, 125;
	return $r->{err} =~ /: ./ || $v->{name} eq 'doctor' ? '' : 'says nothing';
}

prepare($_) for grep { $_->{name} =~ /^(image import|create|stop|start)$/ } @all;
my $machine = machine();

# Words.
my %common = map { $_ => 1 } qw(--json --help --version --describe);
sub own_options { my ($v) = @_; return grep { !$common{$_} } sort keys %{ $v->{options} } }
sub is_boolean { my ($v, $o) = @_; (my $n = substr $o, 2) =~ tr/-/_/; return ($v->{input}{properties}{$n}{type} // '') eq 'boolean' }
sub takes_many { my ($v, $o) = @_; (my $n = substr $o, 2) =~ tr/-/_/; return $v->{input}{properties}{$n}{type} =~ /array|object/ }

all('an unknown option', usage(qr/unknown option --no-such\nhint: ./),
    words => sub { [@{ $_[0]{words} }, '--no-such', @{ $_[0]{plain} }] });
all('an option without its value', usage(qr/needs a value/), words => sub { my ($v) = @_;
    map { [@{ $v->{words} }, $_] } grep { !is_boolean($v, $_) } own_options($v) });
all('an option that is neither true nor false', usage(qr/true or false|true, false|boolean/), words => sub { my ($v) = @_;
    map { my $o = $_; [@{ $v->{words} }, "$o=maybe", grep { $_ ne $o } @{ $v->{plain} }] } grep { is_boolean($v, $_) } own_options($v) });
all('an option twice', usage(qr/given twice/), words => sub { my ($v) = @_;
    map { [@{ $v->{words} }, "$_=1", "$_=1", @{ $v->{plain} }] } grep { !takes_many($v, $_) } own_options($v) });
all('nothing of what is needed', usage(qr/./), words => sub { my ($v) = @_;
    @{ $v->{required} } && $v->{name} ne 'info' ? $v->{words} : () });
all('an operand too many', sub { my ($v, $r) = @_; $v->{name} =~ /^(exec|enter)$/ || $r->{status} ? '' : 'takes it' },
    words => sub { [@{ $_[0]{words} }, @{ $_[0]{plain} }, '!'] });

# Linux takes 128 KiB in one word, 2 MiB in all.
my $big = 'x' x 131000;
sub brief { my ($v, $r) = @_; return length $r->{err} > 4096 && $v->{name} !~ /^(exec|enter|shell_exec)$/ ? 'says too much' : '' }
all('words of 128 KiB', \&brief, words => sub { my ($v) = @_;
    ((map { [@{ $v->{words} }, "$_=$big", @{ $v->{plain} }] } grep { !is_boolean($v, $_) } own_options($v)),
    [@{ $v->{words} }, map { /^-/ ? $_ : $big } @{ $v->{plain} }]) });
all('a megabyte of them', sub { $_[0]{name} =~ /exec|enter/ || $_[1]{status} == 2 ? '' : "exits $_[1]{status}" },
    words => sub { [@{ $_[0]{words} }, @{ $_[0]{plain} }, ($big) x 8] });

# Streams.
sub closed { my @fds = @_; return (before => sub { POSIX::close($_) for @fds }) }
sub full { my ($fd) = @_; return (before => sub { my $f = POSIX::open('/dev/full', POSIX::O_WRONLY()); POSIX::dup2($f, $fd) }) }
all('standard input closed', \&as_ever, closed(0));
for my $words (['image', 'import', '-', '--name', 'y'], ['create', "$me-new", '--ssh-key', '-', '--image', 'tiny']) {
	my $r = Verbs::run(['cnt', @$words], closed(0));
	is odd($r) || !$r->{status}, '', "a closed standard input is no file: @$words";
}
all('standard output closed', \&lost, closed(1));
all('standard error closed', \&as_ever, closed(2));
all('all three closed', \&lost, closed(0 .. 2));
all('standard output on a full disk', \&lost, full(1));
all('standard error on a full disk', \&as_ever, full(2));
all("$_ on a full disk", sub { $_[1]{status} == 71 ? '' : "exits $_[1]{status}" }, full(1), words => sub { [@{ $_[0]{words} }, $_] })
    for qw(--help --version --describe);
# A session ends with whoever reads what it says.
all('a reader that is gone', sub { $_[0]{own} && $_[1]{status} == 129 ? '' : lost(@_) },
    before => sub { pipe my $r, my $w or die "pipe: $!"; POSIX::dup2(fileno $w, 1); close $r });

# The environment.
all('no PATH, and a locale of nowhere', \&as_ever, begin => 1, around => ["$Verbs::bin/cnt"],
    words => sub { my ($cnt, @name) = @{ $_[0]{words} }; $cnt eq 'cnt' ? [@name, @{ $_[0]{plain} }] : () },
    before => sub { delete $ENV{PATH}; $ENV{LC_ALL} = 'xx_YY@' . 'z' x 300 });
all('nothing in the environment', \&as_ever, before => sub { %ENV = (CNT_ROOT => $root, HOME => $ENV{HOME}, PATH => $Verbs::bin) });
all('a directory that is gone', sub { $_[0]{words}[0] eq 'cnt' ? as_ever(@_) : done_or_refused(@_) },
    before => sub { mkdir "$tmp/cwd"; chdir "$tmp/cwd"; rmdir "$tmp/cwd" });
all('all signals ignored and blocked', \&as_ever, before => sub {
    $SIG{$_} = 'IGNORE' for grep { !/^(KILL|STOP|NUM|__|ZERO)/ } keys %SIG;
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(1 .. 31)) });

# Limits.
sub limited { return (around => ['prlimit', @_, '--']) }
all('sixteen descriptors', \&done_or_refused, limited('--nofile=16'));
all('files of no bytes', \&done_or_refused, limited('--fsize=0'));
# ASan takes terabytes of address space, and more of the stack.
all('a small stack', \&done_or_refused, limited('--stack=' . ($ENV{SAN} ? 1048576 : 131072)));
all('a small address space', \&done_or_refused, limited('--as=' . ($ENV{SAN} ? 'unlimited' : 67108864)));
all('cores allowed', \&as_ever, limited('--core=unlimited'));

# A terminal that goes away: the verb is in its foreground and has it on all three streams.
sub terminal {
	my ($v) = @_;
	my ($number, $unlock) = (pack('i', 0), pack('i', 0));
	open my $master, '+<', '/dev/ptmx' or die "ptmx: $!";
	ioctl $master, 0x40045431, $unlock or die "TIOCSPTLCK: $!";
	ioctl $master, 0x80045430, $number or die "TIOCGPTN: $!";
	my $pts = '/dev/pts/' . unpack 'i', $number;
	pipe my $there, my $opened or die;
	my $s = Verbs::start([@{ $v->{words} }, @{ $v->{plain} }], session => 1, before => sub {
		close $master;
		my $fd = POSIX::open($pts, POSIX::O_RDWR()) // die "$pts: $!";	# the first that a session's leader opens is its own
		POSIX::dup2($fd, $_) for 0 .. 2;
		POSIX::close($fd) if $fd > 2;
		close $opened;
	});
	close $opened;
	readline $there;
	usleep(rand 25000 * $v->{slow});
	close $master;
	return Verbs::end($s);
}

# An interrupt from the keyboard goes to all of the foreground.
sub interrupted {
	my ($v) = @_;
	my $s = Verbs::start([@{ $v->{words} }, @{ $v->{plain} }]);
	usleep(rand 25000 * $v->{slow});
	kill 'INT', -$s->{pid};
	return Verbs::end($s);
}

# A box is there, whole, or it is not.
sub half {
	my $list = Verbs::answer('cnt', 'list');
	my @odd = grep { $_->{state} !~ /^(running|stopped)$/ } @{ $list->{boxes} };
	my %row = map { $_->{name} => 1 } @{ $list->{boxes} };
	return join ' ', map({ $_->{name} } @odd), grep { !$row{$_} } map { s,.*/,,r } glob "$root/var/lib/cnt/boxes/*";
}
for my $how (['a terminal that goes away', \&terminal, 1, 2], ['an interrupt', \&interrupted, 2, 3]) {
	my ($name, $does, $signal, $rounds) = @$how;
	my (@bad, %seen);
	for my $round (1 .. $rounds * $long) {
		for my $v (@all) {
			$v->{slow} = $v->{begin} ? 3 : 1;
			my $why = prepare($v);
			my $r = $why ? {} : $does->($v);
			my $ended = !$why && (($r->{signal} // 0) == $signal || ($r->{status} // 0) == 128 + $signal);
			$why ||= $ended ? '' : odd($r);
			$seen{ $ended ? 'ended' : $r->{status} == $v->{status} ? 'done' : 'refused' }++ if !$why;
			my $half = $v->{begin} && $v->{words}[0] eq 'cnt' ? half() : '';
			$why ||= "half made: $half" if $half;
			push @bad, "@{ $v->{words} }: $why" if $why;
		}
	}
	diag join ', ', map { "$seen{$_} $_" } sort keys %seen;
	is join("\n", @bad), '', "$name: it ends, and nothing is half made";
	ok $seen{ended}, 'some were ended by it';
}

# Modes are the program's own, whatever the umask.
prepare($_) for @all;
sub made {
	my ($umask) = @_;
	Verbs::run(['cnt', @$_]) for ['delete', '--force', "$me-new"], ['image', 'delete', 'x'];
	my @words = (['create', "$me-new", '--image', 'tiny'], ['image', 'import', "$tmp/tar", '--name', 'x']);
	my @said = map { Verbs::run(['cnt', @$_], before => sub { umask $umask }) } @words;
	mkdir "$tmp/root.$umask";
	chmod 0755, "$tmp/root.$umask";
	push @said, map { Verbs::run(['env', "CNT_ROOT=$tmp/root.$umask", 'cnt', 'setup', @$_], before => sub { umask $umask }) } [];
	my $tree = tree() . join '', sort `cd $tmp/root.$umask && find . -printf '%P %m %U:%G\n'`;
	Verbs::run(['env', "CNT_ROOT=$tmp/root.$umask", 'cnt', 'setup', '--undo']);
	return join(' ', map { $_->{status} } @said) . "\n$tree";
}
my @trees = map { made($_) } 0022, 0777;
like $trees[0], qr{\A0 0 0\n(?s:.*)/boxes/\Q$me\E-new/disk}, 'a box, an image and an instance are made';
is $trees[1], $trees[0], 'umask 0777: all files have the modes that they have with any other';

# A box that is started by someone in a corner has no part of that.
sub inherited {
	my (%o) = @_;
	Verbs::run(['cnt', 'stop', '--force', "$me-up"]);
	my $r = Verbs::run([@{ $o{around} // [] }, 'cnt', 'start', "$me-up"], %o);
	return "start: $r->{status} $r->{err}" if $r->{status};
	my ($dir) = grep { -d "$_/$tag/$me-up.mon" } glob '/sys/fs/cgroup/{pids,unified,}';
	my $text = '';
	for my $group ("$me-up.mon", "$me-up") {
		my ($pid) = split /\n/, `find $dir/$tag/$group -name cgroup.procs -exec cat {} +`;
		$text .= "$group\n" . join '', grep { /^(Sig(Blk|Ign)|Umask|Max|Groups|NoNewPrivs)/ } `cat /proc/$pid/status /proc/$pid/limits`;
		$text .= `cat /proc/$pid/oom_score_adj; ps -o ni= -p $pid; readlink /proc/$pid/cwd; readlink /proc/$pid/fd/* | tr -d 0-9 | sort -u`;
	}
	return $text;
}
my $corner = sub {
	umask 0777;
	$SIG{$_} = 'IGNORE' for grep { !/^(KILL|STOP|NUM|__|ZERO)/ } keys %SIG;
	POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(1 .. 31));
	POSIX::nice(7);
	POSIX::dup2(2, $_) for 50 .. 55;
};
my $usual = inherited();
like $usual, qr/^SigBlk.*^SigBlk/ms, 'a monitor and an init';
is inherited(before => $corner), $usual, 'neither has signals, umask, niceness or descriptors of who started it';
# Without CAP_SYS_RESOURCE nobody raises a hard limit again.
is inherited(around => ['prlimit', '--nofile=64:', '--core=5:', '--stack=1000000:', '--fsize=100000000:', '--']), $usual, 'nor limits';
my $status = Verbs::run(['agent-box', 'shell_exec', '--command', 'cat /proc/self/status'], before => $corner)->{out};
# posix_spawn(3) leaves libc's own two ignored, and libc lets nobody change that.
like $status, qr/^SigBlk:\s*0+\n^SigIgn:\s*0{7}[01][08]0{7}\n/m, 'nor does a command of agent-box';

# Over MCP: strings that no C string can be, and great ones. Each is answered, and so is what comes after.
sub strings {
	my ($server, @tools) = @_;
	my ($c, @bad, $id) = (Client->start(@$server), undef, 100);
	my %bad = ('NUL' => 'a\u0000b', 'no UTF-8' => "a\xff\xfeb", 'half a surrogate' => 'a\ud800b', 'overlong' => "\xc0\xaf",
	    'a raw control' => "a\x01b", 'a megabyte' => 'x' x 1048576);
	@bad = ();
	for my $t (@tools) {
		my $p = $t->{inputSchema}{properties};
		my %base = map { $_ => $p->{$_}{type} eq 'string' ? '"none"' : $p->{$_}{type} eq 'array' ? '["none"]' : '1' }
		    @{ $t->{inputSchema}{required} // [] };
		for my $name (grep { $p->{$_}{type} eq 'string' && !$p->{$_}{enum} } sort keys %$p) {
			for my $what (sort keys %bad) {
				my %with = (%base, $name => qq("$bad{$what}"));
				$c->call(++$id, $t->{name}, '{' . join(',', map { qq("$_":$with{$_}) } sort keys %with) . '}');
				my $line = $c->line(10) // do { push @bad, "$t->{name}: $name: $what: no answer"; last };
				my $r = eval { $Verbs::json->decode($line) } // {};
				my $no = $r->{error} || ($r->{result} && $r->{result}{isError});
				push @bad, "$t->{name}: $name: $what: " . substr $line, 0, 200
				    unless ($no || ($what eq 'a megabyte' && $r->{result})) && length $line < 8192;
			}
		}
	}
	push @bad, 'no answer afterwards' unless $c->ping;
	return join "\n", @bad;
}
sub offered {
	my $c = Client->start(@_);
	return grep { !$_->{inputSchema}{properties}{box} || $_->{name} =~ /container|image|system/ }
	    @{ $c->ask(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}))->{result}{tools} };
}
is strings(['cnt', 'mcp'], offered('cnt', 'mcp')), '', 'strings over cnt mcp: each is refused, and it goes on';
is strings(['agent-box'], offered('agent-box')), '', 'and over agent-box';

# Afterwards all is as it was.
my $doctor = Verbs::answer('cnt', 'doctor');
is join(' ', map { "$_->{name}: $_->{detail}" } grep { $_->{name} =~ /database|audit|boxes|files/ && $_->{state} ne 'ok' }
    @{ $doctor->{checks} }), '', 'doctor finds nothing';
Verbs::run(['cnt', @$_]) for ['delete', '--force', "$me-new"], ['image', 'delete', 'x'], ['start', "$me-up"],
    ['stop', '--force', "$me-down"];
is half(), '', 'no box is half made';
is join(' ', sort map { $_->{name} } @{ Verbs::answer('cnt', 'list')->{boxes} }), "$me-down $me-up", 'and none is too many';
my $until = time + 10;
select undef, undef, undef, 0.05 while machine() ne $machine && time < $until;
is machine(), $machine, 'the machine is as before';
is join(' ', grep { !/\/([dfgw]|gone|none)$/ } glob "$ENV{HOME}/*"), '', 'no core, no other file';
done_testing;
