#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A hundred SIGKILLs each of create, delete and resize at random instants; after each one `cnt list`
# answers and shows no half box, nor one with other limits than the kernel's, and after all of them the
# machine is as it was.
# KILL_SEED=N repeats a run's instants.

. "$(dirname "$0")/../tap.sh"

seed=${KILL_SEED:-$(date +%s)}
diag "seed $seed"
"$tests/tiny" "$me" | cnt image import - --name "$me" >/dev/null
on_exit "cnt image delete '$me' >/dev/null"

# Bridge, tables and locks are there before the first kill.
cnt create "$me-0" --image "$me" >/dev/null && cnt delete --force "$me-0" >/dev/null
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
"$tests/machine" "$tag" >"$tmp/before"

# shots create|delete|resize: kills one hundred.
shots() {
	perl -I "$tests/fail" - "$1" "$me" "$seed" "$tag" <<'EOF'
use strict;
use warnings;
use JSON::PP;
use Kills qw(whole kills);

my ($verb, $me, $seed, $tag) = @ARGV;
my @create = ('cnt', 'create', "$me-k", '--image', $me);
my @delete = ('cnt', 'delete', '--force', "$me-k");
my $pids = 100;
sub shot { return $verb eq 'create' ? @create : $verb eq 'delete' ? @delete : ('cnt', 'resize', "$me-k", '--pids', ++$pids) }
sub limit {
	my ($path) = grep { -e } glob "/sys/fs/cgroup/{,pids/}$tag/$me-k/pids.max";
	open my $f, '<', $path or die "$path: $!";
	return 0 + <$f>;
}

sub look {
	my ($n, $ended) = @_;
	my $text = `cnt list --json 2>&1`;
	my $list = eval { decode_json($text) };
	die "$n: list: $text" if $? || !$list;
	my @boxes = grep { index($_->{name}, $me) == 0 } @{ $list->{boxes} };
	for my $b (@boxes) {
		die "$n: $b->{name} is $b->{state}" unless $b->{state} =~ /^(running|stopped)$/;
		my $info = `cnt info $b->{name} --json`;
		die "$n: info: $info" if $?;
		next if $verb ne 'resize';
		my $said = decode_json($info)->{pids};
		die "$n: limit: $said, and the kernel's is " . limit() if $said != limit();
		$ended .= $said == $pids ? ', the new limit' : ', the old limit';
	}
	return "$ended, " . (@boxes ? 'there' : 'not there');
}

kills(100, seed => $seed, whole => 5, shot => \&shot, look => \&look,
	prepare => sub { whole($verb eq 'create' ? @delete : @create) });
EOF
}

ok 'a hundred kills of create' shots create
diag "$out"
ok 'a hundred kills of delete' shots delete
diag "$out"
ok 'a hundred kills of resize' shots resize
diag "$out"
cnt delete --force "$me-k" >/dev/null 2>&1
ok 'one verb more' cnt list

as_before() { "$tests/machine" "$tag" >"$tmp/after"; cmp -s "$tmp/before" "$tmp/after"; }
wait_for 10 as_before
is "$(diff "$tmp/before" "$tmp/after")" '' 'the machine is as before'
is "$(find "$CNT_ROOT/var/lib/cnt/boxes" -mindepth 1)" '' 'no file of a box is left'
ok 'what was interrupted is in the record, which is whole' cnt doctor
