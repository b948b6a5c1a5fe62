#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Entering a box while it starts: liblxc's child is in the box's namespaces before it has the box's
# root, so a command that went in too early would run in the host's. Several workers enter without a
# pause while the box is restarted, by cnt and from inside; no command may see the host. Its first
# start is as on a kernel before 6.10, whose overlays have no O_TMPFILE.

. "$(dirname "$0")/../tap.sh"
. "$tests/reboot.sh"

cat >"$tmp/older.c" <<'END'
#define _GNU_SOURCE
#include <sys/vfs.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>

int
openat(int dir, const char *path, int flags, ...)
{
	int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
	struct statfs fs;
	va_list mode;

	if ((flags & O_TMPFILE) == O_TMPFILE && fstatfs(dir, &fs) == 0 &&
	    fs.f_type == OVERLAYFS_SUPER_MAGIC) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(mode, flags);
	return real(dir, path, flags, va_arg(mode, int));
}
END
cc -shared -fPIC -w -o "$tmp/older.so" "$tmp/older.c"
older() { LD_PRELOAD=$tmp/older.so ASAN_OPTIONS=verify_asan_link_order=0 "$@"; }
box=$me-s
ok 'before Linux 6.10: a box' older cnt create "$box"
ok 'before Linux 6.10: agent-box stands in it' cnt exec "$box" -- agent-box --version
ok 'before Linux 6.10: doctor sees that it does' older cnt doctor
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
	is "$(cat "$tmp"/refused.* | grep '^cnt:' | sort -u |
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

# A system that goes down hears nothing more; the one that it comes up with does.
is_up() { [ "$(cnt exec "$box" -- systemctl is-system-running)" = running ]; }
ok 'it is up' wait_for 60 is_up
ok 'a reboot is asked for' cnt exec "$box" --user root --cwd / -- systemctl reboot
is "$(timeout 25 cnt stop "$box" --json | jq .killed)" false 'stopped on its way into a reboot it ends by itself'
ok 'it starts' cnt start "$box"

# While it reboots its monitor is in another cgroup: what comes for the box then finds it there.
mkfifo "$tmp/input" && exec 6<>"$tmp/input"
cnt mcp --box "$box" <&6 >"$tmp/answers" 2>"$tmp/told" 6>&- &
session=$!
echo '{"jsonrpc":"2.0","id":1,"method":"ping"}' >&6
ok 'a session' wait_for 10 grep -q result "$tmp/answers"
exits 1 'a delete while it reboots' rebooting "$box" cnt delete "$box"
like "$(cat "$tmp/said")" "^cnt: $box: is running" 'says that it runs'
wait $session
like "$(cat "$tmp/told")" "^cnt: $box: was restarted" 'and so does a session that has ended'
exec 6>&-
ok 'as it does' wait_for 10 enter
caught() {
	rebooting "$box" cnt stop --force "$box" || return
	perl -e 'select undef, undef, undef, 0.2'
	[ "$(cnt info "$box" --json | jq -r .state)" = stopped ]
}
ok 'stopped while it reboots' caught
ok 'it starts' cnt start "$box"

# Nor does it stay down for one who has joined its groups and is not in it yet, half a second here.
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
sleep 0.5 &
for dir in /sys/fs/cgroup/"$tag/$box/box" /sys/fs/cgroup/*/"$tag/$box/box"; do
	[ ! -d "$dir" ] || echo $! >"$dir/cgroup.procs"
done
ok 'a reboot beside one who is on his way in' grep -q "/$tag/$box/box" "/proc/$!/cgroup"
timeout 60 cnt exec "$box" --user root --cwd / -- systemctl reboot --force --force >/dev/null 2>&1
ok 'the box is back' wait_for 10 enter

# What liblxc leaves on the host for as long as the box runs.
monitor=$(cat /sys/fs/cgroup/"$tag/$box.mon"/cgroup.procs /sys/fs/cgroup/unified/"$tag/$box.mon"/cgroup.procs 2>/dev/null)
like "$monitor" '^[0-9]+$' 'a box has one process of the host'\''s, its monitor'
is_stopped() { [ "$(cnt info "$box" --json | jq -r .state)" = stopped ]; }
is_empty() { ! find /sys/fs/cgroup -path "*/$tag/$box/*" -name cgroup.procs -exec cat {} + | grep -q .; }
ok 'it is killed' kill -KILL "$monitor"
ok 'and its box is dead' wait_for 10 is_stopped
ok 'as a whole' wait_for 10 is_empty
ok 'and can be started' cnt start "$box"
