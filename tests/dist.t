#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a person has who has no git: `make dist`, unpacked somewhere else, builds, is whole, and passes
# the tests that need no box. And where a thing is built leaves no trace in it: a build of three objects
# elsewhere, with CNT_LONG one of everything, gives the same bytes.

no_instance=1
. "$(dirname "$0")/tap.sh"

tree=$(realpath "$tests/..")
make_in() { dir=$1; shift; make -s -C "$dir" O="$dir/build" TESTS= "$@"; }
dist() { make -s -C "$tree" O="$tmp" dist; }

ok 'make dist' dist
archive=$(echo "$tmp"/cnt-*.tar.gz)
cp "$archive" "$tmp/first"
ok 'again' dist
ok 'gives the same bytes' cmp "$archive" "$tmp/first"
ok 'it unpacks' tar -C "$tmp" -xzf "$archive"
there=${archive%.tar.gz}
mkdir "$there/build"
ok 'with the cJSON of this build' cp -p "$BUILD/libcjson.a" "$there/build/"

units() { (cd "$there" && echo tests/unit/*.c | sed 's,\([^ ]*\)\.c,build/\1,g'); }
# shellcheck disable=SC2046
ok 'it builds, with all warnings' make_in "$there" -j2 DEV=1 SAN= all "$there/build/tests/mcp/everything" \
	$(units | sed "s,build/,$there/build/,g")
exits 2 'it is no checkout to make an archive of' make_in "$there" dist
like "$err" 'not a checkout' 'and says so'
run "$there/build/bin/cnt" --version
like "cnt-${out#cnt }.tar.gz" "^$(basename "$archive")\$" 'its version is in its name'
for unit in $(units); do
	ok "${unit##*/} passes there" sh -c "cd '$there' && '$unit'"
done
ok 'the house rules hold there' env BUILD="$there/build" "$there/tests/rules.t"

ok 'it installs' make_in "$there" DESTDIR="$tmp/dest" PREFIX=/opt install
ok 'what it installed runs' "$tmp/dest/opt/bin/cnt" --version

mkdir "$tmp/else"
(cd "$tree" && cp -R Makefile bin lib mcp man "$tmp/else/")
parts='lib/json.o mcp/raw.o bin/cnt.o' built=''
if [ -n "${CNT_LONG-}" ]; then
	mkdir "$tmp/else/build" && cp -p "$BUILD/libcjson.a" "$tmp/else/build/"
	parts="libcnt.a bin/agent-box $(cd "$tree" && echo bin/cnt*.c man/*.in | sed 's/\.c\>//g; s/\.in\>//g')"
fi
for part in $parts; do built="$built $tmp/else/build/$part"; done
# shellcheck disable=SC2086
ok 'a build elsewhere' make -s -C "$tmp/else" -j2 O="$tmp/else/build" SAN="${SAN-}" $built
# However O is spelled: -W stands for a change.
stale() { make -n -C "$tmp/else" O="$1" -W "$2" "$tmp/else/build/lib/json.o"; }
for spelled in build "$tmp/else/build"; do
	for changed in lib/json.h Makefile; do
		run stale "$spelled" "$changed"
		like "$out" 'lib/json\.c' "O=$([ "$spelled" = build ] || echo .../)build: a change of $changed compiles what needs it"
	done
done
for part in $parts; do
	ok "$part is the same there" cmp "$BUILD/$part" "$tmp/else/build/$part"
done
