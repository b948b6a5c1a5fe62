#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What runs again when the host starts, in an instance of this test's own: `cnt boot` is about all
# boxes of one.

no_instance=1
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

CNT_ROOT=$(mktemp -d /var/tmp/cnt-test.XXXXXX) && chmod 755 "$CNT_ROOT"
export CNT_ROOT
on_exit 'sh "$tests/instance" unmake >/dev/null 2>&1'
cnt setup >/dev/null
"$tests/tiny" "$me" | cnt image import - --name "$me" >/dev/null

create() { cnt create --image "$me" --wait none "$@"; }
autostart() { cnt info "$me-$1" --json | jq -r .autostart; }
running() { cnt list --state running | awk -v me="$me-" 'NR > 1 { sub(me, ""); printf "%s ", $1 }'; }
did() { printf '%s' "$out" | jq -c "[.$1[] | sub(\"$me-\"; \"\")]"; }

for name in a b c; do create "$me-$name" >/dev/null; done
create "$me-d" --no-start >/dev/null
cnt stop --force "$me-b" >/dev/null
is "$(autostart a) $(autostart b) $(autostart d)" 'true false false' 'what was last asked of each is known'

ok 'the host goes down' cnt boot --stop --json
is "$(did stopped) $(did started)" '["a","c"] []' 'what ran was stopped'
is "$(running)" '' 'nothing runs'
is "$(autostart a) $(autostart b)" 'true false' 'that was no wish of anybody'\''s'
ok 'and again' cnt boot --stop --json
is "$(did stopped)" '[]' 'changes nothing'

ok 'the host starts' cnt boot --json
is "$(did started) $(did stopped)" '["a","c"] []' 'what ran runs again'
is "$(running)" 'a c ' 'and nothing else'
ok 'and again' cnt boot --json
is "$(did started)" '[]' 'changes nothing'

cnt start "$me-d" >/dev/null
cnt restart --force "$me-b" >/dev/null
is "$(autostart b) $(autostart d)" 'true true' 'started or restarted, it is to run again'
cnt restart --force "$me-a" >/dev/null
is "$(autostart a)" true 'restarting takes nothing away'

cnt boot --stop >/dev/null
mv "$CNT_ROOT/var/lib/cnt/boxes/$me-b/disk" "$tmp/disk"
refused 71 system "^cnt: $me-b: not started \(.*No such file" 'a box that cannot start is named' cnt boot
is "$(running)" 'a c d ' 'and the others run'
mv "$tmp/disk" "$CNT_ROOT/var/lib/cnt/boxes/$me-b/disk"
ok 'mended' cnt boot
is "$out" "$me-b started" 'it runs'
refused 2 invalid '^cnt: timeout: ' 'a time to stop in, and nothing to stop' cnt boot --timeout 5s
refused 77 denied 'only root' 'others than root' setpriv --reuid 65534 --clear-groups "$(command -v cnt)" boot

# What a killed one left is finished by the next command, a boot as well: a box whose monitor is
# about to give up, since its starter is gone, does not count as one that runs. A command that only
# reads leaves to a later one what the starter's children hold for a moment more.
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
starting() { find /sys/fs/cgroup -type d -path "*/$tag/*.start"; }
killed() {		# INSTANT COMMAND...: the next
	cnt boot --stop --timeout 0s >/dev/null
	cnt boot >/dev/null &
	perl -e 'select undef, undef, undef, $ARGV[0] / 100' "$1"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	shift
	"$@"
}
finished() { "$@" >/dev/null && [ -z "$(starting)" ]; }
lists() { for n in 1 3 5 7 9; do killed "$n" wait_for 10 finished cnt list || { starting; return 1; }; done; }
boots() {
	for n in 1 2 3 4 5 6 7 8 9 10; do
		killed "$n" finished cnt boot || { starting; return 1; }
		[ "$(running)" = 'a b c d ' ] || { running; return 1; }
	done
}
ok 'killed at five instants, nothing of a start is left' lists
ok 'killed at ten, all run after the next' boots

# While it waits for the first box the last one is deleted.
waits() { find "/proc/$boot/fd" -lname "*/lock/$me-a" | grep -q .; }
beside_delete() {
	exec 9>>"$CNT_ROOT/run/cnt/lock/$me-a" && flock 9
	cnt boot "$@" 9>&- &
	boot=$!
	wait_for 10 waits && cnt delete --force "$me-d" >/dev/null 9>&-
	deleted=$?
	exec 9>&-
	wait "$boot" && [ "$deleted" -eq 0 ]
}
ok 'a box that is deleted meanwhile is none that does not start' beside_delete
create "$me-d" >/dev/null
ok 'nor one that does not stop' beside_delete --stop
