#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Which verbs there are: the catalogue of cnt mcp and its cache, with programs made here that describe
# themselves well, badly and not at all; and verbs dropped into /etc/cnt/verbs.d, the manual's example
# among them, by every face that a verb has.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Client;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(time);

Client::watch();
my $build = $ENV{BUILD} // "$FindBin::Bin/../../build";
my $man = "$FindBin::Bin/../../man/cnt-verbs.7.in";
chomp(my $root = `sh $FindBin::Bin/../instance make bare 2>/dev/null`);
$ENV{CNT_ROOT} = $root;
END {
	local $?;
	system "sh $FindBin::Bin/../instance unmake >/dev/null 2>&1" if $root;
}
my $lab = tempdir('cnt-verbs.XXXXXX', DIR => '/var/tmp', CLEANUP => 1);
my $cache = "$root/run/cnt/verbs.json";
my $drop = "$root/etc/cnt/verbs.d";
mkdir $_ for "$root/etc", "$root/etc/cnt", $drop;
my $json = JSON::PP->new->utf8->canonical;
my $id = 0;
my $long = "17$$";		# seconds, by which what is left is found: it has a clean environment
sub left { return scalar `pgrep -xf 'sleep $long'` }

sub put {
	my ($path, $text, $mode) = @_;
	open my $f, '>', "$path.new" or die "$path: $!";
	print $f $text;
	close $f;
	chmod $mode // 0755, "$path.new";
	rename "$path.new", $path or die "$path: $!";
}

sub get { my ($path) = @_; open my $f, '<', $path or return ''; local $/; return <$f> // '' }

# A directory of programs: ours, without its verbs.
sub programs {
	my ($name) = @_;
	mkdir $_ for "$lab/$name", map { "$lab/$name/$_" } 'bin', 'lib', 'lib/cnt';
	for (qw(bin/cnt bin/cnt-mcp lib/cnt/cnt-dropin)) {
		copy("$build/$_", "$lab/$name/$_") or die "$_: $!";
		chmod 0755, "$lab/$name/$_";
	}
	return "$lab/$name/bin";
}

# Each time it is asked leaves a line.
sub asked { my ($dir) = @_; my $n = () = get("$dir/asked") =~ /\n/g; return $n }
sub verb {
	my ($dir, $name, %of) = @_;
	my $tool = $of{tool} // "tool_$name";
	my $about = $of{about} // 'does nothing';
	put("$dir/cnt-$name", <<"END");
#!/bin/sh
echo $name >>$dir/asked
echo '{"verbs":[{"name":"$name","summary":"$about","group":"Test","tool":{"name":"$tool","description":"$about",'
echo '"inputSchema":{"type":"object","properties":{"a":{"type":"string","description":"one of many"},'
echo '"b":{"type":"integer","minimum":1}},"additionalProperties":false},"annotations":{"readOnlyHint":true}}}]}'
END
}

sub tools {
	my ($client) = @_;
	my $r = $client->ask(qq({"jsonrpc":"2.0","id":@{[++$id]},"method":"tools/list","params":{$Client::META}}), 30);
	return map { $_->{name} => $_ } @{ $r->{result}{tools} // [] };
}

# The tools that a new connection has.
sub tools_of { my ($dir) = @_; my $c = Client->start("$dir/cnt-mcp", '--tools', 'platform'); return tools($c) }

# Seconds from the start of a command to its end; what it reads comes from a file.
sub spent {
	my ($from, @command) = @_;
	my $t = time;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', $from or die;
		open STDOUT, '>', '/dev/null' or die;
		exec @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return time - $t;
}

subtest 'forty verbs' => sub {
	my $dir = programs('forty');
	verb($dir, sprintf 'v%02d', $_) for 1 .. 40;
	is(scalar keys %{ { tools_of($dir) } }, 40, 'are found');
	is(asked($dir), 40, 'each was asked once');
	is(scalar keys %{ { tools_of($dir) } }, 40, 'again by the next connection');
	like(`$dir/cnt`, qr/^Test\n  v01 +does nothing\n/m, 'and by cnt');
	is(asked($dir), 40, 'without asking');

	put("$lab/request", qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}\n));
	my ($first, $bare) = (9, 9);
	for (1 .. 100) {	# the least of each: what others do to the machine meanwhile is not ours
		$first = min($first, spent("$lab/request", "$dir/cnt-mcp", '--tools', 'platform'));
		$bare = min($bare, spent('/dev/null', '/bin/true'));
		last if $_ >= 10 && $first < 7 * $bare;
	}
	# /bin/true takes 0.7 ms or more where 5 ms are the limit.
	cmp_ok($first / $bare, '<', $ENV{SAN} ? 40 : 7, sprintf 'to the first answer and the end in %.1f ms, /bin/true in %.1f ms',
	    1e3 * $first, 1e3 * $bare);
	is(asked($dir), 40, 'still without asking');
};

subtest 'a change is seen by a connection that is open' => sub {
	my $dir = programs('change');
	verb($dir, $_) for qw(one two);
	my $c = Client->start("$dir/cnt-mcp", '--tools', 'platform');
	is(join(' ', sort keys %{ { tools($c) } }), 'tool_one tool_two', 'two verbs');
	my $list = $c->ask(qq({"jsonrpc":"2.0","id":@{[++$id]},"method":"tools/list","params":{$Client::META}}));
	is($list->{result}{ttlMs}, 60000, 'a client may keep the list for a minute');
	my $asked = asked($dir);
	verb($dir, 'two', about => 'does something new');
	is({ tools($c) }->{tool_two}{description}, 'does something new', 'a new file of one');
	is(asked($dir), $asked + 1, 'and only that one was asked');
	verb($dir, 'three');
	$c->call(++$id, 'tool_three', '{}');
	like($c->answer($id)->{result}{content}[0]{text}, qr/cnt-three: wrote what is not MCP/, 'a new one is called without a list');
	unlink "$dir/cnt-one";
	is(join(' ', sort keys %{ { tools($c) } }), 'tool_three tool_two', 'one is gone');
	$c->call(++$id, 'tool_one', '{}');
	is($c->answer($id)->{error}{code}, -32602, 'and unknown');
	unlink "$dir/cnt-three";
	$c->call(++$id, 'tool_three', '{}');
	like($c->answer($id)->{result}{content}[0]{text}, qr/cnt-three: could not be executed/, 'one that has just gone');
	verb($dir, 'three');
	chmod 0644, "$dir/cnt-two";
	is(join(' ', keys %{ { tools($c) } }), 'tool_three', 'one cannot be executed any more');
};

subtest 'the cache is done without' => sub {
	my $dir = programs('cache');
	verb($dir, $_) for qw(one two);
	my %good = tools_of($dir);
	my $kept = get($cache);
	ok(length $kept, 'there is one');
	my %broken = (
		garbage => "\xff\0{", empty => '', 'half of it' => substr($kept, 0, length($kept) / 2),
		'another shape' => '{"a":[1,2]}', 'a number' => '5', 'entries of another shape' => '[1,null,{"path":7},{"path":"x"}]',
		'verbs of another shape' => $kept =~ s/"verbs":\[\{/"verbs":[5,{},{"tool":{"name":3}},{/r,
		'no names' => $kept =~ s/"name":"cnt-[a-z]*",//gr, 'the wrong kind' => $kept =~ s/"dropin":false/"dropin":true/gr,
		'no verbs' => $kept =~ s/"verbs":/"verb":/gr, 'deep' => '[' x 5000, 'too large' => '[' . ' ' x (5 << 20) . ']',
	);
	for my $name (sort keys %broken) {
		put($cache, $broken{$name}, 0600);
		is_deeply({ tools_of($dir) }, \%good, $name);
	}
	my $lie = $kept =~ s/tool_one/tool_lie/gr;
	for (['writable by others', sub { put($cache, $lie, 0666) }], ['another\'s', sub { put($cache, $lie, 0600); chown 1, 1, $cache }],
	    ['a link', sub { put("$lab/lie", $lie, 0600); unlink $cache; symlink "$lab/lie", $cache }],
	    ['a pipe', sub { unlink $cache; POSIX::mkfifo($cache, 0600) }],
	    ['a directory', sub { unlink $cache; mkdir $cache; put("$cache/x", '') }]) {
		my ($name, $make) = @$_;
		$make->();
		is_deeply({ tools_of($dir) }, \%good, $name);
	}
	is(join(' ', grep { $_ ne $cache } glob "$root/run/cnt/{verbs.json*,.cnt-*}"), '', 'nothing half written is left');
	unlink "$cache/x";
	rmdir $cache;
	my $asked = asked($dir);
	tools_of($dir) for 1 .. 2;
	is(asked($dir), $asked + 2, 'a good one is made again');
	put($cache, $lie, 0600);
	ok(exists { tools_of($dir) }->{tool_lie}, 'and believed');	# these tests would say nothing if it never were
	verb($dir, $_) for 'a' .. 'h';
	put("$lab/request", qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}\n));
	for (10, 13, 15, 18) {	# from what is too few for one to what is enough for some
		unlink $cache;
		my $poor = `(ulimit -n $_; exec $dir/cnt-mcp --tools platform) <$lab/request 2>/dev/null`;
		$poor = () = $poor =~ /"name":"tool_/g;
		is(scalar keys %{ { tools_of($dir) } }, 10, "what $_ descriptors allow, $poor of them, is not what others get");
	}
};

subtest 'the order of the list' => sub {
	my $dir = programs('order');
	my $names = sub {
		my ($client) = @_;
		$client->say(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}));
		return join ' ', ($client->line(20) // '') =~ /"name":"tool_(\w)"/g;
	};
	verb($dir, $_) for qw(c b e);
	unlink $cache;
	my $c = Client->start("$dir/cnt-mcp");
	is($names->($c), 'b c e', 'is that of the programs');
	is($names->(Client->start("$dir/cnt-mcp")), 'b c e', 'of those that were asked before too');
	verb($dir, $_) for 'a', 'd', 'c';
	$c->call(2, 'tool_none', '{}');
	is($c->answer(2)->{error}{code}, -32602, 'a tool that there is not is called');
	verb($dir, 'b');
	is($names->($c), 'a b c d e', 'and some are new, some have changed');
	is($names->(Client->start("$dir/cnt-mcp")), 'a b c d e', 'for every connection');
};

subtest 'who describes itself badly has no tool' => sub {
	my $dir = programs('bad');
	verb($dir, $_) for qw(one two);
	my $log = "echo \$0 >>$dir/asked";
	put("$dir/cnt-hang", "#!/bin/sh\n$log\nsleep $long");
	put("$dir/cnt-deaf", "#!/bin/sh\n$log\ntrap '' TERM\nexec >&-\nsleep $long");
	put("$dir/cnt-flood", "#!/bin/sh\n$log\nexec head -c 1G /dev/zero");
	put("$dir/cnt-rubbish", "#!/bin/sh\n$log\nhead -c 1000 /dev/urandom");
	put("$dir/cnt-crash", "#!/bin/sh\n$log\nkill -SEGV \$\$");
	put("$dir/cnt-leave", "#!/bin/sh\n$log\necho '{\"verbs\":[{\"tool\":{\"name\":\"leave\",\"inputSchema\":{}}}]}'\nexit 3");
	put("$dir/cnt-behind", "#!/bin/sh\nsleep $long &\nexec $dir/cnt-one");
	put("$dir/cnt-shape", "#!/bin/sh\n$log\necho '{\"verbs\":{\"tool\":[{\"name\":1}]}}'");
	put("$dir/cnt-noschema", "#!/bin/sh\n$log\necho '{\"verbs\":[{\"tool\":{\"name\":\"noschema\"}}]}'");
	put("$dir/cnt-noexec", "\x7fELF", 0755);
	put("$drop/stall", "#!/bin/sh\n$log\nsleep $long");
	my $t = time;
	my $c = Client->start("$dir/cnt-mcp", '--tools', 'platform');
	my %got = tools($c);
	my $took = time - $t;
	like($c->said, qr/^cnt: stall: --describe: no answer in 2 s$/m, 'one that was dropped in is named');
	is(join(' ', sort keys %got), 'tool_one tool_two', 'the others are there');
	cmp_ok($took, '<', Client::allowed(4, $t), 'three that hang cost one deadline');
	my $asked = asked($dir);
	%got = tools_of($dir);
	is(join(' ', sort keys %got), 'tool_one tool_two', 'again');
	is(asked($dir), $asked, 'once');
	is(left(), '', 'no process is left');
	unlink "$drop/stall";
};

subtest 'who could not be asked' => sub {
	my $dir = programs('lacks');
	put("$dir/cnt-lacks", "#!/bin/sh\necho >>$dir/asked\nexit 127\n");
	my $c = Client->start("$dir/cnt-mcp", '--tools', 'platform');
	tools($c) for 1 .. 3;
	is(asked($dir), 1, 'is not asked again at each look');
	tools_of($dir);
	is(asked($dir), 2, 'but by the next connection');
};

subtest 'whoever asks is ended' => sub {
	my $dir = programs('ended');
	put("$drop/stall", "#!/bin/sh\nsleep $long\n");
	for (["cnt-mcp", '--tools', 'platform'], ['cnt'], ['cnt', 'stall']) {
		my ($program, @words) = @$_;
		my $c = Client->start("$dir/$program", @words);
		$c->say(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}})) if $program eq 'cnt-mcp';
		ok(Client::until(5, sub { left() }), join ' ', "$program @words asks");
		my $t = time;
		kill 'TERM', $c->{pid};
		is($c->ended(5), $program eq 'cnt-mcp' ? 0 : 15, 'ended');
		cmp_ok(time - $t, '<', Client::allowed(0.5, $t), 'at once');
		ok(Client::until(1, sub { !left() }), 'nothing of what it asked is left');
	}
	my $c = Client->start("$dir/cnt-mcp", '--tools', 'platform');
	$c->say(qq({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{$Client::META}}));
	ok(Client::until(5, sub { left() }), 'it asks again, for it has no answer');
	kill 'KILL', $c->{pid};
	ok(Client::until(1, sub { !left() }), 'killed, nothing is left either');
	unlink "$drop/stall";
};

subtest 'a name is that of one tool' => sub {
	my $dir = programs('names');
	put("$dir/agent-box", qq(#!/bin/sh\necho '{"verbs":[{"tool":{"name":"inside","inputSchema":{}}}]}'));
	put("$dir/cnt-writes", qq(#!/bin/sh\necho '{"verbs":[{"tool":{"name":"writes","inputSchema":{}}}]}'));
	for my $name (qw(inside writes mine)) {
		put("$drop/$name", qq(#!/bin/sh\necho '{"verbs":[{"name":"$name","tool":{"annotations":{"readOnlyHint":true}}}]}'));
	}
	for (['mine writes', '--tools', 'platform'], ['mine', '--read-only'], ['inside', '--tools', 'box'], ['inside mine writes']) {
		my ($wanted, @words) = @$_;
		my $c = Client->start("$dir/cnt-mcp", @words);
		my %got = tools($c);
		is(join(' ', sort keys %got), $wanted, "@words");
		ok(!$got{writes}{annotations}, 'ours');
	}
	unlink glob "$drop/*";
};

# Verbs that are dropped in.
$ENV{PATH} = "$build/bin:/usr/sbin:/usr/bin:/sbin:/bin";

sub run {
	my (@command) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!";
	if ($pid == 0) {
		open STDERR, '>', "$lab/err" or die;
		exec @command or POSIX::_exit(127);
	}
	local $/;
	my $said = <$out> // '';
	close $out;
	return ($? >> 8, $said, get("$lab/err"));
}

sub script {
	my ($name, $body, %of) = @_;
	my $verb = { name => $name, summary => $of{summary} // 'does nothing', %{ $of{verb} // {} } };
	$verb->{tool} = { inputSchema => { type => 'object', properties => $of{in} // {}, $of{required} ? (required => $of{required}) : () }, %{ $of{tool} // {} } };
	$verb->{tool}{outputSchema} = { type => 'object', properties => $of{out} } if $of{out};
	my $said = $json->encode({ verbs => [$verb], $of{mcp} ? (mcp => JSON::PP::true) : () });
	put("$drop/$name", "#!/bin/sh\nif [ \"\${1-}\" = --describe ]; then cat <<'END'\n$said\nEND\nexit; fi\n$body\n");
}

my $mcp;
sub result {
	my ($tool, $arguments, $meta) = @_;
	$mcp->call(++$id, $tool, $json->encode($arguments // {}), $meta);
	my $r = $mcp->answer($id, 20);
	my $text = $r->{result}{content}[0]{text} // '';
	return ($r->{result}, $r->{result}{isError} ? decode_json($text)->{error} : undef, $text);
}

# The first progress that says so, whatever the server says in between.
sub progress {
	my ($wanted, $client) = @_;
	while (defined(my $line = ($client // $mcp)->line(10))) {
		my $p = decode_json($line)->{params};
		return $p if ($p->{message} // '') =~ $wanted;
	}
	return undef;
}

sub audit {
	my ($verb) = @_;
	my $rows = `sqlite3 -json $root/var/lib/cnt/cnt.db "select kind, subject, box, args, result from audit where verb = '$verb' order by seq"`;
	return $rows ? @{ $json->decode($rows) } : ();
}

subtest 'the example of the manual' => sub {
	my ($script) = get($man) =~ m{^\.Bd -literal\n(#!/bin/sh\n.*?)^\.Ed$}ms or return fail('there is one');
	put("$drop/settle", $script =~ s/\\e/\\/gr);
	my ($status, $out, $err) = run('cnt', 'settle', '1000');
	is($status, 0, 'cnt settle') or diag $err;
	like($out, qr/^load +[\d.]+\nwaited +0\n$/, 'its result for people');
	($status, $out) = run('cnt', 'settle', '1000', '--json');
	is_deeply([sort keys %{ decode_json($out) }], [qw(load waited)], '--json');
	($status, $out) = run('cnt', 'settle', '--help');
	like($out, qr/^usage: cnt settle \[OPTION\]\.\.\. BELOW\n.*--within N +seconds to wait at most \(default 60\)/s, '--help');
	($status, $out) = run('cnt', 'settle', '--describe');
	my $described = decode_json($out)->{verbs}[0];
	is($described->{scope}, 'system:read', '--describe');
	ok($described->{tool}{annotations}{readOnlyHint}, 'has what it said');
	($status, $out, $err) = run('cnt', 'settle', '0', '--within', '1', '--json');
	is($status, 75, 'its own exit status');
	my $e = decode_json($out)->{error};
	is($e->{code}, 'busy', 'is a code');
	like($e->{message}, qr/^settle: load is [\d.]+, not below 0$/, 'its last line the text');
	like($e->{hint}, qr/^wait longer/, 'and its hint a hint');
	($status, undef, $err) = run('cnt', 'settle', '0', '--within', '4000');
	is($status, 2, 'arguments are checked before it runs');
	like($err, qr/^cnt: within: expected 1 to 3600, got "4000"$/m, 'by its own schema');
	($status, undef, $err) = run('cnt', 'setle', '1');
	like($err, qr/did you mean `cnt settle`/, 'a word that was typed wrong');
	for (['', ''], ["a\nb\e[2J", 'a\x0ab\x1b[2J']) {
		is((run('cnt', $_->[0]))[2], "cnt: $_->[1]: no such verb\nhint: `cnt` alone lists the verbs\n", 'a word that is none');
	}
	($status, $out) = run('cnt');
	like($out, qr/^Of this host\n  settle +wait until the host has little to do\n/m, 'the list');
	($status, $out) = run('cnt', 'settle', '--describe=words');
	is($out, "settle --within --json --help --version --describe\n", 'words for completion');

	$mcp = Client->start("$build/bin/cnt-mcp");
	my ($r) = result('settle', { below => 1000 });
	is($r->{structuredContent}{waited}, 0, 'as a tool');
	($r, $e) = result('settle', { below => 1000, most => 1 });
	is($e->{code}, 'invalid', 'which checks its arguments too');
	$mcp->call(++$id, 'settle', '{"below":0,"within":1700}', '"progressToken":8');
	my $p = progress(qr/^load [\d.]+/);
	ok($p, 'progress, in its own words') or return;
	is("$p->{progressToken} $p->{total}", '8 1700', 'and unit');
	$mcp->cancel($id);
	ok(Client::until(2.5, sub { $mcp->processes == 1 }), 'cancel ends it');
	my $server = Client->start("$build/bin/cnt", 'settle', '--mcp');
	is($server->initialize->{result}{serverInfo}{name}, 'cnt', 'cnt settle --mcp');
	$server->call(1, 'settle', '{"below":1000}');
	is($server->answer(1)->{result}{structuredContent}{waited}, 0, 'is a server with this one tool');
	is(scalar(my @none = audit('settle')), 0, 'what only reads is not recorded');
};

subtest 'what it gets' => sub {
	my %in = (who => { type => 'string' }, times => { type => 'integer', default => 1 }, loud_now => { type => 'boolean' },
	    tags => { type => 'array', items => { type => 'string' } }, more => { type => 'array', items => { type => 'string' } },
	    level => { type => 'string', enum => ['low', 'high'] }, share => { type => 'number', maximum => 1 });
	script('get', 'for w; do printf "<%s>" "$w"; done; echo; env | sort; pwd; ls /proc/self/fd | tr "\n" " "; cat',
	    in => \%in, required => ['who'], verb => { operands => ['who', 'more'] });
	local $ENV{SECRET} = 'x';
	my ($status, $out, $err) = run('cnt', 'get', 'a b', '--tags', '-x', '--tags=', '--loud-now', '--level', 'low', '--', '--json', "c\nd");
	like($out, qr/^<--level=low><--loud-now=true><--tags=-x><--tags=><--times=1><--><a b><--json><c\nd>\n/, 'words') or diag $err;
	(my $variables = $out) =~ s/^<.*?>\n(?=[A-Z])//s;
	is(join(' ', $variables =~ /^(\w+)=/mg), 'CNT_ROOT HOME LC_ALL PATH PWD', 'a clean environment');
	like($out, qr{^/\n0 1 2 3 \d+ $}m, '/, and four descriptors');	# ls has one to read the directory
	my $text = (result('get', { who => '$(touch x); `id`', loud_now => JSON::PP::false, share => 0.5 }))[2];
	like($text, qr/^<--loud-now=false><--share=0\.5><--times=1><--><\$\(touch x\); `id`>\n/, 'no shell reads what a caller says');
	is($_->[1]{code}, 'invalid', "refused: $_->[2]") for map { [result('get', $_), $json->encode($_)] }
	    { who => 'a', times => 'x' }, { who => 'a', level => 'mid' }, { who => 'a', share => 2 }, { who => 'a', tags => [1] }, { who => ['a'] },
	    { who => 'a', color => 1 }, { more => ['a'] };
	$text = (result('get', { who => 'a', times => 1e15 }))[2];
	like($text, qr/^<--times=1000000000000000><--><a>\n/, 'digits of an integer');
	my $most = 131072 - length "--tags=x";	# what the kernel takes as one word
	is(length(((result('get', { who => 'a', tags => ['x' x $most] }))[2] =~ /^<--tags=(x+)>/)[0]), $most, 'a long word');
	for ({ who => 'a', tags => ['x' x ($most + 1)] }, { who => 'a', more => [('x' x 1000) x 6500] }, { who => 'a', more => [('x' x 8) x 180000] }) {
		my ($r, $e) = result('get', $_);
		is("$e->{code}: $e->{message}", 'invalid: arguments: too long for the command line of a program', 'more than the kernel takes');
	}
	script('need', 'echo x', in => { x => { type => 'string' } }, tool => { inputSchema =>
	    { type => 'object', required => ['x'], properties => { x => { type => 'string' } } } });
	is((result('need'))[1]{code}, 'invalid', 'refused: what is required is missing');
};

subtest 'recorded' => sub {
	script('touch', '[ "${1#--box=}" = web ] || exit 1', in => { box => { type => 'string' }, note => { type => 'string' } },
	    verb => { scope => 'containers:write' });
	is((run('cnt', 'touch', '--box', 'web', '--note', 'n'))[0], 0, 'by a person');
	is((result('touch', { box => 'blog' }))[1]{code}, 'no', 'by an agent');
	my @rows = audit('touch');
	is_deeply([map { [@$_{qw(kind subject box result)}] } @rows],
	    [[1, 'root', 'web', ''], [2, 'root', 'web', 'ok'], [1, 'root', 'blog', ''], [2, 'root', 'blog', 'no']], 'intents and outcomes');
	is_deeply(decode_json($rows[0]{args}), { box => 'web', note => 'n' }, 'with arguments');
	is((result('touch', { box => '../x' }))[1]{code}, 'invalid', 'a box is a name of one');
	my ($status, undef, $err) = run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'cnt', 'touch', '--box', 'web');
	is($status, 77, 'somebody else is refused') or diag $err;
	is(scalar(@rows = audit('touch')), 4, 'before anything is done');
};

subtest 'what it answers' => sub {
	script('say', 'printf "gr\303\274n \377 <\033>"');
	is((run('cnt', 'say'))[1], "gr\xc3\xbcn \xef\xbf\xbd <\e>", 'text');
	is((result('say'))[2], "gr\x{fc}n \x{fffd} <\e>", 'in valid UTF-8');
	script('tell', "printf '1 2 r\\303\\266d \\033]0;x\\007 \\302\\2350;x\\302\\234\\n' >&3");
	unlike(`script -qec 'cnt tell' /dev/null </dev/null`, qr/\e\]|\xc2\x9d/, 'progress cannot drive the terminal');
	my %code = (1 => 'no', 2 => 'invalid', 69 => 'unavailable', 70 => 'bug', 71 => 'system', 75 => 'busy', 77 => 'denied', 3 => 'bug');
	script('leave', 'echo before >&2; echo "why ${1#--s=}" >&2; exit "${1#--s=}"', in => { s => { type => 'integer' } });
	for (sort keys %code) {
		my (undef, $e) = result('leave', { s => $_ });
		is("$e->{code}: $e->{message}", "$code{$_}: leave: why $_", "exit status $_");
	}
	script('die', 'kill -9 $$');
	is((result('die'))[1]{message}, 'die: signal 9', 'a crash');
	script('flood', 'exec head -c 1G /dev/zero');
	like((result('flood'))[1]{message}, qr/^flood: more than 1024 KiB/, 'a flood');
	script('mute', 'exit 4');
	is((result('mute'))[1]{message}, 'mute: exit status 4', 'nothing at all');
	for (['not JSON', 'echo hello', qr/not the JSON object that it promised/], ['an array', 'echo "[]"', qr/not the JSON object/],
	    ['two', 'echo "{}{}"', qr/not the JSON object/], ['a missing member', q(echo '{"n":1}'), qr/"s" is missing/],
	    ['another type', q(echo '{"n":"1","s":"x"}'), qr/"n" is of another type/],
	    ['a surplus member', q(echo '{"n":1,"s":"x","t":1}'), qr/"t" is not in its table/]) {
		my ($name, $body, $why) = @$_;
		script('shape', $body, tool => { outputSchema => { type => 'object', required => ['n', 's'], additionalProperties => JSON::PP::false,
		    properties => { n => { type => 'integer' }, s => { type => 'string' } } } });
		like((result('shape'))[1]{message}, $why, "a result that is $name");
		is((audit('shape'))[-1]{result}, 'bug', 'which is recorded');
	}
	ok(Client::until(3, sub { $mcp->processes == 1 }), 'no process is left');
};

subtest 'its end' => sub {
	my $log = "$lab/log";
	script('stay', "trap 'echo told >>$log; exit' TERM\necho '1 2 on' >&3\nsleep $long & wait");
	script('deaf', "trap '' TERM\necho '1 2 on' >&3\nsleep $long & wait; sleep $long");
	script('undo', "trap 'sleep 0.1; echo \"1 2 back\" >&3; sleep 0.1; echo undone >>$log; exit' TERM\n"
	    . "sh -c 'trap \"\" TERM; exec sleep $long' &\necho '1 2 on' >&3; wait");
	script('leaves', "sleep $long & echo done");
	script('babbles', "yes '1 2 $long' >&3 & sleep 0.2; echo done");
	for my $name (qw(stay deaf undo)) {
		$mcp->call(++$id, $name, '{}', '"progressToken":1');
		ok(progress(qr/^on/), "$name runs");
		my $t = time;
		$mcp->cancel($id);
		ok(Client::until(2.5, sub { $mcp->processes == 1 && !left() }, $t), 'cancelled, nothing of it is left');
		cmp_ok(time - $t, '<', Client::allowed(1, $t), 'at once') if $name eq 'stay';
		is((audit($name))[-1]{result}, 'cancelled', 'its outcome is recorded');
	}
	is(get($log), "told\nundone\n", 'it was asked to end, and what takes back may tell of it when nobody hears it any more');
	is((result('leaves'))[2], "done\n", 'what it leaves behind holds nobody up');
	ok(Client::until(2, sub { !left() }), 'and ends with it');
	my $began = time;
	is((result('babbles', {}, '"progressToken":1'))[2] // '', "done\n", 'nor does what talks on') for 1 .. 3;
	cmp_ok(time - $began, '<', Client::allowed(1.5), 'for a moment');
	ok(Client::until(2, sub { !`pgrep -xf 'yes 1 2 $long'` }), 'which ends, too');
	my $pid = fork // die;
	if ($pid == 0) { open STDOUT, '>', '/dev/null'; open STDERR, '>&', \*STDOUT; exec 'cnt', 'stay' or POSIX::_exit(127) }
	ok(Client::until(5, sub { left() }), 'a person runs it');
	kill 'TERM', $pid;
	ok(Client::until(2.5, sub { waitpid($pid, POSIX::WNOHANG()) == $pid }), 'and ends it');
	is(left(), '', 'all of it');
	my $d = Client->start("$build/bin/cnt-mcp");
	$d->call(1, 'stay', '{}', '"progressToken":1');
	ok(progress(qr/^on/, $d), 'it runs again');
	$d->close_input;
	is($d->ended(2), 0, 'the end of the connection');
	ok(Client::until(2.6, sub { !$d->processes && !left() }), 'is its end');
	put("$root/etc/cnt/cnt.conf", "mcp-deadline 1s\n", 0644);
	$d = Client->start("$build/bin/cnt-mcp");
	unlink "$root/etc/cnt/cnt.conf" if $d->initialize;
	$d->call(1, 'stay', '{}');
	my $e = decode_json($d->answer(1, 10)->{result}{content}[0]{text})->{error};
	is("$e->{code}: $e->{message}", 'timeout: stay: no answer in 1 s, so it was ended', 'its deadline');
	ok(Client::until(2.6, sub { $d->processes == 1 && !left() }), 'is its end too');
};

subtest 'one that speaks MCP' => sub {
	my $said = q(echo '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"spoken"}],"isError":false}}');
	script('speak', "[ \"\$1\" = --mcp ] || exit 9\nread -r line; printf '%s' \"\$line\" >$lab/line\n"
	    . "echo '{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1,\"total\":2,\"message\":\"half\"}}'\n"
	    . "sleep 1\n$said\ncat >/dev/null", mcp => 1, in => { a => { type => 'string', default => 'd' } });
	my $text = (result('speak', {}, '"progressToken":5'))[2];
	is($text, 'spoken', 'as a tool');
	ok((grep { ($_->{params}{message} // '') eq 'half' } @{ $mcp->{before} }), 'with progress');
	my $line = decode_json(get("$lab/line"));
	is("$line->{method} $line->{params}{name} $line->{params}{arguments}{a}", 'tools/call speak d', 'it gets one call');
	is((run('cnt', 'speak'))[1], 'spoken', 'by a person');
	is((audit('speak'))[-1]{result}, 'ok', 'recorded');
	for (['rubbish', 'echo hello; cat >/dev/null', qr/wrote what is not MCP/], ['another id', $said =~ s/"id":1/"id":2/r, qr/was not given/],
	    ['nothing', 'exit 0', qr/ended without an answer/], ['a crash', 'kill -9 $$', qr/signal 9/],
	    ['a refusal', q(echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}'), qr/refused the call: no/],
	    ['an error without words', q(echo '{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}'), qr/failed, and did not say why$/],
	    ['an error', q(echo '{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"bad luck"}]}}'), qr/^bad luck$/]) {
		my ($name, $body, $why) = @$_;
		script('speak', "read -r line; $body", mcp => 1);
		like((result('speak'))[1]{message}, $why, $name);
	}
	copy("$build/tests/mcp/steps", "$drop/steps") or die "steps: $!";
	chmod 0755, "$drop/steps";
	my ($r) = result('steps', { steps => 3 }, '"progressToken":6');
	is($r->{structuredContent}{done}, 3, 'a verb in C');
	ok((grep { ($_->{method} // '') eq 'notifications/progress' } @{ $mcp->{before} }), 'its progress');
	$mcp->call(++$id, 'steps', '{"steps":1000000}', '"progressToken":6');
	ok(progress(qr/^step/), 'it runs');
	$mcp->cancel($id);
	ok(Client::until(2.5, sub { $mcp->processes == 1 }), 'and is cancelled');
};

subtest 'refused when others could write it' => sub {
	my $path = "$drop/trust";
	my $offered = sub { exists { tools($mcp) }->{trust} };
	script('trust', 'echo yes');
	ok($offered->(), 'offered');
	chmod 0711, $lab;
	mkdir "$lab/$_" for qw(mine theirs sticky);
	chmod 0777, "$lab/theirs";
	chmod 01777, "$lab/sticky";
	for my $at (qw(mine theirs sticky)) { copy($path, "$lab/$at/trust"); chmod 0755, "$lab/$at/trust" }
	my $elsewhere = sub { my ($to) = @_; return (sub { unlink $path; symlink $to, $path }, sub { unlink $path; script('trust', 'echo yes') }) };
	for (['group may write it', sub { chmod 0775, $path }, sub { chmod 0755, $path }, $path, 'writable by others'],
	    ['others may write it', sub { chmod 0757, $path }, sub { chmod 0755, $path }, $path, 'writable by others'],
	    ['it is another\'s', sub { chown 1, 0, $path }, sub { chown 0, 0, $path }, $path, 'not root\'s'],
	    ['its directory', sub { chmod 0775, $drop }, sub { chmod 0755, $drop }, $drop, 'writable by others'],
	    ['its directory, sticky', sub { chmod 01777, $drop }, sub { chmod 0755, $drop }, $drop, 'writable by others'],
	    ['its directory is another\'s', sub { chown 1, 0, $drop }, sub { chown 0, 0, $drop }, $drop, 'not root\'s'],
	    ['a directory above', sub { chmod 0777, "$root/etc" }, sub { chmod 0755, "$root/etc" }, "$root/etc", 'writable by others'],
	    ['a link to where others may write', $elsewhere->("$lab/theirs/trust"), "$lab/theirs", 'writable by others'],
	    ['a link to where everybody may', $elsewhere->("$lab/sticky/trust"), "$lab/sticky", 'writable by others'],
	    ['another\'s link', sub { $elsewhere->("$lab/mine/trust"); unlink $path; symlink "$lab/mine/trust", $path;
		system 'chown', '-h', '1', $path }, sub { unlink $path; script('trust', 'echo yes') }, $path, 'not root\'s'],
	    ['links in a circle', $elsewhere->('trust'), $path, 'too many links'],
	    ['a directory', sub { unlink $path; mkdir $path }, sub { rmdir $path; script('trust', 'echo yes') }, $path, 'not a regular file'],
	    ['a pipe', sub { unlink $path; POSIX::mkfifo($path, 0755) }, sub { unlink $path; script('trust', 'echo yes') }, $path, 'not a regular file']) {
		my ($name, $break, $mend, $named, $why) = @$_;
		$break->();
		my ($status, $out, $err) = run('cnt', 'trust', '--json');
		is($status, 77, "$name: refused");
		is((split /\n/, $err)[0], "cnt: $named: $why", 'with the reason');
		is(decode_json($out || '{}')->{error}{code}, 'denied', 'as JSON too');
		$mcp->call(++$id, 'trust', '{}');
		my $r = $mcp->answer($id);
		like($r->{error}{message} // $r->{result}{content}[0]{text}, qr/Unknown tool|denied/, 'no agent runs it');
		$mend->();
		is((run('cnt', 'trust'))[1], "yes\n", 'mended, it runs') or last;
	}
	ok($offered->(), 'and is offered');
	my ($link, $unlink) = $elsewhere->("$lab/mine/trust");
	$link->();
	is((run('cnt', 'trust'))[1], "yes\n", 'a link of root\'s to a good file');
	$unlink->();
};

subtest 'refused when its description promises what nobody keeps' => sub {
	my %bad = (
		'"pattern" is not understood' => { in => { a => { type => 'string', pattern => 'x' } } },
		'a: type: expected' => { in => { a => { type => 'object' } } },
		'a: items: expected strings' => { in => { a => { type => 'array', items => { type => 'integer' } } } },
		'"help": not a name' => { in => { help => { type => 'string' } } },
		'"A": not a name' => { in => { A => { type => 'string' } } },
		'default' => { in => { a => { type => 'integer', maximum => 3, default => 4 } } },
		'minimum, maximum' => { in => { a => { type => 'integer', minimum => 1, maximum => 0 } } },
		'enum' => { in => { a => { type => 'string', enum => [] } } },
		'scope' => { verb => { scope => 'everything' } },
		'operands: names what there is not' => { verb => { operands => ['x'] } },
		'"scopes" is not understood' => { verb => { scopes => 'containers:read' } },
		'"readOnlyHint" is not understood' => { tool => { readOnlyHint => JSON::PP::true } },
		'name: expected "bad"' => { verb => { name => 'good' } },
		'summary: has a control character' => { verb => { summary => "a\e[2J" } },
		'not a name for a tool' => { tool => { name => 'Bad' } },
		'operands: a: must be required or have a default' => { in => { a => { type => 'string' }, b => { type => 'string' } },
		    verb => { operands => ['a', 'b'] } },
	);
	for my $why (sort keys %bad) {
		script('bad', 'echo x', %{ $bad{$why} });
		my ($status, undef, $err) = run('cnt', 'bad');
		is($status, 70, $why);
		like($err, qr/^cnt: bad: its description: .*\Q$why\E/, 'is the reason');
	}
	my $tool = '"tool":{"name":"t"}';
	my %several = ('of several each needs a second word' => '"verbs":[{"name":"bad one"},{"name":"bad"}]',
	    'bad one: is there twice' => '"verbs":[{"name":"bad one"},{"name":"bad one"}]',
	    'or its tool is' => qq("verbs":[{"name":"bad one",$tool},{"name":"bad two",$tool}]),
	    'bad has no tool that could be called' => '"mcp":true,"verbs":[{"name":"bad"}]');
	for my $why (sort keys %several) {
		put("$drop/bad", "#!/bin/sh\necho '{$several{$why}}'\n");
		my ($status, undef, $err) = run('cnt', 'bad', 'x');
		is($status, 70, $why);
		like($err, qr/^cnt: bad: its description: .*\Q$why\E/, 'is the reason');
	}
	put("$drop/bad", "echo no interpreter\n");
	like((run('cnt', 'bad'))[2], qr/^cnt: bad: --describe: exit status 127: something could not be executed$/m, 'no interpreter');
	ok(!exists { tools($mcp) }->{bad}, 'and is no tool');
	unlink "$drop/bad";
	chmod 0700, $drop;
	like((run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'cnt', 'lst'))[2], qr/did you mean `cnt list`/, 'unread');
	chmod 0755, $drop;
	is((run('cnt', 'bad'))[0], 2, 'none');
	put("$drop/list", "#!/bin/sh\necho mine");
	unlike((run('cnt', 'list'))[1], qr/mine/, 'a verb of ours comes first');
};

subtest 'a family' => sub {
	put("$drop/pair", <<'END');
#!/bin/sh
case $1 in
--describe) echo '{"verbs":[{"name":"pair one","summary":"the first","tool":{"annotations":{"readOnlyHint":true}}},{"name":"pair two","summary":"the second"}]}' ;;
*) echo "$*" ;;
esac
END
	is((run('cnt', 'pair', 'one'))[1], "one --\n", 'its word is the first');
	is((run('cnt', 'pair', 'two'))[1], "two --\n", 'of each');
	is((run('cnt', 'pair', 'three'))[0], 2, 'and no other');
	is((result('pair_one'))[2], "one --\n", 'a tool has both words in its name');
	ok(!exists { tools($mcp) }->{pair_two}, 'one without tool is none');
	put("$drop/pair", get("$drop/pair") =~ s/pair one/pair uno/r);
	my (undef, $e) = result('pair_one');
	is("$e->{code}: $e->{hint}", 'not_found: it may have changed: list the tools again', 'a tool of yesterday');
};

done_testing;
