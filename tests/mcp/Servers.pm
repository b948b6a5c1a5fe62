# SPDX-License-Identifier: Apache-2.0
#
# The three servers that mcp.md's acceptance list is held against, in an instance of cnt of their own without
# an image: a single verb (`cnt-list --mcp`), `cnt mcp`, agent-box on the host. Each has work that is quick, and
# work that lasts: in agent-box a command, for the verb and for `cnt mcp` the same call while another process
# holds the database, which a verb waits for (five seconds). A fourth is `cnt mcp --box`, in the run's instance.
package Servers;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Handle;

use lib dirname(__FILE__);
use Client;

my $tests = abs_path(dirname(__FILE__) . '/..');
our $build = abs_path($ENV{BUILD} // "$tests/../build");
our $home = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my ($owner, $run, @made, $root, $box, $holder) = ($$, $ENV{CNT_ROOT});
my @command = ('shell_exec', '{"command":"sleep 600; :","env":{"CNT_TEST_MARK":"@"}}');

my @ends = qw(HUP INT TERM);
@SIG{@ends} = (sub { @SIG{@ends} = ('IGNORE') x @ends; exit 130 }) x @ends;	# by way of END

# name, command; quick and slow: tool and arguments, in which @ stands for the mark of the server's processes;
# held: slow is so while the database is held; pids: how many processes there are with one slow call.
our @all = (
	{ name => 'a verb', command => ["$build/bin/cnt-list", '--mcp'], pids => 2,
	    quick => ['list_containers', '{}'], slow => ['list_containers', '{}'], held => 1 },
	{ name => 'cnt mcp', command => ["$build/bin/cnt-mcp"], pids => 3,
	    quick => ['list_containers', '{}'], slow => ['list_containers', '{}'], held => 1 },
	{ name => 'agent-box', command => [$ENV{AGENT_BOX} // "$build/bin/agent-box"], pids => 5,
	    quick => ['file_info', '{"path":"/etc/passwd"}'], slow => \@command },
);

sub cnt {
	my ($instance, $command) = @_;
	local @ENV{qw(BUILD CNT_ROOT PATH)} = ($build, $instance, "$build/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	delete $ENV{CNT_ROOT} unless defined $instance;
	chomp(my $said = `$command 2>$home/said`);
	die "$command\n" . `cat $home/said` if $?;
	return $said;
}

sub root {
	push @made, $root = cnt(undef, "sh $tests/instance make bare") unless $root;
	return $root;
}

# In a box only the commands carry the mark, not its agent-box.
sub boxed {
	push @made, $run = cnt(undef, "sh $tests/instance make") unless $run;
	$box //= "t$$-ends";
	cnt($run, "cnt create $box");
	return { name => 'cnt mcp --box', command => ["$build/bin/cnt-mcp", '--box', $box], root => $run, pids => 3, slow => \@command };
}

# A client of it. env: all of its environment; before: words before its own command.
sub start {
	my ($server, %o) = @_;
	local %ENV = $o{env} ? %{ $o{env} } : (%ENV, HOME => $home);
	$ENV{CNT_ROOT} = $server->{root} // root();
	return Client->start(@{ $o{before} // [] }, @{ $server->{command} });
}

# From here to release() verbs wait for the database.
sub hold {
	return if $holder;
	unlink "$home/held";
	open $holder, '|-', 'exec sqlite3 -bail -cmd ".timeout 5000" ' . root() . "/var/lib/cnt/cnt.db >$home/held 2>&1" or die;
	$holder->autoflush;
	print {$holder} "PRAGMA locking_mode = EXCLUSIVE;\nBEGIN EXCLUSIVE;\nSELECT 'held';\n";
	Client::until(10, sub { open my $f, '<', "$home/held" or return; return grep { /^held/ } <$f> }) or die 'not held';
	return;
}

sub release { close $holder if $holder; undef $holder; return }

# Begins work that lasts.
sub call {
	my ($server, $client, $id, $meta) = @_;
	my ($tool, $arguments) = @{ $server->{slow} };
	my ($mark) = $client->{mark} =~ /=(.*)/;

	hold() if $server->{held};
	$arguments =~ s/@/$mark/;
	return $client->call($id, $tool, $arguments, $meta);
}

# Does it wait for anything but a processor?
sub sleeps {
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/stat" or return;
	return (<$f> // '') =~ /\) S /;
}

# The same for each id, and waits until all are under way, and sleep.
sub begin {
	my ($server, $client, @ids) = @_;

	$client->ping or return 0;	# it is at work, and asks no programs what they are
	call($server, $client, $_) for @ids;
	return Client::until(5, sub {
		my @pids = $client->processes;
		return @pids >= 1 + @ids * ($server->{pids} - 1) && !grep { !sleeps($_) } @pids;
	});
}

END {
	if ($$ == $owner) {
		local $?;
		release();
		eval { cnt($run, "cnt delete --force $box") } if $box;
		for (@made) { eval { cnt($_, "sh $tests/instance unmake"); 1 } or warn $@ }
	}
}

1;
