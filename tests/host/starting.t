#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Entering a box while it starts: liblxc's child is in the box's namespaces before it has the box's
# root, so a command that went in too early would run in the host's. Several workers enter without a
# pause while the box is restarted, by cnt and from inside; no command may see the host.

. "$(dirname "$0")/../tap.sh"

box=$me-s
ok 'a box' cnt create "$box"
echo host >"$tmp/host-marker"
chmod 644 "$tmp/host-marker"
host=$(stat -Lc %d:%i /proc/self/root)
look="cat $tmp/host-marker 2>&-; stat -Lc %d:%i /proc/self/root; [ ! -e $tmp/host-marker ] || echo host"
is "$(sh -c "$look")" "host
$host
host" 'what a command says that runs on the host'

enter() {
	timeout 60 cnt exec "$box" --user root --cwd / -- /bin/sh -c "$look"
}

# worker N: what the commands said and what cnt said of those that did not get in.
worker() {
	while [ "$(date +%s)" -lt "$until" ]; do
		enter
	done >"$tmp/seen.$1" 2>"$tmp/refused.$1"
}

# beside NAME COMMAND...: workers enter while the command is repeated for 5 s.
beside() {
	what=$1; shift
	until=$(($(date +%s) + 5)) workers='' turns=0
	for n in 1 2 3 4; do
		worker $n &
		workers="$workers $!"
	done
	while [ "$(date +%s)" -lt "$until" ]; do
		"$@" >/dev/null 2>&1 && turns=$((turns + 1))
	done
	# shellcheck disable=SC2086
	wait $workers
	diag "$turns turns, $(cat "$tmp"/seen.* | wc -l) entered, $(grep -c '^cnt:' "$tmp"/refused.* |
	    awk -F: '{ n += $2 } END { print n }') refused"
	ok "$what: the box came up again and again" [ "$turns" -ge 3 ]
	is "$(cat "$tmp"/seen.* | grep -xc -e host -e "$host")" 0 "$what: nobody saw the host"
	ok "$what: some got in" grep -Eqsx '[0-9]+:[0-9]+' "$tmp"/seen.*
	is "$(cat "$tmp"/refused.* | grep '^cnt:' | sed 's/^cnt: [^ ]* *//' | sort -u |
	    grep -Ev 'not running|is starting|does not let anyone in|was ended from inside')" '' \
	    "$what: the others were told why"
}

reboot_inside() {
	timeout 60 cnt exec "$box" --user root --cwd / -- systemctl reboot --force --force
	wait_for 10 enter
}

beside 'restart --force' timeout 60 cnt restart "$box" --force
beside 'a reboot from inside' reboot_inside
ok 'the box runs' wait_for 10 enter

# While it reboots its monitor is in another cgroup: what ends the box then finds it there.
mon=$(find /sys/fs/cgroup -path "*/$(cnt info --json | jq -r .bridge | sed 's/.$//')/$box.mon/cgroup.kill")
caught() {
	perl -e '1 while -e $ARGV[0]; exec "cnt", "stop", "--force", $ARGV[1]' "$mon" "$box" >"$tmp/stopped" &
	timeout 60 cnt exec "$box" --user root --cwd / -- systemctl reboot --force --force >/dev/null 2>&1
	wait $! || return
	perl -e 'select undef, undef, undef, 0.2'
	[ "$(cnt info "$box" --json | jq -r .state)" = stopped ]
}
ok 'stopped while it reboots' caught
ok 'it starts' cnt start "$box"
ok 'and again' caught
