#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cnt resize: limits of a box that runs, as the kernel, the box and the store have them.

. "$(dirname "$0")/../tap.sh"
. "$tests/reboot.sh"
. "$(dirname "$0")/refused.sh"

box=$me-a
field() { cnt info "$box" --json | jq -r ".$1"; }
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
# group FILE-V1 FILE-V2: what the kernel has for the box.
group() {
	cat "/sys/fs/cgroup/${1%%.*}/$tag/$box/$1" 2>/dev/null || cat "/sys/fs/cgroup/$tag/$box/$2"
}
# inside FILE-V1 FILE-V2: what the box sees.
inside() {
	cnt exec "$box" -- sh -c 'cat "/sys/fs/cgroup/$1" 2>/dev/null || cat "/sys/fs/cgroup/$2"' - "${1%%.*}/$1" "$2"
}
kernel() { printf '%s %s\n' "$(group memory.limit_in_bytes memory.max)" "$(group pids.max pids.max)"; }
sees() { printf '%s %s\n' "$(inside memory.limit_in_bytes memory.max)" "$(inside pids.max pids.max)"; }
is_up() { [ "$(sees)" = "$1" ]; }

cnt create "$box" --memory 256m --swap 64m --pids 200 --cpu 1 >/dev/null
ok 'the box sees its limits' wait_for 20 is_up '268435456 200'
cnt exec "$box" -- sleep 100 &
stays=$!
sleeps() { cnt exec "$box" -- pgrep -x sleep; }
wait_for 20 sleeps

ok 'resize' cnt resize "$box" --memory 512m --pids 300
is "$(kernel)" '536870912 300' 'the kernel has them'
is "$(sees)" '536870912 300' 'the box sees them'
is "$(field memory) $(field pids) $(field swap) $(field cpu)" '536870912 300 67108864 1' 'the store knows them; what was not named stays'
ok 'what ran in it goes on' sleeps
ok 'less' cnt resize "$box" --memory 128m --swap 0 --cpu 0.5
is "$(kernel)" '134217728 300' 'is set as well'
like "$(group cpu.cfs_quota_us cpu.max)" '^50000( |$)' 'cpu too'
ok 'more again' cnt resize "$box" --memory 384m --swap 1g

# Less than is in use.
cnt exec "$box" -- perl -e '$x = "a" x 60000000; fork or sleep 100 for 1 .. 20; open F, ">", "/tmp/ready"; sleep 100' &
holds=$!
wait_for 20 cnt exec "$box" -- test -e /tmp/ready
cnt resize "$box" --swap 0 >/dev/null
exits 1 'less memory than is in use is refused' cnt resize "$box" --memory 48m
like "$err" "$box: uses [0-9.]+m of memory, which cannot be brought below 48m" 'and why'
like "$err" 'nothing was changed' 'and that nothing was'
exits 1 'fewer processes than there are are refused' cnt resize "$box" --pids 16 --cpu 2
like "$err" "$box: has [0-9]+ processes and threads, more than 16" 'and why'
is "$(kernel) $(field memory) $(field pids) $(field cpu)" '402653184 300 402653184 300 0.5' 'nothing has changed'
exits 2 'no limit at all is no request' cnt resize "$box"
exits 2 'less than a box can have is refused' cnt resize "$box" --memory 1m
exits 1 'a box that is not there' cnt resize "$me-none" --pids 100

# Later starts.
ok 'resize while it reboots' rebooting "$box" cnt resize "$box" --pids 301
wait "$stays" "$holds"
ok 'a reboot from inside keeps them' wait_for 20 is_up '402653184 301'
is "$(kernel)" '402653184 301' 'in the kernel too'
rebooting "$box" timeout 0.1 cnt resize "$box" --pids 302
is $? 124 'resize is cancelled while it reboots'
ok 'which goes on' wait_for 20 is_up '402653184 301'
is "$(kernel) $(field pids)" '402653184 301 301' 'with the limits as they were'

# Of version 1 no group has more than the one above it, and groups in the box are its root's to make.
if [ -d "/sys/fs/cgroup/cpu/$tag/$box" ]; then
	ok 'a group in the box has 0.4 of a processor' cnt exec --user root --cwd / "$box" -- \
	    sh -c 'mount -t cgroup -o cpu none /mnt && mkdir /mnt/more && echo 40000 >/mnt/more/cpu.cfs_quota_us'
	refused 1 no "$box: a group in it has more than 0.3 of cpu" 'less for the box' cnt resize "$box" --cpu 0.3 --pids 303
	is "$(group cpu.cfs_quota_us cpu.max) $(group pids.max pids.max) $(field cpu) $(field pids)" '50000 301 0.5 301' 'changes nothing'
fi
cnt stop --force "$box" >/dev/null
ok 'resize of a stopped box' cnt resize "$box" --memory 320m
is "$(field state) $(field memory)" 'stopped 335544320' 'leaves it stopped'
cnt start "$box" >/dev/null
is "$(kernel)" '335544320 301' 'and counts from its start'

answer=$(perl -I "$tests/box" -MSession -e 'my $d = Session->new(command => ["cnt", "mcp"])->tool("resize_container",
    { name => shift, pids => 250, memory => "300m" }, 60)->{data}; print "$d->{name} $d->{pids} $d->{memory}"' "$box")
is "$answer" "$box 250 314572800" 'over MCP it is resize_container'
