#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What each tool says of itself, of agent-box, of every verb and of cnt mcp: within the subset of JSON
# Schema that every provider accepts (one bad schema ends a whole session: all tools are sent together),
# and within the bytes that each turn of a model pays for. Each rule is first shown something bad.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../mcp", $FindBin::Bin;
use Client;
use File::Temp qw(tempdir);
use JSON::PP;
use Session;
use Test::More;

my $bin = ($ENV{BUILD} // "$FindBin::Bin/../../build") . '/bin';
my $json = JSON::PP->new->utf8->canonical;
$ENV{CNT_ROOT} //= tempdir('/var/tmp/cnt-tap.XXXXXX', CLEANUP => 1);

my %keyword = map { $_ => 1 }
    qw(type properties required additionalProperties items enum minimum maximum default description);
my $size = 'anthropic/maxResultSizeChars';
my %type = map { $_ => 1 } qw(string integer number boolean array object);

sub is_bool { return ref $_[0] eq ref JSON::PP::true }
sub is_number { my ($v) = @_; return !ref $v && $json->encode([$v]) =~ /^\[-?[\d.e+]+\]$/ }
sub is_text { my ($v) = @_; return !ref $v && $json->encode([$v]) =~ /^\["/ }

my %fits = (
	string => \&is_text, boolean => \&is_bool, number => \&is_number,
	integer => sub { is_number($_[0]) && $_[0] == int $_[0] },
);

# What is wrong with one value's schema; output: one of a result.
sub value_problems {
	my ($s, $at, $output) = @_;
	return "$at: a schema that is no object" unless ref $s eq 'HASH';
	my @bad = map { "$at: keyword $_" } grep { !$keyword{$_} } sort keys %$s;
	my $type = $s->{type} // '';
	if (ref $type eq 'ARRAY') {
		push @bad, "$at: a union of types" unless $output && @$type == 2 && $type->[1] eq 'null';
		$type = $type->[0];
	}
	push @bad, "$at: type \"$type\"" unless $type{$type};
	push @bad, "$at: a description that is not short plain text"
	    if exists $s->{description} && $s->{description} !~ /^[\x21-\x7e][\x20-\x7e]{0,98}[\x21-\x7e]$/;
	push @bad, bound_problems($s, $at, $type);
	push @bad, map { value_problems($_, "$at\[]", $output) } exists $s->{items} ? $s->{items} : ()
	    if $type eq 'array';
	push @bad, "$at: items" if exists $s->{items} != ($type eq 'array');
	push @bad, object_problems($s, $at, $output) if $type eq 'object';
	return @bad;
}

sub bound_problems {
	my ($s, $at, $type) = @_;
	my @bad;
	my ($min, $max, $enum, $default) = @$s{qw(minimum maximum enum default)};
	push @bad, "$at: a bound of what is no number" if (defined $min || defined $max) && $type !~ /^(integer|number)$/;
	push @bad, "$at: bounds" if defined $max && !(defined $min && $max >= $min);
	push @bad, "$at: an enum that is not of strings"
	    if defined $enum && !($type eq 'string' && @$enum && !grep { !is_text($_) } @$enum);
	return @bad unless exists $s->{default};
	push @bad, "$at: a default of another type" unless $fits{$type} && $fits{$type}->($default);
	push @bad, "$at: a default that is not allowed" if defined $enum && !grep { $_ eq $default } @$enum;
	push @bad, "$at: a default out of bounds"
	    if defined $min && defined $max && is_number($default) && ($default < $min || $default > $max);
	return @bad;
}

sub object_problems {
	my ($s, $at, $output) = @_;
	my ($p, $rest) = @$s{qw(properties additionalProperties)};
	return () if $output && !defined $p && !defined $rest;		# an outline ends here
	return "$at: no properties" unless ref $p eq 'HASH';
	return value_problems($rest, "$at\{}", $output) if ref $rest eq 'HASH' && !%$p;
	my @bad = map { "$at: name \"$_\"" } grep { !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/ } sort keys %$p;
	push @bad, "$at: takes what it does not know" unless $output || (is_bool($rest) && !$rest);
	push @bad, map { "$at: requires $_, which it has not" } grep { !exists $p->{$_} } @{ $s->{required} // [] };
	return @bad, map { value_problems($p->{$_}, "$at.$_", $output) } sort keys %$p;
}

sub root_problems {
	my ($s, $at, $output) = @_;
	return "$at: its root is no object" unless ref $s eq 'HASH' && !ref $s->{type} && ($s->{type} // '') eq 'object';
	return "$at: no properties" unless ref $s->{properties} eq 'HASH';
	return value_problems($s, $at, $output);
}

# What is wrong with one tool of tools/list. title: where the revision has it.
sub problems {
	my ($t, %o) = @_;
	my @bad;
	my ($name, $about, $a) = (@$t{qw(name description)}, $t->{annotations} // {});
	push @bad, 'a name' unless ($name // '') =~ /^[a-z][a-z0-9_]{0,39}$/;
	push @bad, 'a description that is not plain text of 15 to 250 bytes'
	    unless ($about // '') =~ /^[\x21-\x7e][\x20-\x7e]{13,248}[\x21-\x7e]$/;
	push @bad, "keyword $_" for grep { !/^(name|title|description|inputSchema|outputSchema|annotations|_meta)$/ } sort keys %$t;
	push @bad, '_meta' if exists $t->{_meta} && $json->encode($t->{_meta}) !~ /^\{"$size":[1-5]0{5}\}$/;
	my @title = grep { length($_ // '') } $t->{title}, $a->{title};
	push @bad, 'a title, and once' unless @title == 1 || $o{untitled};
	push @bad, "annotation $_" for grep { !is_bool($a->{$_}) } qw(readOnlyHint destructiveHint idempotentHint openWorldHint);
	push @bad, 'reads and destroys' if $a->{readOnlyHint} && $a->{destructiveHint};
	push @bad, root_problems($t->{inputSchema}, 'input', 0);
	push @bad, root_problems($t->{outputSchema}, 'output', 1) if exists $t->{outputSchema};
	return map { ($name // '?') . ": $_" } @bad;
}

subtest 'each rule finds what it is for' => sub {
	my $good = '{"name":"a_b","title":"A","description":"Does this and that.","inputSchema":{"type":"object","properties":'
	    . '{"p":{"type":"string","enum":["a","b"],"default":"a"},"n":{"type":"integer","minimum":1,"maximum":9,"default":2},'
	    . '"l":{"type":"array","items":{"type":"string"}},"m":{"type":"object","properties":{},"additionalProperties":{"type":"string"}}},'
	    . '"required":["l"],"additionalProperties":false},"outputSchema":{"type":"object","properties":{"r":{"type":'
	    . '["string","null"]}}},"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}}';
	is_deeply([problems(decode_json($good))], [], 'what is well is well');
	my @bad = (
		['name', 'A_B'], ['name', 'x' x 41], ['name', '1a'], ['name', undef],
		['description', ''], ['description', 'short'], ['description', "two\nlines of text here"], ['description', 'x' x 251],
		['description', "an emoji \x{1f600} in the text"], ['title', ''], ['annotations', 'title', 'A'], ['execution', {}],
		(map { ['annotations', $_, undef] } qw(readOnlyHint destructiveHint idempotentHint openWorldHint)),
		['annotations', 'destructiveHint', JSON::PP::true], ['annotations', 'openWorldHint', 1],
		['inputSchema', undef], ['inputSchema', 'type', 'array'], ['inputSchema', 'type', ['object', 'null']],
		['inputSchema', 'properties', undef], ['inputSchema', 'additionalProperties', undef],
		['inputSchema', 'additionalProperties', JSON::PP::true], ['inputSchema', 'required', ['x']],
		(map { ['inputSchema', $_, []] } qw(oneOf anyOf allOf not enum $schema $defs $ref)),
		(map { ['inputSchema', 'properties', 'p', $_, 'x'] } qw(format pattern const $ref oneOf nullable examples)),
		['inputSchema', 'properties', 'p', JSON::PP::true], ['inputSchema', 'properties', 'p', {}],
		['inputSchema', 'properties', 'p', 'type', ['string', 'null']], ['inputSchema', 'properties', 'p', 'type', 'null'],
		['inputSchema', 'properties', 'p', 'enum', [1, 2]], ['inputSchema', 'properties', 'p', 'enum', []],
		['inputSchema', 'properties', 'p', 'default', 'c'], ['inputSchema', 'properties', 'p', 'default', 1],
		['inputSchema', 'properties', 'p', 'minimum', 1], ['inputSchema', 'properties', 'p', 'items', { type => 'string' }],
		['inputSchema', 'properties', 'p', 'description', 'x' x 101], ['inputSchema', 'properties', 'p', 'description', ''],
		['inputSchema', 'properties', 'n', 'maximum', 0], ['inputSchema', 'properties', 'n', 'minimum', undef],
		['inputSchema', 'properties', 'n', 'default', 10], ['inputSchema', 'properties', 'n', 'default', 1.5],
		['inputSchema', 'properties', 'n', 'default', '2'], ['inputSchema', 'properties', 'l', 'items', undef],
		['inputSchema', 'properties', 'l', 'items', JSON::PP::true], ['inputSchema', 'properties', 'l', 'default', []],
		['inputSchema', 'properties', 'm', 'additionalProperties', undef], ['inputSchema', 'properties', 'm', 'properties', undef],
		['inputSchema', 'properties', 'a-b', { type => 'string' }], ['inputSchema', 'properties', 'x' x 65, { type => 'string' }],
		['outputSchema', 'type', 'string'], ['outputSchema', 'oneOf', []], ['outputSchema', 'properties', 'r', 'type', ['string', 'integer']],
		['outputSchema', 'required', ['x']], (map { ['_meta', $_] } {}, { $size => 500001 }, { $size => 5e5, x => 1 }),
	);
	for (@bad) {
		my ($tool, @path) = (decode_json($good), @$_);
		my $value = pop @path;
		my $last = pop @path;
		my $at = $tool;
		$at = $at->{$_} for @path;
		defined $value ? ($at->{$last} = $value) : delete $at->{$last};
		my @found = problems($tool);
		ok(@found == 1 || (@found && $path[0]), join(' ', @path, $last) . ': ' . ($found[0] // 'not found'));
	}
};

# tools/list as a line, and its tools; revision: an older one.
sub list {
	my ($c, $revision) = @_;
	$c->initialize($revision) if $revision;
	$c->say('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{' . ($revision ? '' : $Client::META) . '}}');
	my $line = $c->line(20);
	$line = $c->line(20) while defined $line && $line !~ /"id":1,/;
	return ($line, $json->decode($line)->{result}{tools});
}

sub fine {
	my ($what, $tools, %o) = @_;
	my @bad = map { problems($_, %o) } @$tools;
	is_deeply(\@bad, [], "$what: every schema is one that all providers take");
	my %seen;
	is_deeply([grep { $seen{$_}++ } map { $_->{name} } @$tools], [], "$what: each name once");
}

# The arguments, * required, = default, : choices or bounds; and the hints that are true.
my $contract = <<'END';
shell_exec: command* timeout_seconds=30:0.1-600 cwd env stdin max_output_bytes=20000:1-1048576 merge_stderr=false raw=false on_timeout=kill:kill|background; destructive openWorld
process_start: command* name cwd env stdin=false; openWorld
process_list: ; readOnly idempotent
process_read: id* since=0:0- limit=20000:1-1048576 wait_seconds=0:0-60; readOnly
process_write: id* text* eof=false; openWorld
process_wait: id* until*:exit|output|port|idle pattern since=0:0- port:1-65535 timeout_seconds=30:0.1-600; readOnly
process_kill: id* signal=TERM grace_seconds=5:0-60; destructive
read_file: path* offset:0- limit=20000:1-1048576 head:1- tail:1- encoding=auto:auto|utf-8|base64; readOnly idempotent
write_file: path* content* encoding=utf-8:utf-8|base64 mode if_match append=false mkdirs=true; destructive idempotent
edit_file: path* edits* if_match dry_run=false; destructive
list_directory: path* depth=1:1-16 include_hidden=false glob limit=1000:1-10000 cursor; readOnly idempotent
search_files: pattern* path=. glob fixed=false ignore_case=false context=0:0-10 limit=200:1-5000 respect_gitignore=true cursor; readOnly idempotent
find_files: glob* path=. type:file|directory|symlink newer_than limit=1000:1-10000 respect_gitignore=true cursor; readOnly idempotent
file_info: path*; readOnly idempotent
make_directory: path* mode; idempotent
move_file: source* destination* overwrite=false mkdirs=true; destructive
copy_file: source* destination* overwrite=false mkdirs=true;
delete_file: path*; destructive
tail_log: path* since follow_seconds=10:0-60 until limit=20000:1-1048576; readOnly
wait_for_port: port*:1-65535 host=127.0.0.1 timeout_seconds=30:0.1-600; readOnly
box_info: ; readOnly idempotent
END
my @contract = $contract =~ /^(\w+):/mg;

# A tool of tools/list as such a line; its words in the order of the alphabet, as those of sorted(LINE).
sub line_of {
	my ($t) = @_;
	my ($p, $line) = ($t->{inputSchema}{properties}, '');
	my %required = map { $_ => 1 } @{ $t->{inputSchema}{required} // [] };
	for my $name (sort keys %$p) {
		my $s = $p->{$name};
		$line .= " $name" . ($required{$name} ? '*' : '');
		$line .= '=' . (is_bool($s->{default}) ? $s->{default} ? 'true' : 'false' : $s->{default}) if exists $s->{default};
		$line .= ':' . join '|', @{ $s->{enum} } if $s->{enum};
		$line .= ":$s->{minimum}-" . ($s->{maximum} // '') if exists $s->{minimum};
	}
	return sorted("$t->{name}:$line; " . join ' ', grep { $t->{annotations}{"${_}Hint"} } qw(readOnly destructive idempotent openWorld));
}

sub sorted {
	my ($name, $arguments, $hints) = $_[0] =~ /^(\w+): *(.*?) *; *(.*)$/;
	return "$name: " . join(' ', sort split / /, $arguments) . '; ' . join ' ', sort split / /, $hints;
}

sub long { my ($tools) = @_; return map { $_->{name} } grep { $_->{_meta} } @$tools }

my %bulk = map { $_ => 1 } qw(shell_exec process_read read_file search_files tail_log);

subtest 'agent-box' => sub {
	my ($line, $tools) = list(Client->start($Session::program));
	fine('modern', $tools);
	cmp_ok(length $line, '<=', 16384, 'one page: ' . length($line) . ' bytes');
	is(join(' ', map { $_->{name} } @$tools), join(' ', @contract), 'the tools of the contract, in its order');
	is(join(' ', grep { $bulk{$_} } map { $_->{name} } grep { !$_->{outputSchema} } @$tools),
	    join(' ', grep { $bulk{$_} } @contract), 'what answers with text has no outputSchema');
	is((grep { !$_->{outputSchema} && !$bulk{ $_->{name} } } @$tools), 0, 'and everything else has one');
	my %wanted = map { /^(\w+)/ => sorted($_) } split /\n/, $contract;
	is(line_of($_), $wanted{ $_->{name} }, "$_->{name}: its arguments and hints") for @$tools;
	my ($edit) = map { $_->{inputSchema}{properties}{edits}{items} } grep { $_->{name} eq 'edit_file' } @$tools;
	is_deeply([sort(keys %{ $edit->{properties} }), @{ $edit->{required} }], [qw(expect new old old new)], 'edits');
	for my $t (@$tools) {
		my $p = $t->{inputSchema}{properties};
		is_deeply([grep { length($p->{$_}{description} // '') > 60 } sort keys %$p], [], "$t->{name}: short help");
	}
	is_deeply([long($tools)], [qw(read_file search_files)], 'what a client is to show at a length that it was asked for');
	for my $revision (qw(2025-03-26 2025-06-18 2025-11-25)) {
		my (undef, $older) = list(Client->start($Session::program), $revision);
		fine($revision, $older);
		is_deeply([long($older)], $revision ge '2025-06-18' ? [long($tools)] : [], "$revision: _meta");
	}
	my $c = Client->start($Session::program);
	cmp_ok(length $c->initialize->{result}{instructions}, '<=', 600, 'instructions');
};

subtest 'cnt mcp' => sub {
	for (['platform', 12288], ['box', 24576], ['platform,box', 24576]) {
		my ($sets, $most) = @$_;
		my ($line, $tools) = list(Client->start("$bin/cnt-mcp", '--tools', $sets));
		fine($sets, $tools);
		cmp_ok(length $line, '<=', $most, "$sets: " . length($line) . ' bytes');
		my %has = map { $_->{name} => 1 } @$tools;
		is_deeply([grep { !$has{$_} } $sets =~ /box/ ? @contract : (), $sets =~ /platform/ ? 'create_container' : ()], [],
		    "$sets: all of them");
		is((grep { my $t = $_; $t->{outputSchema} && grep { $_ eq $t->{name} } @contract } @$tools), 0,
		    "$sets: what a tool of a box answers is its agent-box's to say");
		is_deeply([long($tools)], $sets =~ /box/ ? [qw(read_file search_files)] : [], "$sets: what may be long");
	}
};

subtest 'verbs' => sub {
	my $n = 0;
	for ([{ tools => {}, prompts => {} }, 'cnt-mcp'], [{ tools => {} }, 'cnt-list', '--mcp']) {
		my ($has, $program, @words) = @$_;
		is_deeply(Client->start("$bin/$program", @words)->initialize->{result}{capabilities}, $has,
		    "$program @words offers what it has and nothing else");
	}
	for my $program (grep { !/\./ } glob "$bin/cnt-*") {
		my $d = $json->decode(scalar `$program --describe`);
		for my $v (@{ $d->{verbs} }) {
			$n++;
			is_deeply([root_problems($v->{input}, 'input', 0), exists $v->{output} ? root_problems($v->{output}, 'output', 1) : ()],
			    [], "cnt $v->{name}");
		}
	}
	cmp_ok($n, '>', 15, 'and there are many');
};

done_testing;
