#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A host made from nothing, the checkout alone, and ./sh/quickstart: everything that cnt needs must come
# from there. Then what a host goes through: quickstart again, a program that is broken, a reboot, another
# resolver, and an upgrade from the previous commit with a box that runs on.
# CNT_PREVIOUS=REV is the commit to come from, CNT_SUITE the host's release; CNT_LONG=1 takes all.

no_instance=1
. "$(dirname "$0")/../tap.sh"
. "$tests/host/nested.sh"
top=$(cd "$tests/.." && pwd)

# What all that follows stands on.
must() { ok "$@"; [ "$rc" -eq 0 ] || exit 1; }

git() { command git -c safe.directory='*' -C "$top" "$@"; }

# tree DIR: the checkout as it is now; previous DIR: the commit before it (of a tree that was changed: the
# last commit).
tree() {
	mkdir -p "$1" && git ls-files -co --exclude-standard | sort -u |
	    (cd "$top" && while read -r f; do [ ! -e "$f" ] || echo "$f"; done | tar -cf - -T -) | tar -xf - -C "$1"
}
previous() {
	rev=HEAD
	[ -n "$(git status --porcelain)" ] || rev=HEAD~1
	rev=${CNT_PREVIOUS:-$rev}
	git rev-parse -q --verify "$rev^{commit}" ||
	    { echo "no commit to upgrade from in this clone: git fetch --deepen=1, or CNT_PREVIOUS=REV" >&2; return 1; }
	mkdir -p "$1" && git archive "$rev" | tar -xf - -C "$1"
}

now() { date +%s%N; }
since() { echo $((($(now) - $1) / 1000000)); }
quickstart() { in_host 400 'cd /srv/cnt && ./sh/quickstart'; }
# cnt ARG...: on that host.
cnt() { in_host 60 'exec cnt "$@"' "$@"; }
field() { cnt info "$1" --json | jq -r ".$2"; }
# Its monitor and its init, as the host numbers them.
processes() { in_host 20 'm=$(find /sys/fs/cgroup -path "*/cnt/$1.mon/cgroup.procs" -exec cat {} + | sort -u)
    echo $m $(cat /proc/$m/task/$m/children) $(stat -c %Y /proc/$m)' "$1"; }
all_is_well() { cnt doctor >"$tmp/doctor"; ! grep -Ev '^(ok|boxes can run here$)' "$tmp/doctor" && grep -q '^ok.*boot' "$tmp/doctor"; }
resolves() { cnt exec "$1" -- getent hosts "$2"; }
# What a second run could change: files but the database's own, packages, tables, boxes.
state() {
	in_host 60 'find /usr/local /etc /srv/cnt/build/bin /lib/systemd /var/lib/dpkg/status /var/lib/cnt/images /var/lib/cnt/boxes \
	    -xdev -path "*/disk" -prune -o ! -type d ! -name console.log -printf "%p %i %T@\n" | sort
	    nft list ruleset; ip -o link | sed "s/ state.*//"' | grep -v counter
	cnt list | awk '{ print $1, $2, $3, $4 }'
	processes demo
}

broken() {		# PROGRAM
	in_host 20 'printf "#!/bin/sh\nexit 0\n" >"/srv/cnt/build/bin/$1" && chmod 755 "/srv/cnt/build/bin/$1"' "$1"
	exits 1 "quickstart with a $1 that only exits fails" quickstart
	like "$out" '^quickstart: step session:' 'at the session'
	like "$out" '^remedy: .' 'and says what to do'
	in_host 20 'rm -f "/srv/cnt/build/bin/$1"' "$1"
}

from_nothing() {	# SUITE
	must "a host of nothing but $1" host_make "$1"
	must 'the checkout' tree "$host_root/srv/cnt"
	must 'it boots' host_start
	in_host 10 'cp -r /srv/cnt/sh /tmp/sh && chmod -R a+rX /tmp/sh'
	exits 77 'quickstart without root' in_host 20 'setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/sh/quickstart'
	like "$(printf '%s\n' "$out" | sed -n 1p)" 'needs root.*sudo ./sh/quickstart' 'says so in its first line'

	begin=$(now)
	must 'quickstart' quickstart
	diag "quickstart: $(since "$begin") ms"
	like "$out" '"cnt": .* "command": "/usr/local/bin/cnt", "args": \["mcp"\]' 'ends with what to paste'
	like "$(cnt list)" '^demo +running ' 'the box runs'
	ok 'a name is resolved in it' resolves demo deb.debian.org
	ok 'doctor finds all well' all_is_well
	is "$(in_host 20 'ls -d /sys/class/net/lxc* 2>/dev/null; systemctl is-enabled lxc lxc-net')" 'disabled
disabled' 'the lxc that its headers brought along sleeps'
}

again() {
	state >"$tmp/before"
	begin=$(now)
	ok 'quickstart again' quickstart
	took=$(since "$begin")
	diag "quickstart again: $took ms"
	# Of a machine that has nothing else to do.
	busy=$(awk -v cores="$(nproc)" '{ busy = $1 / cores; print (busy > 1 ? busy : 1) }' /proc/loadavg)
	ok "takes less than 5 s (times $busy, the load)" perl -e 'exit !($ARGV[0] < 5000 * $ARGV[1])' "$took" "$busy"
	state >"$tmp/after"
	is "$(diff "$tmp/before" "$tmp/after")" '' 'and changes nothing'
}

reboots() {
	cnt create other --wait none >/dev/null
	cnt stop other >/dev/null
	is "$(field demo autostart) $(field other autostart)" 'true false' 'one box is to run, one is not'
	cnt exec demo -- sh -c 'echo kept >kept'
	begin=$(now)
	ok 'the host reboots' host_reboot 60 cnt-boot.service
	took=$(since "$begin")
	diag "reboot: $took ms"
	ok 'in much less than systemd'\''s 90 s' test "$took" -lt 30000
	is "$(field demo state) $(field other state)" 'running stopped' 'what ran runs again, what was stopped does not'
	is "$(cnt exec demo -- cat kept)" kept 'what was written is there'
	ok 'a name is resolved in it' resolves demo deb.debian.org
	ok 'doctor finds all well' all_is_well
	said=$(in_host 20 'journalctl -q -o cat -b -1 -u cnt-boot')
	like "$said" '^demo stopped$' 'the host stopped it before it went down'
	unlike "$said" 'killed' 'and had not to kill it'
}

resolved() {
	server=$(awk '{ print $2; exit }' "$host_root/etc/resolv.conf")
	ok 'the host takes systemd-resolved' in_host 60 'mkdir -p /etc/systemd/resolved.conf.d &&
	    printf "[Resolve]\nDNS=%s\n" "$1" >/etc/systemd/resolved.conf.d/dns.conf &&
	    systemctl -q unmask systemd-resolved && systemctl enable -q --now systemd-resolved &&
	    ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf && getent hosts security.debian.org' "$server"
	ok 'a name is resolved in the box' resolves demo security.debian.org
	ok 'also after its start' cnt restart demo
	ok 'which is all it needs' resolves demo deb.debian.org
	ok 'doctor finds all well' all_is_well
}

# The build of the tree leaves the compiler and libcjson.a to that of the previous commit.
upgrade() {
	ok 'all is taken back' in_host 100 'cnt delete --force demo other && cnt image delete "$1" && cnt setup --undo &&
	    rm -rf /var/lib/cnt /usr/local/bin/* /usr/local/lib/systemd' "$image"
	is "$(in_host 20 'ls -d /etc/systemd/system/*/cnt-* /sys/class/net/cnt* 2>/dev/null; nft list tables
	    grep ^root: /etc/subuid /etc/subgid')" '' 'the host is as it was'
	ok 'the previous commit' previous "$host_root/srv/old"
	diag "upgrade from $out"
	cp "$BUILD"/tests/image-*.tar "$host_root/srv/image.tar"
	must 'is installed' in_host 200 'cd /srv/old && mkdir build && cp -p ../cnt/build/libcjson.a build/ &&
	    make -s -j2 all && make -s install && cnt setup && cnt image import /srv/image.tar --name "$1"' "$image"
	cnt create up >/dev/null
	cnt exec up -- sh -c 'echo kept >kept'
	before=$(processes up)
	like "$before" '^[0-9]+ [0-9]+ [0-9]+$' 'and has a box'
	ok 'quickstart of this one' quickstart
	is "$(processes up)" "$before" 'the box ran on'
	is "$(cnt exec up -- cat kept)" kept 'a command runs in it'
	is "$(field up autostart)" true 'it is to run again'
	db=$host_root/var/lib/cnt/cnt.db
	is "$(sqlite3 "$db" 'PRAGMA user_version')" "$(sed -n 's/^#define CNT_STORE_VERSION[^0-9]*//p' "$top/lib/store-own.h")" \
	    'the database is of this version'
	ok 'doctor finds all well' all_is_well
	ok 'it can be restarted' cnt restart up
	ok 'and deleted' cnt delete --force up
}

whole() {		# SUITE IMAGE
	image=$2
	from_nothing "$1"
	again
	broken cnt-mcp
	broken agent-box
	ok 'quickstart mends that' quickstart
	reboots
	resolved
	upgrade "$1"
}
case ${CNT_SUITE:-bookworm} in
bookworm)	whole bookworm debian-12 ;;
trixie)		whole trixie debian-13 ;;
noble)		whole noble ubuntu-24.04 ;;
esac
if [ -n "${CNT_LONG-}" ] && [ -z "${CNT_SUITE-}" ]; then
	ok 'all of that on Debian 13' env CNT_SUITE=trixie "$0"
	ok 'and on Ubuntu 24.04' env CNT_SUITE=noble "$0"
fi
