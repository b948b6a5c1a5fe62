#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What enters a box is confined as the box's own init is, for every way in, read from the host; the
# box's limits stop what was started through them; and the box's root cannot take hold of what enters.

. "$(dirname "$0")/../tap.sh"

memory=$((192 << 20)) pids=80
box=$me-in
ok 'a box with limits' cnt create "$box" --memory "$memory" --swap 64m --pids $pids --cpu 0.5
ok 'agent-box stands in it' cnt exec "$box" -- agent-box --version

# pid_of COMMAND LINE: the one process in the box with this command line, sought for 10 s.
find_pid() {
	perl -e 'undef $/; sub file { open my $f, "<", "$_[0]" or return ""; <$f> // "" }
	    for (glob "/proc/[0-9]*") {
		next if join(" ", split /\0/, file("$_/cmdline")) ne $ARGV[0];
		print(m|(\d+)|), exit 0 if file("$_/cgroup") =~ m|/$ARGV[1](/.*)?$|m;
	    } exit 1' "$1" "$box" >"$tmp/pid"
}
pid_of() {
	wait_for 10 find_pid "$1" || return 1
	cat "$tmp/pid"
}

init=''
for p in /proc/[0-9]*; do
	grep -q "/$box/box" "$p/cgroup" 2>/dev/null && grep -q '^NSpid:.*[[:space:]]1$' "$p/status" &&
	    init=${p#/proc/}
done
like "$init" '^[0-9]+$' 'the init of the box is found'
monitor=$(awk '/^PPid/ { print $2 }' "/proc/$init/status")
can=$(sh -c 'echo -900 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj' 2>/dev/null)
is "$(cat "/proc/$monitor/oom_score_adj")" "$can" "the monitor ends late for lack of memory, if root may say so ($can)"
top=$(sed -n 's/^0:://p' "/proc/$init/cgroup")
top=${top%%/box*}
like "$top" "^/cnt[0-9a-f]*/$box\$" 'its cgroup is below the box'\''s'

# A file system of the host's that is mounted in the box too: the superblock's number tells.
is "$(awk 'NR == FNR { host[$3]; next }
    $3 in host && $5 !~ "^/dev/(full|null|random|tty|urandom|zero)$" && $5 !~ "^/sys/fs/cgroup(/|$)" { print $5 }' \
    /proc/self/mountinfo "/proc/$init/mountinfo")" /usr/local/bin/agent-box 'no path of the host is in the box but agent-box'
is "$(awk '$5 == "/usr/local/bin/agent-box" { print $6 }' "/proc/$init/mountinfo" | tr , '\n' | grep -cx -e ro -e nosuid -e nodev)" 3 \
    'which is read-only, and there no setuid or device counts'

cgroup() {		# FILE-ON-V1 FILE-ON-V2: path of a file of the box's own cgroup
	if [ -d "/sys/fs/cgroup/${1%%.*}" ]; then
		echo "/sys/fs/cgroup/${1%%.*}$top/$1"
	else
		echo "/sys/fs/cgroup$top/$2"
	fi
}
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
identity() { stat -L -c %d:%i "$1"; }
namespaces() {
	for ns in cgroup ipc mnt net pid user uts; do
		readlink "/proc/$1/ns/$ns"
	done
}

# What init and everything that entered have in common, a line each.
confinement() {
	namespaces "$1"
	cat "/proc/$1/uid_map" "/proc/$1/gid_map" "/proc/$1/limits" "/proc/$1/oom_score_adj"
	for f in CapBnd CapInh CapAmb NoNewPrivs Seccomp; do
		echo "$f $(field "$1" "$f")"
	done
	identity "/proc/$1/root"
	cat "/proc/$1/attr/apparmor/current" 2>/dev/null
}

outside() {		# PID: cgroup lines that are not at or below the box's
	cut -d : -f 3- "/proc/$1/cgroup" | awk -v top="$top" '
	    $0 != top && index($0, top "/") != 1 { print }'
}

# Descriptors above 2 that are neither nameless nor the box's own root directory.
foreign() {
	for fd in "/proc/$1/fd"/*; do
		case ${fd##*/} in 0 | 1 | 2) continue ;; esac
		case $(readlink "$fd") in
		pipe:* | socket:* | anon_inode:*) [ "$2" = own ] && continue ;;
		/) [ "$2" = own ] && [ "$(identity "$fd")" = "$(identity "/proc/$init/root")" ] &&
			continue ;;
		esac
		echo "${fd##*/} $(readlink "$fd")"
	done
}

confined() {		# PID WHAT [own]: own descriptors are allowed
	like "$1" '^[0-9]+$' "$2: is there"
	[ -n "$1" ] || return
	is "$(outside "$1")" '' "$2: every cgroup line is at or below the box's"
	like "$(cat "/proc/$1/cgroup")" "^0::$top/s-" "$2: is in a leaf of its own session"
	is "$(confinement "$1")" "$(confinement "$init")" "$2: as init in namespaces, maps, limits, capabilities, seccomp"
	is "$(field "$1" Seccomp) $(field "$1" NoNewPrivs)" '2 0' "$2: seccomp is on, no_new_privs is not"
	is "$(field "$1" CapEff) $(field "$1" CapPrm)" '0000000000000000 0000000000000000' \
	    "$2: holds no capability"
	is "$(foreign "$1" "${3-}")" '' "$2: no descriptor beyond 0-2"
	home=/home/$box
	[ "${3-}" != own ] || home=$(readlink "/proc/$1/cwd")
	is "$(identity "/proc/$1/cwd")" "$(identity "/proc/$init/root$home")" "$2: works in the box, $home"
	is "$(field "$1" Umask)" 0022 "$2: umask 022"
	ok "$2: its uid on the host is in the box's range" \
	    [ "$(field "$1" Uid | cut -f 1)" -ge 1879048192 ]
	isnt "$(field "$1" NSsid | awk '{ print $NF }')" 0 "$2: is in a session of the box's"
}

cnt exec "$box" -- sleep 3141501 </dev/null 9>"$tmp/of-the-host" &
exec_pid=$!
on_exit "kill $exec_pid 2>/dev/null"
confined "$(pid_of 'sleep 3141501')" exec

mkfifo "$tmp/keys"
script -qfec "cnt enter $box" "$tmp/typescript" <"$tmp/keys" >/dev/null 2>&1 &
exec 7>"$tmp/keys"
on_exit 'exec 7>&-'
echo 'tty; test "$(stat -c %U "$(tty)")" = "$USER" && echo mine; exec sleep 3141502' >&7
p=$(pid_of 'sleep 3141502')
confined "$p" enter
like "$(readlink "/proc/$p/fd/0")" '^/dev/pts/[0-9]+$' 'enter: has a terminal'
is "$(stat -L -c %t:%d "/proc/$p/fd/0")" "$(stat -c %t:%d "/proc/$init/root$(readlink "/proc/$p/fd/0")")" \
    "enter: which is the box's, not the caller's"
like "$(cat "$tmp/typescript")" '^mine' "enter: and the user's own"
kill "$p"
exec 7>&-

# shell_exec through the platform's server, as an agent reaches it. Not under a sanitizer, whose
# agent-box is not static and runs in no box.
id=1
ask() {			# COMMAND [TIMEOUT]: a shell_exec; its answer is awaited with `answered`
	id=$((id + 1))
	printf '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"shell_exec","arguments":{"box":"%s","command":"%s","timeout_seconds":%d}}}\n' \
	    $id "$box" "$1" "${2:-60}" >&8
}
answered() { wait_for 60 grep -q "\"id\":${id}[,}]" "$tmp/answers"; }

ways=by_exec
if [ -z "${SAN-}" ]; then
	ways='by_exec by_shell_exec'
	mkfifo "$tmp/requests"
	cnt mcp <"$tmp/requests" >"$tmp/answers" 2>/dev/null &
	mcp=$!
	exec 8>"$tmp/requests"
	on_exit "exec 8>&-; kill $mcp 2>/dev/null; wait $mcp"
	echo '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' >&8
	echo '{"jsonrpc":"2.0","method":"notifications/initialized"}' >&8
	ask 'sleep 3141503'
	confined "$(pid_of 'sleep 3141503')" 'child of shell_exec'
	confined "$(pid_of 'agent-box')" agent-box own
	kill "$(pid_of 'sleep 3141503')"
	ok 'shell_exec answers when its command was ended' answered
fi

# What a socket may be is the filter's to say, for what init starts and for what enters. The kernel
# looks at the lower half of a family alone; one that it does not have is refused by itself (97).
# shellcheck disable=SC2016
families='print join " ", grep { syscall(41, $_, $_ == 16 || $_ == 17 ? 3 : 1, 0) >= 0 || $! != 38 && $! != 97 }
    0 .. 49, 2 ** 32 + 38, 2 ** 32 + 40, -1'
up() { cnt exec --user root "$box" -- systemd-run -q --wait true; }
wait_for 30 up
is "$(cnt exec --user root "$box" -- systemd-run -q --wait --pipe perl -e "$families")" '1 2 10 16 17' \
    'the children of init have sockets of UNIX, IPv4 and IPv6, netlink and packets, no others'
is "$(cnt exec --user root "$box" -- perl -e "$families")" '1 2 10 16 17' 'what enters has them too, no others'

# Limits: the same three attacks by both ways. What counts is read from the box's own cgroup.
oom_kills() { sed -n 's/^oom_kill //p' "$(cgroup memory.oom_control memory.events)"; }
# Forks that were refused; with a number it waits for more. On v2 a kernel before 6.11 counts them
# where the fork was tried, and the count goes with the session.
refusals() {
	perl -e 'my ($files, $slow, $than) = @ARGV;
	    my ($n, $end) = (0, time + (defined $than ? 50 * $slow : 0));
	    while (1) {
		$n = 0;
		for (glob $files) { open F, "<", $_ or next; /^max (\d+)/ and $n += $1 while <F> }
		last if !defined $than || $n > $than || time > $end;
		select undef, undef, undef, 0.02;
	    }
	    print "$n\n";
	    exit(defined $than && $n <= $than)' \
	    "$(cgroup pids.events pids.events) /sys/fs/cgroup$top/s-*/pids.events" "$slow" "$@"
}
throttled() { sed -n 's/^nr_throttled //p' "$(cgroup cpu.stat cpu.stat)"; }
used_us() {
	if [ -d /sys/fs/cgroup/cpuacct ]; then
		echo $(($(cat "/sys/fs/cgroup/cpuacct$top/cpuacct.usage") / 1000))
	else
		sed -n 's/^usage_usec //p' "$(cgroup cpu.stat cpu.stat)"
	fi
}
now_us() { echo $(($(date +%s%N) / 1000)); }
peak() { cat "$(cgroup pids.peak pids.peak)"; }
few() { [ "$(cat "$(cgroup pids.current pids.current)")" -lt 30 ] && cnt exec "$box" -- true; }
by_exec() { run timeout 60 cnt exec "$box" --timeout "${2:-60}s" -- sh -c "$1"; }
by_shell_exec() { ask "$1" "${2:-60}"; answered; }
more() { [ "$($1)" -gt "$2" ]; }	# COUNTER THAN

hog="python3 -c 'x=bytearray($((memory * 2)))'"
bomb="bash -c 'b() { b | b & }; b; sleep 60' 2>/dev/null"
spin='for i in 1 2 3 4 5 6 7 8; do (until [ -e stop ]; do :; done) & done; wait'
for way in $ways; do
	before=$(oom_kills)
	$way "$hog"
	ok "$way: twice the memory limit is stopped" more oom_kills "$before"

	before=$(refusals)
	refusals "$before" >"$tmp/refusals" &
	watcher=$!
	$way "$bomb" $((2 * slow))
	ok "$way: a fork bomb meets the limit" wait $watcher
	ok "$way: and never gets beyond it" [ "$(peak)" -le $pids ]
	ok "$way: and is ended with its time" wait_for 30 few

	rm -f "/proc/$init/root/home/$box/stop"
	before=$(throttled) used=$(used_us) from=$(now_us)
	$way "$spin" &
	ok "$way: eight spinning threads are throttled" wait_for 50 more throttled "$before"
	[ "$rc" -eq 0 ] || [ "$way" = by_exec ] || diag "$(tail -n 1 "$tmp/answers")"
	wait_for 5 more now_us $((from + 1000000))
	ok "$way: to half a processor" \
	    [ $(($(used_us) - used)) -lt $((($(now_us) - from) * 6 / 10 + 100000)) ]
	: >"/proc/$init/root/home/$box/stop"
	wait $!
done
is "$(cat "$(cgroup memory.limit_in_bytes memory.max)")" $memory 'the limits are still the same'

# The box's root and its user try to take hold of what enters, stopping it on its way. AppArmor lets
# no signal through to what does not have the box's label yet: then all of them are missed.
stopped='caught [1-9][0-9]+ in [0-9]+ looks' end_word=enough
case $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) in
Y)	stopped='caught 0 in 0 looks, missed [1-9][0-9]+' end_word=missed ;;
esac
place() {
	cnt exec --user root "$box" -- sh -c 'cat >"$1" && chmod 755 "$1"' - /usr/local/bin/attacker \
	    <"$BUILD/tests/host/attacker"
}
ok 'the attacker is in the box' place
mkfifo "$tmp/attack"
attack() {		# WHO IT ENTERS AS; ARGUMENTS OF THE ATTACKER
	who=$1; shift
	cnt exec --user root "$box" -- attacker cnt-exec "$@" <"$tmp/attack" >"$tmp/attacked" &
	attacker=$!
	exec 9>"$tmp/attack"
	wait_for 10 grep -q ready "$tmp/attacked"
	end=$(($(date +%s) + 60))
	until grep -q "$end_word" "$tmp/attacked" || [ "$(date +%s)" -ge $end ]; do
		cnt exec --user "$who" "$box" -- true 9>&- </dev/null
	done
	exec 9>&-
	wait $attacker
	is $? 0 "$who enters under attack: nothing was let through"
	like "$(cat "$tmp/attacked")" "$stopped.*, 0 breaches" \
	    "$who enters under attack: which was tried on ten and more"
}
attack root
attack "$box" 1000
attack "$box"
