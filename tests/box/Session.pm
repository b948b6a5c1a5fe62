# SPDX-License-Identifier: Apache-2.0
#
# Calls of agent-box's tools in a test: many under way at once, each answer by its id, a deadline for each.
package Session;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../mcp';
use Client;

our @ISA = ('Client');
my $bin = ($ENV{BUILD} // abs_path(dirname(__FILE__) . '/../../build')) . '/bin';
our $static = "$bin/agent-box";
our $program = $ENV{AGENT_BOX} // $static;	# with SAN=1 one that carries ASan
my $json = JSON::PP->new->utf8->canonical;

# Session->new(env => {...}, command => [...])
sub new {
	my ($class, %o) = @_;
	local %ENV = (%ENV, %{ $o{env} || {} });
	my $s = $class->start(@{ $o{command} || [$program] });
	@$s{qw(answers progress last)} = ({}, {}, 0);
	return $s;
}

# Begins a call and returns its id. token: progress is wanted.
sub begin {
	my ($s, $tool, $args, %o) = @_;
	my $id = ++$s->{last};
	$s->call($id, $tool, $json->encode($args), defined $o{token} ? qq("progressToken":$o{token}) : undef);
	return $id;
}

# Reads for this long, or until the wanted answer is there; false when it is not.
sub pump {
	my ($s, $seconds, $want) = @_;
	my $end = time + $seconds;
	until (defined $want && $s->{answers}{$want}) {
		my $left = $end - time;
		my $line = $left > 0 ? $s->line($left) : undef;
		return 0 unless defined $line;
		$s->{longest} = length $line if length $line > ($s->{longest} // 0);
		my $m = $json->decode($line);
		$s->{answers}{ $m->{id} } = $m if defined $m->{id};
		push @{ $s->{progress}{ $m->{params}{progressToken} } }, $m->{params}
		    if ($m->{method} // '') eq 'notifications/progress';
	}
	return 1;
}

# text, head (its first line) and body; facts (typed, of a bulk tool), data (of the others), error.
sub result {
	my ($s, $id, $seconds) = @_;
	unless ($s->pump($seconds // 20, $id)) {
		print STDERR map { "# $_\n" } 'no answer' . ($s->{eof} ? ', its output is at its end' : ''), split /\n/, $s->said;
		return { text => 'no answer', error => 1 };
	}
	my $m = delete $s->{answers}{$id};
	my $r = $m->{result} or return { text => $json->encode($m->{error}), error => 1 };
	my $text = $r->{content}[0]{text};
	my ($head, $body) = split /\n/, $text, 2;
	return { text => $text, head => $head, body => $body // '', error => $r->{isError} ? 1 : 0,
	    facts => $r->{_meta}{'cnt/result'}, data => $r->{structuredContent}, raw => $r };
}

sub tool { my ($s, $tool, $args, $seconds) = @_; return $s->result($s->begin($tool, $args), $seconds); }

# Seconds until the server has ended.
sub leaves {
	my ($s) = @_;
	my $start = time;
	return defined $s->ended(10) ? time - $start : 99;
}

# Processes whose command line matches.
sub matching {
	my ($re) = @_;
	my @found;
	for my $p (glob '/proc/[0-9]*') {
		open my $f, '<', "$p/cmdline" or next;
		local $/;
		my $line = <$f> // next;
		$line =~ tr/\0/ /;
		push @found, $p =~ s{/proc/}{}r if $line =~ $re && $line !~ /perl/;
	}
	return @found;
}

# Seconds until none matches any more.
sub gone {
	my ($re) = @_;
	my $start = time;
	return Client::until(10, sub { !matching($re) }) ? time - $start : 99;
}

1;
