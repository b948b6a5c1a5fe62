#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Boxes through one connection: which box, what its end does to calls under way, stopped boxes, the way
# that only reads, one box alone, the record, and many boxes at once. CNT_LONG=1: eight instead of three,
# and more than there are places.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
my $mcp = "$build/bin/cnt-mcp";
$ENV{PATH} = "$build/bin:/usr/sbin:/usr/bin:/sbin:/bin";
my $own;
my @boxes = map { "t$$-$_" } 1 .. ($ENV{CNT_LONG} ? 8 : 3);
my ($A, $B) = @boxes;

if (!$ENV{CNT_ROOT}) {
	chomp($own = `sh $FindBin::Bin/../instance make`);
	$ENV{CNT_ROOT} = $own;
}
$SIG{TERM} = $SIG{INT} = sub { exit 1 };
END {
	local $?;
	system "cnt delete --force $_ >/dev/null 2>&1" for @boxes;
	system "sh $FindBin::Bin/../instance unmake >/dev/null 2>&1" if $own;
}
system("cnt create $_ >/dev/null") == 0 or die for @boxes;

my $c = Client->start($mcp);
my $id = 0;

sub result {
	my ($tool, $arguments, $client) = @_;
	($client // $c)->call(++$id, $tool, encode_json($arguments));
	my $r = ($client // $c)->answer($id, 30) // { result => { isError => 1,
	    content => [{ text => '{"error":{"message":"no answer"}}' }] } };
	return ($r->{result} // $r, $r->{result}{isError} ? decode_json($r->{result}{content}[0]{text})->{error} : undef);
}

sub shell {
	my ($box, $command, $client) = @_;
	my ($r, $e) = result('shell_exec', { (defined $box ? (box => $box) : ()), command => $command }, $client);
	return $e ? "error $e->{message}" : $r->{content}[0]{text} // $r->{message};
}

sub begin {
	my ($box, $command) = @_;
	$c->call(++$id, 'shell_exec', encode_json({ box => $box, command => $command }));
	return Client::until(10, sub { `cnt exec $box -- pgrep -xf '$command' 2>/dev/null` ne '' }) ? $id : undef;
}

sub failed {
	my ($call) = @_;
	my $r = $c->answer($call, 10) or return {};
	return $r->{result}{isError} ? decode_json($r->{result}{content}[0]{text})->{error} : {};
}

sub list {
	my ($client) = @_;
	my $r = $client->ask(qq({"jsonrpc":"2.0","id":"l","method":"tools/list","params":{$Client::META}}));
	return $r->{result}{tools};
}

subtest 'which box' => sub {
	like(shell($A, 'hostname'), qr/\n$A\n/, 'the one that is named');
	like(shell($B, 'hostname'), qr/\n$B\n/, 'and another');
	my (undef, $e) = result('shell_exec', { box => "t$$-none", command => 'id' });
	is($e->{code}, 'not_found', 'a name that does not exist');
	like($e->{message}, qr/^t$$-none: /, 'by name');
	(undef, $e) = result('shell_exec', { box => $A, command => 'id', color => 1 });
	like($e->{message}, qr/color/, 'arguments are checked by agent-box');
};

subtest 'a box that ends while in use' => sub {
	my %ends = (
		stop => [qr/^$B: (was|is being) stopped while in use$/, 'no', qr/start_container/],
		'stop --force' => [qr/^$B: was stopped while in use$/, 'no', qr/start_container/],
		'restart --force' => [qr/^$B: was restarted while in use$/, 'no', qr/next call/],
		'delete --force' => [qr/^$B: was deleted while in use$/, 'not_found', qr/list_containers/],
	);
	for my $how (sort { $b cmp $a } keys %ends) {
		my $call = begin($B, 'sleep 2001') or BAIL_OUT('no command runs');
		my $beside = shell($A, 'echo beside');
		system("cnt $how $B >/dev/null") == 0 or BAIL_OUT("cnt $how");
		my $e = failed($call);
		like($e->{message} // '', $ends{$how}[0], "$how: says so");
		is($e->{code}, $ends{$how}[1], 'code');
		like($e->{hint} // '', $ends{$how}[2], 'and what to do');
		like(shell($A, 'echo on'), qr/\non\n/, 'the other box goes on');
		system "cnt start $B >/dev/null 2>&1" if $how =~ /stop/;
		like(shell($B, 'echo again'), $how =~ /delete/ ? qr/no such box/ : qr/\nagain\n/, 'and the next call');
	}
	system("cnt create $B >/dev/null") == 0 or BAIL_OUT('create');
	like(shell($B, 'ls -A | grep -c note'), qr/\n0\n/, 'a new box of that name is another one');
};

subtest 'a box that was restarted between calls' => sub {
	for my $how ('restart', 'restart --force') {
		shell($B, 'true');
		system("cnt $how $B >/dev/null") == 0 or BAIL_OUT("cnt $how");
		my $said = shell($B, 'echo at once');
		# The first may be the one to hear of it.
		$said = shell($B, 'echo at once') if $said eq "error $B: was restarted while in use";
		like($said, qr/\nat once\n/, "$how: the next call goes in again");
	}
};

subtest 'an answer torn by the end of its box' => sub {
	# More than a pipe holds, and a relay that does not read: the line is cut when its writer is gone.
	my ($relay) = grep { slurp("/proc/$_/cmdline") =~ /^cnt-mcp-relay\0$B\0/ } $c->processes;
	kill 'STOP', $relay;
	$c->call(++$id, 'shell_exec', encode_json({ box => $B, command => q(head -c 1000000 /dev/zero | tr '\0' '"'; touch done),
	    max_output_bytes => 1 << 20 }));
	ok(Client::until(10, sub { system("cnt exec $B -- test -e done") == 0 }), 'a long answer is on its way');
	select undef, undef, undef, 0.2;
	system "cnt stop --force $B >/dev/null";
	kill 'CONT', $relay;
	like(failed($id)->{message} // '', qr/^$B: was stopped while in use$/, 'its end is what is told');
	system "cnt start $B >/dev/null";
};

sub put { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print $f $text; close $f }
sub slurp { my ($path) = @_; open my $f, '<', $path or return ''; local $/; return scalar(<$f>) // '' }

subtest 'a box that is stopped' => sub {
	system "cnt stop --force $B >/dev/null";
	my (undef, $e) = result('shell_exec', { box => $B, command => 'id' });
	is($e->{code}, 'no', 'is an error');
	is($e->{message}, "$B: not running", 'that says so');
	like($e->{hint}, qr/start_container/, 'and what to do');
	like(`cnt list`, qr/$B +stopped/, 'nothing was started');
	my $d = Client->start($mcp, '--start');
	like(shell($B, 'echo up', $d), qr/\nup\n/, '--start starts it');
	like(`cnt list`, qr/$B +running/, 'and it runs');
	my @start = grep { $_->{verb} eq 'start' && $_->{box} eq $B } audit();
	is($start[-1]{result}, 'ok', 'recorded as the start that it is');
	system "cnt stop --force $B >/dev/null";
	my @three = map { Client->start($mcp, '--start') } 1 .. 3;
	$_->call(++$id, 'shell_exec', encode_json({ box => $B, command => 'echo up' })) for @three;
	$id -= 3;
	like($_->answer(++$id, 30)->{result}{content}[0]{text}, qr/\nup\n/, 'whichever of three connections is first') for @three;
	(undef, $e) = result('shell_exec', { box => "t$$-none", command => 'id' }, $d);
	is($e->{code}, 'not_found', 'a box that is not there is not made');
	my $out = `$mcp --start --read-only --json </dev/null 2>/dev/null`;
	like($out, qr/"code":"invalid","message":"start: /, 'not with --read-only');
	like(`$mcp --start --read-only --box $A --json </dev/null 2>/dev/null`, qr/"code":"invalid","message":"start: /, 'nor for one box');
};

subtest 'a start that fails' => sub {
	my $dir = tempdir(CLEANUP => 1);
	system('cp', "$build/bin/cnt-mcp", "$build/bin/agent-box", $dir) == 0 or die;
	put("$dir/cnt-start", qq(#!/bin/sh\necho '{"error":{"code":"busy","message":"'"\$2"': no room","hint":"wait"}}'\nexit 75\n));
	chmod 0755, "$dir/cnt-start";
	system "cnt stop --force $B >/dev/null";
	my $d = Client->start("$dir/cnt-mcp", '--start');
	my (undef, $e) = result('shell_exec', { box => $B, command => 'id' }, $d);
	is_deeply($e, { code => 'busy', message => "$B: no room", hint => 'wait' }, 'is told as it was');

	put("$dir/cnt-start", "#!/bin/sh\n[ \$1 = --json ] || exit\ntrap 'sleep 0.3; echo >$dir/undone; exit 75' TERM\nsleep 1703 & wait\n");
	put("$dir/cnt.conf", "mcp-box-wait 1s\n");
	$d = Client->start('unshare', '-m', 'sh', '-ec', "mkdir -p $ENV{CNT_ROOT}/etc/cnt; mount -t tmpfs x $ENV{CNT_ROOT}/etc/cnt;
	    cp $dir/cnt.conf $ENV{CNT_ROOT}/etc/cnt/; exec $dir/cnt-mcp --start");
	(undef, $e) = result('shell_exec', { box => $B, command => 'id', timeout_seconds => 0.5 }, $d);
	like($e->{message}, qr/has not answered in 1 s$/, 'one that takes too long is given up');
	ok(Client::until(10, sub { -e "$dir/undone" }), 'and takes back what it has done');
	ok(Client::until(5, sub { $d->processes == 1 }), 'nothing of it is left');
	system "cnt start $B >/dev/null";
};

# The record, oldest first.
sub audit {
	my $db = "$ENV{CNT_ROOT}/var/lib/cnt/cnt.db";
	my $rows = `sqlite3 -json -readonly $db "select kind, intent, seq, subject, verb, box, args, result from audit order by seq"`;
	return @{ decode_json($rows) };
}

subtest 'one box' => sub {
	my $d = Client->start($mcp, '--box', $A);
	is($d->initialize->{result}{serverInfo}{name}, 'agent-box', 'is its agent-box');
	my $tools = list($d);
	my %here = map { $_->{name} => 1 } @{ list(Client->start("$build/bin/agent-box")) };
	is_deeply({ map { $_->{name} => 1 } @$tools }, \%here, 'its tools and no others');
	ok(!grep({ exists $_->{inputSchema}{properties}{box} } @$tools), 'which take no box');
	like(shell(undef, 'hostname', $d), qr/\n$A\n/, 'a call');
	my $r = $d->ask('{"jsonrpc":"2.0","id":"r","method":"resources/read","params":{"uri":"file:///etc/hostname"}}');
	is($r->{result}{contents}[0]{text}, "$A\n", 'its resources');
	$r = $d->ask('{"jsonrpc":"2.0","id":"p","method":"prompts/list"}');
	is($r->{result}{prompts}[0]{name}, 'debug_ci', 'its prompts');
	$d->call(7, 'list_containers', '{}');
	is($d->answer(7)->{error}{code}, -32602, 'nothing of the platform');
	system "cnt restart --force $A >/dev/null";
	isnt($d->ended(10) // 0, 0, 'ends with the box');
	like($d->said, qr/^cnt: $A: was restarted while in use$/m, 'and says why');
};

subtest 'what only reads' => sub {
	for my $args (['--box', $A], []) {
		my $d = Client->start($mcp, '--read-only', @$args);
		my @box = @$args ? () : (box => $A);
		my $tools = list($d);
		ok(@$tools > 5, 'tools are offered');
		is((grep { !$_->{annotations}{readOnlyHint} } @$tools), 0, 'those that change nothing');
		$d->call(++$id, 'shell_exec', encode_json({ @box, command => 'id' }));
		is($d->answer($id, 10)->{error}{code}, -32602, 'another is no tool at all');
		my ($r, $e) = result('read_file', { @box, path => '/etc/hostname' }, $d);
		like($r->{content}[0]{text}, qr/\n$A\n/, 'reading works');
		my @entered = grep { /--box/ } map { slurp("/proc/$_/cmdline") =~ tr/\0/ /r } $d->processes;
		is((grep { !/--read-only/ } @entered), 0, 'every way into the box is the one that reads');
	}
	# Not hidden by us: the agent-box in there has no other tools.
	for my $how ('--read-only=true', '--read_only', '--read-only=false') {
		my $d = Client->start($mcp, '--box', $A, $how);
		$d->call(++$id, 'write_file', '{"path":"x","content":"x"}');
		is($d->answer($id, 10)->{error}{code}, $how =~ /false/ ? undef : -32602, "however it is asked for: $how");
		my ($scope) = `$mcp --box $A $how --describe` =~ /"scope":"(.*?)"/;
		is($scope, $how =~ /false/ ? 'containers:write' : 'containers:read', 'the scope that it needs');
	}
};

subtest 'sets of tools' => sub {
	my %name;
	for my $sets ('platform', 'box', 'platform,box') {
		$name{$sets} = { map { $_->{name} => 1 } @{ list(Client->start($mcp, '--tools', $sets)) } };
	}
	ok($name{platform}{create_container} && !$name{platform}{shell_exec}, 'platform');
	ok(!$name{box}{create_container} && $name{box}{shell_exec}, 'box');
	is_deeply($name{'platform,box'}, { %{ $name{platform} }, %{ $name{box} } }, 'both');
	for my $set ('platform', 'box') {
		my $said = `$mcp --box $A --tools $set --json </dev/null 2>/dev/null`;
		is($? >> 8, 125, "$set: not for one box");
		like($said, qr/"code":"invalid","message":"tools: /, 'by name');
	}
};

subtest 'the record' => sub {
	my $d = Client->start($mcp);
	shell($A, 'true', $d);
	my ($begun) = grep { $_->{verb} eq 'mcp' && $_->{kind} == 1 && $_->{box} eq $A } reverse audit();
	ok($begun, 'a session is recorded when it begins') or return;
	is(decode_json($begun->{args})->{box}, $A, 'with its box');
	$d->close_input;
	$d->ended(5);
	my $outcome;
	ok(Client::until(5, sub { ($outcome) = grep { ($_->{intent} // 0) == $begun->{seq} } audit() }), 'and when it ends');
	is($outcome->{result}, 'ok', 'with the outcome');
	my ($ended) = grep { $_->{verb} eq 'mcp' && $_->{result} eq 'no' && $_->{box} eq $B } audit();
	ok($ended, 'a box that ended it is there');
	my ($none) = grep { $_->{verb} eq 'mcp' && $_->{box} eq "t$$-none" && $_->{result} eq 'not_found' } audit();
	ok($none, 'so is a box that there was not');
};

subtest 'an agent-box that dies' => sub {
	my $call = begin($A, 'sleep 2002');
	like(shell($A, 'sudo pkill -KILL -oxf agent-box; sleep 5'), qr/its agent-box ended: signal 9/, 'how');
	# Its answer came first or after: both calls were in that box.
	my ($r) = grep { ($_->{id} // '') eq $call } @{ $c->{before} };
	$r //= $c->answer($call, 10);
	like($r->{result}{content}[0]{text}, qr/its agent-box ended: signal 9/, 'every call in the box is told');
	like(shell($A, 'echo again'), qr/\nagain\n/, 'the next call works');
	ok(Client::until(5, sub { `cnt exec $A -- pgrep -xf 'sleep 2002'` eq '' }), 'nothing is left of it');
};

subtest 'many boxes at once' => sub {
	my (%want, %got);
	for my $n (1 .. 20) {
		for my $box (@boxes) {
			$c->call(++$id, 'shell_exec', encode_json({ box => $box, command => "echo $n-\$(hostname)" }));
			$want{$id} = "\n$n-$box\n";
		}
	}
	while (keys %got < keys %want) {
		my $j = decode_json($c->line(30) // last);
		$got{ $j->{id} } = $j->{result}{content}[0]{text} if defined $j->{id};
	}
	is((grep { index($got{$_} // '', $want{$_}) < 0 } keys %want), 0, scalar(keys %want) . ' answers, each its own');
	is((grep { /^cnt-mcp-relay\0/ } map { slurp("/proc/$_/cmdline") } $c->processes), @boxes, 'a relay a box');
};

subtest 'more boxes than places' => sub {
	my @many = map { "t$$-tiny$_" } 1 .. 34;
	system("$FindBin::Bin/../tiny t$$ | cnt image import - --name t$$ >/dev/null") == 0 or BAIL_OUT('image');
	push @boxes, @many;
	system("cnt create --image t$$ $_ >/dev/null") == 0 or BAIL_OUT("create $_") for @many;
	my $d = Client->start($mcp);
	for my $box (@many, $many[0]) {
		my ($r, $e) = result('list_directory', { box => $box, path => '/' }, $d);
		is($e->{message}, undef, $box);
	}
	ok(Client::until(10, sub { 32 == grep { /^cnt-mcp-relay\0/ } map { slurp("/proc/$_/cmdline") } $d->processes }),
	    'one that is idle has made room');
	system "cnt delete --force $_ >/dev/null 2>&1" for @many;
	system "cnt image delete t$$ >/dev/null";
} if $ENV{CNT_LONG};

subtest 'the end' => sub {
	$c->close_input;
	is($c->ended(2), 0, 'exit 0');
	ok(Client::until(5, sub { !$c->processes }), 'no process stays');
};

done_testing;
