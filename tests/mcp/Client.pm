# SPDX-License-Identifier: Apache-2.0
#
# An MCP client for tests: raw lines to a server's standard input, raw lines from its output, each
# wait with a deadline. With $CNT_RECORD every line is kept for validate.mjs ("> sent", "< got").
package Client;

use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use Fcntl;
use IO::Handle;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);

our $META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    . '"io.modelcontextprotocol/clientCapabilities":{}}';
use constant PAUSE => 0.02;
my $marks = 0;
my ($rounds, @rounds);		# of who watches: as a file; when each ended, and how late

# Every process of this server carries the mark in its environment.
sub start {
	my ($class, @command) = @_;
	my $self = bless { mark => "CNT_TEST_MARK=$$." . ++$marks, buffer => '' }, $class;

	pipe(my $in_r, my $in_w) && pipe(my $out_r, my $out_w) or die "pipe: $!";
	open $self->{err}, '+>', undef or die "temporary file: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		my ($name, $value) = split /=/, $self->{mark};
		$ENV{$name} = $value;
		open STDIN, '<&', $in_r or die;
		open STDOUT, '>&', $out_w or die;
		open STDERR, '>&', $self->{err} or die;
		exec @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$self->{in} = $in_w;
	$self->{out} = $out_r;
	$_->blocking(0) for $in_w, $out_r;
	open $self->{record}, '>>', $ENV{CNT_RECORD} or die if $ENV{CNT_RECORD};
	syswrite $self->{record}, "# start @command\n" if $self->{record};
	return $self;
}

# What it wrote to standard error so far.
sub said {
	my ($self) = @_;
	seek $self->{err}, 0, 0;
	local $/;
	return readline($self->{err}) // '';
}

sub note {
	my ($self, $way, $bytes) = @_;
	my $record = $self->{record} or return;
	syswrite $record, join '', map { "$way $_\n" } grep { length } split /\r?\n/, $bytes;
}

# What comes is read meanwhile, unless deaf: then false when the server takes no more for so many seconds.
sub raw {
	my ($self, $bytes, %how) = @_;
	my ($at, $until) = (0, time + 20);

	$self->note('>', $bytes);
	while ($at < length $bytes) {
		my $n = syswrite $self->{in}, $bytes, 65536, $at;
		if (defined $n) { $at += $n; next }
		return 0 unless $!{EAGAIN} || $!{EINTR};
		my ($r, $w) = ('', '');
		vec($w, fileno $self->{in}, 1) = 1;
		vec($r, fileno $self->{out}, 1) = 1 unless $how{deaf};
		select $r, $w, undef, $how{deaf} // 1 or return 0;
		$self->fill unless $how{deaf};
		return 0 if time > $until;
	}
	return 1;
}

sub fill {
	my ($self) = @_;
	my $n = sysread $self->{out}, $self->{buffer}, 1 << 20, length $self->{buffer};
	$self->{eof} = 1 if defined $n && $n == 0;
}

sub say { my ($self, $line, %how) = @_; return $self->raw("$line\n", %how) }

# The next line, or undef after the seconds (5) or at the end of output.
sub line {
	my ($self, $seconds) = @_;
	my $until = time + ($seconds // 5);

	for (;;) {
		my $nl = index $self->{buffer}, "\n", $self->{seen} // 0;
		if ($nl >= 0) {
			$self->{seen} = 0;
			my $line = substr $self->{buffer}, 0, $nl + 1, '';
			$self->note('<', $line);
			chomp $line;
			return $line;
		}
		$self->{seen} = length $self->{buffer};
		return undef if $self->{eof} || time > $until;
		my $r = '';
		vec($r, fileno $self->{out}, 1) = 1;
		select $r, undef, undef, $until - time > 0 ? $until - time : 0;
		$self->fill;
	}
}

# Lines up to the one with this id, whose JSON comes back; those before are kept in {before}.
sub answer {
	my ($self, $id, $seconds) = @_;
	my $until = time + ($seconds // 10);

	$self->{before} = [];
	while (defined(my $line = $self->line($until - time))) {
		my $j = JSON::PP->new->utf8->allow_nonref->decode($line);
		return $j if ref $j eq 'HASH' && defined $j->{id} && $j->{id} eq $id;
		push @{ $self->{before} }, $j;
	}
	return undef;
}

sub ask {
	my ($self, $line, $seconds) = @_;
	my ($id) = $line =~ /"id":"?([^",}]*)/;

	$self->say($line);
	return $self->answer($id, $seconds);
}

sub initialize {
	my ($self, $version) = @_;
	my $r = $self->ask('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"'
	    . ($version // '2025-11-25') . '","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}');
	$self->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
	return $r;
}

# A stateless call; arguments and the rest of _meta as JSON.
sub call {
	my ($self, $id, $tool, $arguments, $meta) = @_;
	my $m = $META;
	$m =~ s/\}$/,$meta}/ if defined $meta;
	return $self->say(qq({"jsonrpc":"2.0","id":$id,"method":"tools/call","params":{$m,)
	    . qq("name":"$tool","arguments":$arguments}}));
}

sub cancel {
	my ($self, $id) = @_;
	return $self->say(qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":$id}}));
}

sub ping {
	my ($self) = @_;
	my $id = 'ping-' . ++$self->{pings};
	my $r = $self->ask(qq({"jsonrpc":"2.0","id":"$id","method":"ping"}));
	return defined $r && ref $r->{result} eq 'HASH';
}

sub close_input { my ($self) = @_; close delete $self->{in} }

# Its wait status within the seconds, or undef.
sub ended {
	my ($self, $seconds) = @_;
	return Client::until($seconds // 5, sub {
		return 1 if defined $self->{status};
		return unless waitpid($self->{pid}, WNOHANG) == $self->{pid};
		$self->{status} = $?;
		return 1;
	}) ? $self->{status} : undef;
}

# Processes that carry the mark, without zombies.
sub processes {
	my ($self) = @_;
	my @found;

	for my $dir (glob '/proc/[0-9]*') {
		open my $f, '<', "$dir/environ" or next;
		local $/;
		my $environ = <$f> // next;
		push @found, $dir =~ m{(\d+)$} if index("\0$environ", "\0$self->{mark}\0") >= 0;
	}
	return @found;
}

# Is it true within the seconds, from T on (now)? A test that watches gives them as allowed() does.
sub until {
	my ($seconds, $true, $t) = @_;
	$t //= time;

	until ($true->()) {
		my $took = time - $t;
		return 0 if $took > $seconds && (!$rounds || $took > allowed($seconds, $t));
		select undef, undef, undef, 0.002;
	}
	return 1;
}

sub DESTROY {
	my ($self) = @_;
	return if defined $self->{status};
	local $?;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
}

# Limits of time as they hold on this machine. Beside the test, from watch() on, a process does nothing but what
# each call has in it: it wakes, forks, execs, waits, and makes a record durable. Where a round of it is late by
# more than 10 ms the machine has more to do than processors, and what takes many such steps may be late by as many.
sub watch {
	my ($owner, $path) = ($$, "/var/tmp/cnt-tap.rounds.$$");

	open my $record, '>', $path or die "$path: $!";
	open $rounds, '<', $path or die "$path: $!";
	unlink $path;
	return if fork // die "fork: $!";
	@SIG{qw(HUP INT TERM)} = ('DEFAULT') x 3;
	for (my $t = time; getppid == $owner;) {	# no round begins later than the last one ended
		select undef, undef, undef, PAUSE;
		my $pid = fork // POSIX::_exit(1);
		exec '/bin/true' or POSIX::_exit(127) if $pid == 0;
		waitpid $pid, 0;
		$record->sync;
		my $end = time;
		syswrite $record, pack 'dd', $end, $end - $t - PAUSE;
		$t = $end;
	}
	POSIX::_exit(0);
}

# LIMIT for what lasted from T until now, when the round that runs now is over.
sub allowed {
	my ($limit, $t) = @_;
	my ($now, $worst) = (time, 0.01);

	until (@rounds && $rounds[-1][0] > $now) {
		select undef, undef, undef, 0.002;
		while (sysread $rounds, my $bytes, 16) { push @rounds, [unpack 'dd', $bytes] }
		die 'nobody watches' if time > $now + 60;
	}
	for (grep { $_->[0] > $t } @rounds) { $worst = $_->[1] if $_->[1] > $worst }
	return $limit + ($worst > 0.01 ? 10 * $worst : 0);
}

1;
