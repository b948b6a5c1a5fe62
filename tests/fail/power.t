#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The power goes: after each verb, and after it was killed at each step that lib/fault.h names, the disk
# is taken as it is, without what the kernel still holds back, and a host starts from it. What a verb said
# is so; what it did not come to say is done or not, and whole: no row without files, no files without a row.

[ -n "${POWER_OWN-}" ] || exec env POWER_OWN=1 unshare -m "$0" "$@"
no_instance=1
. "$(dirname "$0")/../tap.sh"

mkdir -p "$tmp/bin"
find "$BUILD/faults/bin" -type f -perm -100 -exec cp -t "$tmp/bin" {} +
cp "$BUILD/bin/agent-box" "$tmp/bin"
PATH=$tmp/bin:$PATH
for word in first second; do
	"$tests/tiny" "$me-$word" >"$tmp/$word.tar"
done

CNT_ROOT=$(mktemp -d /var/tmp/cnt-test.XXXXXX)
export CNT_ROOT
disk=$tmp/memory/disk
on_exit 'rmdir "$CNT_ROOT"'
mkdir "$tmp/memory" && mount -t tmpfs cnt "$tmp/memory" && truncate -s 96M "$disk" && mkfs.ext4 -q -m 0 "$disk" || exit 1
on_exit 'umount "$tmp/memory"'
# Nothing is written but what somebody asks for: ext4 would by itself, every five seconds.
power_on() { mount -o loop,commit=600 "$disk" "$CNT_ROOT"; }
cut() {
	cp --sparse=always "$disk" "$disk.cut" && umount "$CNT_ROOT" && mv "$disk.cut" "$disk" && power_on && chmod 755 "$CNT_ROOT"
}
power_on && chmod 755 "$CNT_ROOT" || exit 1
on_exit 'umount "$CNT_ROOT"'
on_exit 'cnt setup --undo >/dev/null'

db=$CNT_ROOT/var/lib/cnt/cnt.db		# read only: sqlite3 would take the log away
records() { sqlite3 -readonly "$db" 'SELECT count(*) FROM audit'; }
rows() { sqlite3 -readonly "$db" 'SELECT state, name FROM box UNION ALL SELECT state, id FROM image' | sort -t '|' -k 2; }
files() { find "$CNT_ROOT/var/lib/cnt/boxes" "$CNT_ROOT/var/lib/cnt/images" -mindepth 1 -maxdepth 1 -printf 'ready|%f\n' | sort -t '|' -k 2; }
content() { rows; (cd "$CNT_ROOT/var/lib/cnt" && { find boxes images -printf '%p %y %m %U %G\n'; find boxes images -type f -exec sha256sum {} +; } | sort); }
# A row `files` is there only for those of no box.
sound() { cnt doctor --json | jq -r '.checks[] | select(.name | IN("database", "audit", "boxes", "files")) | "\(.name) \(.state)"' | tr '\n' ' '; }
# What the host that starts finds. LEAST: how many records were on the disk.
whole() {		# LEAST
	cnt list >/dev/null && [ "$(rows)" = "$(files)" ] && [ "$(records)" -ge "$1" ] && [ "$(sound)" = 'database ok audit ok boxes ok ' ]
}
# tried NAME FIRST VERB...: to its end, then cut short at each step that it has; FIRST makes what it begins with.
tried() {
	name=$1 first=$2 bad=''; shift 2
	rm -f "$tmp/trace"
	eval "$first" >/dev/null 2>&1
	CNT_FAULT_TRACE=$tmp/trace run "$@"
	[ "$rc" -eq 0 ] || { tap_result 1 "$name"; diag "$err"; return; }
	content >"$tmp/said" && at=$(records)
	cut && whole "$at" && content >"$tmp/found"
	is "$? $(diff "$tmp/said" "$tmp/found")" '0 ' "$name: what it said is so"
	sort -u "$tmp/trace" >"$tmp/steps"
	n=0
	while read -r step; do
		eval "$first" >/dev/null 2>&1
		CNT_FAULT="$step:kill" "$@" >/dev/null 2>&1
		at=$(records); n=$((n + 1))
		if ! cut || ! whole "$at"; then
			bad="$bad, $step"
			diag "$step: $(rows; echo files; files)"
		fi
	done <"$tmp/steps"
	is "$bad" '' "$name: cut short at $n steps"
}

ok 'setup' cnt setup
ok 'the power goes' cut
ok 'the host is set up' cnt list
tried 'image import' 'cnt image delete first' cnt image import "$tmp/first.tar" --name first
cnt image import "$tmp/first.tar" --name first >/dev/null 2>&1
# The database's log has its full length then, so that a change writes where it wrote before: ext4 has no
# reason of its own to write down what else happened.
for _ in 1 2 3 4 5 6 7 8; do
	cnt create web --image first --no-start && cnt resize web --pids 200 && cnt delete web || exit
done >/dev/null
created='cnt create web --image first --no-start'
tried create 'cnt delete --force web' cnt create web --image first --no-start
tried resize "$created; cnt resize web --pids 200" cnt resize web --pids 300
tried delete "$created" cnt delete web
tried 'image delete' 'cnt image import "$tmp/first.tar" --name first' cnt image delete first
