#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a killed start and a killed session leave in a box that stays is taken away by the next verb,
# whatever that is and whichever box it is about. KILL_SEED=N repeats a run's instants.

. "$(dirname "$0")/../tap.sh"

seed=${KILL_SEED:-$(date +%s)}
diag "seed $seed"
box=$me-k
ok 'a box' cnt create "$box"
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')

# Any process in a session of the box's? Any group of it but those of a box that runs?
leaves() { find /sys/fs/cgroup -type d -path "*/$tag/$box/s-*"; }
left() {
	find /sys/fs/cgroup -type d -path "*/$tag/$box.start"
	cnt info "$box" --json | jq -e '.state == "running"' >/dev/null ||
	    find /sys/fs/cgroup -type d \( -path "*/$tag/$box" -o -path "*/$tag/$box.mon" \)
}
says() {
	perl -e 'for (glob "/proc/[0-9]*/cmdline") { open(F, "<", $_) or next; $_ = <F> // "";
	    s/\0$//; tr/\0/ /; exit 0 if $_ eq $ARGV[0] } exit 1' "$1"
}

silent() { ! says "$1"; }

# An image that is being made is no reason to wait.
mkfifo "$tmp/archive"
exec 8<>"$tmp/archive"
cnt image import "$tmp/archive" --name "$me" 8>&- >/dev/null 2>&1 & import=$!
unpacks() { ls "$CNT_ROOT"/var/lib/cnt/images/.tmp-*; }
ok 'an import waits for its archive' wait_for 10 unpacks

# sudo is another user's: its parent's death is not told to it.
setsid cnt exec "$box" -- sudo sleep 2718301 </dev/null >/dev/null 2>&1 & p=$!
ok 'a session of another user' wait_for 10 says 'sleep 2718301'
read -r children <"/proc/$p/task/$p/children"
for q in $children; do
	case $(cat "/proc/$q/comm") in cnt*) kill -KILL "$q" ;; esac
done
kill -KILL $p
wait $p 2>/dev/null
ok 'outlives the one who is killed with what watches over it' says 'sleep 2718301'
ok 'the next verb' cnt list
ok 'ends it' wait_for 2 silent 'sleep 2718301'
swept() { cnt list && [ -z "$(leaves)" ]; }
ok 'and its group' wait_for 5 swept
kill $import
wait $import
is $? 143 'the import still waited'
exec 8>&-

# kills VERB...: kills it 15 times. A restart is finished by the next verb that finds its box down.
kills() {
	perl -I "$tests/fail" - "$box" "$seed" "$@" <<'PERL'
use strict;
use warnings;
use Kills qw(whole kills);

my ($box, $seed, @shot) = @ARGV;
my %seen = kills(15, seed => $seed, whole => 3, shot => sub { @shot },
	prepare => sub { whole('cnt', 'stop', '--force', $box) if $shot[1] eq 'start' },
	look => sub {
		my ($n, $ended) = @_;
		my $left = () = glob "/sys/fs/cgroup/{,*/}*/$box.start";
		system('cnt list >/dev/null') == 0 or die "$n: list\n";
		my @still = glob "/sys/fs/cgroup/{,*/}*/$box.start";
		die "$n: left: @still\n" if @still;
		my $end = time + 20;
		until ($shot[1] eq 'start' || `cnt info $box --json` =~ /"state":"running"/) {
			die "$n: does not run again\n" if time > $end;
			select undef, undef, undef, 0.02;
		}
		return $ended . ($left ? ', a group was left' : '');
	});
die "no kill left anything to find\n" unless $seen{'killed, a group was left'};
PERL
}

for verb in start 'restart --force'; do
	# shellcheck disable=SC2086
	ok "killed: $verb" kills cnt $verb "$box"
	diag "$out"
	is "$(left)" '' "killed: $verb: nothing is left"
done
ok 'it runs' cnt exec "$box" -- true

# Killed while init is on its way down: whoever comes then leaves it alone, the next one starts it, also
# one that an operator dropped in.
root() { cnt exec --user root --cwd / "$box" -- "$@"; }
began() { root cut -d ' ' -f 22 /proc/1/stat; }
drop=$CNT_ROOT/etc/cnt/verbs.d
mkdir -p "$drop"
on_exit 'rm "$drop/look"'
cat >"$drop/look" <<'EOF'
#!/bin/sh
[ "${1-}" != --describe ] || echo '{"verbs":[{"name":"look", "summary":"do nothing", "scope":"system:read",
    "tool":{"description":"Does nothing.", "inputSchema":{"type":"object", "properties":{}}}}]}'
EOF
chmod 755 "$drop/look"
is_up() { find /sys/fs/cgroup -path "*/$tag/$box.mon/cgroup.procs" -exec cat {} + | grep -q .; }
is_down() { ! is_up; }
for next in list look; do
	ok 'a service that takes a second to end' wait_for 30 root systemd-run -p ExecStop='sh -c "touch /run/down; sleep 1"' sleep 600
	before=$(began)
	cnt restart "$box" & p=$!
	ok 'a restart waits for it' wait_for 10 root test -e /run/down
	kill -KILL $p
	wait $p 2>/dev/null
	ok "and is killed: the next verb, cnt $next" cnt $next
	is "$(began)" "$before" 'lets the box go down'
	ok 'and when it is down' wait_for 20 is_down
	ok 'one that comes later' cnt $next
	ok 'starts it' wait_for 20 is_up
done

# A process in the start's group that the start knows nothing of: it is ended, not the box later.
cnt stop --force "$box" >/dev/null
perl -e 'until (grep { open F, ">", "/sys/fs/cgroup$_/$ARGV[0]/cgroup.procs" } "", "/unified") {}
    print F 0; close F or die "$!"; sleep 30' "$tag/$box.start" & p=$!
ok 'it starts with a stranger in its group' cnt start "$box"
wait $p
is $? 137 'who is killed'
is "$(left)" '' 'nothing is left of the start'
ok 'a later verb' cnt resize "$box" --pids 300
ok 'leaves the box as it is' cnt exec "$box" -- true

ok 'what was interrupted is in the record, which is whole' cnt doctor
