#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# At each step that lib/fault.h names, each verb is killed, fails, meets a full disk, has no descriptor
# or no memory left (faults.pl). The instance has a file system of its own, which can be filled, in a
# mount namespace of this test's own, so that it goes with it, and in memory, where syncing costs
# nothing. Beside the kill one fault is tried at a step, at a step of an earlier verb's one of all;
# FAULT_SEED=N chooses the same ones again, and with CNT_LONG set all are tried.

[ -n "${FAULTS_OWN-}" ] || exec env FAULTS_OWN=1 unshare -m "$0" "$@"
no_instance=1
. "$(dirname "$0")/../tap.sh"

mkdir -p "$tmp/bin" "$tmp/share/cnt/image"
find "$BUILD/faults/bin" -type f -perm -100 -exec cp -t "$tmp/bin" {} +
cp "$BUILD/bin/agent-box" "$tmp/bin"
PATH=$tmp/bin:$PATH
for word in first second built; do
	"$tests/tiny" "$me-$word" >"$tmp/$word.tar"
done
printf '#!/bin/sh\ncat "%s"\n' "$tmp/built.tar" >"$tmp/share/cnt/image/debian"
chmod +x "$tmp/share/cnt/image/debian"

CNT_ROOT=$(mktemp -d /var/tmp/cnt-test.XXXXXX)
export CNT_ROOT
on_exit 'rmdir "$CNT_ROOT"'
mkdir "$tmp/memory" && mount -t tmpfs cnt "$tmp/memory" && truncate -s 96M "$tmp/memory/disk" || exit 1
on_exit 'umount "$tmp/memory"'
mkfs.ext4 -q -m 0 "$tmp/memory/disk" && mount -o loop "$tmp/memory/disk" "$CNT_ROOT" || exit 1
on_exit 'umount "$CNT_ROOT"'
on_exit 'cnt setup --undo >/dev/null'
on_exit 'cnt delete --force "$me" >/dev/null 2>&1'
cnt setup >/dev/null && cnt image import "$tmp/first.tar" --name first >/dev/null || exit 1

perl "$tests/fail/faults.pl" "$me" "$tmp" "$tests/.." "${FAULT_SEED:-$(date +%s)}" >"$tmp/said" 2>"$tmp/err"
status=$?
results "$tmp/said"
is "$status $(cat "$tmp/err")" '0 ' 'all were tried'

cnt create "$me" --image first >/dev/null
CNT_FAULT="the box's end has begun:kill" exits 137 'a stop is killed when its box has ended' cnt stop "$me"
is "$(cnt info "$me" --json | jq -c '[.state, .autostart]')" '["stopped",false]' 'which is not to run again'
cnt start "$me" >/dev/null
CNT_FAULT="the intent is recorded:enospc" run cnt stop --force "$me"
ok 'on a full disk a box can be looked at' cnt info "$me"
ok 'and be changed as often as it takes' sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do cnt stop "$1" || exit; done' - "$me"
ok 'and be deleted' cnt delete --force "$me"
ok 'the disk was full' rm "$CNT_ROOT/full"
like "$(cnt doctor)" 'ok   database' 'the database is whole'
like "$(cnt doctor)" 'ok   audit' 'so is the record'
like "$(nm "$tmp/bin/cnt-create")" 'cnt_fault_' 'what was tried had fault points'
unlike "$(nm "$BUILD/bin/cnt-create")" 'cnt_fault_' 'a program that is installed has none'
