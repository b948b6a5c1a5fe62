# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# A reboot from inside, held at the moment at which the box has no init and no groups: liblxc reads the
# box's seccomp profile then.

# rebooting BOX COMMAND...: is begun at that moment, and a little later the reboot goes on.
rebooting() {
	reboot_dir=$CNT_ROOT/var/lib/cnt/boxes/$1 reboot_box=$1
	shift
	mv "$reboot_dir/seccomp" "$tmp/seccomp" && mkfifo "$reboot_dir/seccomp" && exec 7<>"$reboot_dir/seccomp" || return
	timeout 60 cnt exec "$reboot_box" --user root --cwd / -- systemctl reboot --force --force >/dev/null 2>&1 7>&-
	wait_for 20 reboot_holds || return
	"$@" >"$tmp/said" 2>&1 7>&- &
	perl -e 'select undef, undef, undef, 0.2'
	mv "$tmp/seccomp" "$reboot_dir/seccomp" && cat "$reboot_dir/seccomp" >&7
	exec 7>&-
	wait $!
}
reboot_holds() { ! find /sys/fs/cgroup -path "*/$(cnt info --json | jq -r .bridge | sed 's/.$//')/$reboot_box" | grep -q .; }
