#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A session in a box: what is passed through, how it ends, that nothing is left of it, and what a
# hostile box can do to the next one.

. "$(dirname "$0")/../tap.sh"

box=$me-s
ok 'a box' cnt create "$box"

leaves() { find /sys/fs/cgroup -type d -path "*/$box/s-*"; }
no_leaf() { [ -z "$(leaves)" ]; }
# running COMMAND LINE: does a process with exactly this one?
running() {
	perl -e 'for (glob "/proc/[0-9]*/cmdline") { open(F, "<", $_) or next; $_ = <F> // "";
	    s/\0$//; tr/\0/ /; exit 0 if $_ eq $ARGV[0] } exit 1' "$1"
}
gone() { ! running "$1"; }

# What is passed through.

exits 7 'the exit status' cnt exec "$box" -- sh -c 'exit 7'
exits 137 'a signal as 128 + n' cnt exec "$box" -- sh -c 'kill -9 $$'
exits 127 'not found' cnt exec "$box" -- no-such-program
like "$err" 'no-such-program: No such file' 'which is said'
mkfifo "$tmp/unheard"
exec 8<>"$tmp/unheard"
exec 9>"$tmp/unheard" 8>&-
for where in /dev/full '&-' '&9'; do
	exits 127 "which 2>$where cannot take" sh -c "cnt exec $box -- no-such-program 2>$where"
done
exec 9>&-
exits 126 'cannot be executed' cnt exec "$box" -- /etc/passwd
exits 125 'a working directory that is not there' cnt exec "$box" --cwd /nowhere -- true
like "$err" '/nowhere: cannot be the working directory' 'which is said'
exits 125 'a variable without a name' cnt exec "$box" --env hunter2-no-name -- true
unlike "$err" hunter2 'whose value is not said'
exits 125 'an account that is not there' cnt exec "$box" --user nobody-here -- true
exits 125 'a directory as standard input' sh -c "cnt exec $box -- true </"
head -c 5000000 /dev/urandom >"$tmp/bytes"
cnt exec "$box" -- cat <"$tmp/bytes" >"$tmp/bytes-back"
ok 'bytes, both ways' cmp "$tmp/bytes" "$tmp/bytes-back"
out=$(HOSTSECRET=1 cnt exec "$box" --env A=b --env PATH=/usr/bin:/bin -- env | sort | sed 's/=.*//' | tr '\n' ' ')
is "$out" 'A HOME LANG LOGNAME PATH SHELL USER ' 'a clean environment and what was asked for'
is "$(cnt exec "$box" -- sudo id -u)" 0 'sudo works'
like "$(cnt exec --user root "$box" -- id)" '^uid=0\(root\) gid=0\(root\)' 'root on request'

# What is recorded.

recorded() { sqlite3 -readonly "$CNT_ROOT/var/lib/cnt/cnt.db" "SELECT $1 FROM audit WHERE verb = 'exec' $2"; }
last() { recorded args 'AND kind = 1 ORDER BY seq DESC LIMIT 1'; }
ok 'a secret' cnt exec "$box" --env TOKEN=hunter2-of-the-record -- true
is "$(last | jq -c '[has("env"), .command]')" '[false,["true"]]' 'is left out of the record, the rest is not'
long=$(printf '{"box":"%s","command":["true","%05000d"]}' "$box" 1)
ok 'and a long argument' cnt exec "$box" --env TOKEN=hunter2-of-the-record -- true "$(printf %05000d 1)"
is "$(last)" "{\"bytes\":${#long},\"sha256\":\"$(printf %s "$long" | sha256sum | cut -c 1-64)\"}" 'which stands there as its hash'
is "$(recorded 'count(*)' "AND (args LIKE '%hunter2-of-the-record%' OR text LIKE '%hunter2-of-the-record%')")" 0 'no secret is in any of them'

# The caller's terminal stays the caller's.

script -qec "cnt exec $box -- tty" "$tmp/typescript" </dev/null >"$tmp/said" 2>&1
like "$(cat "$tmp/said")" '^not a tty' 'exec on a terminal gives the box a pipe'

mkfifo "$tmp/typing"
script -qfec "cnt exec $box -- sh -c 'exec </dev/null; echo ready; sleep 0.5; echo through; exit 3'" \
    "$tmp/typescript" <"$tmp/typing" >"$tmp/said" 2>&1 & p=$!
exec 9>"$tmp/typing"
wait_for 10 grep -q ready "$tmp/said"
echo >&9
wait $p
is $? 3 'what is typed at a command without input does not end it'
exec 9>&-
like "$(cat "$tmp/said")" '^through' 'nor its output'

# How it ends.

exits 3 'a command that left something behind' cnt exec "$box" -- sh -c 'setsid sleep 2718201 & exit 3'
ok 'which is ended' gone 'sleep 2718201'
ok 'one that cleans up' cnt exec "$box" -- sh -c 'setsid sh -c "trap \"echo hup >>told\" HUP
	trap \"echo term >>told; sleep 0.2; echo done >>told; exit\" TERM
	touch ready; while :; do sleep 0.02; done" >/dev/null 2>&1 & until [ -e ready ]; do sleep 0.02; done'
is "$(cnt exec "$box" -- cat told | tr '\n' ' ')" 'hup term done ' 'is told by HUP and TERM, and has time to'
from=$(date +%s%N)
exits 0 'one that ignores TERM' cnt exec "$box" -- \
    sh -c 'trap "" HUP TERM; setsid sleep 2718202 >/dev/null 2>&1 &'
ok 'which is killed' gone 'sleep 2718202'
ms=$((($(date +%s%N) - from) / 1000000))
ok "after two seconds ($ms ms)" [ $ms -ge 2000 ]
ok 'and not much later' [ $ms -lt 5000 ]
exits 124 'a timeout' cnt exec "$box" --timeout 0.2 -- sleep 2718203
ok 'which ends the command' gone 'sleep 2718203'
script -qec "cnt exec --timeout 0.5 $box -- yes 2>/dev/null; echo \$? >$tmp/unread" /dev/null </dev/null 2>&1 |
	wait_for 9 grep -qx 124 "$tmp/unread"
is $? 0 'and one that fills a terminal which nobody reads'

cnt exec "$box" -- sleep 2718204 & p=$!
wait_for 10 running 'sleep 2718204'
kill -TERM $p
wait $p
is $? 143 'TERM is passed on'

sh -c 'trap "" HUP; exec cnt exec "$1" -- sleep 2718211' - "$box" & p=$!
wait_for 10 running 'sleep 2718211'
kill -HUP $p
kill -TERM $p
wait $p
is $? 143 'what nohup ignores is not'

{ cnt exec "$box" -- sh -c 'sleep 2718205 & while echo; do sleep 0.05; done'; echo $? >"$tmp/status"; } | :
ok 'it ends when nobody reads what it says' wait_for 5 [ -s "$tmp/status" ]
ok 'with all that it started' gone 'sleep 2718205'

cnt exec "$box" -- sh -c 'setsid sleep 2718206 & exec sudo sleep 2718207' & p=$!
wait_for 10 running 'sleep 2718207' && wait_for 10 running 'sleep 2718206'
kill -KILL $p
wait $p 2>/dev/null
ok 'killed, it takes its command with it, another user'\''s too' wait_for 5 gone 'sleep 2718207'
ok 'and what that left behind' wait_for 5 gone 'sleep 2718206'
ok 'no session is left' wait_for 5 no_leaf

cnt exec "$box" -- sh -c 'setsid sleep 2718212 & exec sleep 2718213' & p=$!
wait_for 10 running 'sleep 2718213' && wait_for 10 running 'sleep 2718212'
tr ' ' '\n' <"/proc/$p/task/$p/children" | while read -r q; do
	case $(cat "/proc/$q/comm") in cnt*) kill -KILL "$q" ;; esac
done
kill -KILL $p
wait $p 2>/dev/null
# With a label the command has lost the signal of its parent's death, and waits for the next one as the rest does.
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] ||
    ok 'killed with what watches over it, too' wait_for 5 gone 'sleep 2718213'
ok 'the next one' cnt exec "$box" -- true
ok 'takes what was left behind' wait_for 5 gone 'sleep 2718212'
ok 'all of it' gone 'sleep 2718213'
ok 'no session is left' wait_for 5 no_leaf

# sudo lowers hard limits, and not every root may raise them again.
ok 'a lowered hard limit does not shut anyone out' sh -c 'ulimit -c 0 && cnt exec "$1" -- true' - "$box"
is "$(sh -c 'ulimit -n 512 && cnt exec "$1" -- sh -c "ulimit -Hn"' - "$box" | grep -c .)" 1 \
	'nor does a low one of descriptors'

# Nor does a box stay on the processor of whoever happened to start it, or run before others.
processors() { sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$1"; }
precedence='p=${1:-$$}; cut -d " " -f 19,41 "/proc/$p/stat"; ionice -p "$p"'
nice -n 5 ionice -c 3 chrt -b 0 taskset 1 cnt restart "$box" >/dev/null
is "$(cnt exec "$box" -- cat /proc/1/status | processors /dev/stdin)" "$(processors /proc/1/status)" \
	'a box has the processors of the host'\''s init'
is "$(taskset 1 cnt exec "$box" -- cat /proc/self/status | processors /dev/stdin)" "$(processors /proc/1/status)" \
	'and so has what enters it'
of_init=$(cnt exec --user root "$box" -- sh -c "$precedence" - 1)
is "$of_init" "$(sh -c "$precedence" - 1)" 'and has its precedence'
is "$(nice -n 5 ionice -c 3 chrt -r 1 cnt exec "$box" -- sh -c "$precedence" 2>&1)" "$of_init" \
	'and so has what enters it from a real-time class'

# agent-box: end of input first; its unnatural end is everything's.

# Not under a sanitizer, whose agent-box is not static and runs in no box.
mkfifo "$tmp/in"
begin() {
	cnt enter "$box" agent-box <"$tmp/in" >"$tmp/answers" 2>/dev/null & p=$!
	exec 9>"$tmp/in"
	echo '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' >&9
	echo '{"jsonrpc":"2.0","method":"notifications/initialized"}' >&9
	printf '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shell_exec","arguments":{"command":"sleep %d"}}}\n' "$1" >&9
	wait_for 10 running "sleep $1"
}
# Beside the rest, in a box of its own: a server would be ended after five seconds.
one_tool() {
	cnt create "$me-one" >/dev/null
	{ : | cnt enter "$me-one" -- agent-box shell_exec --command 'sleep 7; echo through'
	echo $?; } >"$tmp/one" 2>&1 & one=$!
}
swept() { cnt exec "$box" -- true && no_leaf; }
agent_box() {
	one_tool
	begin 2718208
	exec 9>&-
	wait $p
	is $? 0 'agent-box ends with its input'
	# What ends the last of its commands may be there a moment longer.
	ok 'and ends what it ran' wait_for 5 gone 'sleep 2718208'
	ok 'one of the next ones takes its session away' wait_for 5 swept
	begin 2718209
	while read -r q; do
		case $(tr '\0' ' ' 2>/dev/null <"/proc/$q/cmdline") in agent-box*) kill -KILL "$q" ;; esac
	done 2>/dev/null <"$(leaves | grep -m 1 .)/cgroup.procs"
	wait $p
	is $? 137 'agent-box killed from outside'
	exec 9>&-
	ok 'loses all that it ran' wait_for 5 gone 'sleep 2718209'
	ok 'and leaves no session' wait_for 5 no_leaf
}
[ -n "${SAN-}" ] || agent_box

# A hostile box: its root has a shell, whose files the next session reads.

mkfifo "$tmp/commands"
cnt exec --user root "$box" -- sh <"$tmp/commands" >"$tmp/done" 2>&1 & p=$!
exec 9>"$tmp/commands"
on_exit "exec 9>&-; wait $p"
step=0
root() {
	step=$((step + 1))
	echo "$1; echo done $step" >&9
	wait_for 20 grep -q "done $step\$" "$tmp/done"
}
refused() {		# WHAT TO DO TO THE BOX; WHAT IT IS
	root "cp -a /etc/passwd /etc/passwd.good; $1"
	exits 125 "$2" timeout 9 cnt exec "$box" -- true
	root 'rm -rf /etc/passwd; mv /etc/passwd.good /etc/passwd'
}
refused 'rm /etc/passwd; mkfifo /etc/passwd' 'a passwd that is a pipe'
refused 'rm /etc/passwd; mkdir /etc/passwd' 'a passwd that is a directory'
refused 'ln -sf /proc/self/fd/0 /etc/passwd' 'a passwd that is what the entrant has open'
refused 'ln -sf /dev/zero /etc/passwd' 'a passwd without end'
refused 'head -c 3000000 /dev/zero >>/etc/passwd' 'a passwd that is too large'
refused "sed -i 's/^$box:x:1000:/$box:x:4294901760:/' /etc/passwd" 'an account with a uid that is not the box'\''s'
refused "sed -i 's/^$box:x:1000:/$box:x:-1:/' /etc/passwd" 'an account without a uid'
refused "sed -i 's|/home/$box|/proc/self/fd/3|' /etc/passwd" 'a home that is what the entrant has open'
refused "sed -i 's|/home/$box|/proc/self/fd/6|' /etc/passwd" 'or had'
refused "printf '\\302\\235' >/tmp/c1; sed -i \"s|/home/$box|/\$(cat /tmp/c1)0;owned|\" /etc/passwd" 'a home that is an escape'
like "$err" '/\\x9d0;owned: cannot be the working directory' 'which is not passed on'
ok 'the box as it was' cnt exec "$box" -- true
for fd in 3 4 5 6 7 8 9; do
	exits 125 "--cwd /proc/self/fd/$fd" cnt exec "$box" --cwd "/proc/self/fd/$fd" -- true 7<"$tmp" 8<"$tmp"
done

root 'mv /dev/pts/ptmx /dev/pts/none; mount -t tmpfs none /dev/pts; ln -s /dev/zero /dev/pts/ptmx'
script -qec "cnt enter $box true" "$tmp/typescript" </dev/null >"$tmp/said" 2>&1
is $? 125 'a terminal that is none'
root 'umount /dev/pts'

# A tracer holds what is to die, on its last step.
cnt exec --user root "$box" -- sh -c 'cat >/usr/local/bin/holder && chmod 755 /usr/local/bin/holder' <"$BUILD/tests/host/holder"
mkfifo "$tmp/read"
cnt exec --user root "$box" -- sleep 2718214 >"$tmp/read" 2>"$tmp/said" & q=$!
exec 7<"$tmp/read"
wait_for 10 running 'sleep 2718214'
root 'p=$(pgrep -xf "sleep 2718214"); holder $p & holder=$!; until grep -q "^TracerPid:.*[1-9]" /proc/$p/status; do sleep 0.02; done'
exec 7<&-
ok 'a command is held at its end' wait_for 10 grep -q holds "$tmp/done"
ok 'nobody waits for it without end' wait_for 10 grep -q 'processes of the session do not end' "$tmp/said"
root 'kill $holder'
wait $q
is $? 125 'which is a failure'
ok 'the next session' cnt exec "$box" -- true
ok 'takes it away' wait_for 5 gone 'sleep 2718214'

# A v1 freezer holds what is to die; on v2 there is none to do it with.
if [ -d /sys/fs/cgroup/freezer ]; then
	root 'cd /sys/fs/cgroup/freezer && mkdir -p ice && cd /'
	cnt exec --user root "$box" -- sh -c 'echo 0 >/sys/fs/cgroup/freezer/ice/tasks; exec sleep 2718210' & q=$!
	wait_for 10 running 'sleep 2718210'
	root 'echo FROZEN >/sys/fs/cgroup/freezer/ice/freezer.state'
	kill -TERM $q
	run timeout 9 cnt exec "$box" -- true
	is "$rc" 0 'another session beside a frozen one'
	kill -KILL $q
	wait $q 2>/dev/null
	ok 'the next session' cnt exec "$box" -- true
	ok 'takes a frozen one'\''s rest' wait_for 5 gone 'sleep 2718210'
fi
# Nor is a group safe by its name.
hidden() { find /sys/fs/cgroup -path "*/$box/box/*" -name '.[xy]'; }
root 'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir -p "$d/.x/.y" 2>/dev/null; done'
exec 9>&-
wait $p
ok 'no session is left at the end' wait_for 5 no_leaf
isnt "$(hidden)" '' 'a box has hidden groups'
ok 'which end with it' timeout 8 cnt stop --force "$box"
is "$(hidden)" '' 'and are gone'
[ -n "${SAN-}" ] || { wait "$one"; is "$(sed -n '$p' "$tmp/one")" 0 'one tool outlives the end of its input'
	like "$(cat "$tmp/one")" '^through$' 'and says what it has to say'; }
