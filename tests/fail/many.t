#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sixteen boxes made at once from four shells: all answer, all are different, and nothing is left.

. "$(dirname "$0")/../tap.sh"

cnt create "$me-0" --no-start >/dev/null && cnt delete "$me-0" >/dev/null
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
"$tests/machine" "$tag" >"$tmp/before"

shells() {		# VERB... NAME: for four names in each of four shells
	for s in 1 2 3 4; do
		(for n in 1 2 3 4; do "$@" "$me-$s$n" >"$tmp/$s$n" 2>&1 || echo "FAILED $?" >>"$tmp/$s$n"; done) &
	done
	wait
	cat "$tmp"/[1-4][1-4]
}
answer() { cnt exec "$1" -- cat /etc/hostname /etc/machine-id; }

unlike "$(shells cnt create)" FAILED 'sixteen are created'
is "$(cnt list | grep -c "^$me-.* running ")" 16 'all run'
shells answer >"$tmp/answers"
is "$(grep -c "^$me-" "$tmp/answers")" 16 'all answer'
is "$(sort "$tmp/answers" | uniq -d)" '' 'no two are the same'
addresses=$(cnt list --json | jq -r --arg me "$me" '.boxes[] | select(.name | startswith($me)).address')
is "$(echo "$addresses" | sort -u | wc -l)" 16 'each has its own address'
maps=$(for p in /proc/[0-9]*; do
	[ "$(cat "$p/comm" 2>/dev/null)" = systemd ] && awk 'NR == 1 && $2 >= 1879048192 { print $2 }' "$p/uid_map"
done | sort)
is "$(echo "$maps" | uniq -d)" '' 'and its own ids'
unlike "$(shells cnt delete --force)" FAILED 'sixteen are deleted'

as_before() { "$tests/machine" "$tag" >"$tmp/after"; cmp -s "$tmp/before" "$tmp/after"; }
wait_for 10 as_before
is "$(diff "$tmp/before" "$tmp/after")" '' 'no mount, interface, cgroup, process, rule or id range is left'
is "$(find "$CNT_ROOT/var/lib/cnt/boxes" -mindepth 1)" '' 'no directory is left'
