#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The official conformance suite, in both eras, against a server that offers all that the engine has;
# what that server wrote fits the schemas.

no_instance=1
. "$(dirname "$0")/../tap.sh"

suite=$tests/conformance
for folder in "$tests/clients" "$suite"; do
	"$tests/clients/install" "$folder" 2>"$tmp/npm" || { cat "$tmp/npm" >&2; exit 1; }
done
PATH=$tests/clients/node_modules/.bin:$PATH HOME=$tmp
export HOME

bridge() {		# RECORD SERVER...: its address is in $url then
	rm -f "$tmp/url"
	node "$suite/bridge.mjs" "$@" >"$tmp/url" 2>"$tmp/said" &
	bridge=$!
	on_exit "kill $bridge 2>/dev/null; wait $bridge 2>/dev/null"
	wait_for 10 test -s "$tmp/url" || { cat "$tmp/said" >&2; exit 1; }
	url=$(cat "$tmp/url")
}
conforms() {		# REVISION [OPTION...]
	revision=$1; shift
	timeout 60 node "$suite/node_modules/@modelcontextprotocol/conformance/dist/index.js" server --url "$url" \
		--requirements "$revision" "$@"
}

bridge "$tmp/record" "$BUILD/tests/mcp/everything"
for revision in 2025-11-25 2026-07-28; do
	ok "$revision: the suite finds nothing" conforms "$revision"
	like "$out" '^Total: [0-9]{2,} passed' "$revision: and looked"
	printf '%s\n' "$out" | sed -n 's/^  ✗ \([^ ]*\) .*/\1/p' | sort >"$tmp/failing-$revision"
done
is "$(cat "$tmp/failing-2025-11-25")" '' 'no scenario fails that 2025-11-25 does not score'
is "$(grep -v '^tasks-' "$tmp/failing-2026-07-28" | tr '\n' ' ')" 'http-custom-header-server-validation ' \
	'of 2026-07-28 those of the tasks extension do, and one of HTTP alone'
page=$tests/../man/cnt-protocol.7.in
while read -r scenario; do
	ok "the manual says why: $scenario" grep -q "$scenario" "$page"
done <"$tmp/failing-2026-07-28"
ok 'each line fits the schema of its revision' node "$tests/mcp/validate.mjs" "$tmp"/record-*
[ "$rc" -eq 0 ] || diag "$out"
like "$out" '^[0-9]{3,} lines, 0 wrong' 'and there are many'

bridge "$tmp/wrong" sh -c '"$0" | sed -u s/\"isError\":true/\"isError\":false/' "$BUILD/tests/mcp/everything"
exits 1 'a server that says one thing wrong does not conform' conforms 2025-11-25
