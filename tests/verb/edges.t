#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Command line and MCP of every verb give the same results and the same errors (edges.pl); and what only
# a command line can say.

. "$(dirname "$0")/../tap.sh"

"$tests/tiny" "$me" | cnt image import - --name "$me" >/dev/null
on_exit 'cnt image delete "$me" >/dev/null'
perl "$tests/verb/edges.pl" "$me" "$me" >"$tmp/said" 2>"$tmp/err"
status=$?
results "$tmp/said"
is "$status $(cat "$tmp/err")" '0 ' 'all were tried'

for words in 'frob --json' 'list --bogus --json' 'list --json --bogus' 'list surplus --json' 'image frob --json' 'image list --bogus --json' \
    'image --json' 'exec --mcp --json' '--json' '--bogus --json'; do
	# shellcheck disable=SC2086
	run cnt $words
	is "$rc $(printf %s "$out" | jq -r .error.code)" '2 invalid' "$words"
done
for words in autostart:boot run:create rm:delete health:doctor shell:enter show:info ps:list ls:list limits:resize \
    reboot:restart up:start halt:stop; do
	run cnt "${words%:*}"
	is "$(printf %s "$err" | tail -n 1)" "hint: did you mean \`cnt ${words#*:}\`?" "${words%:*} is known as ${words#*:}"
done
for program in "$BUILD"/bin/cnt-*; do
	case $program in
	*.*)	continue ;;
	esac
	tools=$("$program" --describe | jq '[.verbs[].tool | values] | length')
	run "$program" --mcp
	case $tools in
	0)	like "$err" '^cnt: [a-z]*: not offered over MCP$' "${program##*/} --mcp: without a tool no server" ;;
	*)	is "$rc$err" 0 "${program##*/} --mcp serves $tools" ;;
	esac
done
scopes() { "$BUILD/bin/cnt-$1" --describe | jq -r '.verbs[] | "\(.name): \(.scope)"'; }
is "$(for verb in boot create delete doctor enter exec image info list mcp resize restart setup start stop version; do
	scopes $verb; done)" 'boot: system:admin
create: containers:write
delete: containers:write
doctor: system:read
enter: containers:write
exec: containers:write
image build: system:admin
image import: system:admin
image list: system:admin
image delete: system:admin
info: containers:read
info: system:read
list: containers:read
mcp: null
resize: containers:write
restart: containers:write
setup: system:admin
start: containers:write
stop: containers:write
version: null' 'the scope that each needs'
like "$(cnt doctor --help)" '--repair .*for administrators alone' 'and repair takes more'
run cnt exec "$me" --bogus -- true --json
is "$rc:$out" 125: 'a --json of the command is not ours'

printf 'ssh-ed25519 AAAA \377' >"$tmp/key"
exits 2 'a named file that is not UTF-8' cnt create "$me-key" --image "$me" --no-start --ssh-key "$tmp/key"
like "$err" 'ssh_key: expected UTF-8' 'is refused'
is "$(sqlite3 "$CNT_ROOT/var/lib/cnt/cnt.db" 'SELECT count(*) FROM audit WHERE kind = 1 AND NOT json_valid(args)')" 0 \
	'and each record can be read'
