# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# A host of its own for a test: a Debian or Ubuntu with systemd in a container made from nothing, with its own
# network, in which packages install and boxes run. Read after tap.sh; one at a time.
#
#   host_make SUITE     extracts it; the archive is built once and kept in $BUILD/tests
#   host_start          boots it and waits until its systemd is done
#   in_host SECONDS SCRIPT [ARG...]   a shell script in it as root, arguments as $1...
#   host_reboot SECONDS UNIT   asks its init to reboot, and waits until it has done so and runs that unit
#   $host_root          its root file system, to be read and written from here
# Everything goes away when the test ends.

# shellcheck source=tests/ubuntu.sh
. "$tests/ubuntu.sh"

host=$me
host_dir=$(mktemp -d /var/tmp/cnt-host.XXXXXX) && chmod 755 "$host_dir" || exit 1
host_root=$host_dir/root
host_bridge=h$$
host_n=$(($$ % 256))
while ip -4 route show "198.18.$host_n.0/24" | grep -q .; do host_n=$(((host_n + 1) % 256)); done
host_net=198.18.$host_n
host_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Its own cgroups and those that it made below them.
host_cgroups() {
	find /sys/fs/cgroup -type d \( -path "*/$host" -o -path "*/$host/*" -o -path "*/$host.mon*" \) 2>/dev/null
}
host_end() {
	timeout 60 lxc-stop -P "$host_dir" -n "$host" -k >/dev/null 2>&1
	wait_for 20 sh -c '! ip link show "$1"' - "v$$"
	host_cgroups | sort -r | while read -r group; do rmdir "$group" 2>/dev/null; done
	is "$(host_cgroups)" '' 'no cgroup of the host is left'
	ip link delete "$host_bridge" 2>/dev/null
	nft delete table ip "$host" 2>/dev/null
	rm -rf "$host_dir"
}
on_exit host_end

# systemd-resolved is there, and asleep, for the test that wakes it. Ubuntu's minimum has no apt.
host_archive() {	# SUITE: its path
	host_tar=$BUILD/tests/host-$1.tar
	[ ! -s "$host_tar" ] || { echo "$host_tar"; return; }
	set -- "$1" main /usr/share/keyrings/debian-archive-keyring.gpg
	if [ "$1" = noble ]; then
		keys=$(ubuntu_keys "$host_dir/keys") && set -- noble main,universe "$keys" || return
	fi
	mmdebstrap --quiet --format=tar --variant=minbase --aptopt='APT::Install-Recommends "false"' \
	    --components="$2" --keyring="$3" --include=apt,systemd,systemd-sysv,systemd-resolved,dbus,iproute2 \
	    --customize-hook='chroot "$1" systemctl -q mask systemd-resolved' \
	    "$1" - >"$host_tar.new" && mv "$host_tar.new" "$host_tar" || return
	echo "$host_tar"
}

host_network() {
	ip link add "$host_bridge" mtu 1400 type bridge && ip addr add "$host_net.1/24" dev "$host_bridge" &&
	    ip link set "$host_bridge" up && echo 1 >/proc/sys/net/ipv4/ip_forward || return
	nft -f - <<END
add table ip $host
add chain ip $host out { type nat hook postrouting priority srcnat; }
add rule ip $host out ip saddr $host_net.0/24 oifname != "$host_bridge" masquerade
END
}

host_make() {	# SUITE
	host_tar=$(host_archive "$1") && mkdir "$host_root" && tar -xpf "$host_tar" -C "$host_root" || return
	mkdir -p "$host_root/var/log/journal"
	echo force-unsafe-io >"$host_root/etc/dpkg/dpkg.cfg.d/fast"
	echo 'Acquire::Languages "none";' >"$host_root/etc/apt/apt.conf.d/fast"
	rm -f "$host_root/etc/resolv.conf"
	cat /etc/resolv.conf /run/systemd/resolve/resolv.conf 2>/dev/null | grep '^nameserver' | grep -v ' 127[.]' \
	    >"$host_root/etc/resolv.conf"
	echo "$host" >"$host_root/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$host" >"$host_root/etc/hosts"
	cat >"$host_dir/config" <<END
lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/nesting.conf
lxc.uts.name = $host
lxc.rootfs.path = dir:$host_root
lxc.cap.drop =
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:rw sys:rw cgroup:rw:force
lxc.cgroup.devices.allow = a
lxc.cgroup2.devices.allow = a
lxc.cgroup.dir.monitor = $host.mon
lxc.cgroup.dir.container = $host
lxc.net.0.type = veth
lxc.net.0.veth.pair = v$$
lxc.net.0.link = $host_bridge
lxc.net.0.flags = up
lxc.net.0.mtu = 1400
lxc.net.0.name = eth0
lxc.net.0.ipv4.address = $host_net.2/24
lxc.net.0.ipv4.gateway = $host_net.1
END
	host_network
}

# lxc-attach copies itself into memory first, and dies when that is busy: nothing has run then.
in_host() {
	host_time=$1 host_script=$2
	shift 2
	for _ in 1 2 3; do
		timeout --foreground "$host_time" lxc-attach -P "$host_dir" -n "$host" --clear-env -v PATH="$host_path" \
		    -v HOME=/root -- sh -c "$host_script" sh "$@" </dev/null 2>"$tmp/.attach"
		host_rc=$?
		grep -q 'Failed to rexec as memfd' "$tmp/.attach" || break
	done
	cat "$tmp/.attach" >&2
	return "$host_rc"
}

# `degraded` is well enough: a container's systemd has units that cannot work.
host_is_up() {
	in_host 60 'systemctl is-system-running --wait' | grep -qx -e running -e degraded
}
host_start() {
	lxc-start -P "$host_dir" -n "$host" -f "$host_dir/config" -o "$host_dir/log" -l ERROR && wait_for 60 host_is_up
}

# Its pid 1 as this machine sees it.
host_init() { lxc-info -P "$host_dir" -n "$host" -p -H 2>/dev/null; }
host_has_rebooted() {
	host_now=$(host_init)
	[ -n "$host_now" ] && [ "$host_now" != "$host_before" ] && in_host 5 'systemctl -q is-active "$1"' "$1"
}
host_reboot() {		# SECONDS UNIT
	host_before=$(host_init)
	in_host 20 'systemctl reboot --no-block' >/dev/null || :
	wait_for "$1" host_has_rebooted "$2"
}
