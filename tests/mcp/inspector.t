#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A real client: MCP Inspector under node 22, in both eras and strictly, against cnt mcp, a box's
# agent-box and one on the host; and recorded sessions of these and of the tests' own server
# against the official schemas. Clients of the SDK pass on little of the environment: env(1) brings
# CNT_ROOT.
. "$(dirname "$0")/../tap.sh"

clients=$tests/clients mcp=$tests/mcp
"$clients/install" 2>"$tmp/npm" || { cat "$tmp/npm" >&2; exit 1; }
PATH=$clients/node_modules/.bin:$PATH HOME=$tmp
export HOME

inspect() {		# ERA METHOD SERVER [ARG...] [-- OPTION...]
	era=$1 method=$2; shift 2
	run timeout 60 mcp-inspector --cli -q --format json --protocol-era "$era" --method "$method" "$@"
}

like "$(node --version)" '^v22\.' 'node 22'
box=$me-i
ok 'a box' cnt create "$box"
for era in legacy modern; do
	for server in "cnt-mcp" "cnt-mcp --box $box" "agent-box"; do
		# shellcheck disable=SC2086
		inspect "$era" tools/list --strict env "CNT_ROOT=$CNT_ROOT" $server
		is "$rc" 0 "$era: $server lists its tools strictly"
		[ "$rc" -eq 0 ] || diag "$out $err"
		like "$out" '"inputSchema"' "$era: and has some"
	done
	inspect "$era" tools/call env "CNT_ROOT=$CNT_ROOT" cnt-mcp --tool-name list_containers
	like "$out" "$box" "$era: cnt mcp calls a verb"
	inspect "$era" tools/call env "CNT_ROOT=$CNT_ROOT" cnt-mcp --tool-name shell_exec --tool-arg "box=$box" --tool-arg 'command=id -un'
	like "$out" "exit 0 .*n$box" "$era: cnt mcp calls a tool of a box"
	inspect "$era" tools/call env "CNT_ROOT=$CNT_ROOT" agent-box --tool-name read_file --tool-arg path=/etc/os-release
	like "$out" 'PRETTY_NAME' "$era: agent-box reads a file"
	inspect "$era" resources/read env "CNT_ROOT=$CNT_ROOT" cnt-mcp --box "$box" --uri cnt://ci-context
	like "$out" 'schema_version.*available.*false' "$era: the resource of a box's agent-box"
	inspect "$era" prompts/get env "CNT_ROOT=$CNT_ROOT" cnt-mcp --box "$box" --prompt-name debug_ci
	like "$out" 'cnt://ci-context first' "$era: and its prompt"
done

for session in "$BUILD/tests/mcp/echo|echo" "cnt-mcp|cnt" "cnt-mcp --box $box|agent-box" "agent-box|host"; do
	name=${session#*|}
	# shellcheck disable=SC2086
	ok "$name: a session" env CNT_RECORD="$tmp/$name" perl "$mcp/session" "$name" "$box" ${session%|*}
	ok "$name: each line fits the schema of its revision" node "$mcp/validate.mjs" "$tmp/$name"
	[ "$rc" -eq 0 ] || diag "$out"
done
sed '/^< /s/"content":\[/"content":[7,/' "$tmp/cnt" >"$tmp/broken"
exits 1 'a line that does not fit is found' node "$mcp/validate.mjs" "$tmp/broken"
