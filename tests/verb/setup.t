#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What set-up changes, that it changes nothing twice, and that it can be taken back. doctor, too.

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

CNT_ROOT=$(mktemp -d /var/tmp/cnt-test.XXXXXX) && chmod 755 "$CNT_ROOT"
export CNT_ROOT
on_exit 'sh "$tests/instance" unmake >/dev/null 2>&1'

exits 69 'doctor before set-up: boxes cannot run' cnt doctor
like "$out$err" 'cnt setup' 'and says what to do'

ok 'set-up' cnt setup --json
changed=$(printf '%s' "$out" | jq -r '.changed[]')
like "$changed" '/etc/subuid' 'it lists what it changes'
bridge=$(printf '%s' "$out" | jq -r .subnet_bridge)
range=$(sqlite3 "$CNT_ROOT/var/lib/cnt/cnt.db" "SELECT 'root:' || id_base || ':' || id_count FROM instance")
is "$(grep -cx "$range" /etc/subuid) $(grep -cx "$range" /etc/subgid)" '1 1' 'root has the range of ids'
is "$(stat -c '%a %u' "$CNT_ROOT/var/lib/cnt/cnt.db")" '600 0' 'the database is root'\''s alone'
is "$(stat -c %a "$CNT_ROOT/var/lib/cnt/boxes")" 711 'boxes are searchable by others and no more'

ok 'set-up again' cnt setup --json
is "$(printf '%s' "$out" | jq -c .changed)" '[]' 'changes nothing'

mkdir -p "$CNT_ROOT/etc/cnt"
printf 'subnet 10.127.255.240/28\nswap unlimited\n' >"$CNT_ROOT/etc/cnt/cnt.conf"
exits 71 'another subnet, fewer ids, and a file that cannot be replaced' \
    unshare --mount sh -c 'mount --bind /etc/subuid /etc/subuid && cnt setup'
ok 'set-up with another subnet, then' cnt setup
is "$(grep -cx "$range" /etc/subuid) $(grep -cx "$range" /etc/subgid)" '0 0' 'takes the old range away'
range=$(sqlite3 "$CNT_ROOT/var/lib/cnt/cnt.db" "SELECT 'root:' || id_base || ':' || id_count FROM instance")
is "$(grep -cx "$range" /etc/subuid) $(grep -cx "$range" /etc/subgid)" '1 1' 'and adds the new one'

ok 'doctor without an image' cnt doctor
like "$out$err" 'image build' 'says what to do'
import() { "$tests/tiny" "$me" | cnt image import - --name "$(. /etc/os-release; echo "$ID-$VERSION_ID")"; }
import >/dev/null
ok 'doctor with one: boxes can run' cnt doctor --json
is "$(printf '%s' "$out" | jq '[.checks[].state == "ok"] | all')" true 'every row is well'

row() { printf '%s' "$out" | jq -r ".checks[] | select(.name == \"$1\").$2"; }
conf=$CNT_ROOT/etc/cnt/cnt.conf
cp "$conf" "$tmp/conf"
chmod 666 "$conf"
run cnt doctor --json
like "$(row configuration remedy)" "chmod go-w $conf" 'a file that others can write: the remedy is chmod'
chmod 644 "$conf"
without() {		# CONTROLLER
	unshare --mount sh -c 'cd /sys/fs/cgroup && umount -l "$(readlink -f "$1")" 2>/dev/null ||
	    { sed "s/\<$1\>//" cgroup.controllers >"$2" && mount --bind "$2" cgroup.controllers; }
	    cnt doctor --json' - "$1" "$tmp/controllers"
}
for controller in cpu pids memory; do
	run without $controller
	was=$(row 'control groups' state)
	row 'control groups' remedy | grep -o '`[a-z]* [a-z0-9]*`' | tr -d '`' >"$conf"
	run without $controller
	is "$was $(row 'control groups' state)" 'fail ok' "a kernel without $controller: the remedy helps"
done
cp "$tmp/conf" "$conf"
cnt create "$me-a" --no-start >/dev/null
like "$(cnt info "$me-a")" '^swap +unlimited$' 'a box without a limit of swap says that'
rm -r "${CNT_ROOT:?}"/var/lib/cnt/images/*
exits 69 'doctor with one whose files are gone: boxes cannot run' cnt doctor
like "$out" 'mount .*import' 'and says what to do'
import >/dev/null
ok 'the same archive again gives them back' cnt start "$me-a"
ok 'doctor, too, says so' cnt doctor

echo 'subnet 10.127.255.224/28' >"$conf"
refused 1 no 'subnet' 'another subnet while there is a box' cnt setup
cp "$tmp/conf" "$conf"
mkdir "$tmp/etc" && cp /etc/subuid /etc/subgid "$tmp/etc"
echo "joe:$(echo "$range" | cut -d : -f 2):1" >>"$tmp/etc/subuid"
# shellcheck disable=SC2016
refused 1 no 'id range' 'an id of another'\''s while there is a box' \
    unshare --mount sh -c 'mount --bind "$0" /etc && cnt setup "$@"' "$tmp/etc"
refused 1 no 'boxes' 'taking it back while there are boxes' cnt setup --undo
cnt delete --force "$me-a" >/dev/null
ok 'taking it back' cnt setup --undo
is "$(grep -cx "$range" /etc/subuid) $(grep -cx "$range" /etc/subgid)" '0 0' 'the range is gone'
exits 1 'the bridge is gone' ip link show "$bridge"
exits 69 'then no box can be made' cnt create "$me-b"
like "$err" 'cnt setup' 'and the error says what to do'
ok 'taking it back again changes nothing' cnt setup --undo

# As one that is killed leaves it: what it could not write any more is not there.
without_writing() { unshare --mount sh -c 'mount --bind "$0" "$0" && "$@"' "$@"; }
lines() {
	range=$(sqlite3 "$CNT_ROOT/var/lib/cnt/cnt.db" "SELECT 'root:' || id_base || ':' || id_count FROM instance")
	echo "$(grep -cx "$range" /etc/subuid) $(grep -cx "$range" /etc/subgid)"
}
exits 71 'a set-up that goes no further than the database' without_writing /etc/subuid cnt setup
is "$(lines)" '0 0' 'has no range'
ok 'repair' cnt doctor --repair --json
is "$(lines) $(row 'id ranges' state) $(row bridge state)" '1 1 ok ok' 'does the rest'
exits 71 'taking it back, as far as the first line' without_writing /etc/subgid cnt setup --undo
is "$(lines)" '0 1' 'leaves half'
ok 'repair' cnt doctor --repair --json
is "$(lines) $(row 'id ranges' state) $(row bridge state)" '1 1 ok ok' 'makes it whole'
ok 'and it can be taken back' cnt setup --undo

ok 'set-up on a host that does not forward, twice' unshare --net --mount sh -c 'mount -t sysfs sysfs /sys &&
    echo 0 >/proc/sys/net/ipv4/ip_forward && cnt setup && cnt setup && cnt setup --undo'
is "$(printf '%s\n' "$out" | grep -c '^net.ipv4.ip_forward: 1$')" 1 'lists forwarding once'

# The service is that of the instance without CNT_ROOT: in namespaces where it has nothing of the host's.
mkdir -p "$tmp/sbin" "$tmp/whole/etc" "$tmp/whole/bin" "$tmp/whole/lib/systemd/system"
cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/subuid /etc/subgid "$tmp/whole/etc"
cp "$BUILD/bin/cnt" "$BUILD/bin/cnt-setup" "$tmp/whole/bin"
touch "$tmp/whole/lib/systemd/system/cnt-boot.service"
cat >"$tmp/sbin/systemctl" <<'EOF'
#!/bin/sh
case $1 in
enable|disable)	echo "$1" >/run/service ;;
is-*)		grep -q enable /run/service ;;
esac
EOF
chmod 755 "$tmp/sbin/systemctl"
# shellcheck disable=SC2016
ok 'taking it back, as far as the second line' unshare --net --mount --pid --fork --mount-proc sh -ec '
    mount -t sysfs sysfs /sys; mount -t tmpfs none /run; mount -t tmpfs none /var/lib
    mount --bind "$1/whole/etc" /etc; mount --bind "$1/sbin" /usr/local/sbin
    mkdir -p /run/systemd/system; unset CNT_ROOT; PATH=$1/whole/bin:$PATH
    cnt setup; mount --bind /etc/subgid /etc/subgid; ! cnt setup --undo; cat /run/service' - "$tmp"
is "$(printf '%s\n' "$out" | tail -n 1)" enable 'leaves the service on'

never=$tmp/never && mkdir "$never"
ok 'taking back what was never made' env CNT_ROOT="$never" cnt setup --undo
is "$(ls -A "$never")" '' 'makes nothing'
