#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# AGENTBOX_ENFORCE=1: the kernel holds commands to AGENTBOX_ROOT, and where it cannot, agent-box does
# not start.
use strict;
use warnings;
use utf8;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Socket;
use Test::More;

use lib dirname(__FILE__);
use Session;

my $dir = tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);
my ($root, $out, $home) = map { mkdir "$dir/$_"; "$dir/$_" } qw(root out home);
my %env = (HOME => $home, AGENTBOX_ROOT => $root, AGENTBOX_ENFORCE => 1);

sub put { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print {$f} $text; close $f or die; }
sub slurp { my ($path) = @_; open my $f, '<', $path or return undef; local $/; return scalar <$f>; }
sub tree { return join ' ', sort split /\n/, `cd $out && find . -printf '%p:%s\n'`; }

# { status, out, err } of agent-box from a shell; before: called in the child.
sub once {
	my ($env, $before, @words) = @_;
	my $pid = fork // die;
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/said";
		open STDERR, '>', "$dir/said.err";
		%ENV = (%ENV, %$env);
		$before->() if $before;
		exec $Session::program, @words or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return { status => $? >> 8, out => slurp("$dir/said"), err => slurp("$dir/said.err") };
}

# What this kernel has: the answer of landlock_create_ruleset(VERSION).
my $abi = syscall(444, 0, 0, 1);
diag "Landlock ABI $abi";

# The refusals. A kernel without Landlock is this one with a filter that says ENOSYS.
sub no_landlock {
	my $filter = pack '(SCCL)4', 0x20, 0, 0, 0, 0x15, 0, 1, 444, 0x06, 0, 0, 0x50000 | 38, 0x06, 0, 0, 0x7fff0000;
	syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, pack('S x6 P', 4, $filter)) == 0 or POSIX::_exit(126);
}
my $r = once(\%env, \&no_landlock, 'shell_exec', '--command', "touch $root/ran");
is $r->{status}, 69, 'a kernel without Landlock: agent-box does not start';
like $r->{err}, qr/\Aagent-box: AGENTBOX_ENFORCE: this kernel has no Landlock\nhint: .*Linux 6\.2/, 'and says why';
ok !-e "$root/ran", 'no command has run';
is once(\%env, \&no_landlock, '--mcp')->{status}, 69, 'nor does the server start';
is once({ %env, AGENTBOX_ENFORCE => 0 }, \&no_landlock, 'shell_exec', '--command', 'true')->{status}, 0,
    'where nothing is to be enforced it is not missed';
is once({ HOME => $home, AGENTBOX_ENFORCE => 1 }, undef, '--mcp')->{status}, 2, 'without a root there is nothing to enforce';
$r = once({ %env, AGENTBOX_ENFORCE => 'yes' }, undef, '--mcp');
like "$r->{status} $r->{err}", qr/^2 .*expected 0 or 1, got "yes"/, 'a word that means nothing is refused';
if ($abi < 3) {
	is once(\%env, undef, '--mcp')->{status}, 69, 'this kernel cannot enforce anything: refused';
	diag "THE ENFORCEMENT ITSELF WAS NOT TESTED: this kernel has Landlock ABI $abi";
	done_testing;
	exit;
}

# What commands may.
put("$out/secret", 'secret');
put("$out/program", "#!/bin/sh\necho ran\n");
put("$root/mine", "mine\n");
chmod 0755, "$out/program";
symlink $out, "$root/link";
mkdir "$root/below";
my $before = tree();
my $s = Session->new(env => \%env);
sub run { my ($command, %o) = @_; return $s->tool('shell_exec', { command => $command, %o }); }

is run('cat mine; echo more >>mine; mkdir d; mv mine d/; cat d/mine; rm -r d; mkfifo f; ln -s x y; ls')->{body},
    "mine\nmine\nmore\nbelow\nf\nlink\ny\n", 'below the root everything goes, as the first directory too';
is run("pwd; cd $root/below; pwd")->{body}, "$root\n$root/below\n", 'it starts in the root';
is run('wc -l </etc/passwd | grep -c . ; sed -n 1p /proc/self/stat | wc -l; ls /usr/bin | grep -cx env')->{body},
    "1\n1\n1\n", 'the system can be read and its programs be run';
is run('echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo to >&2')->{body},
    "3\n3\n[stderr]\nto\n", 'so can harmless devices';
is run('echo x >$TMPDIR/t; cat $(mktemp) $TMPDIR/t; stat -c %a $TMPDIR')->{body}, "x\n700\n", 'temporary files have a private place';
$r = run('seq 1 9000', max_output_bytes => 60);
is run("tail -n 1 $r->{facts}{stdout}{spill_path}")->{body}, "9000\n", 'what an answer could not carry can be read';
unlike $r->{text}, qr/read_file/, 'by a command: nothing names a tool that the wall stops';
is run('sleep 30 & kill $!; wait $! 2>/dev/null; echo $?')->{body}, "143\n", 'a command signals its own processes';

# What they may not.
my ($left) = run('sleep 300 >/dev/null 2>&1 & echo $!')->{body} =~ /^(\d+)$/ or die 'nothing was left running';
my ($number, $unlock) = (pack('i', 0), pack('i', 0));
open my $master, '+<', '/dev/ptmx' or die "ptmx: $!";
ioctl $master, 0x40045431, $unlock or die "TIOCSPTLCK: $!";
ioctl $master, 0x80045430, $number or die "TIOCGPTN: $!";
my $terminal = '/dev/pts/' . unpack 'i', $number;
my %denied = (
	read => "cat $out/secret", list => "ls $out", execute => "$out/program", write => "echo x >$out/secret",
	append => "echo x >>$out/secret", create => "echo x >$out/new", truncate => "truncate -s 0 $out/secret",
	unlink => "rm -f $out/secret", mkdir => "mkdir $out/d", rmdir => "rmdir $out", symlink => "ln -s x $out/l",
	'rename out' => "mv -n below $out/", 'link out' => "ln f $out/f", 'link in' => "ln $out/secret s",
	'rename in' => "mv $out/secret s", 'by a link' => 'cat link/secret', 'write by a link' => 'echo x >link/new',
	'by ..' => 'cat ../out/secret', 'by /proc' => "cat /proc/self/root$out/secret",
	'by a directory of another' => "cat /proc/$$/cwd/../$out/secret", 'system file' => ': >>/etc/passwd',
	'system directory' => "mkdir /usr/cnt-landlock-$$", '/tmp' => "mkdir /tmp/cnt-landlock-$$", '/' => 'ls /', home => "ls $home",
	'/dev' => "mkdir /dev/cnt-landlock-$$", '/dev/shm' => "mkdir /dev/shm/cnt-landlock-$$", disk => 'head -c 1 /dev/vda', sysctl => ': >/proc/sys/kernel/randomize_va_space',
	'a new terminal' => ': </dev/ptmx',
	'the keys of a terminal' => ": <$terminal", 'its screen' => ": >$terminal",
	'device' => 'mknod null c 1 3', mount => "unshare -m mount --bind $out below", chroot => "chroot $out /program",
	'environment of the server' => 'tr "\0" "\n" </proc/$PPID/environ', 'memory of the server' => 'head -c 1 /proc/$PPID/mem',
	'signal to the supervisor' => 'kill -STOP $PPID', "signal to others" => "kill -CONT $$",
	'signal to what another command left' => "kill -CONT $left",
);
delete @denied{'signal to the supervisor', 'signal to others', 'signal to what another command left'} if $abi < 6;
for my $what (sort keys %denied) {
	my $r = run("$denied{$what} 2>&1 && echo DONE");
	ok $r->{body} !~ /DONE|secret\z|^ran$|CNT_TEST_MARK/m && $r->{facts}{exit_code} != 0, "denied: $what" or diag $r->{text};
}
my $listen;
is tree(), $before, 'nothing has changed there';
is slurp("$out/secret"), 'secret', 'nor in the file';
is join(' ', grep { rmdir } map { "/$_/cnt-landlock-$$" } qw(usr tmp dev dev/shm)), '', 'nor elsewhere';
socket($listen, AF_UNIX, SOCK_STREAM, 0) && bind($listen, pack 'S a*', AF_UNIX, "\0cnt-landlock-$$") && listen $listen, 5
    or die "socket: $!";
my $speak = q{perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack "S a*", AF_UNIX, "\0cnt-landlock-} . $$ .
    q{") and print "DONE"; print "$!\n"'};
like run($speak)->{body}, $abi >= 6 ? qr/^Operation not permitted/ : qr/./, 'denied: an abstract socket';
like run('grep -E "NoNewPrivs|CapEff|CapPrm" /proc/self/status')->{body},
    qr/^CapPrm:\t0{8}(a00425fb|0{8})\n.*NoNewPrivs:\t1$/s, 'what root could do to the kernel is gone';
is run("env -i $Session::program shell_exec --command 'cat $out/secret'")->{body} =~ /secret\z/ ? 1 : 0, 0,
    'an agent-box in it is held as well';

my $p = $s->tool('process_start', { command => "cat $out/secret; echo x >$out/new; echo \$TMPDIR; echo y >kept; sleep 300" });
Client::until(10, sub { ($r = $s->tool('process_read', { id => $p->{data}{id} }))->{text} =~ m{box/tmp$}m });
like $r->{text}, qr{Permission denied.*Permission denied.*/agent-box/tmp$}s, 'processes are held as well';
is tree(), $before, 'they change nothing either';
$s->tool('process_kill', { id => $p->{data}{id}, signal => 'KILL' });

# What ends a command does not depend on what it may.
my $tag = 300000 + $$;
$r = run("(setsid sh -c 'trap \"\" TERM; sleep $tag; sleep $tag' &) ; sleep $tag", timeout_seconds => 0.3);
like $r->{head}, qr/^timed out/, 'its time is over';
is join(' ', Session::matching(qr/sleep $tag/)), '', 'nothing of it is left';
$s->close_input;
$s->leaves;

# HOME below the root: its directories are the commands' own, to be made links or exchanged while others begin.
my $state = "$root/.local/state/agent-box";
sub at_home { my ($h) = @_; return Session->new(env => { %env, HOME => $h }); }
$s = at_home($root);
is run('echo x >$TMPDIR/t; cat $TMPDIR/t')->{body}, "x\n", 'with HOME in the root there is a place for temporary files too';
$r = run('seq 1 9000', max_output_bytes => 60);
like $r->{text}, qr/read_file/, 'and output is read by any tool';
is $s->tool('read_file', { path => $r->{facts}{stdout}{spill_path}, tail => 1 })->{body}, "9000\n", 'which works';
symlink $out, "$state/x";
my ($self, $swap) = ($$, fork // die);
if ($swap == 0) {
	syscall 316, -100, "$state/tmp", -100, "$state/x", 2 while getppid == $self;	# renameat2, RENAME_EXCHANGE
	POSIX::_exit(0);
}
my @calls = map { $s->begin('shell_exec', { command => "echo x >$out/new" }) } 1 .. 300;
is_deeply [ grep { ($s->result($_)->{facts}{exit_code} // 0) == 0 } @calls ], [], 'no command has what is put in its place';
kill 'KILL', $swap;
waitpid $swap, 0;
$s->close_input;
my $elsewhere = "$dir/elsewhere";
mkdir $elsewhere;
symlink "$root/below", "$dir/into";
for (['.local', $root, "$root/.local"], ['.local/state', $root, "$root/.local/state"], ['HOME', "$root/below", "$root/below"],
    ['HOME in the root by another name', "$dir/into", "$root/below"]) {
	my ($what, $h, $link) = @$_;
	rename $link, "$link.old" or die "$link: $!";
	symlink $elsewhere, $link;
	$s = at_home($h);
	run('true');
	$s->tool('process_start', { command => 'true' });
	is `ls -A $elsewhere`, '', "$what as a link that leads out: nothing is made there";
	unlink $link;
	rename "$link.old", $link;
}
is tree(), $before, 'nothing has changed';

# Without it nothing is held.
$s = Session->new(env => { %env, AGENTBOX_ENFORCE => '' });
is run("cat $out/secret")->{body}, 'secret', 'without AGENTBOX_ENFORCE commands are not held to the root';
unlike run('seq 1 9000', max_output_bytes => 60)->{text}, qr/read_file/, 'file tools are';
done_testing;
