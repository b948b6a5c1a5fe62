#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# faults.pl BOX DIR SOURCES SEED: says `0|1 NAME` a verb and `# TEXT` beside. A verb leads from one
# state of the machine to another; whatever breaks it on the way, the next verb must find or make one
# of the two. The steps of a verb are those that it reaches; all that the sources name must be reached.

use strict;
use warnings;
use File::Find;
use JSON::PP;
use List::Util qw(shuffle);
use Time::HiRes qw(time usleep);

my ($box, $dir, $sources, $seed) = @ARGV;
my $root = $ENV{CNT_ROOT};
my $tag = 'cnt' . substr `printf %s '$root' | sha256sum`, 0, 5;
my $trace = "$dir/trace";
srand $seed;
$| = 1;

my %says = (
	kill => qr/its start was killed/,	# a child was
	eio => qr/Input\/output error/,
	enospc => qr/No space left on device|disk is full/,
	emfile => qr/Too many open files/,
	nomem => qr/out of memory|its start was killed/,
);

# Each verb with its way back, and with what there has to be before. away: what is taken from the machine
# first and must be there afterwards in any case, if need be by a repair.
my @create = ('create', $box, '--image', 'first');
my @import = ('image', 'import', "$dir/second.tar", '--name', 'second');
my @verbs = (
	{ name => 'create', run => [@create], back => ['delete', '--force', $box] },
	{ name => 'create on a host without network', run => [@create],
	  back => ['delete', '--force', $box], away => \&unplug },
	{ name => 'start', run => ['start', $box], back => ['stop', '--force', $box],
	  first => [@create, '--no-start'] },
	{ name => 'stop', run => ['stop', $box], back => ['start', $box], first => ['start', $box] },
	{ name => 'resize', run => ['resize', $box, '--pids', 300],
	  back => ['resize', $box, '--pids', 200] },
	{ name => 'delete', run => ['delete', '--force', $box], back => [@create] },
	{ name => 'image import', run => [@import], back => ['image', 'delete', 'second'] },
	{ name => 'image delete', run => ['image', 'delete', 'second'], back => [@import],
	  first => [@import] },
	{ name => 'image build', run => ['image', 'build', 'built', '--suite', 'any'],
	  back => ['image', 'delete', 'built'] },
	{ name => 'recovery', first => ['delete', '--force', $box], run => ['list'],
	  back => ['CNT_FAULT=the box is made:kill', @create] },
);

sub text {
	open my $f, '<', $_[0] or return '';
	local $/;
	return <$f> // '';
}

# Returns its status as a shell tells it.
sub cnt {
	local $ENV{CNT_FAULT} = $1 if $_[0] =~ /^CNT_FAULT=(.*)/ && shift;
	my $pid = fork // die;
	if ($pid == 0) {
		open STDOUT, '>', "$dir/cnt.out";
		open STDERR, '>', "$dir/cnt.err";
		exec 'cnt', @_ or die;
	}
	waitpid $pid, 0;
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}
sub must { cnt(@_) == ($_[0] =~ /:kill$/ ? 137 : 0) or die "cnt @_: " . text("$dir/cnt.err") }

# What a reboot takes.
sub unplug {
	my $pid = text("$root/run/cnt/dnsmasq.pid") + 0;
	kill 'KILL', $pid if $pid > 1 && text("/proc/$pid/cmdline") =~ /^dnsmasq\0/;
	usleep 5_000 while -e "/proc/$pid/exe" && text("/proc/$pid/stat") !~ /\) Z /;
	system "ip link delete ${tag}0; nft delete table bridge $tag; nft delete table inet $tag";
}

# All that this instance has on the machine, but for what its database and its logs hold, and what the
# kernel makes for itself below an overlay's work: it takes that away before it finds the disk full.
sub machine {
	my @all;
	push @all, map { "mount $_" } grep { / \Q$root\E/ } split /\n/, text('/proc/self/mountinfo');
	push @all, map { "interface $_" } glob "/sys/class/net/$tag*";
	for my $top (grep { -d } glob "/sys/fs/cgroup/{,*/}$tag*") {
		find({ no_chdir => 1, wanted => sub { push @all, "cgroup $_" if -d } }, $top);
	}
	push @all, map { "limit $_ " . text($_) =~ s/\n//r } grep { -e }
	    glob "/sys/fs/cgroup/{,pids/}$tag/$box/pids.max";
	find({ no_chdir => 1, wanted => sub {
		push @all, "file $_" unless m{/cnt\.db|/rootfs/.|/lost\+found$|/work/work$};
	} }, $root);
	for my $proc (glob '/proc/[0-9]*') {
		next if text("$proc/stat") =~ /\) Z /;
		my ($group) = text("$proc/cgroup") =~ m{:/(\Q$tag\E[./].*)} or next;
		push @all, "process $group: " . text("$proc/comm") =~ s/\n//r unless $group =~ /\(deleted\)$/;
	}
	push @all, map { "nft $_" } split /\n/, `nft list table bridge $tag 2>&1`;
	return join "\n", sort @all;
}

# How the machine differs from both states, as lines.
sub difference {
	my ($now, @states) = @_;
	my %now = map { $_ => 1 } split /\n/, $now;
	my @texts;
	for my $state (@states) {
		my %then = map { $_ => 1 } split /\n/, $state;
		push @texts, join ', ', (map { "+ $_" } grep { !$then{$_} } sort keys %now),
		    map { "- $_" } grep { !$now{$_} } sort keys %then;
	}
	return join ' / ', map { length > 300 ? substr($_, 0, 300) . '...' : $_ } @texts;
}

# Which of the two states the machine is in when the next verb has been there. The children of one who
# was killed may take a moment to die; what a verb that failed could not undo may take a repair.
my %repaired;
sub settle {
	my ($v, $of, $action) = @_;
	my ($begin, $patience, $first, $now) = (time, $action eq 'kill' && !$v->{away} ? 5 : 0.2);
	until (time > $begin + 2 * $patience + 5) {
		my @next = time < $begin + $patience ? 'list' : ('doctor', '--repair');
		my $status = cnt(@next);
		return "$of: cnt list: $status: " . text("$dir/cnt.err") if $next[0] eq 'list' && $status != 0;
		$now = machine();
		$first //= difference($now, $v->{before}, $v->{after});
		($v->{is}) = grep { $now eq $v->{$_} } 'before', 'after';
		if ($v->{is}) {
			$repaired{$of} = 1 if $next[0] ne 'list';
			return $next[0] ne 'list' && $action eq 'kill' && !$v->{away} ? "$of: not by the next verb: $first" : '';
		}
		usleep 20_000;
	}
	$v->{is} = 'neither';
	return "$of: " . difference($now, $v->{before}, $v->{after});
}

# What is wrong with how it ended.
sub wrong_end {
	my ($action, $status) = @_;
	my $err = text("$dir/cnt.err");
	return $err eq '' ? '' : "says $err" if $status == ($action eq 'kill' ? 137 : 0);
	return "status $status: $err" if $status != 71;
	return $err =~ /\Acnt: [^\n]*\n(hint: [^\n]*\n)?\z/ && $err =~ $says{$action} ? '' : "says $err";
}

sub break_at {
	my ($v, $step, $action) = @_;
	my $of = "$v->{name}, $step: $action";
	$v->{away}->() if $v->{away};
	my $status = do {
		local $ENV{CNT_FAULT} = "$step:$action";
		cnt(@{ $v->{run} });
	};
	my @wrong = map { $_ eq '' ? () : "$of: $_" } wrong_end($action, $status);
	if ($action eq 'enospc') {
		push @wrong, "$of: cnt list on the full disk: " . text("$dir/cnt.err") if cnt('list') != 0;
		push @wrong, "$of: the disk was not filled" unless unlink "$root/full";
	}
	push @wrong, grep { $_ ne '' } settle($v, $of, $action);
	push @wrong, "$of: status 0, but as before" if $status == 0 && $v->{is} ne 'after';
	cnt(@{ $v->{back} }) if $v->{is} ne 'before';
	push @wrong, "$of: and then: " . text("$dir/cnt.err") if cnt(@{ $v->{run} }) != 0;
	push @wrong, "$of: and then: " . difference(machine(), $v->{after}) if machine() ne $v->{after};
	must(@{ $v->{back} });
	return @wrong;
}

# One whole way there and back, and there again: then nothing is new any more.
sub learn {
	my ($v) = @_;
	cnt('doctor', '--repair');
	must(@{ $v->{first} }) if $v->{first};
	must(@{ $v->{run} });
	must(@{ $v->{back} });
	$v->{before} = machine();
	unlink $trace;
	$v->{away}->() if $v->{away};
	{
		local $ENV{CNT_FAULT_TRACE} = $trace;
		must(@{ $v->{run} });
	}
	$v->{after} = machine();
	must(@{ $v->{back} });
	my %seen;
	return grep { !$seen{$_}++ } split /\n/, text($trace);
}

sub named {
	my @names;
	find({ no_chdir => 1, wanted => sub {
		push @names, text($_) =~ /CNT_STEP\("([^"]*)"/g if /\.c$/;
	} }, map { "$sources/$_" } 'bin', 'lib', 'mcp');
	return sort @names;
}

print "# seed $seed\n";
my @others = grep { $_ ne 'kill' } sort keys %says;
my %reached;
for my $v (@verbs) {
	my $begin = time;
	my @steps = learn($v);
	my (@wrong, $cases);
	for my $step (@steps) {
		next if $v->{away} && $reached{$step} && !$ENV{CNT_LONG};
		my @actions = $ENV{CNT_LONG} ? ('kill', @others) : $reached{$step} ?
		    (shuffle 'kill', @others)[0] : ('kill', (shuffle @others)[0]);
		$reached{$step} = 1;
		for my $action (@actions) {
			push @wrong, break_at($v, $step, $action);
			$cases++;
		}
	}
	printf "%d %s: after each of %d faults all is as before or as it should be\n", @wrong != 0,
	    $v->{name}, $cases;
	printf "# %s: %d steps, %.1f s\n", $v->{name}, scalar @steps, time - $begin;
	print map { s/\n/; /gr =~ s/^/# /r . "\n" } @wrong;
}
print "# $_: by cnt doctor --repair\n" for sort keys %repaired;
my @missed = grep { !$reached{$_} } named();
print @missed == 0 ? 0 : 1, " each step that the sources name is reached\n";
print "# not reached: $_\n" for @missed;
my %count;
$count{$_}++ for named();
print scalar(grep { $_ > 1 } values %count) ? 1 : 0, " each has a name of its own\n";
