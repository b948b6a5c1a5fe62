#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The official SDKs' clients, in both eras, and a server that offers all that the engine has: they are
# asked in the middle of a call, told what changed, and sent log messages.

no_instance=1
. "$(dirname "$0")/../tap.sh"

clients=$tests/clients
"$clients/install" 2>"$tmp/npm" || { cat "$tmp/npm" >&2; exit 1; }
PATH=$clients/node_modules/.bin:$PATH HOME=$tmp
export HOME

mkdir "$tmp/record"
ok 'sessions' timeout 120 node "$clients/everything.mjs" "$tmp/record" "$BUILD/tests/mcp/everything"
said=$out
for client in v1 v2 v2-auto v2-pin; do
	like "$said" "^ok $client$" "$client"
done
ok 'each line fits the schema of its revision' node "$tests/mcp/validate.mjs" "$tmp/record"/*
[ "$rc" -eq 0 ] || diag "$out"
like "$out" '^[0-9]{2,} lines, 0 wrong' 'and there are many'
