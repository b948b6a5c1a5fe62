#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What is written in a box stays there, and only there.

. "$(dirname "$0")/../tap.sh"

a=$me-a b=$me-b
tree() { find "$image" -printf '%P %y %m %U %G %s %T@\n' | sort | sha256sum; }
state() { cnt info "$a" --json | jq -r .state; }
is_state() { [ "$(state)" = "$1" ]; }
up() { cnt exec "$a" -- sh -c 'systemctl is-system-running | grep -q running'; }

ok 'two boxes' sh -c 'cnt create "$1" && cnt create "$2"' - "$a" "$b"
image=$(cnt info --json | jq -r .state_directory)/images/$(cnt image list --json |
    jq -r --arg name "$(cnt info "$a" --json | jq -r .image)" '.images[] | select(.name == $name).id')
before=$(tree)

cnt exec "$a" -- sh -c 'echo kept >kept' && cnt exec "$a" -- sudo sh -c 'echo root >/srv/kept'
ok 'a package is installed' cnt exec "$a" -- sh -c 'sudo apt-get -q update && sudo apt-get -q -y install hello'

there() {
	is "$(cnt exec "$a" -- cat kept /srv/kept | tr '\n' ' ')" 'kept root ' "files are there $1"
	is "$(cnt exec "$a" -- hello)" 'Hello, world!' "and so is the package"
}
there 'at first'
ok restart cnt restart "$a"
there 'after a restart'

ok 'and up to running' wait_for 60 up
first=$(cnt exec "$a" -- cat /proc/1/stat | awk '{ print $22 }')
cnt exec "$a" -- sudo reboot
rebooted() { now=$(cnt exec "$a" -- cat /proc/1/stat) && [ "$(echo "$now" | awk '{ print $22 }')" != "$first" ]; }
ok 'reboot in the box starts it again' wait_for 30 rebooted
ok 'up to running' wait_for 30 up
there 'after a reboot in the box'

cnt exec "$a" -- sudo poweroff
ok 'poweroff in the box stops it' wait_for 30 is_state stopped
ok 'and it can be started' cnt start "$a"
there 'after poweroff and start'

is "$(tree)" "$before" 'the image is unchanged'
exits 127 'the neighbour has no such package' cnt exec "$b" -- hello
exits 1 'and no such file' cnt exec "$b" -- test -e /srv/kept

own() { cnt exec "$1" -- sudo cat "$2" 2>/dev/null | sha256sum; }
hosts_key() { cnt exec "$1" -- test -s /etc/ssh/ssh_host_ed25519_key.pub; }
wait_for 20 hosts_key "$a" && wait_for 20 hosts_key "$b"
for file in /etc/ssh/ssh_host_ed25519_key /etc/machine-id /var/lib/systemd/random-seed; do
	for box in "$a" "$b"; do
		ok "$file is in ${box#"$me-"}" cnt exec "$box" -- sudo test -s "$file"
	done
	isnt "$(own "$a" "$file")" "$(own "$b" "$file")" "two boxes differ in $file"
	is "$(find "$image" -path "*/rootfs$file" -size +0)" '' "which is not in the image"
done
is "$(find "$image" -path '*/rootfs/etc/ssh/ssh_host_*')" '' 'no ssh host key of any kind is in the image'
