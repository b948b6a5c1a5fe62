#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# edges.pl PREFIX IMAGE: for every verb that is a tool and every parameter it describes, a ladder of values at
# and beyond the edges is given to the command line and to `cnt mcp`; both must give the same result
# or the same error. Values of the wrong type, unknown and missing arguments go over MCP, and must
# be refused by name. Results are checked against what the verb says of them.
# Prints "0 NAME" or "1 NAME" for each parameter, and "# ..." for what differs.
use strict;
use warnings;
use IPC::Open2;
use JSON::PP;

my ($me, $image) = @ARGV;
die "usage: edges.pl PREFIX IMAGE\n" unless defined $image;
my $json = JSON::PP->new->canonical->utf8;
my $bin = "$ENV{BUILD}/bin";
my ($box, $other) = ("$me-edge", "$me-more");

my @texts = ('', 'a', 'x' x 31, 'x' x 32, 'x' x 33, 'x' x 64, 'x' x 65, 'x' x 4096, 'a b', "a\nb", "a\x{1}",
    '../x', '-', "\x{c4}\x{e9}", '"', 'null', 'true', '0', '-1', '1.5');
my @numbers = ('', 'x', '-', 'NaN', 'inf', '0', '-0', '1', '01', '-1', '0.5', '.5', '1e3', '1e99', '1e400', '0x10',
    '99999999999999999999', ' 1', '1 ', '1k', '1kk', '16777215', '16777216', '16777216.5', '1g', '4GB', '2KiB', '100t', '1e15', '5s',
    '3600', '3601', '1.5h', '1d');
# A size may be a number, too.
my %wrong = (string => [JSON::PP::true, [], {}], integer => ['x', 1.5, [], {}, JSON::PP::true],
    number => ['x', [], {}, JSON::PP::false], boolean => ['x', 2, [], {}], array => [5, {}, [5], [[]]],
    object => [5, 'x', [], { a => 5 }]);

# One connection to `cnt mcp`, requests of the stateless revision.
my ($from, $to);
my $pid = open2($from, $to, "$bin/cnt", 'mcp');
select((select($to), $| = 1)[0]);
$| = 1;
my $id = 0;

sub request {
	my ($method, %params) = @_;
	$params{_meta} = { 'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
	    'io.modelcontextprotocol/clientCapabilities' => {} };
	print {$to} $json->encode({ jsonrpc => '2.0', id => ++$id, method => $method,
	    params => \%params }), "\n";
	local $SIG{ALRM} = sub { die "$method: no answer\n" };
	alarm 120;
	while (my $line = <$from>) {
		my $m = $json->decode($line);
		next unless defined $m->{id} && $m->{id} == $id;
		alarm 0;
		return $m;
	}
	die "$method: cnt mcp ended\n";
}

# The result, or { error => ... }, as the tool answers.
sub over_mcp {
	my ($tool, $arguments) = @_;
	my $m = request('tools/call', name => $tool, arguments => $arguments);
	return { protocol => $m->{error} } if $m->{error};
	my $r = $m->{result};
	my $text = eval { JSON::PP->new->decode($r->{content}[0]{text}) };
	return { broken => 'the text is not the structured content' }
	    if $json->encode($text // {}) ne $json->encode($r->{structuredContent} // $text // {});
	return { broken => 'isError says otherwise' } if !!$r->{isError} != !!(ref $text && $text->{error});
	return $text;
}

sub run_it {
	my @command = @_;
	open my $out, '-|', 'sh', '-c', 'exec "$@" </dev/null 2>/dev/null', 'sh', @command or die $!;
	local $/;
	my $text = <$out>;
	close $out;
	return $text;
}

# The same arguments as words: operands by themselves, options with theirs.
sub over_argv {
	my ($v, $arguments) = @_;
	my (@options, @operands);
	for my $name (sort keys %$arguments) {
		my $value = $arguments->{$name};
		(my $option = "--$name") =~ tr/_/-/;
		my @values = ref $value eq 'ARRAY' ? @$value : ($value);
		if (!$v->{options}{$option}) {
			push @operands, @values;
		} elsif (JSON::PP::is_bool($value)) {
			push @options, "$option=" . ($value ? 'true' : 'false');
		} else {
			push @options, map { "$option=$_" } @values;
		}
	}
	my @words = map { my $w = $_; utf8::encode($w); $w } split(/ /, $v->{name}), '--json', @options;
	my $text = run_it("$bin/cnt", @words, '--', map { my $w = $_; utf8::encode($w); $w } @operands);
	return eval { $json->decode($text) } // { broken => "argv: not JSON: $text" };
}

# Two runs differ in when they were made and in what they found free; other tests have boxes and images too.
sub settled {
	my ($value) = @_;
	return [map { settled($_) } @$value] if ref $value eq 'ARRAY';
	return $value unless ref $value eq 'HASH';
	my %copy = map { $_ => settled($value->{$_}) } keys %$value;
	for my $all (grep { ref $copy{$_} eq 'ARRAY' } qw(boxes images)) {
		$copy{$all} = [grep { index($_->{name}, $me) == 0 } @{ $copy{$all} }];
	}
	for my $moves (qw(created address memory_used boxes images)) {
		$copy{$moves} = 'moves' if exists $copy{$moves} && !ref $copy{$moves};
	}
	return \%copy;
}

# A value against the subset of JSON Schema that cnt writes; what is wrong, or ''.
sub misfit {
	my ($value, $schema, $at) = @_;
	my @types = ref $schema->{type} ? @{ $schema->{type} } : ($schema->{type} // return '');
	return '' if !defined $value && grep { $_ eq 'null' } @types;
	my $is = !defined $value ? 'null' : JSON::PP::is_bool($value) ? 'boolean' : ref $value eq 'HASH' ? 'object' :
	    ref $value eq 'ARRAY' ? 'array' : $json->allow_nonref->encode($value) =~ /^"/ ? 'string' :
	    $value == int $value ? 'integer' : 'number';
	return "$at is $is" unless grep { $_ eq $is || ($_ eq 'number' && $is eq 'integer') } @types;
	if ($is eq 'array' && $schema->{items}) {
		for my $i (0 .. $#$value) {
			my $bad = misfit($value->[$i], $schema->{items}, "$at\[$i]");
			return $bad if $bad;
		}
	}
	return '' unless $is eq 'object' && $schema->{properties};
	exists $value->{$_} or return "$at.$_ is missing" for @{ $schema->{required} // [] };
	for my $name (keys %$value) {
		my $of = $schema->{properties}{$name} or return "$at.$name is unknown";
		my $bad = misfit($value->{$name}, $of, "$at.$name");
		return $bad if $bad;
	}
	return '';
}

# What each verb gets besides the value on trial, and the state it begins in.
sub quiet { run_it("$bin/cnt", @_) }
my %base = (
    create => { name => $other, no_start => JSON::PP::true, image => $image }, delete => { box => $other },
    start => { box => $box }, stop => { box => $box, force => JSON::PP::true },
    restart => { box => $box, force => JSON::PP::true }, info => { box => $box },
    resize => { box => $box, pids => 300 },
    'image build' => { name => 'edge', suite => 'none' }, 'image import' => { file => '/dev/null', name => 'edge' },
    'image delete' => { image => 'edge' },
);
my %begin = (
    create => sub { quiet('delete', '--force', '--', $_[0]{name}) },
    delete => sub { quiet('create', '--no-start', '--image', $image, $other) },
    start => sub { quiet('stop', '--force', $box) },
    stop => sub { quiet('start', $box) },
);

sub same {
	my ($v, $arguments) = @_;
	my @said;
	for my $face (\&over_argv, sub { over_mcp($_[0]{tool}{name}, $_[1]) }) {
		$begin{ $v->{name} }->($arguments) if $begin{ $v->{name} };
		push @said, $face->($v, $arguments);
	}
	my $misfit = $said[0]{error} ? '' : misfit($said[0], $v->{output}, 'result');
	@said = map { settled($_) } @said;
	$begin{create}->($arguments) if $v->{name} eq 'create';
	my ($argv, $mcp) = map { $json->encode($_) } @said;
	return 'argv: ' . substr($argv, 0, 300) . "\n#    mcp:  " . substr($mcp, 0, 300) if $argv ne $mcp;
	return $said[0]{broken} if $said[0]{broken};
	return $misfit;
}

# Digits mean the same to a client that sends them as a number.
sub same_as_number {
	my ($v, $arguments, $name) = @_;
	return '' unless is_counted($v, $name) && $arguments->{$name} =~ /^(0|-?[1-9]\d{0,14})(\.\d+)?$/;
	my @codes;
	for my $value ("$arguments->{$name}", $arguments->{$name} + 0) {
		my %given = (%$arguments, $name => $value);
		$begin{ $v->{name} }->(\%given) if $begin{ $v->{name} };
		push @codes, (over_mcp($v->{tool}{name}, \%given)->{error} // {})->{code} // 'taken';
	}
	$begin{create}->($arguments) if $v->{name} eq 'create';
	return $codes[0] eq $codes[1] ? '' : "as a string $codes[0], as a number $codes[1]";
}

sub report {
	my ($name, @wrong) = @_;
	print @wrong ? 1 : 0, " $name\n";
	print "#    $_\n" for @wrong > 8 ? @wrong[0 .. 7] : @wrong;
}

# Over MCP alone: refused as invalid, naming the field.
sub refused {
	my ($v, $arguments, $name) = @_;
	my $said = over_mcp($v->{tool}{name}, $arguments);
	my $e = $said->{error} // return "taken: " . $json->encode($arguments);
	return "code $e->{code}" if $e->{code} ne 'invalid';
	return "does not name $name: $e->{message}" if index($e->{message}, $name) < 0;
	return ();
}

# A size and a duration are strings to the schema; the verb says what it expects.
sub is_counted {
	my ($v, $name) = @_;
	return 1 if $v->{input}{properties}{$name}{type} =~ /^(integer|number)$/;
	my $said = over_mcp($v->{tool}{name}, { %{ $base{ $v->{name} } // {} }, $name => 'x x' });
	return ref $said->{error} && $said->{error}{message} =~ /expected a (size|duration)/;
}

sub try_parameter {
	my ($v, $name) = @_;
	my ($schema, $base) = ($v->{input}{properties}{$name}, $base{ $v->{name} } // {});
	my @values = @{ $schema->{enum} // [] };
	push @values, map { ($_ - 1, $_, $_ + 1) } grep { defined } @$schema{qw(minimum maximum)};
	my @list = $schema->{type} eq 'boolean' ? (JSON::PP::true, JSON::PP::false) :
	    (@values, is_counted($v, $name) ? @numbers : @texts);
	@list = () if $schema->{type} eq 'object' || ($schema->{type} eq 'array' && $v->{options}{'--ssh-key'});
	my @bad;
	for my $value (@list) {
		my $given = JSON::PP::is_bool($value) ? $value : "$value";
		my $why = same($v, { %$base, $name => $given }) || same_as_number($v, { %$base, $name => $given }, $name);
		push @bad, $json->allow_nonref->encode(substr($given, 0, 40)) . ": $why" if $why;
	}
	report("$v->{name}: $name: " . @list . ' values, argv and MCP agree', @bad);
	report("$v->{name}: $name: wrong types are refused by name",
	    map { refused($v, { %$base, $name => $_ }, $name) } @{ $wrong{ $schema->{type} } });
}

sub try_verb {
	my ($v) = @_;
	my $base = $base{ $v->{name} } // {};
	try_parameter($v, $_) for sort keys %{ $v->{input}{properties} };
	my $why = same($v, $base);
	report("$v->{name}: plain, argv and MCP agree", $why ? $why : ());
	report("$v->{name}: an unknown argument is refused by name",
	    refused($v, { %$base, no_such => 1 }, 'no_such'));
	for my $name (@{ $v->{input}{required} // [] }) {
		my %less = %$base;
		delete $less{$name};
		report("$v->{name}: missing $name is refused by name", refused($v, \%less, $name));
	}
}

die "no box to try verbs on\n" unless quiet('create', '--image', $image, $box) =~ /\S/;
my %tried;
for my $program (sort glob "$bin/cnt-*") {
	next if $program =~ /\./;
	my $d = $json->decode(run_it($program, '--describe'));
	my @words = split /\n/, run_it($program, '--describe=words');
	for my $i (0 .. $#{ $d->{verbs} }) {
		my $v = $d->{verbs}[$i];
		next unless $v->{tool};
		$v->{options} = { map { $_ => 1 } grep { /^--/ } split / /, $words[$i] };
		delete local $base{info} if $v->{tool}{name} eq 'get_system_info';
		try_verb($v);
		$tried{ $v->{tool}{name} } = 1;
	}
}
my @offered = map { $_->{name} } grep { !$_->{inputSchema}{properties}{box} || $tried{ $_->{name} } }
    @{ request('tools/list')->{result}{tools} };
report('cnt mcp offers what the verbs describe', grep { !$tried{$_} } @offered);
close $to;
waitpid $pid, 0;
report('cnt mcp ends well', $? ? "status $?" : ());
