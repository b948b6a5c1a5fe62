#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The official SDKs, versions 1 and 2, in both eras, drive whole sessions with cnt mcp and agent-box;
# each line that a server sent fits the schema of its revision, and each result its outputSchema.
. "$(dirname "$0")/../tap.sh"

clients=$tests/clients mcp=$tests/mcp
"$clients/install" 2>"$tmp/npm" || { cat "$tmp/npm" >&2; exit 1; }
PATH=$clients/node_modules/.bin:$PATH HOME=$tmp
export HOME

box=$me-k
ok 'a box' cnt create "$box"
mkdir "$tmp/record"
run timeout 120 node "$clients/sdk.mjs" "$tmp/record" "$box"
is "$rc:${out##*
}" 0:end 'the sessions come to their end'
[ "$rc" -eq 0 ] || diag "$err"
while IFS= read -r line; do
	case $line in
	'ok '*)		tap_result 0 "${line#ok }" ;;
	'not ok '*)	tap_result 1 "${line#not ok }" ;;
	esac
done <"$tmp/.out"
ok 'each line fits the schema of its revision, each result its outputSchema' \
	node "$mcp/validate.mjs" "$tmp/record"/*
like "$out" '^[0-9]{3,} lines, 0 wrong' 'and there are many'
