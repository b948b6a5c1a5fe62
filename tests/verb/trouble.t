#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A host in trouble: no root, no set-up, no image, a bridge that is gone, a file that nobody should
# have written. In an instance of its own. The database in trouble is fail/damage.t's.

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

CNT_ROOT=$(sh "$tests/instance" make bare 2>"$tmp/make") || { cat "$tmp/make"; exit 1; }
export CNT_ROOT
on_exit 'sh "$tests/instance" unmake >/dev/null 2>&1'
db=$CNT_ROOT/var/lib/cnt/cnt.db
boxes() { find "$CNT_ROOT/var/lib/cnt/boxes" -mindepth 1; }

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cp -r "$BUILD/bin" "$tmp/bin"
exits 77 'without root: denied' as_nobody "$tmp/bin/cnt" list
is "$(printf '%s\n' "$err" | wc -l)" 2 'in one line and a hint'
like "$err" 'hint: .*(root|sudo)' 'which says what to do'
ok 'without root: version' as_nobody "$tmp/bin/cnt" version
for words in --help version list; do
	exits 71 "output on a full disk: cnt $words" sh -c "cnt $words >/dev/full"
	is "$err" 'cnt: standard output: No space left on device' 'and the reason is said'
done

refused 1 not_found 'image' 'no image' cnt create "$me-a"
like "$err" 'hint: .*cnt image' 'no image: the hint is a command'
is "$(boxes)" '' 'no image: nothing is left'

mkdir "$tmp/fresh"
refused 69 unavailable . 'no set-up' env CNT_ROOT="$tmp/fresh" cnt list
like "$err" 'cnt setup' 'no set-up: the hint is the command'
is "$(find "$tmp/fresh" -mindepth 1)" '' 'no set-up: a verb that reads makes nothing'
mkdir -m 700 "$tmp/closed" && mkdir "$tmp/closed/root"
exits 2 'a root below a closed directory' env CNT_ROOT="$tmp/closed/root" cnt setup
like "$err" "$tmp/closed" 'is refused with that reason'
exits 2 'a root that is not absolute' env CNT_ROOT=relative cnt setup

"$tests/tiny" | cnt image import - --name tiny >/dev/null
ok 'a box' cnt create "$me-a" --image tiny

exec 8>"$CNT_ROOT/run/cnt/lock/$me-a"
flock 8
refused 1 exists 'exists already' 'the name of a box that is at work' cnt create "$me-a" --image tiny
exec 8>&-
bridge=$(cnt info --json | jq -r .bridge)
ip link del "$bridge"
ok 'a bridge that is gone is made again by start' cnt restart "$me-a" --force
ok 'and is there' ip link show "$bridge"
like "$(ip -o link show master "$bridge")" 'cnt' 'with the box on it'
table=$(nft list tables | awk -v t="$bridge" '{ sub(/[0-9]$/, "", t) } 1' | grep -c cnt)
ok 'tables are there' test "$table" -ge 2
nft list tables | awk '/cnt/ { print "delete", $0 }' | grep -F "$(sqlite3 "$db" 'SELECT tag FROM instance')" >"$tmp/nft"
nft -f "$tmp/nft"
ok 'tables that are gone are made again' cnt restart "$me-a" --force
is "$(nft list tables | grep -cF "$(sqlite3 "$db" 'SELECT tag FROM instance')")" 2 'both'

mkdir -p "$CNT_ROOT/etc/cnt"
echo 'memroy 1g' >"$CNT_ROOT/etc/cnt/cnt.conf"
exits 2 'a key that is not known in cnt.conf' cnt create "$me-b" --image tiny
like "$err" 'cnt.conf:1: ' 'is refused with file and line'
printf 'memory 1g\n' >"$CNT_ROOT/etc/cnt/cnt.conf"
chmod 666 "$CNT_ROOT/etc/cnt/cnt.conf"
exits 2 'a cnt.conf that others can write' cnt create "$me-b" --image tiny
chmod 644 "$CNT_ROOT/etc/cnt/cnt.conf"
ok 'a right one' cnt create "$me-b" --image tiny --no-start --json
is "$(printf '%s' "$out" | jq .memory)" 1073741824 'is followed'
rm "$CNT_ROOT/etc/cnt/cnt.conf"

# What cannot be taken away: a file of a box's and what an import left, made immutable.
state=$CNT_ROOT/var/lib/cnt
repair() { run cnt doctor --repair --json; printf '%s' "$out" | jq -r '.checks[] | select(.name == "repair") | .state + " " + (.detail // "")'; }
mkdir "$state/images/.tmp-0"
for file in "$state/boxes/$me-a/disk/upper/held" "$state/images/.tmp-0/held"; do
	touch "$file" && chattr +i "$file"
	on_exit "chattr -i $file 2>/dev/null"
done
why="boxes/$me-a: cannot be removed: Operation not permitted"
exits 71 'a box that cannot go' cnt delete --force "$me-a"
like "$err" "$why" 'says why'
is "$(repair)" "fail $state/$why" 'and so does repair'
for words in "delete $me-a" "start $me-a" "exec $me-a -- true" "info $me-a"; do
	# shellcheck disable=SC2086
	run cnt $words
	like "$err" "$why" "and ${words%% *}"
done
exec 8>"$CNT_ROOT/run/cnt/lock/$me-a"
flock 8
refused 75 busy 'at work on this box' 'one that somebody deletes' cnt info "$me-a"
is "$(repair | cut -d ' ' -f 1)" fail 'repair leaves it to him, and fails of the image'
exec 8>&-
chattr -i "$state/boxes/$me-a/disk/upper/held"
like "$(repair)" '^fail .*images/.tmp-0: cannot be removed: Operation not permitted' 'which it says'
chattr -i "$state/images/.tmp-0/held"
is "$(repair)" 'ok ' 'it takes away what can go'
is "$(find "$state" -name "$me-a" -o -name '.tmp-*')" '' 'and leaves nothing'

ok 'delete' cnt delete --force "$me-b"
