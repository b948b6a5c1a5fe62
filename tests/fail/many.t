#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sixteen boxes made at once from four shells, then fifty from eight: all answer, all are different,
# and nothing is left. The fifty have the smallest init, with CNT_LONG what all other tests have.

. "$(dirname "$0")/../tap.sh"

"$tests/tiny" "$me" | cnt image import - --name "$me" >/dev/null
on_exit "cnt image delete $me >/dev/null"
cnt create "$me-0" --image "$me" >/dev/null && cnt delete --force "$me-0" >/dev/null
tag=$(cnt info --json | jq -r .bridge | sed 's/.$//')
"$tests/machine" "$tag" >"$tmp/before"
as_before() { "$tests/machine" "$tag" >"$tmp/after"; cmp -s "$tmp/before" "$tmp/after"; }

in_shells() {		# COMMAND... NAME: for $boxes names in $shells, one after another in each
	for s in $(seq "$shells"); do
		(for n in $(seq "$s" "$shells" "$boxes"); do
			"$@" "$me-$n" || echo "FAILED $? $n"
		done) >"$tmp/shell.$s" 2>&1 &
	done
	wait
	cat "$tmp"/shell.*
	rm "$tmp"/shell.*
}
create() { cnt create "$1" ${image:+--image "$image"}; }
answer() { for file in hostname machine-id; do cnt exec "$1" -- agent-box read_file --path "/etc/$file"; done; }
addresses() { cnt list --json | jq -r --arg me "$me" '.boxes[] | select(.name | startswith($me)).address'; }
maps() { grep -ls "/$me-[0-9]*/" /proc/[0-9]*/cgroup | sed 's/cgroup$/uid_map/' |
	xargs head -qn 1 2>/dev/null | awk '$2 != 0 { print $2 }'; }	# whoever has ended is left out

many() {		# BOXES SHELLS [IMAGE]
	boxes=$1 shells=$2 image=${3-}
	unlike "$(in_shells create)" FAILED "$1 boxes are created from $2 shells"
	is "$(cnt list | grep -c "^$me-.* running ")" "$1" 'all run'
	in_shells answer >"$tmp/answers"
	is "$(grep -c "^$me-" "$tmp/answers")" "$1" 'all answer'
	is "$(sort -u "$tmp/answers" | wc -l)" "$((2 * $1))" 'no two are the same'
	is "$(addresses | sort -u | wc -l)" "$1" 'each has its own address'
	is "$(maps | sort -u | wc -l)" "$1" 'and its own ids'
	unlike "$(in_shells cnt delete --force)" FAILED 'all are deleted'
	wait_for 10 as_before
	is "$(diff "$tmp/before" "$tmp/after")" '' 'no mount, interface, cgroup, process, rule or id range is left'
	is "$(find "$CNT_ROOT/var/lib/cnt/boxes" "$CNT_ROOT/run/cnt/lock" -name "$me-*")" '' 'no directory or lock is left'
}

many 16 4
many 50 8 "$me"
[ -z "${CNT_LONG-}" ] || many 50 8
