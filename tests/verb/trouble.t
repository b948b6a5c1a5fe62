#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A host in trouble: no root, no set-up, no image, a locked or foreign database, a bridge that is gone,
# a file that nobody should have written. In an instance of its own.

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

locks() { find "$CNT_ROOT/run/cnt/lock" -name "$me*"; }
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
chattr +i "$db"
refused 71 system 'readonly' 'a database that cannot be written' cnt create "$me-b" --image tiny
like "$err" 'hint: .*lsattr' 'which says where to look'
chattr -i "$db"

mkfifo "$tmp/hold"
sqlite3 "$db" <"$tmp/hold" >"$tmp/held" 2>&1 &
holder=$!
on_exit "kill $holder 2>/dev/null"
exec 9>"$tmp/hold"
printf "BEGIN IMMEDIATE;\nSELECT 'held';\n" >&9
wait_for 5 grep -q held "$tmp/held"
refused 75 busy 'lock|busy' 'a locked database' cnt create "$me-b" --image tiny
printf 'ROLLBACK;\n' >&9
exec 9>&-
wait "$holder"
is "$(cnt list | grep -c "^$me-b")" 0 'a locked database: no box'
is "$(boxes | grep "$me-b")" '' 'a locked database: no file'
is "$(locks)" "$CNT_ROOT/run/cnt/lock/$me-a" 'a locked database: no lock'
ok 'once it is free' cnt create "$me-b" --image tiny
ok 'it goes on' cnt delete --force "$me-b"

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

exits 71 'a full disk on standard output is noticed' sh -c 'cnt list >/dev/full'
exits 71 'and a closed one' sh -c 'cnt list >&-'

ok 'delete' cnt delete --force "$me-a" "$me-b"
chmod 644 "$db"
exits 69 'a database that others can read is refused' cnt list
chmod 600 "$db"
cp "$db" "$tmp/db"
sqlite3 "$db" 'PRAGMA application_id = 1'
exits 71 'a database of another program is refused' cnt list
sqlite3 "$db" 'PRAGMA application_id' >"$tmp/id"
is "$(cat "$tmp/id")" 1 'and left as it is'
cp "$tmp/db" "$db"
ok 'its own again' cnt list
sqlite3 "$db" 'PRAGMA user_version = 9999'
exits 69 'a database of a newer version is refused' cnt list
cp "$tmp/db" "$db"
rm -f "$db-wal" "$db-shm"
mv "$db" "$tmp/away"
exits 71 'a database that is gone while there is an image: setup makes no other' cnt setup
like "$err" 'gone, but there are boxes or images' 'and says so'
like "$err" 'hint: put it back' 'and what to do'
ok 'nor does it' test ! -e "$db"
mv "$tmp/away" "$db"
ok 'put back' cnt list
