#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The house rules that a reader would otherwise have to check by eye.

no_instance=1
. "$(dirname "$0")/tap.sh"
cd "$tests/.." || exit 1

# none NAME COMMAND...: the command finds nothing (prints nothing).
none() {
	none_name=$1
	shift
	run "$@"
	is "$out$err" '' "$none_name"
}

c_files=$(find bin lib mcp tests -name '*.[ch]' -not -path '*/node_modules/*')
sources="$c_files $(find sh tests man .ci -type f -not -name '*.json' -not -name '*.[ch]' \
    -not -name '*.md' -not -name targets -not -path '*/fuzz/seeds/*' -not -path '*/node_modules/*') Makefile"

first_lines() { for f in $sources; do head -n 2 "$f" | grep -q SPDX-License-Identifier || echo "$f"; done; }
none 'each source file names its licence in its first lines' first_lines

# shellcheck disable=SC2086
wide() { perl -CSD -ne '1 while s/\t/" " x (8 - $-[0] % 8)/e; chomp;
    print "$ARGV:$.\n" if length > 100; close ARGV if eof' $c_files; }
none 'no line of C is wider than 100 columns' wide

none 'no getopt anywhere: the tables are read by lib/argv.c' grep -rnw 'getopt\|getopt_long' bin lib mcp
none 'no usage text outside lib, but in the two dispatchers' \
    grep -rnE --exclude=cnt.c --exclude=agent-box.c '"[^"]*[Uu]sage:' bin mcp

for header in sqlite3.h lxc/lxccontainer.h seccomp.h jwt.h openssl/sha.h openssl/evp.h; do
	n=$(grep -rlE "#include <$header>" bin lib mcp | wc -l)
	tap_result $((n > 1)) "<$header> is included by one file at most"
done
is "$(grep -rlE 'cJSON_Parse[A-Za-z]* *\(' bin lib mcp)" lib/json.c 'only lib/json.c parses JSON'
none 'member names are never compared without case' grep -rnE 'cJSON_(GetObjectItem|HasObjectItem) *\(' bin lib mcp
is "$(grep -rlE -- '(->|\.)run\(' bin lib mcp | grep -v '^lib/frame.c$' |
    grep -vE '^(mcp/[a-z]*|mcp/box/[a-z_/]*|bin/agent-box)\.c$' || :)" '' \
    'only the frames call a verb: lib/frame.c, the server and agent-box'
none 'no verb prints or exits by itself' grep -nE '\b(_exit|exit|err|errx|warn|warnx|perror)\(' bin/cnt-*.c
is "$(grep -rlE '\bsetns\(F|\bsetns\([a-z]' bin lib mcp --include='*.c')" lib/entrant.c 'one way into a box: setns(2) in one file'
none 'no out: labels' grep -rnE '^(out|err|fail|done|cleanup):' bin lib mcp --include='*.c'
none 'descriptors are opened close-on-exec' sh -c 'grep -rnE "\bopen(at)?\(" lib bin --include="*.c" |
    grep -vE "O_CLOEXEC|O_PATH|/dev/null|cnt_file|^[^:]*:[0-9]+:\s*[/*]" | grep -E "O_(RD|WR)" |
    grep -v "O_CLOEXEC"'

# shellcheck disable=SC2016
named() { perl -ne 'next if m{^\s*(/\*|\*)}; while (/"((?:[^"\\]|\\.)*)"/g) { my $s = $1;
    print "$ARGV: cnt $1\n" while $s =~ /(?:^|`)cnt ([a-z][a-z-]*)/g }' bin/*.c lib/*.c mcp/*.c mcp/box/*.c mcp/box/*/*.c; }
isnt "$(named)" '' 'hints name verbs'
unknown() { named | while read -r where cnt verb; do [ -e "bin/$cnt-$verb.c" ] || echo "$where $cnt $verb"; done; }
none 'and each that is named exists' unknown
none 'no test can be skipped' grep -rnwE 'skip|skip_all|SKIP|plan_skip|todo_skip' tests --include='*.t' --include='*.c' \
    --include='*.pm' --exclude=rules.t --exclude-dir=node_modules
none 'every test can be executed' find tests -name '*.t' -not -perm -100 -not -path '*/node_modules/*'
exported() {
	nm --defined-only "$BUILD/libcnt.a" | awk '/ [TDRB] cnt_/ { print $3 }' | sort -u >"$tmp/exported"
	find "$BUILD" -name '*.o' -exec nm --undefined-only {} + | awk '{ print $NF }' | sort -u |
	    comm -23 "$tmp/exported" -
}
none 'what a file exports, another uses' exported
unlike "$(readelf -d "$BUILD/bin/cnt")" 'lxc|sqlite|crypto|seccomp' 'the dispatcher links no library of a verb'
is "$(grep -l 'liblxc[.]so' "$BUILD"/bin/cnt-* | sed 's,.*/,,' | tr '\n' ' ')" 'cnt-boot cnt-create cnt-restart cnt-start ' \
    'only what starts boxes links liblxc'
if [ -z "${SAN-}" ]; then
	unlike "$(readelf -lW "$BUILD/bin/agent-box")" 'INTERP' 'agent-box is static'
	for program in "$BUILD"/bin/cnt-*; do
		case ${program##*/} in
		*.*)	continue ;;
		esac
		like "$(readelf -dlhW "$program")" 'DYN \(Position' "${program##*/} is position independent"
		like "$(readelf -dlhW "$program")" 'BIND_NOW|Flags: NOW' "${program##*/} is bound at start"
	done
fi
