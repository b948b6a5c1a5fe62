#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A box's life from outside: what each verb says, and what it does.

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

web=$me-web
field() { printf '%s' "$out" | jq -r ".$1"; }
state() { cnt info "$web" --json | jq -r .state; }
is_stopped() { [ "$(state)" = stopped ]; }

ok 'a box is created' cnt create "$web" --json --memory 512m --pids 300 --cpu 1.5
is "$(field name)" "$web" 'its name'
is "$(field state)" running 'it runs'
like "$(field address)" '^[0-9]+(\.[0-9]+){3}$' 'it has an address'
like "$(field image)" '^(debian|ubuntu)-[0-9.]+$' 'its image is the host'\''s own release'
is "$(field owner)" "$web" 'made by root it belongs to the owner of its own name'
like "$(field created)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' 'when it was made'
is "$(field memory)" 536870912 'its limit of memory, in bytes'

run cnt exec "$web" -- id -un
is "$out" "$web" 'a command runs as the user of the box'\''s name'
run cnt exec "$web" -- sudo id -u
is "$out" 0 'sudo needs no password'
run cnt exec "$web" -- ps -p 1 -o comm=
is "$out" systemd 'pid 1 is systemd'
exits 7 'exit status is passed on' cnt exec "$web" -- sh -c 'exit 7'
exits 127 'not found' cnt exec "$web" -- no-such-program
exits 126 'not executable' cnt exec "$web" -- /etc/passwd
exits 137 'ended by a signal' cnt exec "$web" -- sh -c 'kill -9 $$'
up() { [ "$(cnt exec "$web" -- systemctl is-system-running)" = running ]; }
ok 'systemd says running' wait_for 60 up

nap=$((400000 + $$))	# seconds that only this one sleeps
cnt exec "$web" -- sleep $nap &
sleeper=$!
on_exit "kill $sleeper 2>/dev/null; wait $sleeper"
uids() { for p in /proc/[0-9]*; do
	[ "$(tr '\0' ' ' 2>/dev/null <"$p/cmdline")" = "sleep $nap " ] && stat -c %u "$p"; done; }
has_uid() { uids | grep -q .; }
wait_for 5 has_uid
ok 'on the host it has an id of the box'\''s own range' sh -c '[ "$1" -ge 1879048192 ]' - "$(uids | head -n 1)"

head -c 3000000 /dev/urandom >"$tmp/bytes"
cnt exec "$web" -- cat <"$tmp/bytes" >"$tmp/back"
ok 'standard input and output carry any bytes' cmp "$tmp/bytes" "$tmp/back"
run cnt exec "$web" --cwd /tmp --env GREETING='hello you' -- sh -c 'echo "$PWD $GREETING"'
is "$out" '/tmp hello you' 'working directory and environment'
run cnt exec "$web" -- env
unlike "$out" 'CNT_ROOT|BUILD=' 'nothing of the host'\''s environment comes in'
exits 124 'a timeout ends the command' cnt exec "$web" --timeout 0.3s -- sleep 60
run cnt enter "$web" -- id -un
is "$out" "$web" 'enter runs a command too'

run cnt list --json
is "$(printf '%s' "$out" | jq -r --arg n "$web" '.boxes[] | select(.name == $n).state')" running 'list shows it'
like "$(cnt list | sed -n 1p)" '^NAME +STATE +ADDRESS +IMAGE +CPU +MEMORY +AGE' 'list has its columns'
is "$(cnt list | awk 'length > 80')" '' 'which fit 80 characters'
widest=$(printf '%s-%031d' "$me" 0 | cut -c 1-31) image=$(printf '%s-%064d' "$me" 0 | cut -c 1-64)
"$tests/tiny" "$me" | cnt image import - --name "$image" >/dev/null
cnt create "$widest" --image "$image" --no-start --cpu 0.333333 >/dev/null
is "$(cnt list | awk 'length > 80')" '' 'with the longest names too'
like "$(cnt list)" "^$widest stopped" 'of which those of boxes are whole'
like "$(cnt list)" "^$web +running [0-9. ]+ (debian|ubuntu)" 'beside shorter ones'
cnt delete "$widest" >/dev/null && cnt image delete "$image" >/dev/null

refused 1 exists 'exists|already' 'creating it again' cnt create "$web"
refused 1 no 'running' 'deleting it while it runs' cnt delete "$web"
refused 1 no 'running' 'starting it while it runs' cnt start "$web"

ok 'stop' cnt stop "$web" --json
is "$(field state)" stopped 'says stopped'
is "$(field killed)" false 'init ended by itself'
is "$(state)" stopped 'and info says so too'
ok 'stopping it again changes nothing' cnt stop "$web"
exits 125 'exec in a stopped box is cnt'\''s own failure' cnt exec "$web" -- true
like "$err" 'not running|stopped' 'which says why'
like "$err" 'hint: .*start' 'and what to do'
# Whoever changes the network may take long.
lock=${CNT_ROOT%/}/run/cnt/lock/.net
waits() { find "/proc/$p/fd" -lname "$lock" | grep -q .; }
ended() { ! readlink "/proc/$p/exe"; }
for call in "start $web" "create $me-new"; do
	exec 8>>"$lock"
	ok 'the network is in other hands' timeout 20 flock 8
	# shellcheck disable=SC2086
	cnt $call 8>&- >/dev/null 2>&1 & p=$!
	ok "${call% *} waits" wait_for 10 waits
	kill $p
	ok 'until it is cancelled' wait_for 5 ended
	exec 8>&-
	wait $p
	is $? 143 'by the signal'
done
is "$(cnt info "$web" --json | jq .autostart)" false 'the box is not to be started with the host'
is "$(cnt list | grep "^$me-new"; find "$CNT_ROOT/run/cnt" "$CNT_ROOT/var/lib/cnt" -path '*/rootfs/*' -prune -o -name "$me-new" -print)" '' 'nothing is left of it'
ok 'start' cnt start "$web"
ok 'a command can run when start returns' cnt exec "$web" -- true
ok 'restart' cnt restart "$web"
ok 'a command can run when restart returns' cnt exec "$web" -- true
exits 125 'a directory that is not absolute' cnt exec "$web" --cwd tmp -- true
like "$err" '^hint: .*/tmp' 'is refused with one that is'
ok 'stop --force' cnt stop "$web" --force --json
is "$(field killed)" true 'kills'
ok 'restart starts a stopped box' cnt restart "$web"

ok 'a second box' cnt create "$me-two" --no-start --json
is "$(field state)" stopped 'made and not started'
refused 2 invalid '^cnt: wait: ' 'the sshd of a box that is not started' cnt create "$me-not" --no-start --wait ssh
# As some callers start their programs: exit statuses must not be lost.
childless() { perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$@"; }
ok 'a caller that ignores its children' childless cnt create "$me-c"
exits 7 'gets the statuses all the same' childless cnt exec "$me-c" -- sh -c 'exit 7'
cnt delete --force "$me-c" >/dev/null
exits 1 'several boxes: the first failure is the exit status' cnt stop "$me-two" "$me-none" "$web"
is "$(state)" stopped 'the others are done'
ok 'several boxes are deleted' cnt delete "$web" "$me-two"
refused 1 not_found 'no such' 'deleting it again' cnt delete "$web"
is "$(find "$CNT_ROOT/var/lib/cnt/boxes" -name "$me-*")" '' 'no directory is left'
is "$(find /sys/fs/cgroup -type d -name "$me-*" 2>/dev/null)" '' 'no cgroup is left'

ok 'create --wait ssh returns when sshd answers' cnt create "$me-ssh" --wait ssh --json
address=$(field address)
ok 'and it does' perl -MIO::Socket::INET -e \
    '$s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 22, Timeout => 3) or die "$!\n";
    <$s> =~ /^SSH-2/ or die "no banner\n"' "$address"
